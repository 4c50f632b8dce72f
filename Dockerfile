# midiprism with Parquet, PostgreSQL and the pages of `serve`, and its splitter compiled. See
# docs/how-to/install.md.
FROM node:22-slim AS pages
COPY scripts/web /source/scripts/web
# As `make web`: the synthesizer for sound banks.
RUN cd /source/scripts/web && npm ci --silent && npm run --silent build

FROM python:3.12-slim AS build
COPY pyproject.toml README.md LICENSE /source/
COPY src /source/src
COPY --from=pages /source/src/midiprism/web/static/vendor /source/src/midiprism/web/static/vendor
RUN python -m venv /opt/midiprism \
    && /opt/midiprism/bin/pip install --no-cache-dir '/source[parquet,postgresql,web]'

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
    && midiprism similar /tmp/split "E E F G G F E D" --quiet \
    && rm -rf /tmp/songs /tmp/split
VOLUME /library
WORKDIR /library
ENTRYPOINT ["midiprism"]
CMD ["--help"]
