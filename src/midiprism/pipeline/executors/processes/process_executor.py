"""The executor of worker processes: started, fed, watched, replaced when they die, and ended."""

import time
from collections import deque
from collections.abc import Sequence
from multiprocessing.connection import wait
from multiprocessing.process import BaseProcess
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
from midiprism.pipeline.executors.processes.compile_process import start_compiling_facts
from midiprism.pipeline.executors.processes.outbox import Outbox
from midiprism.pipeline.executors.processes.shared_memory import new_slots
from midiprism.pipeline.executors.processes.start_process import (
    describe_exit,
    needs_main_module,
    process_context,
    start_process,
)
from midiprism.pipeline.executors.processes.worker_process import BatchAnswer, WorkerMessage, main
from midiprism.pipeline.resource_defaults import BATCHES_PER_WORKER
from midiprism.pipeline.shared_counters import (
    BATCH_NUMBER,
    POSITION_COUNTERS,
    SHARED_COUNTER_COUNT,
    SONG_INDEX,
    STAGE,
    STAGE_FACTS,
    TIMED_STAGES,
    SharedCounters,
    progress_counts,
    stage_timers,
    sum_progress_counts,
)
from midiprism.pipeline.worker_config import WorkerConfig
from midiprism.smf.types import CONTRACT_VERSION

_WAIT_SECONDS = 0.1
_JOIN_SECONDS = 5.0
_MAX_STARTUP_FAILURES = 3
_MAX_STARTUP_FAILURES_LATER = 30


class WorkerHandle:
    """A worker process, and the batches that it has, in the order in which it received them.

    Args:
        context: starts processes; see ``process_context``.
        config: of the worker.
        stop_flag: shared memory that says whether batches are to end early.
        import_main: whether the worker needs the caller's main module.

    Attributes:
        pipe: from which the worker's messages are read.
        batches: handed to the worker and not answered.
        is_ready: whether the worker has loaded the splitter; set by who reads its messages.
    """

    def __init__(
        self, context: Any, config: WorkerConfig, stop_flag: SharedCounters, *, import_main: bool
    ) -> None:
        self.pipe, worker_pipe = context.Pipe()
        self._counters: SharedCounters = context.RawArray("q", SHARED_COUNTER_COUNT)
        self._slots = new_slots(BATCHES_PER_WORKER) if config.sends_tracks else None
        arguments = (worker_pipe, self._counters, stop_flag, config, self._slots)
        self._process: BaseProcess = start_process(context, main, arguments, import_main=import_main)
        worker_pipe.close()
        self._outbox = Outbox(self.pipe)
        self.batches: deque[SubmittedBatch] = deque()
        self.is_ready = False
        self._answered_counts = ProgressCounts()
        self._position: tuple[int, ...] = ()
        self._position_since = 0.0
        self._timed_out_after: float | None = None

    @property
    def pid(self) -> int | None:
        return self._process.pid

    @property
    def is_alive(self) -> bool:
        return self._process.is_alive()

    @property
    def counts(self) -> ProgressCounts:
        return ProgressCounts(*progress_counts(self._counters))

    @property
    def answered_counts(self) -> ProgressCounts:
        """The counts at the last answer. Later work is lost if the worker dies."""
        return self._answered_counts

    @property
    def timer_values(self) -> tuple[int, ...]:
        return stage_timers(self._counters).values()

    def send(self, submitted: SubmittedBatch) -> None:
        """Hand a batch to the worker."""
        self.batches.append(submitted)
        self._outbox.put((submitted.number, submitted.batch, submitted.lease, submitted.is_requeued))

    def send_end(self) -> None:
        """Let the worker end after the batches that it has."""
        self._outbox.put(None)

    def take_answer(self, message: WorkerMessage) -> tuple[SubmittedBatch, BatchAnswer]:
        """Return the batch that a ``done`` message answers, and the answer with the bytes of its tracks."""
        submitted = self.batches.popleft()
        assert submitted.number == message.batch_number
        self._answered_counts = self.counts
        answer: BatchAnswer = message.payload
        return submitted, answer._replace(record=self._slots.take(answer.record)) if self._slots else answer

    def is_working_on(self, submitted: SubmittedBatch) -> bool:
        """Return whether the worker has begun a batch and not ended it."""
        return self._counters[BATCH_NUMBER] == submitted.number and self._counters[STAGE] != 0

    def kill_if_hung(self, timeout: float, now: float) -> None:
        """Kill the worker if it has been at one song, or at facts, for longer than ``timeout``."""
        counters = self._counters
        position = tuple(counters[place] for place in POSITION_COUNTERS)
        if position != self._position or counters[STAGE] not in TIMED_STAGES:
            self._position, self._position_since = position, now
        elif now - self._position_since > timeout:
            self._timed_out_after = timeout
            self._process.kill()  # which ends its pipe

    def failure(self) -> WorkerFailure:
        """Return the reason why the worker ended."""
        suspect, is_in_facts = self._counters[SONG_INDEX], self._counters[STAGE] == STAGE_FACTS
        if self._timed_out_after is not None:
            message = f"A worker spent more than {self._timed_out_after:g} s on it, and so did another."
            return WorkerFailure("timeout", message, suspect, is_in_facts)
        message = f"A worker died on it ({self.describe_exit()}), and so did another."
        return WorkerFailure("crash", message, suspect, is_in_facts)

    def describe_exit(self) -> str:
        """Return the exit code or signal of the process, in words."""
        return describe_exit(self._process)

    def join(self) -> None:
        """Wait a while for the process to end."""
        self._process.join(_JOIN_SECONDS)

    def close(self) -> None:
        """End the process if it has not ended, and release its resources."""
        if self._process.is_alive():
            self._process.kill()
        self.join()
        self._outbox.close()
        self.pipe.close()
        if self._slots:
            self._slots.close()


class ProcessExecutor:
    """Works in worker processes.

    Where the splitter has to be compiled, one worker does so before the others start. A worker that dies is
    replaced. The batch that it was working on is tried again; one that killed two workers is divided, and so
    on down to the one song, which is given up. If a worker dies while it computes facts, each song of its
    batch is tried alone. A surplus worker ends after its batches; its counts stay.
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
        self._compiling_since: float | None = None
        self._compiling_facts: BaseProcess | None = None

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
            if not self._any_ready:  # compiling takes minutes
                self._queued.clear()
        self._dispatch()
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
        if self._compiling_since is not None and not self._any_ready:
            self._context.on_compile(time.perf_counter() - self._compiling_since)
        self._kill_hung_workers()
        finished, self._finished = self._finished, []
        return Completed(finished, self._telemetry(is_idle=is_idle))

    def resize(self, workers: int) -> None:
        self._workers = workers
        if self._any_ready:
            self._start_missing_workers()

    def close(self) -> None:
        if not self._in_flight:
            loaded = [handle for handle in self._handles if handle.is_ready]
            for handle in loaded:
                handle.send_end()
            for handle in [*loaded, *self._retiring]:
                handle.join()
        for handle in self._all_handles:
            handle.close()
        self._handles, self._retiring = [], []
        if self._compiling_facts is not None:
            self._compiling_facts.kill()
            self._compiling_facts.join()

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
        if message.kind == "loading" and message.payload:
            self._start_missing_workers()
        elif message.kind == "loading":
            self._compiling_since = time.perf_counter()
            self._context.on_compile(0.0)
            # The worker compiles the splitter, which takes longer, and then finds this compiled.
            if self._config.facts:
                self._compiling_facts = start_compiling_facts()
        elif message.kind == "ready":
            handle.is_ready = True
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
                self._queued.appendleft(SubmittedBatch(self._last_number, rest, submitted.lease, 0, True))
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
            is_suspect = handle.is_working_on(submitted)
            retried += self._retry_or_give_up(submitted, failure) if is_suspect else [submitted]
        for submitted in retried:
            submitted.is_requeued = True
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
        """Return the batches to try again after a worker died on a batch; none if it is given up."""
        is_single = len(submitted.batch) == 1
        if failure.is_in_facts and not is_single:
            return self._divide(submitted, [(song_ref,) for song_ref in submitted.batch])
        if submitted.add_failure():
            return [submitted]
        if is_single:
            replaces = self._config.replaces
            self._finished.append(failed_batch(submitted, failure, CONTRACT_VERSION, replaces=replaces))
            return []
        return self._divide(submitted, bisect(submitted.batch, failure.suspect))

    def _divide(self, submitted: SubmittedBatch, pieces: Sequence[Batch]) -> list[SubmittedBatch]:
        divided = []
        for batch in pieces:
            self._last_number += 1
            divided.append(SubmittedBatch(self._last_number, batch, submitted.lease))
        return divided
