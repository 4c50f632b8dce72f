"""A worker process: receives batches from a pipe, works on them, and answers.

It knows nothing of the run but its batches. A second thread answers while the next batch is being split. The
process ends when its pipe does, so nothing has to tell it that the coordinator has died.
"""

import contextlib
import ctypes
import os
import queue
import signal
import sys
import threading
import time
import warnings
from multiprocessing.connection import Connection

from midiprism.catalog import Lease
from midiprism.errors import KernelCacheWarning, MidiprismError, StoreError
from midiprism.metrics.stage_timers import Counter, StageTimers
from midiprism.pipeline.batch import Batch
from midiprism.pipeline.executors.processes.shared_memory import Slots
from midiprism.pipeline.executors.processes.worker_commit import (
    DonePayload,
    MessageQueue,
    WorkerCommitter,
    WorkerMessage,
)
from midiprism.pipeline.resource_defaults import infrequent_gc
from midiprism.pipeline.shared_counters import SharedCounters, stage_timers
from midiprism.pipeline.splitter import is_compiled, prepare
from midiprism.pipeline.worker import Worker
from midiprism.pipeline.worker_config import WorkerConfig, WorkerHooks

Task = tuple[int, Batch, Lease | None]
"""A batch with its number, and with its lease where there is one."""

_PR_SET_PDEATHSIG = 1  # linux/prctl.h

_NICENESS = 10
"""Of workers whose tracks the coordinator compresses: it has more to do than any of them, and all of them
wait while it waits for a processor."""


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
        pipe.send(WorkerMessage("loading", 0, is_compiled(config.splitter)))
        prepare(config.splitter)
        hooks = WorkerHooks(counters, stop=lambda: stop_flag[0] != 0)
        if slots:
            hooks = WorkerHooks(counters, stop=hooks.stop, transfer_record=slots.put)
        worker = stack.enter_context(config.open_worker(hooks))
        stack.enter_context(infrequent_gc())
        pipe.send(WorkerMessage("ready", 0, None))
        answers: MessageQueue = queue.SimpleQueue()
        committer = WorkerCommitter(pipe, config, hooks.stop, timers)
        thread = threading.Thread(target=committer.send_messages, args=(answers,), daemon=True)
        thread.start()
        while (task := _receive_task(pipe, timers)) is not None:
            committer.unsent.wait_for_room()
            answer = _process_batch(worker, *task)
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


def _process_batch(worker: Worker, batch_number: int, batch: Batch, lease: Lease | None) -> WorkerMessage:
    try:
        record = worker.process_batch(batch, batch_number, lease)
        return WorkerMessage("done", batch_number, DonePayload(record, None, len(record.songs)))
    except MidiprismError as error:
        return WorkerMessage("error", batch_number, error)
    except OSError as error:  # such as too many open files: no song is to blame
        return WorkerMessage(
            "error", batch_number, StoreError(f"A worker failed: {error.strerror or error}.")
        )


def ignore_signals_and_die_with_coordinator() -> None:
    """Ctrl-C reaches every process of a terminal: only the coordinator decides what it means."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    if hasattr(signal, "SIGTERM"):
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
    if sys.platform == "linux":
        # A worker that waits for a dead disk would not see the end of its pipe.
        with contextlib.suppress(OSError, AttributeError):
            ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
