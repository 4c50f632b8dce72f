"""Sends tasks to a worker process from a thread."""

import contextlib
import queue
import threading
from multiprocessing.connection import Connection

from midiprism.pipeline.executors.processes.worker_process import Task

_JOIN_SECONDS = 5.0


class Outbox:
    """Sends tasks to a worker from a thread: the pipe to a worker that hangs may be full, and the coordinator
    must not wait for it."""

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
        self._thread.join(_JOIN_SECONDS)

    def _send(self) -> None:
        with contextlib.suppress(OSError):  # the worker has died, and the end of its pipe says so
            for task in iter(self._tasks.get, None):
                self._pipe.send(task)
            self._pipe.send(None)
