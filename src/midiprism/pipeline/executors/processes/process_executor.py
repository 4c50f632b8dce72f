"""The executor of worker processes: started, fed, watched, replaced when they die, and ended."""

import time
from collections import deque
from multiprocessing.connection import wait
from typing import Any

from midiprism.catalog import Lease
from midiprism.errors import WorkerStartError
from midiprism.metrics.stage_timers import COUNTER_COUNT, sum_counters
from midiprism.pipeline.batch import Batch, FinishedBatch
from midiprism.pipeline.executor import Completed, ExecutorContext, ProgressCounts, Telemetry
from midiprism.pipeline.executors.processes.batch_retry import (
    SubmittedBatch,
    WorkerFailure,
    bisect,
    failed_batch,
)
from midiprism.pipeline.executors.processes.start_process import needs_main_module, process_context
from midiprism.pipeline.executors.processes.worker_commit import WorkerMessage
from midiprism.pipeline.executors.processes.worker_handle import WorkerHandle
from midiprism.pipeline.resource_defaults import BATCHES_PER_WORKER
from midiprism.pipeline.shared_counters import SharedCounters, sum_progress_counts
from midiprism.smf.types import CONTRACT_VERSION

_WAIT_SECONDS = 0.1
_MAX_STARTUP_FAILURES = 3
_MAX_STARTUP_FAILURES_LATER = 30


class ProcessExecutor:
    """Works in worker processes.

    Where the splitter has to be compiled, one worker does so before the others start. A worker that dies is
    replaced. The batch that it was working on is tried again; one that killed two workers is divided, and so
    on down to the one song, which is given up. A surplus worker ends after its batches; its counts stay.
    """

    def __init__(self, context: ExecutorContext) -> None:
        self._context = context
        self._config = context.worker_config
        self._workers = context.workers
        self._processes: Any = process_context()
        self._import_main = needs_main_module(self._config)
        self._stop_flag: SharedCounters = self._processes.RawArray("q", 1)
        self._handles: list[WorkerHandle] = []
        self._retiring: list[WorkerHandle] = []
        self._queued: deque[SubmittedBatch] = deque()
        self._finished: list[FinishedBatch] = []
        self._last_number = 0
        self._ended_counts = ProgressCounts()
        self._ended_timer_values: tuple[int, ...] = (0,) * COUNTER_COUNT
        self._startup_failures = 0
        self._started_at = time.perf_counter()
        self._all_loaded = self._any_ready = False
        self._loading_seconds = 0.0

    def submit(self, batch: Batch, lease: Lease | None = None) -> None:
        if not self._handles:
            self._started_at = time.perf_counter()
            self._handles.append(self._start_worker())
        self._last_number += 1
        self._queued.append(SubmittedBatch(self._last_number, batch, lease))
        self._dispatch()

    def completed(self) -> Completed:
        if self._context.stop():
            self._stop_flag[0] = 1
        self._dispatch()
        if len(self._handles) > self._workers or self._retiring:
            self._retire_surplus_workers()
        self._receive(0.0)
        is_idle = not self._finished
        if is_idle:
            self._receive(_WAIT_SECONDS)
        if not self._all_loaded:
            self._all_loaded = len(self._handles) >= self._workers and all(
                handle.is_ready for handle in self._handles
            )
            self._loading_seconds = time.perf_counter() - self._started_at
        self._kill_hung_workers()
        finished, self._finished = self._finished, []
        return Completed(finished, self._telemetry(is_idle=is_idle))

    def resize(self, workers: int) -> None:
        self._workers = workers
        if self._any_ready:
            self._start_missing_workers()

    def close(self) -> None:
        if not self._in_flight:
            for handle in self._handles:
                handle.send_end()
            for handle in self._all_handles:
                handle.join()
        for handle in self._all_handles:
            handle.close()
        self._handles, self._retiring = [], []

    @property
    def _in_flight(self) -> int:
        return len(self._queued) + len(self._finished) + sum(len(handle.batches) for handle in self._handles)

    @property
    def _all_handles(self) -> list[WorkerHandle]:
        return [*self._handles, *self._retiring]

    def _telemetry(self, *, is_idle: bool) -> Telemetry:
        handles = self._all_handles
        counts = sum_progress_counts([self._ended_counts, *(handle.counts for handle in handles)])
        return Telemetry(
            ProgressCounts(*counts),
            sum_counters([self._ended_timer_values, *(handle.timer_values for handle in handles)]),
            tuple(handle.pid for handle in handles if handle.pid is not None),
            sum(handle.is_ready for handle in self._handles),
            len(self._queued),
            self._in_flight,
            self._loading_seconds,
            is_idle,
        )

    def _start_worker(self) -> WorkerHandle:
        return WorkerHandle(self._processes, self._config, self._stop_flag, import_main=self._import_main)

    def _start_missing_workers(self) -> None:
        while len(self._handles) < self._workers:
            self._handles.append(self._start_worker())

    def _dispatch(self) -> None:
        """Give each worker a batch to work on, and some to continue with."""
        for count in range(1, BATCHES_PER_WORKER + 1):
            for handle in self._handles[: self._workers]:
                if self._queued and handle.is_ready and len(handle.batches) < count:
                    handle.send(self._queued.popleft())

    def _receive(self, timeout: float) -> None:
        handles = {handle.pipe: handle for handle in self._handles}
        for pipe in wait(list(handles), timeout):
            handle = handles[pipe]
            try:
                message: WorkerMessage = handle.pipe.recv()
            except (EOFError, OSError):
                self._replace_dead_worker(handle)
                continue
            self._handle_message(handle, message)

    def _handle_message(self, handle: WorkerHandle, message: WorkerMessage) -> None:
        if message.kind == "loading":
            if not message.payload:
                self._context.on_compile()
            else:
                self._start_missing_workers()
        elif message.kind == "ready":
            handle.mark_ready()
            self._any_ready = True
            self._startup_failures = 0
            self._start_missing_workers()
            self._dispatch()
        elif message.kind == "error":
            raise message.payload
        else:
            submitted, answer = handle.take_answer(message)
            batch, rest = submitted.batch, submitted.batch[answer.song_count :]
            if rest and not self._stop_flag[0]:
                batch = batch[: answer.song_count]
                self._last_number += 1
                self._queued.appendleft(SubmittedBatch(self._last_number, rest, submitted.lease))
            self._finished.append(FinishedBatch(batch, answer.record, answer.committed))
            self._dispatch()

    def _kill_hung_workers(self) -> None:
        if self._context.timeout is not None:
            now = time.monotonic()
            for handle in self._handles:
                handle.kill_if_hung(self._context.timeout, now)

    def _replace_dead_worker(self, handle: WorkerHandle) -> None:
        """Replace a worker that has died, and retry the batches that it had."""
        handle.join()
        if not handle.is_ready:
            self._startup_failures += 1
            limit = _MAX_STARTUP_FAILURES_LATER if self._any_ready else _MAX_STARTUP_FAILURES
            if self._startup_failures >= limit:
                raise WorkerStartError(handle.describe_exit())
        failure = handle.failure()
        retried: list[SubmittedBatch] = []
        for submitted in handle.batches:
            if handle.is_working_on(submitted):
                retried += self._retry_or_give_up(submitted, failure)
            else:
                retried.append(submitted)
        self._queued.extendleft(reversed(retried))
        handle.close()
        place = self._handles.index(handle)
        replacement = [self._start_worker()] if len(self._handles) <= self._workers else []
        self._handles[place : place + 1] = replacement
        self._retain_counts(handle, handle.answered_counts)

    def _retire_surplus_workers(self) -> None:
        """Let surplus workers without batches end, and notice those that have ended."""
        for handle in self._handles[self._workers :]:
            if handle.is_ready and not handle.batches:
                handle.send_end()
                self._handles.remove(handle)
                self._retiring.append(handle)
        for handle in [handle for handle in self._retiring if not handle.is_alive]:
            self._retiring.remove(handle)
            self._retain_counts(handle, handle.counts)
            handle.close()

    def _retain_counts(self, handle: WorkerHandle, counts: ProgressCounts) -> None:
        """Keep the counts of a worker that has ended."""
        self._ended_counts = ProgressCounts(*sum_progress_counts([self._ended_counts, counts]))
        self._ended_timer_values = sum_counters([self._ended_timer_values, handle.timer_values])

    def _retry_or_give_up(self, submitted: SubmittedBatch, failure: WorkerFailure) -> list[SubmittedBatch]:
        """Return what to do with a batch on which a worker died."""
        if submitted.add_failure():
            return [submitted]
        if len(submitted.batch) == 1:
            replaces = self._config.replaces
            self._finished.append(failed_batch(submitted, failure, CONTRACT_VERSION, replaces=replaces))
            return []
        pieces = []
        for batch in bisect(submitted.batch, failure.suspect):
            self._last_number += 1
            pieces.append(SubmittedBatch(self._last_number, batch, submitted.lease))
        return pieces
