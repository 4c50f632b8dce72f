"""Who works on the batches: this process itself, or the interface to others that do."""

import time
from collections import deque
from collections.abc import Callable
from types import TracebackType
from typing import Any, Protocol, TypeVar

from midiprism.catalog import Catalog, Lease
from midiprism.pipeline.executors.processes.batch_retry import FinishedBatch
from midiprism.pipeline.executors.processes.worker_process import WorkerConfig
from midiprism.pipeline.planner import Batch
from midiprism.pipeline.shared_counters import (
    SHARED_COUNTER_COUNT,
    SharedCounters,
    progress_counts,
    stage_timers,
)
from midiprism.pipeline.splitter import LazySplitter
from midiprism.results.background import run_inline

T = TypeVar("T")


class Executor(Protocol):
    """Takes batches, gives back those whose files were put, in any order."""

    def __enter__(self) -> "Executor": ...
    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...

    def submit(self, batch: Batch, lease: Lease | None = None) -> None:
        """Hand out a batch, with the lease that is held on it."""

    def completed(self) -> list[FinishedBatch]:
        """What is ready; waits a moment for it, and may come back with nothing.

        Raises:
            StoreError: a track cannot be written. What is in flight is lost, and will be done again.
        """

    def stop(self) -> None:
        """Let batches end with the song in hand."""

    @property
    def in_flight(self) -> int:
        """Batches handed out and not given back."""

    def progress_counts(self) -> tuple[int, ...]:
        """Songs come to an end so far, of them failed, tracks put, of them written."""

    def timer_values(self) -> tuple[int, ...]:
        """The numbers of all workers' clocks, added up."""

    def worker_pids(self) -> list[int]:
        """Numbers of the worker processes that there are."""

    @property
    def batches_queued(self) -> int:
        """Batches that no worker has been given."""

    @property
    def workers_ready(self) -> int:
        """How many worker processes have the splitter loaded."""

    def resize(self, workers: int) -> None:
        """Let so many work from now on; who is too many ends with what it has in hand."""

    def run_in_background(self, function: Callable[..., T], *arguments: Any) -> Callable[[], T]:
        """See ``Background``: what a run does at its end, when nothing is in flight and nothing more will be."""

    @property
    def coordinator_idle(self) -> bool:
        """Whether this process had time to spare in the last call of ``results``."""

    @property
    def loading_seconds(self) -> float:
        """What it took until all workers had the splitter loaded, or compiled; so far, until then."""


class InlineExecutor:
    """Works in this process, when asked for results.

    Args:
        duty: what to do.
        catalog: where to look for what is known.
        compiling: called once if the splitter has to be compiled first.
        tick: called after every song.
        stop: once true, the batch ends with the song in hand.
    """

    def __init__(
        self,
        config: WorkerConfig,
        catalog: Catalog | None,
        on_compile: Callable[[], None],
        on_song: Callable[[], None],
        stop: Callable[[], bool],
    ) -> None:
        self._config = config
        self._on_compile = on_compile
        self._counters: SharedCounters = [0] * SHARED_COUNTER_COUNT
        self._worker = config.make_worker(catalog, stop=stop, on_song=on_song, counters=self._counters)
        self._queued: deque[tuple[Batch, Lease | None]] = deque()
        self.coordinator_idle = True
        self.loading_seconds = 0.0
        self._loaded = False

    def __enter__(self) -> "InlineExecutor":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._queued.clear()
        self._worker.close()

    @property
    def in_flight(self) -> int:
        return len(self._queued)

    def submit(self, batch: Batch, lease: Lease | None = None) -> None:
        self._queued.append((batch, lease))

    def stop(self) -> None:
        pass

    def progress_counts(self) -> tuple[int, ...]:
        return progress_counts(self._counters)

    def timer_values(self) -> tuple[int, ...]:
        return stage_timers(self._counters).values()

    def worker_pids(self) -> list[int]:
        return []

    @property
    def batches_queued(self) -> int:
        return len(self._queued)

    @property
    def workers_ready(self) -> int:
        return 0

    def resize(self, workers: int) -> None:
        pass

    def run_in_background(self, function: Callable[..., T], *arguments: Any) -> Callable[[], T]:
        return run_inline(function, *arguments)

    def completed(self) -> list[FinishedBatch]:
        if not self._loaded:
            self._load()
        batch, lease = self._queued.popleft()
        return [FinishedBatch(batch, self._worker.process_batch(batch, lease=lease))]

    def _load(self) -> None:
        began = time.perf_counter()
        splitter = self._config.splitter
        if isinstance(splitter, LazySplitter):
            if not splitter.is_compiled():
                self._on_compile()
            splitter.prepare()
        self._loaded = True
        self.loading_seconds = time.perf_counter() - began
