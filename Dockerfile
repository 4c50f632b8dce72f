# midiprism with Parquet and PostgreSQL, and its splitter compiled. See docs/how-to/install.md.
FROM python:3.12-slim AS build
COPY pyproject.toml README.md LICENSE hatch_build.py /source/
COPY src /source/src
RUN python -m venv /opt/midiprism \
    && /opt/midiprism/bin/pip install --no-cache-dir '/source[parquet,postgresql]'

FROM python:3.12-slim
COPY --from=build /opt/midiprism /opt/midiprism
ENV PATH=/opt/midiprism/bin:$PATH \
    PYTHONUNBUFFERED=1
RUN useradd --uid 1000 --create-home midiprism \
    && install -d -o midiprism -g midiprism /library
USER midiprism
VOLUME /library
WORKDIR /library
ENTRYPOINT ["midiprism"]
CMD ["--help"]
