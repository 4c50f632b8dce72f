"""The executor that works in this process."""

import contextlib
import time
from collections import deque
from functools import lru_cache

from midiprism.catalog import Lease
from midiprism.features.tolerant_facts import FactsFunction, compute_or_omit
from midiprism.pipeline.batch import Batch, FinishedBatch
from midiprism.pipeline.digesting_worker import DigestingWorker
from midiprism.pipeline.executor import Completed, ExecutorContext, ProgressCounts, Telemetry
from midiprism.pipeline.shared_counters import (
    SHARED_COUNTER_COUNT,
    SharedCounters,
    progress_counts,
    stage_timers,
)
from midiprism.pipeline.splitter import LoadFacts
from midiprism.pipeline.worker import Worker
from midiprism.pipeline.worker_config import WorkerHooks

_PROGRESS_SECONDS = 0.05


class InlineExecutor:
    """Works on one batch each time that ``completed`` is called. It knows no timeout and no workers."""

    def __init__(self, context: ExecutorContext) -> None:
        self._context = context
        self._counters: SharedCounters = [0] * SHARED_COUNTER_COUNT
        self._queued: deque[tuple[Batch, Lease | None]] = deque()
        self._resources = contextlib.ExitStack()
        self._worker: Worker | DigestingWorker | None = None
        self._loading_seconds = 0.0
        self._last_progress = 0.0

    def submit(self, batch: Batch, lease: Lease | None = None) -> None:
        self._queued.append((batch, lease))

    def completed(self) -> Completed:
        worker = self._worker or self._load_worker()
        if worker is None:
            self._queued.clear()
            return Completed([], self._telemetry(batches_in_hand=0))
        batch, lease = self._queued.popleft()
        record = worker.process_batch(batch, lease=lease)
        rest = batch[len(record.songs) :]
        if rest and not self._context.stop():
            batch = batch[: len(record.songs)]
            self._queued.appendleft((rest, lease))
        return Completed([FinishedBatch(batch, record)], self._telemetry(batches_in_hand=0))

    def resize(self, workers: int) -> None:
        pass

    def close(self) -> None:
        self._queued.clear()
        self._resources.close()

    def _load_worker(self) -> Worker | DigestingWorker | None:
        """Return a worker; None if the run was stopped while the splitter was being compiled."""
        started = time.perf_counter()
        config = self._context.worker_config
        if not config.is_compiled() and not self._compile(facts=config.facts):
            return None
        hooks = WorkerHooks(self._counters, self._context.stop, self._on_song)
        self._worker = self._resources.enter_context(config.open_worker(hooks))
        self._loading_seconds = time.perf_counter() - started
        return self._worker

    def _compile(self, *, facts: bool) -> bool:
        from midiprism.pipeline.compile_splitter import compile_splitter  # which loads multiprocessing

        return compile_splitter(self._context.stop, self._context.on_compile, facts=facts)

    def _on_song(self) -> None:
        now = time.perf_counter()
        if now > self._last_progress + _PROGRESS_SECONDS:
            self._last_progress = now
            self._context.on_progress(self._telemetry(batches_in_hand=1))

    def _telemetry(self, batches_in_hand: int) -> Telemetry:
        return Telemetry(
            ProgressCounts(*progress_counts(self._counters)),
            stage_timers(self._counters).values(),
            batches_queued=len(self._queued),
            in_flight=len(self._queued) + batches_in_hand,
            loading_seconds=self._loading_seconds,
        )


def inline_facts(load_facts: LoadFacts) -> FactsFunction:
    """Return what computes facts in this process, for one thread at a time; it is loaded on first use.

    Like the executor, it knows no timeout.
    """
    load_once = lru_cache(maxsize=1)(load_facts)
    return lambda tracks, families: compute_or_omit(load_once(), tracks, families)
