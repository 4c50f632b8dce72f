"""What a worker process says, and what must be true before it says it.

A thread of its own flushes where each worker must flush what it put, commits where workers commit their own
batches, and answers, while the next batch is being split.
"""

import contextlib
import queue
from collections.abc import Callable, Iterator
from dataclasses import replace
from multiprocessing.connection import Connection
from typing import Any, Literal, NamedTuple

from midiprism.adopt.db.foreign_writer import ForeignWriterConfig
from midiprism.catalog import NO_PACKED_TRACKS, BatchRecord, Catalog, PostgresAddress, open_worker_catalog
from midiprism.errors import MidiprismError
from midiprism.metrics.stage_timers import COMMIT, COMMITS, FLUSH, FLUSHES, ROWS, StageTimers
from midiprism.pipeline.commit_policies import utc_now
from midiprism.pipeline.shard_writer import ShardWriter
from midiprism.stores import TrackStore

_MAX_MESSAGES_PER_FLUSH = 8


class WorkerMessage(NamedTuple):
    """What a worker says: ``loading`` (is it compiled?), ``ready``, ``done`` (a record, and what its commit
    added if the worker committed it), ``aside`` (what came of an errand, alone; nothing if it failed) or
    ``error``."""

    kind: Literal["loading", "ready", "done", "aside", "error"]
    batch_number: int
    payload: Any


MessageQueue = queue.SimpleQueue[WorkerMessage | None]


class WorkerCommitter:
    """Answers batches in their order.

    Args:
        pipe: to the coordinator.
        store: where the tracks were put.
        committing: the catalogue, where the worker commits; else None.
        run_id: of the run.
        stop: once true, a server that is away is not waited for.
        bridge: to a library that was taken over.
        clocks: count the time that it takes.
    """

    def __init__(
        self,
        pipe: Connection,
        store: TrackStore,
        commit_address: PostgresAddress | None,
        run_id: int,
        stop: Callable[[], bool],
        foreign_writer: ForeignWriterConfig | None = None,
        timers: StageTimers | None = None,
    ) -> None:
        self._pipe = pipe
        self._store = store
        self._commit_address = commit_address
        self._run_id = run_id
        self._stop = stop
        self._foreign_writer = foreign_writer
        self._timers = timers or StageTimers()
        self._catalog: Catalog | None = None

    def send_messages(self, messages: MessageQueue) -> None:
        """Answer until there is None to answer."""
        with contextlib.suppress(BrokenPipeError, ConnectionError):
            for ready in _take_ready(messages):
                for message in self._flush_and_commit(ready):
                    self._pipe.send(message)
        if self._catalog is not None:
            self._catalog.close()

    def _flush_and_commit(self, ready: list[WorkerMessage]) -> Iterator[WorkerMessage]:
        try:
            if self._must_flush(ready):
                with self._timers.measure(FLUSH):
                    self._store.flush()
                self._timers.count(FLUSHES)
        except MidiprismError as error:
            yield WorkerMessage("error", ready[0].batch_number, error)
            return
        for message in ready:
            try:
                yield self._commit(message) if self._commit_address and message.kind == "done" else message
            except MidiprismError as error:
                yield WorkerMessage("error", message.batch_number, error)
                return

    def _must_flush(self, ready: list[WorkerMessage]) -> bool:
        if self._commit_address is None and self._store.capabilities.flush_covers_all_writers:
            return False
        return any(message.kind == "done" and message.payload[0].files_present for message in ready)

    def _commit(self, message: WorkerMessage) -> WorkerMessage:
        record: BatchRecord = message.payload[0]
        if not record.songs:
            return message
        assert self._commit_address is not None
        if self._catalog is None:
            self._catalog = open_worker_catalog(self._commit_address, self._stop, self._foreign_writer)
        shards = self._store.shards
        keeper = None if shards is None else ShardWriter(shards, self._run_id, [record])
        with self._timers.measure(COMMIT):
            (committed,) = self._catalog.commit(self._run_id, [record], utc_now(), keeper)
        self._timers.count(COMMITS)
        self._timers.count(ROWS, committed.row_count)
        told = [song._replace(links=()) for song in record.songs if song.problems]
        return WorkerMessage(
            "done",
            message.batch_number,
            (replace(record, songs=told, packed_tracks=NO_PACKED_TRACKS), committed),
        )


def _take_ready(messages: MessageQueue) -> Iterator[list[WorkerMessage]]:
    """What is ready to be answered, several at a time: a flush of many costs little more than one of few."""
    while (message := messages.get()) is not None:
        ready = [message]
        while len(ready) < _MAX_MESSAGES_PER_FLUSH and not messages.empty():
            following = messages.get()
            if following is None:
                yield ready
                return
            ready.append(following)
        yield ready
