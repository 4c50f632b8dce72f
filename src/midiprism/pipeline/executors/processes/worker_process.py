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

from midiprism.adopt.db.foreign_writer import ForeignWriterConfig
from midiprism.catalog import Address, Catalog, Lease, PostgresAddress, open_read_only
from midiprism.errors import MidiprismError, StoreError
from midiprism.metrics.stage_timers import IDLE, StageTimers
from midiprism.pipeline.executors.processes.shared_memory import Slots
from midiprism.pipeline.executors.processes.worker_commit import MessageQueue, WorkerCommitter, WorkerMessage
from midiprism.pipeline.planner import Batch
from midiprism.pipeline.resource_defaults import infrequent_gc
from midiprism.pipeline.settings import RerunPolicy
from midiprism.pipeline.shared_counters import SharedCounters, stage_timers
from midiprism.pipeline.splitter import LazySplitter, Splitter
from midiprism.pipeline.worker import Worker
from midiprism.results.background import BackgroundTask
from midiprism.sources import Source
from midiprism.stores import TrackStore

Task = tuple[int, Batch, Lease | None] | BackgroundTask
"""A batch with its number, and with its lease where there is one; or something else to do."""

_PR_SET_PDEATHSIG = 1  # PR_SET_PDEATHSIG, linux/prctl.h

_NICENESS = 10
"""Of workers whose contents the coordinator compresses: with that it has more to do than any of them, and
what it waits for a processor all of them wait for it."""


@dataclass(frozen=True, slots=True)
class WorkerConfig:
    """What every worker of a run needs, ready to cross to another process.

    Attributes:
        library: reads songs.
        store: keeps splits.
        splitter: bytes of a song to its splits.
        input_limit: songs of more bytes are not loaded.
        asked: the catalogue; None where it knew nothing when the run began.
        wish: what to do with songs that have an outcome.
        run_id: this run's number.
        replaces: whether a song that has an outcome from an earlier run may get another.
        committing: the catalogue, where each worker commits its own batches; else None.
        bridge: to a library that was taken over, which those commits fill.
    """

    source: Source
    store: TrackStore
    splitter: Splitter
    input_limit: int
    lookup_address: Address | None
    rerun_policy: RerunPolicy
    run_id: int
    replaces: bool
    commit_address: PostgresAddress | None = None
    foreign_writer: ForeignWriterConfig | None = None

    @property
    def sends_tracks(self) -> bool:
        """Whether a batch's contents go to whoever commits it, which is another process."""
        return self.store.capabilities.writes_in_commit and self.commit_address is None

    def make_worker(self, catalog: Catalog | None) -> Worker:
        """A worker that looks in ``catalog`` for what is known."""

        def known(digests: Iterable[bytes]) -> Set[bytes]:
            if catalog is None:
                return frozenset()
            songs = catalog.known_songs(digests)
            return {
                digest for digest, it in songs.items() if self.rerun_policy.is_up_to_date(it, self.run_id)
            }

        return Worker(self.source, self.store, self.splitter, known, self.input_limit, self.replaces)


def main(
    pipe: Connection,
    counters: SharedCounters,
    stop_flag: SharedCounters,
    config: WorkerConfig,
    slots: Slots | None,
) -> None:
    """Work until the pipe ends. Contents are handed over in ``slots``; without, by the pipe."""
    _ignore_signals_and_die_with_coordinator()
    if config.sends_tracks and hasattr(os, "nice"):
        os.nice(_NICENESS)
    with contextlib.ExitStack() as stack, contextlib.suppress(EOFError, BrokenPipeError, ConnectionError):
        if isinstance(config.splitter, LazySplitter):
            pipe.send(WorkerMessage("loading", 0, config.splitter.is_compiled()))
            config.splitter.prepare()
        catalog = (
            stack.enter_context(open_read_only(config.lookup_address)) if config.lookup_address else None
        )
        worker = config.make_worker(catalog)
        stack.callback(worker.close)
        worker.counters = counters
        worker.stop = lambda: stop_flag[0] != 0
        if slots:
            worker.transfer_record = slots.put
        stack.enter_context(infrequent_gc())
        pipe.send(WorkerMessage("ready", 0, None))
        answers: MessageQueue = queue.SimpleQueue()
        answering = WorkerCommitter(
            pipe,
            config.store,
            config.commit_address,
            config.run_id,
            worker.stop,
            config.foreign_writer,
            stage_timers(counters),
        )
        thread = threading.Thread(target=answering.send_messages, args=(answers,), daemon=True)
        thread.start()
        while (task := _receive_task(pipe, stage_timers(counters))) is not None:
            answers.put(
                _run_background_task(task)
                if isinstance(task, BackgroundTask)
                else _process_batch(worker, *task)
            )
        answers.put(None)
        thread.join()


def _receive_task(pipe: Connection, timers: StageTimers) -> Task | None:
    """The next task; None for no more. The time until a batch comes is idle."""
    began = time.perf_counter_ns()
    task: Task | None = pipe.recv()
    if task is not None and not isinstance(task, BackgroundTask):
        timers.count(IDLE, time.perf_counter_ns() - began)
    return task


def _process_batch(worker: Worker, batch_number: int, batch: Batch, lease: Lease | None) -> WorkerMessage:
    try:
        return WorkerMessage("done", batch_number, (worker.process_batch(batch, batch_number, lease), None))
    except MidiprismError as error:
        return WorkerMessage("error", batch_number, error)
    except OSError as error:  # such as too many open files: nothing that a song could be blamed for
        return WorkerMessage(
            "error", batch_number, StoreError(f"A worker failed: {error.strerror or error}.")
        )


def _run_background_task(task: BackgroundTask) -> WorkerMessage:
    try:
        return WorkerMessage("aside", 0, (task.function(*task.arguments),))
    except Exception:  # noqa: BLE001 - who asked does it then, and meets the error
        return WorkerMessage("aside", 0, ())


def _ignore_signals_and_die_with_coordinator() -> None:
    """Ctrl-C reaches every process of a terminal: only the coordinator decides what it means."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    if hasattr(signal, "SIGTERM"):
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
    if sys.platform == "linux":
        # A worker that waits for a dead disk would not see the end of its pipe.
        with contextlib.suppress(OSError, AttributeError):
            ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
