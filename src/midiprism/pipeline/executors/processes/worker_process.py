"""A worker process: receives batches from a pipe, works on them, and answers.

It knows nothing of the run but its batches. While the next batch is being split, a second thread flushes if
each worker must flush the tracks that it stored, commits if workers commit their own batches, and answers.
The process ends when its pipe does, so nothing has to tell it that the coordinator has died.
"""

import contextlib
import os
import queue
import sys
import threading
import time
import warnings
from collections.abc import Callable, Iterator
from multiprocessing.connection import Connection
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from midiprism.catalog import BatchRecord, CommitResult, Lease, utc_now
from midiprism.errors import KernelCacheWarning, MidiprismError, StoreError
from midiprism.metrics.stage_timers import Counter, Stage, StageTimers
from midiprism.pipeline.batch import Batch
from midiprism.pipeline.digesting_worker import DigestingWorker
from midiprism.pipeline.executors.processes.shared_memory import Slots
from midiprism.pipeline.executors.processes.start_process import die_with_parent, ignore_signals
from midiprism.pipeline.resource_defaults import infrequent_gc
from midiprism.pipeline.shared_counters import (
    STAGE,
    STAGE_IDLE,
    STAGE_STORING,
    SharedCounters,
    stage_timers,
)
from midiprism.pipeline.worker import Worker
from midiprism.pipeline.worker_config import WorkerCommit, WorkerConfig, WorkerHooks

if TYPE_CHECKING:
    from midiprism.catalog import Catalog

Task = tuple[int, Batch, Lease | None, bool]
"""A batch with its number, with its lease where there is one, and whether it is handed out again."""

_MAX_MESSAGES_PER_FLUSH = 8

_NICENESS = 10
"""Of workers whose tracks the coordinator compresses: it has more to do than any of them, and all of them
wait while it waits for a processor."""


class BatchAnswer(NamedTuple):
    """The answer to a batch.

    Attributes:
        record: of the songs that were processed.
        committed: the result of its commit, if the worker committed it.
        song_count: of the songs that were processed, which are the first ones of the batch.
    """

    record: BatchRecord
    committed: CommitResult | None
    song_count: int


class WorkerMessage(NamedTuple):
    """An answer of a worker.

    Attributes:
        kind: ``loading`` (payload: whether the splitter is compiled), ``ready``, ``done`` (payload: a
            ``BatchAnswer``) or ``error`` (payload: the exception).
    """

    kind: Literal["loading", "ready", "done", "error"]
    batch_number: int
    payload: Any


MessageQueue = queue.SimpleQueue[WorkerMessage | None]


def main(
    pipe: Connection,
    counters: SharedCounters,
    stop_flag: SharedCounters,
    config: WorkerConfig,
    slots: Slots | None,
) -> None:
    """Work until the pipe ends. Tracks are handed over in ``slots``; without slots, through the pipe."""
    ignore_signals_and_die_with_coordinator()
    warnings.simplefilter("ignore", KernelCacheWarning)  # the coordinator issues it
    if config.sends_tracks and hasattr(os, "nice"):
        os.nice(_NICENESS)
    timers = stage_timers(counters)
    with contextlib.ExitStack() as stack, contextlib.suppress(EOFError, BrokenPipeError, ConnectionError):
        pipe.send(WorkerMessage("loading", 0, config.is_compiled()))
        hooks = WorkerHooks(counters, stop=lambda: stop_flag[0] != 0)
        worker = stack.enter_context(config.open_worker(hooks))
        stack.enter_context(infrequent_gc())
        pipe.send(WorkerMessage("ready", 0, None))
        answers: MessageQueue = queue.SimpleQueue()
        committer = WorkerCommitter(pipe, config, hooks.stop, timers)
        thread = threading.Thread(target=committer.send_messages, args=(answers,), daemon=True)
        thread.start()
        while (task := _receive_task(pipe, timers)) is not None:
            committer.unsent.wait_for_room()
            answer = _process_batch(worker, slots, *task)
            committer.unsent.add(answer)
            answers.put(answer)
        answers.put(None)
        thread.join()


def _receive_task(pipe: Connection, timers: StageTimers) -> Task | None:
    """Return the next task; None for no more. The time until a task comes is idle."""
    started = time.perf_counter_ns()
    task: Task | None = pipe.recv()
    if task is not None:
        timers.count(Counter.IDLE_NANOSECONDS, time.perf_counter_ns() - started)
    return task


def _process_batch(
    worker: Worker | DigestingWorker,
    slots: Slots | None,
    batch_number: int,
    batch: Batch,
    lease: Lease | None,
    is_requeued: bool,
) -> WorkerMessage:
    try:
        record = worker.process_batch(batch, batch_number, lease, in_order=not is_requeued)
        song_count = len(record.songs)
        if slots:
            worker.counters[STAGE] = STAGE_STORING  # a worker that dies here dies on this batch
            record = slots.put(record)
            worker.counters[STAGE] = STAGE_IDLE
        return WorkerMessage("done", batch_number, BatchAnswer(record, None, song_count))
    except MidiprismError as error:
        return WorkerMessage("error", batch_number, error)
    except OSError as error:  # such as too many open files: no song is to blame
        return WorkerMessage(
            "error", batch_number, StoreError(f"A worker failed: {error.strerror or error}.")
        )


def ignore_signals_and_die_with_coordinator() -> None:
    """Ignore Ctrl-C, which reaches every process of a terminal, and end when the coordinator does."""
    ignore_signals()
    die_with_parent()  # a worker that waits for a dead disk would not see the end of its pipe


class UnsentTracks:
    """Bytes of tracks that a worker has handed to the thread that answers, and that were not sent yet.

    Args:
        max_bytes: if there are more, the worker waits before it makes others.
    """

    def __init__(self, max_bytes: int = 64 << 20) -> None:
        self._max_bytes = max_bytes
        self._bytes = 0
        self._changed = threading.Condition()

    def add(self, message: WorkerMessage) -> None:
        """Note that a message is to be sent."""
        with self._changed:
            self._bytes += _track_bytes(message)

    def remove(self, messages: list[WorkerMessage]) -> None:
        """Note that messages were sent."""
        with self._changed:
            self._bytes -= sum(map(_track_bytes, messages))
            self._changed.notify()

    def wait_for_room(self) -> None:
        """Wait until few enough bytes are left to send."""
        with self._changed:
            self._changed.wait_for(lambda: self._bytes <= self._max_bytes)

    def end(self) -> None:
        """Let nobody wait any more: nothing is sent from now on."""
        with self._changed:
            self._bytes, self._max_bytes = 0, sys.maxsize
            self._changed.notify()


def _track_bytes(message: WorkerMessage) -> int:
    return message.payload.record.packed_tracks.size if message.kind == "done" else 0


class WorkerCommitter:
    """Flushes, commits and answers batches in their order.

    Args:
        pipe: to the coordinator.
        config: of the worker.
        stop: once true, a server that is away is not waited for.
        timers: count the time that it takes.

    Attributes:
        unsent: bytes of tracks that are still to be sent.
    """

    def __init__(
        self, pipe: Connection, config: WorkerConfig, stop: Callable[[], bool], timers: StageTimers
    ) -> None:
        self.unsent = UnsentTracks()
        self._pipe = pipe
        self._store = config.store
        self._commit = config.commit
        self._run_id = config.run_id
        self._stop = stop
        self._timers = timers
        self._catalog: Catalog | None = None

    def send_messages(self, messages: MessageQueue) -> None:
        """Answer until there is None to answer."""
        try:
            with contextlib.suppress(BrokenPipeError, ConnectionError):
                for ready in _take_ready(messages):
                    for message in self._flush_and_commit(ready):
                        self._pipe.send(message)
                    self.unsent.remove(ready)
        finally:
            self.unsent.end()
        if self._catalog is not None:
            self._catalog.close()

    def _flush_and_commit(self, ready: list[WorkerMessage]) -> Iterator[WorkerMessage]:
        try:
            if self._must_flush(ready):
                with self._timers.measure(Stage.FLUSH):
                    self._store.flush()
                self._timers.count(Counter.FLUSHES)
        except MidiprismError as error:
            yield WorkerMessage("error", ready[0].batch_number, error)
            return
        for message in ready:
            try:
                if self._commit is not None and message.kind == "done":
                    yield self._commit_record(self._commit, message)
                else:
                    yield message
            except MidiprismError as error:
                yield WorkerMessage("error", message.batch_number, error)
                return

    def _must_flush(self, ready: list[WorkerMessage]) -> bool:
        if self._commit is None and self._store.capabilities.flush_covers_all_writers:
            return False
        return any(message.kind == "done" and message.payload.record.has_files for message in ready)

    def _commit_record(self, commit: WorkerCommit, message: WorkerMessage) -> WorkerMessage:
        record: BatchRecord = message.payload.record
        if not record.songs:
            return message
        if self._catalog is None:
            from midiprism.catalog import open_worker_catalog

            self._catalog = open_worker_catalog(commit.address, self._stop, commit.hooks)
        sink = self._store.commit_sink(self._run_id, [record])
        with self._timers.measure(Stage.COMMIT):
            (committed,) = self._catalog.commit(self._run_id, [record], utc_now(), sink)
        self._timers.count(Counter.COMMITS)
        self._timers.count(Counter.ROWS, committed.row_count)
        answer = BatchAnswer(record.songs_with_problems(), committed, len(record.songs))
        return WorkerMessage("done", message.batch_number, answer)


def _take_ready(messages: MessageQueue) -> Iterator[list[WorkerMessage]]:
    """Yield messages that are ready, several at a time: a flush of many costs little more than one of few."""
    while (message := messages.get()) is not None:
        ready = [message]
        while len(ready) < _MAX_MESSAGES_PER_FLUSH and not messages.empty():
            following = messages.get()
            if following is None:
                yield ready
                return
            ready.append(following)
        yield ready
