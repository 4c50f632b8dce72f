"""Who works on the batches: this process itself, or the interface to others that do."""

import time
from collections import deque
from collections.abc import Callable
from types import TracebackType
from typing import Any, Protocol, TypeVar

from midiprism.catalog import Catalog, Lease
from midiprism.run.aside import here
from midiprism.run.child import Duty
from midiprism.run.gauges import GAUGES, Gauges, clocks, counted
from midiprism.run.jobs import Done
from midiprism.run.plan import Batch
from midiprism.run.splitter import LazySplitter

T = TypeVar("T")


class Pool(Protocol):
    """Takes batches, gives back those whose files were put, in any order."""

    def __enter__(self) -> "Pool": ...
    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...

    def submit(self, batch: Batch, lease: Lease | None = None) -> None:
        """Hand out a batch, with the lease that is held on it."""

    def results(self) -> list[Done]:
        """What is ready; waits a moment for it, and may come back with nothing.

        Raises:
            StoreError: a track cannot be written. What is in flight is lost, and will be done again.
        """

    def stop(self) -> None:
        """Let batches end with the parent in hand."""

    @property
    def in_flight(self) -> int:
        """Batches handed out and not given back."""

    def counts(self) -> tuple[int, ...]:
        """Parents come to an end so far, of them failed, tracks put, of them written."""

    def clocks(self) -> tuple[int, ...]:
        """The numbers of all workers' clocks, added up."""

    def pids(self) -> list[int]:
        """Numbers of the worker processes that there are."""

    @property
    def waiting(self) -> int:
        """Batches that no worker has been given."""

    @property
    def ready(self) -> int:
        """How many worker processes have the splitter loaded."""

    def resize(self, workers: int) -> None:
        """Let so many work from now on; who is too many ends with what it has in hand."""

    def aside(self, work: Callable[..., T], *arguments: Any) -> Callable[[], T]:
        """See ``Aside``: what a run does at its end, when nothing is in flight and nothing more will be."""

    @property
    def idle(self) -> bool:
        """Whether this process had time to spare in the last call of ``results``."""

    @property
    def loading_seconds(self) -> float:
        """What it took until all workers had the splitter loaded, or compiled; so far, until then."""


class InlinePool:
    """Works in this process, when asked for results.

    Args:
        duty: what to do.
        catalog: where to look for what is known.
        compiling: called once if the splitter has to be compiled first.
        tick: called after every parent.
        stop: once true, the batch ends with the parent in hand.
    """

    def __init__(
        self,
        duty: Duty,
        catalog: Catalog | None,
        compiling: Callable[[], None],
        tick: Callable[[], None],
        stop: Callable[[], bool],
    ) -> None:
        self._duty = duty
        self._compiling = compiling
        self._gauges: Gauges = [0] * GAUGES
        self._worker = duty.worker(catalog)
        self._worker.gauges = self._gauges
        self._worker.tick = tick
        self._worker.stop = stop
        self._waiting: deque[tuple[Batch, Lease | None]] = deque()
        self.idle = True
        self.loading_seconds = 0.0
        self._loaded = False

    def __enter__(self) -> "InlinePool":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._waiting.clear()
        self._worker.close()

    @property
    def in_flight(self) -> int:
        return len(self._waiting)

    def submit(self, batch: Batch, lease: Lease | None = None) -> None:
        self._waiting.append((batch, lease))

    def stop(self) -> None:
        pass

    def counts(self) -> tuple[int, ...]:
        return counted(self._gauges)

    def clocks(self) -> tuple[int, ...]:
        return clocks(self._gauges).values()

    def pids(self) -> list[int]:
        return []

    @property
    def waiting(self) -> int:
        return len(self._waiting)

    @property
    def ready(self) -> int:
        return 0

    def resize(self, workers: int) -> None:
        pass

    def aside(self, work: Callable[..., T], *arguments: Any) -> Callable[[], T]:
        return here(work, *arguments)

    def results(self) -> list[Done]:
        if not self._loaded:
            self._load()
        batch, lease = self._waiting.popleft()
        return [Done(batch, self._worker.work(batch, lease=lease))]

    def _load(self) -> None:
        began = time.perf_counter()
        splitter = self._duty.splitter
        if isinstance(splitter, LazySplitter):
            if not splitter.is_compiled():
                self._compiling()
            splitter.prepare()
        self._loaded = True
        self.loading_seconds = time.perf_counter() - began
