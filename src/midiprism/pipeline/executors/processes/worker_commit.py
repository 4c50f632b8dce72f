"""What a worker process answers, and what must be true before it does.

A thread flushes where each worker must flush the tracks that it stored, commits where workers commit their
own batches, and answers, while the next batch is being split.
"""

import contextlib
import queue
import sys
import threading
from collections.abc import Callable, Iterator
from multiprocessing.connection import Connection
from typing import Any, Literal, NamedTuple

from midiprism.catalog import BatchRecord, Catalog, CommitResult, open_worker_catalog, utc_now
from midiprism.errors import MidiprismError
from midiprism.metrics.stage_timers import Counter, Stage, StageTimers
from midiprism.pipeline.worker_config import WorkerCommit, WorkerConfig

_MAX_MESSAGES_PER_FLUSH = 8


class DonePayload(NamedTuple):
    """The answer to a batch.

    Attributes:
        record: of the songs that were processed.
        committed: what its commit added, if the worker committed it; the record then has only the songs with
            problems.
        song_count: of the songs that were processed: the first ones of the batch.
    """

    record: BatchRecord
    committed: CommitResult | None
    song_count: int


class WorkerMessage(NamedTuple):
    """What a worker answers.

    Attributes:
        kind: ``loading`` (payload: whether the splitter is compiled), ``ready``, ``done`` (payload: a
            ``DonePayload``) or ``error`` (payload: the exception).
    """

    kind: Literal["loading", "ready", "done", "error"]
    batch_number: int
    payload: Any


MessageQueue = queue.SimpleQueue[WorkerMessage | None]


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
            self._catalog = open_worker_catalog(commit.address, self._stop, commit.hooks)
        sink = self._store.commit_sink(self._run_id, [record])
        with self._timers.measure(Stage.COMMIT):
            (committed,) = self._catalog.commit(self._run_id, [record], utc_now(), sink)
        self._timers.count(Counter.COMMITS)
        self._timers.count(Counter.ROWS, committed.row_count)
        payload = DonePayload(record.songs_with_problems(), committed, len(record.songs))
        return WorkerMessage("done", message.batch_number, payload)


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
