"""Runs of a few seconds, each with one part that is slow on purpose, and what is found to limit them."""

import contextlib
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from multiprocessing import forkserver
from pathlib import Path

from midiprism.advise.bottleneck import Bottleneck, Resource, find
from midiprism.advise.trial import measured
from midiprism.catalog import PostgresAddress
from midiprism.library import Library
from midiprism.run import Settings
from midiprism.run.scene import Opening
from support.postgres import Server
from support.slow_parts import SlowLibrary, busy, distant, distant_url, slow_store

SECONDS_PER_CREATE, SECONDS_PER_READ, SECONDS_PER_ANSWER = 0.003, 0.01, 0.03
SPINNING = 4
"""Other programs that compute all the time, beside a run that may use one processor."""

PLAIN = Settings(workers=2, scan=False)


@dataclass(frozen=True)
class Slow:
    """A run with a slow part.

    Attributes:
        library: what is split.
        settings: of the run.
        opening: of its result; None for the usual one.
    """

    library: Library
    settings: Settings = PLAIN
    opening: Opening | None = None


Scene = Callable[[Library, Server], contextlib.AbstractContextManager[Slow]]


@contextlib.contextmanager
def few_processors(library: Library, _server: Server) -> Iterator[Slow]:
    """One processor for all of the run, and other programs on the machine."""
    before = os.sched_getaffinity(0)
    _end_fork_server()
    os.sched_setaffinity(0, {min(before)})
    try:
        with busy(SPINNING):
            yield Slow(library)
    finally:
        os.sched_setaffinity(0, before)
        _end_fork_server()


def _end_fork_server() -> None:
    """Let the next run start one: workers have the processors that it was started with."""
    forkserver._forkserver._stop()  # type: ignore[attr-defined]


@contextlib.contextmanager
def slow_output(library: Library, _server: Server) -> Iterator[Slow]:
    """A disk that creates one file after the other, each slowly."""
    yield Slow(library, opening=slow_store(SECONDS_PER_CREATE, 1))


@contextlib.contextmanager
def slow_source(library: Library, _server: Server) -> Iterator[Slow]:
    """A disk that reads one song after the other, each slowly."""
    yield Slow(SlowLibrary(library, SECONDS_PER_READ, 1))


@contextlib.contextmanager
def slow_catalogue(library: Library, server: Server) -> Iterator[Slow]:
    """A server at the end of a long line."""
    with distant(server, SECONDS_PER_ANSWER) as port:
        url = distant_url(port, server.new_database())
        settings = replace(PLAIN, batch_parents=100, database=PostgresAddress(url))
        yield Slow(library, settings)


SCENES: dict[Resource, Scene] = {
    "cpu": few_processors,
    "output": slow_output,
    "source": slow_source,
    "catalogue": slow_catalogue,
}
"""By what limits a run in each."""


def named(resource: Resource, library: Library, folder: Path, server: Server, seconds: float) -> Bottleneck:
    """What is found to limit a run of so long that has one slow part."""
    out = folder / f"limited-by-{resource}"
    with SCENES[resource](library, server) as slow:
        it = measured(slow.library, str(out), slow.settings, seconds, opening=slow.opening)
    server.drop_databases()
    return find(it.window, it.facts)
