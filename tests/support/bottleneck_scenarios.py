"""Short runs, each with one part that is slow on purpose, and the bottleneck that is found in them."""

import contextlib
import os
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from multiprocessing import forkserver
from pathlib import Path

from midiprism.advise.bench.sample_run import measure_run
from midiprism.advise.bottleneck import Bottleneck, find_bottleneck
from midiprism.advise.model.costs import Resource
from midiprism.catalog import PostgresAddress
from midiprism.pipeline import Settings
from midiprism.pipeline.open_result import ResultOpener
from midiprism.sources import Source
from support.postgres import PostgresServer
from support.runs import change_settings, make_settings
from support.slow_parts import SlowSource, busy_processors, latency_proxy, open_with_slow_store, proxied_url

SECONDS_PER_CREATE, SECONDS_PER_READ, LATENCY_SECONDS = 0.003, 0.01, 0.03
BUSY_PROCESSES = 4
"""Other programs that compute all the time, next to a run that may use one processor."""

BASE_SETTINGS = make_settings(workers=2, count_songs=False)


@dataclass(frozen=True)
class SlowRun:
    """A run with a slow part.

    Attributes:
        source: the songs to split.
        settings: of the run.
        opener: opens its result; None for the usual way.
    """

    source: Source
    settings: Settings = BASE_SETTINGS
    opener: ResultOpener | None = None


Scenario = Callable[[Source, PostgresServer], contextlib.AbstractContextManager[SlowRun]]


@contextlib.contextmanager
def one_processor(source: Source, _server: PostgresServer) -> Iterator[SlowRun]:
    """Restrict the run to one processor, which other programs use too."""
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
    """End the fork server, so that workers of the next run inherit the present processors."""
    forkserver._forkserver._stop()  # type: ignore[attr-defined]


@contextlib.contextmanager
def slow_output(source: Source, _server: PostgresServer) -> Iterator[SlowRun]:
    """Use a disk that slowly creates one file after the other."""
    yield SlowRun(source, opener=open_with_slow_store(SECONDS_PER_CREATE, 1))


@contextlib.contextmanager
def slow_source(source: Source, _server: PostgresServer) -> Iterator[SlowRun]:
    """Use a disk that slowly reads one song after the other."""
    yield SlowRun(SlowSource(source, SECONDS_PER_READ, 1))


@contextlib.contextmanager
def slow_catalog(source: Source, server: PostgresServer) -> Iterator[SlowRun]:
    """Use a server with a high latency."""
    with latency_proxy(server, LATENCY_SECONDS) as port:
        url = proxied_url(port, server.new_database())
        settings = change_settings(BASE_SETTINGS, batch_songs=100, database=PostgresAddress(url))
        yield SlowRun(source, settings)


SCENARIOS: dict[Resource, Scenario] = {
    "cpu": one_processor,
    "output": slow_output,
    "source": slow_source,
    "catalog": slow_catalog,
}
"""Scenarios by the bottleneck of their run."""


def measure_bottleneck(
    resource: Resource, source: Source, folder: Path, server: PostgresServer, seconds: float
) -> Bottleneck:
    """Return the bottleneck that is found in a short run with one slow part, whose result is removed."""
    out = folder / f"limited-by-{resource}"
    with SCENARIOS[resource](source, server) as slow:
        measured = measure_run(slow.source, str(out), slow.settings, seconds, opener=slow.opener)
    server.drop_databases()
    shutil.rmtree(out)
    return find_bottleneck(measured.window, measured.facts)
