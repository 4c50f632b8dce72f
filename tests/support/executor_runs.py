"""Drivers of executors, which use them as a run does, on fake songs."""

import contextlib
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

from midiprism.catalog import Lease
from midiprism.pipeline import RerunPolicy
from midiprism.pipeline.batch import Batch, FinishedBatch
from midiprism.pipeline.executor import Executor, ExecutorContext, Telemetry
from midiprism.pipeline.splitter import Splitter
from midiprism.pipeline.worker_config import KnownSongLookup, WorkerConfig
from midiprism.smf.types import SplitSong
from midiprism.sources import SongRef, open_folders
from midiprism.stores.files.store import FileStore
from support.fake_songs import fake_split

TIMEOUT_SECONDS = 60.0


@dataclass(frozen=True)
class SlowSplitter:
    """A splitter of fake songs that takes a while for each."""

    seconds: float

    def __call__(self, data: bytes) -> SplitSong:
        time.sleep(self.seconds)
        return fake_split(data)


@dataclass
class ExecutorDriver:
    """An executor, what it has returned so far, and its last telemetry."""

    executor: Executor
    finished: list[FinishedBatch] = field(default_factory=list)
    telemetry: Telemetry = field(default_factory=Telemetry)

    def submit(self, batch: Batch, lease: Lease | None = None) -> None:
        self.executor.submit(batch, lease)
        self.telemetry = replace(self.telemetry, in_flight=self.telemetry.in_flight + 1)

    def step(self) -> None:
        """Receive finished batches once."""
        batches, self.telemetry = self.executor.completed()
        self.finished += batches

    def run_until(self, condition: Callable[[], bool]) -> None:
        """Receive finished batches until a condition holds."""
        deadline = time.monotonic() + TIMEOUT_SECONDS
        while not condition():
            assert time.monotonic() < deadline
            self.step()

    def run_all(self) -> None:
        """Receive finished batches until nothing is in flight."""
        self.run_until(lambda: not self.telemetry.in_flight)

    @property
    def finished_batches(self) -> list[Batch]:
        return sorted(batch.batch for batch in self.finished)


def find_batches(songs: Path, size: int = 4) -> list[Batch]:
    """Return the songs of a folder, in batches of a few."""
    found = [item for item in open_folders([songs]).walk() if isinstance(item, SongRef)]
    return [tuple(found[start : start + size]) for start in range(0, len(found), size)]


def make_worker_config(songs: Path, out: Path, splitter: Splitter = fake_split) -> WorkerConfig:
    out.mkdir(exist_ok=True)
    lookup = KnownSongLookup(None, RerunPolicy(), 1)
    return WorkerConfig(open_folders([songs]), FileStore(out), splitter, 1 << 20, lookup, replaces=False)


def make_context(config: WorkerConfig, workers: int = 1) -> ExecutorContext:
    return ExecutorContext(
        config, workers, None, lambda: False, lambda _seconds: None, lambda _telemetry: None
    )


@contextlib.contextmanager
def drive(make: Callable[[ExecutorContext], Executor], context: ExecutorContext) -> Iterator[ExecutorDriver]:
    """Yield a driver of an executor, which is closed at the end."""
    with contextlib.closing(make(context)) as executor:
        yield ExecutorDriver(executor)
