"""Worker processes: started, fed, watched, replaced when they die, and ended."""

import contextlib
import multiprocessing
import queue
import signal
import sys
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from types import TracebackType
from typing import Any, TypeVar, cast

from midiprism.catalog import Lease
from midiprism.errors import MidiprismError
from midiprism.metrics.stage_timers import COUNTER_COUNT
from midiprism.metrics.stage_timers import sum_counters as summed
from midiprism.pipeline.executors.processes import worker_process as child
from midiprism.pipeline.executors.processes.batch_retry import (
    MAX_WORKER_FAILURES,
    FinishedBatch,
    SubmittedBatch,
    WorkerFailure,
    bisect,
    failed_batch,
)
from midiprism.pipeline.executors.processes.shared_memory import Slots, new_slots
from midiprism.pipeline.executors.processes.worker_commit import WorkerMessage
from midiprism.pipeline.executors.processes.worker_process import Task, WorkerConfig
from midiprism.pipeline.planner import Batch
from midiprism.pipeline.resource_defaults import BATCHES_PER_WORKER
from midiprism.pipeline.shared_counters import (
    BATCH_NUMBER,
    SHARED_COUNTER_COUNT,
    SONG_INDEX,
    STAGE,
    STAGE_READING,
    STAGE_SPLITTING,
    SharedCounters,
    progress_counts,
    stage_timers,
    sum_progress_counts,
)
from midiprism.results.background import BackgroundTask, run_inline
from midiprism.smf.types import CONTRACT_VERSION

_WAIT_SECONDS = 0.1
_JOIN_SECONDS = 5.0
_MAX_STARTUP_FAILURES = 3
_MAX_STARTUP_FAILURES_LATER = 30
_FORKSERVER_PRELOAD = ["midiprism.pipeline.executors.processes.forkserver_preload"]

T = TypeVar("T")


class _Outbox:
    """What goes to a worker. A thread sends it: the pipe to one that hangs may be full, and whoever hands out
    batches must not wait with it."""

    def __init__(self, pipe: Connection) -> None:
        self._pipe = pipe
        self._tasks: queue.SimpleQueue[Task | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._send, name="midiprism-send", daemon=True)
        self._thread.start()

    def put(self, task: Task | None) -> None:
        """Send a batch; None for no more, behind which nothing is sent."""
        self._tasks.put(task)

    def close(self) -> None:
        """End the thread; the worker has ended."""
        self._tasks.put(None)
        self._thread.join(_JOIN_SECONDS)

    def _send(self) -> None:
        with contextlib.suppress(OSError):  # the worker has died; its pipe will say so
            for task in iter(self._tasks.get, None):
                self._pipe.send(task)
            self._pipe.send(None)


@dataclass(slots=True)
class _WorkerHandle:
    """A worker process, and what it has in hand, in the order it was given.

    Attributes:
        outbox: what goes to it.
        settled: its counts at its last answer: what came after is lost if it dies.
        seen: what its gauges said when they last changed, and since when.
        slots: in which it hands over contents; None where it sends none, or by its pipe.
    """

    process: BaseProcess
    pipe: Connection
    counters: SharedCounters
    slots: Slots | None
    outbox: _Outbox
    batches: deque[SubmittedBatch] = field(default_factory=deque)
    ready: bool = False
    counts_at_last_answer: tuple[int, ...] = (0, 0, 0, 0)
    last_change: tuple[tuple[int, int, int], float] = ((0, 0, 0), 0.0)
    timed_out: bool = False


class ProcessExecutor:
    """Workers as processes of their own.

    Args:
        duty: what each of them needs.
        workers: how many.
        timeout: seconds that one may spend reading or splitting one song; None for as long as it takes.
        compiling: called once if the splitter has to be compiled first.

    Where it has to be compiled, one worker does so before the others start. A worker that dies is replaced.
    The batch it was at is tried again; one that killed twice is taken apart, and so on down to the one
    song, which is given up. One that is too many ends when it has nothing in hand; its numbers stay.
    """

    def __init__(
        self, config: WorkerConfig, workers: int, timeout: float | None, on_compile: Callable[[], None]
    ) -> None:
        # A process that has threads, or a user's libraries, is not safe to fork: a fresh one is.
        self._context: Any = multiprocessing.get_context("forkserver" if sys.platform == "linux" else "spawn")
        if sys.platform == "linux":
            self._context.set_forkserver_preload(_FORKSERVER_PRELOAD)
        self._config = config
        self._workers = workers
        self._timeout = timeout
        self._on_compile = on_compile
        self._stop_flag = self._context.RawArray("q", 1)
        self._handles: list[_WorkerHandle] = []
        self._retiring: list[_WorkerHandle] = []
        self._queued: deque[SubmittedBatch] = deque()
        self._finished: list[FinishedBatch] = []
        self._last_number = 0
        self._ended_counts: tuple[int, ...] = (0, 0, 0, 0)
        self._ended_timer_values: tuple[int, ...] = (0,) * COUNTER_COUNT
        self._startup_failures = 0
        self._started_at = time.perf_counter()
        self._loaded = self._any_ready = False
        self._counts_lock = threading.Lock()  # samples are taken in another thread
        self.loading_seconds = 0.0
        self.coordinator_idle = True

    def __enter__(self) -> "ProcessExecutor":
        self._handles.append(self._start_worker())
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is None:
            for one in self._handles:
                one.outbox.put(None)  # there is nothing more to do
            for one in self._all_handles:
                one.process.join(_JOIN_SECONDS)
        for one in self._all_handles:
            self._end_worker(one)

    @property
    def in_flight(self) -> int:
        return len(self._queued) + len(self._finished) + sum(len(one.batches) for one in self._handles)

    def submit(self, batch: Batch, lease: Lease | None = None) -> None:
        self._last_number += 1
        self._queued.append(SubmittedBatch(self._last_number, batch, lease))
        self._dispatch()

    def stop(self) -> None:
        self._stop_flag[0] = 1

    def progress_counts(self) -> tuple[int, ...]:
        with self._counts_lock:
            return sum_progress_counts(
                [self._ended_counts, *(progress_counts(one.counters) for one in self._all_handles)]
            )

    def timer_values(self) -> tuple[int, ...]:
        with self._counts_lock:
            return summed(
                [
                    self._ended_timer_values,
                    *(stage_timers(one.counters).values() for one in self._all_handles),
                ]
            )

    def worker_pids(self) -> list[int]:
        with self._counts_lock:
            return [one.process.pid for one in self._all_handles if one.process.pid is not None]

    @property
    def batches_queued(self) -> int:
        return len(self._queued)

    @property
    def workers_ready(self) -> int:
        with self._counts_lock:
            return sum(one.ready for one in self._handles)

    def resize(self, workers: int) -> None:
        self._workers = workers
        if self._any_ready:
            self._start_missing_workers()

    def run_in_background(self, function: Callable[..., T], *arguments: Any) -> Callable[[], T]:
        free = next((one for one in self._handles if one.ready and not one.batches), None)
        if free is None:
            return run_inline(function, *arguments)
        free.outbox.put(BackgroundTask(function, arguments))
        for one in self._handles:
            one.outbox.put(None)  # they may end meanwhile

        def result() -> T:
            with contextlib.suppress(EOFError, OSError):  # it has died
                for found in free.pipe.recv().content:
                    return cast(T, found)
            return function(*arguments)

        return result

    def completed(self) -> list[FinishedBatch]:
        self._dispatch()
        if len(self._handles) > self._workers or self._retiring:
            self._retire_surplus_workers()
        self._receive(0.0)
        self.coordinator_idle = not self._finished
        if not self._finished:
            self._receive(_WAIT_SECONDS)
        if not self._loaded:
            self._loaded = len(self._handles) >= self._workers and all(one.ready for one in self._handles)
            self.loading_seconds = time.perf_counter() - self._started_at
        self._kill_hung_workers()
        done, self._finished = self._finished, []
        return done

    @property
    def _all_handles(self) -> list[_WorkerHandle]:
        return [*self._handles, *self._retiring]

    def _start_worker(self) -> _WorkerHandle:
        ours, theirs = self._context.Pipe()
        gauges = self._context.RawArray("q", SHARED_COUNTER_COUNT)
        slots = new_slots(BATCHES_PER_WORKER) if self._config.sends_tracks else None
        process = self._context.Process(
            target=child.main, args=(theirs, gauges, self._stop_flag, self._config, slots), daemon=True
        )
        process.start()
        theirs.close()
        return _WorkerHandle(process, ours, gauges, slots, _Outbox(ours))

    def _start_missing_workers(self) -> None:
        while len(self._handles) < self._workers:
            self._handles.append(self._start_worker())

    def _dispatch(self) -> None:
        """Give each worker a batch to work on, and some to go on with."""
        for queued in range(1, BATCHES_PER_WORKER + 1):
            for one in self._handles[: self._workers]:
                if self._queued and one.ready and len(one.batches) < queued:
                    self._send_batch(one, self._queued.popleft())

    def _send_batch(self, handle: _WorkerHandle, submitted: SubmittedBatch) -> None:
        handle.batches.append(submitted)
        handle.outbox.put((submitted.number, submitted.batch, submitted.lease))

    def _receive(self, timeout: float) -> None:
        pipes = {one.pipe: one for one in self._handles}
        for pipe in wait(list(pipes), timeout):
            one = pipes[pipe]  # type: ignore[index]
            try:
                message: WorkerMessage = one.pipe.recv()
            except (EOFError, OSError):
                self._replace_dead_worker(one)
                continue
            self._handle_message(one, message)

    def _handle_message(self, handle: _WorkerHandle, message: WorkerMessage) -> None:
        if message.kind == "loading":
            if not message.payload:
                self._on_compile()
            else:
                self._start_missing_workers()
        elif message.kind == "ready":
            handle.ready = self._any_ready = True
            self._startup_failures = 0
            self._start_missing_workers()
            self._dispatch()
        elif message.kind == "error":
            raise message.payload
        else:
            job = handle.batches.popleft()
            assert job.number == message.batch_number
            handle.counts_at_last_answer = progress_counts(handle.counters)
            record, committed = message.payload
            self._finished.append(
                FinishedBatch(job.batch, handle.slots.take(record) if handle.slots else record, committed)
            )
            self._dispatch()

    def _kill_hung_workers(self) -> None:
        if self._timeout is None:
            return
        now = time.monotonic()
        for one in self._handles:
            at = (one.counters[BATCH_NUMBER], one.counters[SONG_INDEX], one.counters[STAGE])
            if at != one.last_change[0] or at[2] not in (STAGE_READING, STAGE_SPLITTING):
                one.last_change = (at, now)
            elif now - one.last_change[1] > self._timeout:
                one.timed_out = True
                one.process.kill()  # its pipe ends by that

    def _replace_dead_worker(self, handle: _WorkerHandle) -> None:
        """A worker has died: replace it, and see to what it had in hand."""
        handle.process.join(_JOIN_SECONDS)
        if not handle.ready:
            self._startup_failures += 1
            if self._startup_failures >= (
                _MAX_STARTUP_FAILURES_LATER if self._any_ready else _MAX_STARTUP_FAILURES
            ):
                raise MidiprismError(
                    f"Worker processes end before they begin ({_describe_exit(handle.process.exitcode)}): "
                    "--workers 0 works without them."
                )
        death = self._worker_failure(handle)
        again: list[SubmittedBatch] = []
        for job in handle.batches:
            if handle.counters[BATCH_NUMBER] == job.number and handle.counters[STAGE]:
                again += self._retry_or_give_up(job, death)
            else:
                again.append(job)
        self._queued.extendleft(reversed(again))
        self._end_worker(handle)
        place = self._handles.index(handle)
        following = [self._start_worker()] if len(self._handles) <= self._workers else []
        with self._counts_lock:
            self._handles[place : place + 1] = following
            self._retain_counts(handle, handle.counts_at_last_answer)

    def _retire_surplus_workers(self) -> None:
        """Let those go that are too many and have nothing in hand, and see who has gone."""
        for one in self._handles[self._workers :]:
            if one.ready and not one.batches:
                one.outbox.put(None)  # there is nothing more to do
                with self._counts_lock:
                    self._handles.remove(one)
                    self._retiring.append(one)
        for one in [one for one in self._retiring if not one.process.is_alive()]:
            with self._counts_lock:
                self._retiring.remove(one)
                self._retain_counts(one, progress_counts(one.counters))
            self._end_worker(one)

    def _retain_counts(self, handle: _WorkerHandle, counts: tuple[int, ...]) -> None:
        """Keep the numbers of a worker that is no more."""
        self._ended_counts = sum_progress_counts([self._ended_counts, counts])
        self._ended_timer_values = summed([self._ended_timer_values, stage_timers(handle.counters).values()])

    def _worker_failure(self, handle: _WorkerHandle) -> WorkerFailure:
        if handle.timed_out:
            message = f"A worker spent more than {self._timeout:g} s on it, and so did another."
            return WorkerFailure(
                "timeout", f"{message} --timeout gives it more.", handle.counters[SONG_INDEX]
            )
        message = f"A worker died on it ({_describe_exit(handle.process.exitcode)}), and so did another."
        return WorkerFailure("crash", message, handle.counters[SONG_INDEX])

    def _retry_or_give_up(self, submitted: SubmittedBatch, failure: WorkerFailure) -> list[SubmittedBatch]:
        """What to do with a batch that a worker died on."""
        submitted.worker_failures += 1
        if submitted.worker_failures < MAX_WORKER_FAILURES:
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

    def _end_worker(self, handle: _WorkerHandle) -> None:
        if handle.process.is_alive():
            handle.process.kill()
        handle.process.join(_JOIN_SECONDS)
        handle.outbox.close()
        handle.pipe.close()
        if handle.slots:
            handle.slots.close()


def _describe_exit(code: int | None) -> str:
    if code is not None and code < 0:
        try:
            return f"signal {signal.Signals(-code).name}"
        except ValueError:
            return f"signal {-code}"
    return f"exit code {code}"
