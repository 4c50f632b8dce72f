"""Runs of a few seconds, each with one part that is slow on purpose, and what is found to limit them."""

import contextlib
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from multiprocessing import forkserver
from pathlib import Path

from midiprism.advise.bench.sample_run import measure_run
from midiprism.advise.bottleneck import Bottleneck, Resource, find_bottleneck
from midiprism.catalog import PostgresAddress
from midiprism.pipeline import Settings
from midiprism.pipeline.open_result import ResultOpener
from midiprism.sources import Source
from support.postgres import PostgresServer
from support.runs import change_settings, make_settings
from support.slow_parts import SlowSource, busy_processors, latency_proxy, open_with_slow_store, proxied_url

SECONDS_PER_CREATE, SECONDS_PER_READ, SECONDS_PER_ANSWER = 0.003, 0.01, 0.03
BUSY_PROCESSES = 4
"""Other programs that compute all the time, beside a run that may use one processor."""

BASE_SETTINGS = make_settings(workers=2, count_songs=False)


@dataclass(frozen=True)
class SlowRun:
    """A run with a slow part.

    Attributes:
        library: what is split.
        settings: of the run.
        opening: of its result; None for the usual one.
    """

    source: Source
    settings: Settings = BASE_SETTINGS
    opening: ResultOpener | None = None


Scenario = Callable[[Source, PostgresServer], contextlib.AbstractContextManager[SlowRun]]


@contextlib.contextmanager
def one_processor(source: Source, _server: PostgresServer) -> Iterator[SlowRun]:
    """One processor for all of the run, and other programs on the machine."""
    before = os.sched_getaffinity(0)
    _end_fork_server()
    os.sched_setaffinity(0, {min(before)})
    try:
        with busy_processors(BUSY_PROCESSES):
            yield SlowRun(source)
    finally:
        os.sched_setaffinity(0, before)
        _end_fork_server()


def _end_fork_server() -> None:
    """Let the next run start one: workers have the processors that it was started with."""
    forkserver._forkserver._stop()  # type: ignore[attr-defined]


@contextlib.contextmanager
def slow_output(source: Source, _server: PostgresServer) -> Iterator[SlowRun]:
    """A disk that creates one file after the other, each slowly."""
    yield SlowRun(source, opening=open_with_slow_store(SECONDS_PER_CREATE, 1))


@contextlib.contextmanager
def slow_source(source: Source, _server: PostgresServer) -> Iterator[SlowRun]:
    """A disk that reads one song after the other, each slowly."""
    yield SlowRun(SlowSource(source, SECONDS_PER_READ, 1))


@contextlib.contextmanager
def slow_catalog(source: Source, server: PostgresServer) -> Iterator[SlowRun]:
    """A server at the end of a long line."""
    with latency_proxy(server, SECONDS_PER_ANSWER) as port:
        url = proxied_url(port, server.new_database())
        settings = change_settings(BASE_SETTINGS, batch_songs=100, database=PostgresAddress(url))
        yield SlowRun(source, settings)


SCENARIOS: dict[Resource, Scenario] = {
    "cpu": one_processor,
    "output": slow_output,
    "source": slow_source,
    "catalogue": slow_catalog,
}
"""By what limits a run in each."""


def measure_bottleneck(
    resource: Resource, source: Source, folder: Path, server: PostgresServer, seconds: float
) -> Bottleneck:
    """What is found to limit a run of so long that has one slow part."""
    out = folder / f"limited-by-{resource}"
    with SCENARIOS[resource](source, server) as slow:
        it = measure_run(slow.source, str(out), slow.settings, seconds, opening=slow.opening)
    server.drop_databases()
    return find_bottleneck(it.window, it.recorded_settings)
