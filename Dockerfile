# midiprism with Parquet and PostgreSQL, and its splitter compiled. See docs/how-to/install.md.
FROM python:3.12-slim AS build
COPY pyproject.toml README.md LICENSE /source/
COPY src /source/src
RUN python -m venv /opt/midiprism \
    && /opt/midiprism/bin/pip install --no-cache-dir '/source[parquet,postgresql]'

FROM python:3.12-slim
COPY --from=build /opt/midiprism /opt/midiprism
# Compiled code is loaded by its owner alone; it fits every processor of the architecture.
ENV PATH=/opt/midiprism/bin:$PATH \
    NUMBA_CACHE_DIR=/home/midiprism/compiled \
    NUMBA_CPU_NAME=generic \
    PYTHONUNBUFFERED=1
RUN useradd --uid 1000 --create-home midiprism \
    && install -d -o midiprism -g midiprism /library
USER midiprism
RUN midiprism sample /tmp/songs --songs 3 --quiet \
    && midiprism split /tmp/songs -o /tmp/split --quiet \
    && rm -rf /tmp/songs /tmp/split
VOLUME /library
WORKDIR /library
ENTRYPOINT ["midiprism"]
CMD ["--help"]
