"""The coordinator's side of one worker process."""

import contextlib
import queue
import signal
import threading
from collections import deque
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from typing import Any

from midiprism.pipeline.executor import ProgressCounts
from midiprism.pipeline.executors.processes.batch_retry import SubmittedBatch, WorkerFailure
from midiprism.pipeline.executors.processes.shared_memory import new_slots
from midiprism.pipeline.executors.processes.start_process import start_process
from midiprism.pipeline.executors.processes.worker_commit import DonePayload, WorkerMessage
from midiprism.pipeline.executors.processes.worker_process import Task, main
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
)
from midiprism.pipeline.worker_config import WorkerConfig

JOIN_SECONDS = 5.0


class _Outbox:
    """Sends tasks to a worker from a thread: the pipe to a worker that hangs may be full, and whoever hands
    out batches must not wait for it."""

    def __init__(self, pipe: Connection) -> None:
        self._pipe = pipe
        self._tasks: queue.SimpleQueue[Task | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._send, name="midiprism-send", daemon=True)
        self._thread.start()

    def put(self, task: Task | None) -> None:
        """Send a task; None for no more, after which nothing is sent."""
        self._tasks.put(task)

    def close(self) -> None:
        """End the thread; the worker has ended."""
        self._tasks.put(None)
        self._thread.join(JOIN_SECONDS)

    def _send(self) -> None:
        with contextlib.suppress(OSError):  # the worker has died, and the end of its pipe says so
            for task in iter(self._tasks.get, None):
                self._pipe.send(task)
            self._pipe.send(None)


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
        is_ready: whether the worker has loaded the splitter.
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
        self._outbox = _Outbox(self.pipe)
        self.batches: deque[SubmittedBatch] = deque()
        self.is_ready = False
        self._answered_counts = ProgressCounts()
        self._position = (0, 0, 0)
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
        """The counts at the last answer. What a worker did after it is lost if it dies."""
        return self._answered_counts

    @property
    def timer_values(self) -> tuple[int, ...]:
        return stage_timers(self._counters).values()

    def mark_ready(self) -> None:
        """The worker has loaded the splitter."""
        self.is_ready = True

    def send(self, submitted: SubmittedBatch) -> None:
        """Hand a batch to the worker."""
        self.batches.append(submitted)
        self._outbox.put((submitted.number, submitted.batch, submitted.lease))

    def send_end(self) -> None:
        """Let the worker end after the batches that it has."""
        self._outbox.put(None)

    def take_answer(self, message: WorkerMessage) -> tuple[SubmittedBatch, DonePayload]:
        """Return the batch that a ``done`` message answers, and the answer with the bytes of its tracks."""
        submitted = self.batches.popleft()
        assert submitted.number == message.batch_number
        self._answered_counts = self.counts
        answer: DonePayload = message.payload
        return submitted, answer._replace(record=self._slots.take(answer.record)) if self._slots else answer

    def is_working_on(self, submitted: SubmittedBatch) -> bool:
        """Return whether the worker has begun a batch and not ended it."""
        return self._counters[BATCH_NUMBER] == submitted.number and self._counters[STAGE] != 0

    def kill_if_hung(self, timeout: float, now: float) -> None:
        """Kill the worker if it has been reading or splitting one song for longer than ``timeout``."""
        counters = self._counters
        position = (counters[BATCH_NUMBER], counters[SONG_INDEX], counters[STAGE])
        if position != self._position or counters[STAGE] not in (STAGE_READING, STAGE_SPLITTING):
            self._position, self._position_since = position, now
        elif now - self._position_since > timeout:
            self._timed_out_after = timeout
            self._process.kill()  # which ends its pipe

    def failure(self) -> WorkerFailure:
        """Return how the worker ended."""
        suspect = self._counters[SONG_INDEX]
        if self._timed_out_after is not None:
            message = f"A worker spent more than {self._timed_out_after:g} s on it, and so did another."
            return WorkerFailure("timeout", message, suspect)
        return WorkerFailure(
            "crash", f"A worker died on it ({self.describe_exit()}), and so did another.", suspect
        )

    def describe_exit(self) -> str:
        """Return how the process ended, in a few words."""
        code = self._process.exitcode
        if code is not None and code < 0:
            with contextlib.suppress(ValueError):
                return f"signal {signal.Signals(-code).name}"
            return f"signal {-code}"
        return f"exit code {code}"

    def join(self) -> None:
        """Wait a while for the process to end."""
        self._process.join(JOIN_SECONDS)

    def close(self) -> None:
        """End the process if it has not ended, and release what belongs to it."""
        if self._process.is_alive():
            self._process.kill()
        self.join()
        self._outbox.close()
        self.pipe.close()
        if self._slots:
            self._slots.close()
