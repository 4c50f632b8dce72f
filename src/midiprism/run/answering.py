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

from midiprism.catalog import NO_CONTENTS, BatchRecord, Catalog, PostgresAddress, worker_catalog
from midiprism.catalog.bridge import Bridge
from midiprism.errors import MidiprismError
from midiprism.meter.clocks import COMMIT, COMMITS, FLUSH, FLUSHES, ROWS, Clocks
from midiprism.run.committing import now
from midiprism.run.keeping import Keeping
from midiprism.store import Store
from midiprism.store.parquet import ParquetStore

_TOGETHER = 8


class Message(NamedTuple):
    """What a worker says: ``loading`` (is it compiled?), ``ready``, ``done`` (a record, and what its commit
    added if the worker committed it), ``aside`` (what came of an errand, alone; nothing if it failed) or
    ``error``."""

    kind: Literal["loading", "ready", "done", "aside", "error"]
    job: int
    content: Any


Answers = queue.SimpleQueue[Message | None]


class Answering:
    """Answers batches in their order.

    Args:
        pipe: to the coordinator.
        store: where the tracks were put.
        committing: the catalogue, where the worker commits; else None.
        run_id: of the run.
        stop: once true, a server that is away is not waited for.
        bridge: to a library that was taken over.
        shards: where its commits write, if not each track is a file.
        clocks: count the time that it takes.
    """

    def __init__(
        self,
        pipe: Connection,
        store: Store,
        committing: PostgresAddress | None,
        run_id: int,
        stop: Callable[[], bool],
        bridge: Bridge | None = None,
        shards: ParquetStore | None = None,
        clocks: Clocks | None = None,
    ) -> None:
        self._pipe = pipe
        self._store = store
        self._committing = committing
        self._run_id = run_id
        self._stop = stop
        self._bridge = bridge
        self._shards = shards
        self._clocks = clocks or Clocks()
        self._catalog: Catalog | None = None

    def answer(self, answers: Answers) -> None:
        """Answer until there is None to answer."""
        with contextlib.suppress(BrokenPipeError, ConnectionError):
            for ready in _taken(answers):
                for message in self._settled(ready):
                    self._pipe.send(message)
        if self._catalog is not None:
            self._catalog.close()

    def _settled(self, ready: list[Message]) -> Iterator[Message]:
        try:
            if self._must_flush(ready):
                with self._clocks.timed(FLUSH):
                    self._store.flush()
                self._clocks.count(FLUSHES)
        except MidiprismError as error:
            yield Message("error", ready[0].job, error)
            return
        for message in ready:
            try:
                yield self._committed(message) if self._committing and message.kind == "done" else message
            except MidiprismError as error:
                yield Message("error", message.job, error)
                return

    def _must_flush(self, ready: list[Message]) -> bool:
        if self._committing is None and self._store.flushes_all:
            return False
        return any(message.kind == "done" and message.content[0].files_present for message in ready)

    def _committed(self, message: Message) -> Message:
        record: BatchRecord = message.content[0]
        if not record.parents:
            return message
        assert self._committing is not None
        if self._catalog is None:
            self._catalog = worker_catalog(self._committing, self._stop, self._bridge)
        keeper = None if self._shards is None else Keeping(self._shards, self._run_id, [record])
        with self._clocks.timed(COMMIT):
            (committed,) = self._catalog.commit(self._run_id, [record], now(), keeper)
        self._clocks.count(COMMITS)
        self._clocks.count(ROWS, committed.rows)
        told = [parent._replace(links=()) for parent in record.parents if parent.problems]
        return Message("done", message.job, (replace(record, parents=told, contents=NO_CONTENTS), committed))


def _taken(answers: Answers) -> Iterator[list[Message]]:
    """What is ready to be answered, several at a time: a flush of many costs little more than one of few."""
    while (message := answers.get()) is not None:
        ready = [message]
        while len(ready) < _TOGETHER and not answers.empty():
            following = answers.get()
            if following is None:
                yield ready
                return
            ready.append(following)
        yield ready
