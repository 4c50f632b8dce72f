# midiprism with Parquet, PostgreSQL and the pages of `serve`, and its splitter compiled. See
# docs/how-to/install.md.
FROM node:22-slim AS pages
COPY scripts/web /source/scripts/web
# As `make web`: the synthesizer for sound banks.
RUN cd /source/scripts/web && npm ci --silent && npm run --silent build

FROM python:3.12-slim AS build
# docs/how-to/cluster.md adds others.
ARG EXTRAS=parquet,postgresql,web
COPY pyproject.toml README.md LICENSE hatch_build.py /source/
COPY src /source/src
COPY --from=pages /source/src/midiprism/web/static/vendor /source/src/midiprism/web/static/vendor
RUN python -m venv /opt/midiprism \
    && /opt/midiprism/bin/pip install --no-cache-dir "/source[$EXTRAS]"

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
