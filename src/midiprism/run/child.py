"""A worker process: takes batches from a pipe, works on them, and answers.

It knows nothing of the run but its batches. Answering goes on in a second thread while the next batch is
being split. It ends when the pipe does, so nothing needs to tell it that the coordinator has died.
"""

import contextlib
import ctypes
import os
import queue
import signal
import sys
import threading
import time
from collections.abc import Iterable, Set
from dataclasses import dataclass
from multiprocessing.connection import Connection

from midiprism.catalog import Address, Catalog, Lease, PostgresAddress, read_catalog
from midiprism.catalog.bridge import Bridge
from midiprism.errors import MidiprismError, StoreError
from midiprism.library import Library
from midiprism.meter.clocks import IDLE, Clocks
from midiprism.run.answering import Answering, Answers, Message
from midiprism.run.aside import Errand
from midiprism.run.gauges import Gauges, clocks
from midiprism.run.machine import rare_collections
from midiprism.run.plan import Batch
from midiprism.run.settings import Wish
from midiprism.run.slots import Slots
from midiprism.run.splitter import LazySplitter, Splitter
from midiprism.run.worker import Worker
from midiprism.store import GatheringStore, Store
from midiprism.store.parquet import ParquetStore

Task = tuple[int, Batch, Lease | None] | Errand
"""A batch with its number, and with its lease where there is one; or something else to do."""

_KILLED_WITH_PARENT = 1  # PR_SET_PDEATHSIG, linux/prctl.h

_NICENESS = 10
"""Of workers whose contents the coordinator compresses: with that it has more to do than any of them, and
what it waits for a processor all of them wait for it."""


@dataclass(frozen=True, slots=True)
class Duty:
    """What every worker of a run needs, ready to cross to another process.

    Attributes:
        library: reads parents.
        store: keeps splits.
        splitter: bytes of a parent to its splits.
        input_limit: parents of more bytes are not loaded.
        asked: the catalogue; None where it knew nothing when the run began.
        wish: what to do with parents that have an outcome.
        run_id: this run's number.
        replaces: whether a parent that has an outcome from an earlier run may get another.
        committing: the catalogue, where each worker commits its own batches; else None.
        bridge: to a library that was taken over, which those commits fill.
        shards: where those commits write tracks and links, if not each track is a file.
    """

    library: Library
    store: Store
    splitter: Splitter
    input_limit: int
    asked: Address | None
    wish: Wish
    run_id: int
    replaces: bool
    committing: PostgresAddress | None = None
    bridge: Bridge | None = None
    shards: ParquetStore | None = None

    @property
    def sends_contents(self) -> bool:
        """Whether a batch's contents go to whoever commits it, which is another process."""
        return isinstance(self.store, GatheringStore) and self.committing is None

    def worker(self, catalog: Catalog | None) -> Worker:
        """A worker that looks in ``catalog`` for what is known."""

        def known(digests: Iterable[bytes]) -> Set[bytes]:
            if catalog is None:
                return frozenset()
            parents = catalog.known_parents(digests)
            return {digest for digest, it in parents.items() if self.wish.is_settled(it, self.run_id)}

        return Worker(self.library, self.store, self.splitter, known, self.input_limit, self.replaces)


def main(pipe: Connection, gauges: Gauges, stop: Gauges, duty: Duty, slots: Slots | None) -> None:
    """Work until the pipe ends. Contents are handed over in ``slots``; without, by the pipe."""
    _outlive_signals_not_the_coordinator()
    if duty.sends_contents and hasattr(os, "nice"):
        os.nice(_NICENESS)
    with contextlib.ExitStack() as stack, contextlib.suppress(EOFError, BrokenPipeError, ConnectionError):
        if isinstance(duty.splitter, LazySplitter):
            pipe.send(Message("loading", 0, duty.splitter.is_compiled()))
            duty.splitter.prepare()
        catalog = stack.enter_context(read_catalog(duty.asked)) if duty.asked else None
        worker = duty.worker(catalog)
        stack.callback(worker.close)
        worker.gauges = gauges
        worker.stop = lambda: stop[0] != 0
        if slots:
            worker.hand_over = slots.put
        stack.enter_context(rare_collections())
        pipe.send(Message("ready", 0, None))
        answers: Answers = queue.SimpleQueue()
        answering = Answering(
            pipe,
            duty.store,
            duty.committing,
            duty.run_id,
            worker.stop,
            duty.bridge,
            duty.shards,
            clocks(gauges),
        )
        thread = threading.Thread(target=answering.answer, args=(answers,), daemon=True)
        thread.start()
        while (task := _received(pipe, clocks(gauges))) is not None:
            answers.put(_aside(task) if isinstance(task, Errand) else _work(worker, *task))
        answers.put(None)
        thread.join()


def _received(pipe: Connection, clocks: Clocks) -> Task | None:
    """The next task; None for no more. The time until a batch comes is idle."""
    began = time.perf_counter_ns()
    task: Task | None = pipe.recv()
    if task is not None and not isinstance(task, Errand):
        clocks.count(IDLE, time.perf_counter_ns() - began)
    return task


def _work(worker: Worker, job: int, batch: Batch, lease: Lease | None) -> Message:
    try:
        return Message("done", job, (worker.work(batch, job, lease), None))
    except MidiprismError as error:
        return Message("error", job, error)
    except OSError as error:  # such as too many open files: nothing that a parent could be blamed for
        return Message("error", job, StoreError(f"A worker failed: {error.strerror or error}."))


def _aside(errand: Errand) -> Message:
    try:
        return Message("aside", 0, (errand.work(*errand.arguments),))
    except Exception:  # noqa: BLE001 - who asked does it then, and meets the error
        return Message("aside", 0, ())


def _outlive_signals_not_the_coordinator() -> None:
    """Ctrl-C reaches every process of a terminal: only the coordinator decides what it means."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    if hasattr(signal, "SIGTERM"):
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
    if sys.platform == "linux":
        # A worker that waits for a dead disk would not see the end of its pipe.
        with contextlib.suppress(OSError, AttributeError):
            ctypes.CDLL(None).prctl(_KILLED_WITH_PARENT, signal.SIGKILL, 0, 0, 0)
