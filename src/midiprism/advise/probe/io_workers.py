"""Processes that create and read files at once, as the workers of a run do.

Threads would not do: with two at once they created a quarter fewer files in memory than two processes, since
the interpreter's lock is passed back and forth at every system call.
"""

import contextlib
import multiprocessing
import os
import signal
import sys
import time
from collections.abc import Callable, Sequence
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from types import TracebackType
from typing import Any, NamedTuple

from midiprism.errors import StoreError

CreateFile = Callable[[str, bytes], object]
"""Creates a file with these bytes."""

ReadFile = Callable[[str], object]
"""Reads a file."""

Clock = Callable[[], float]
"""Seconds since any moment."""

_CLOEXEC = getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0)
_CREATE_FLAGS = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_NOFOLLOW", 0) | _CLOEXEC
_FSYNC_EACH_FILE = sys.platform == "win32"  # there a run flushes each file as it is written
_START_DELAY_SECONDS = 0.02
_TIMEOUT_SECONDS = 30.0
_JOIN_SECONDS = 5.0


class IoTiming(NamedTuple):
    """How many files one process had, and when by the clock."""

    files: int
    started: float
    ended: float


class _Task(NamedTuple):
    """What one process is to do: create files with ``data``, or read them where that is None."""

    paths: Sequence[str]
    data: bytes | None
    seconds: float
    start: float


def create_file(path: str, data: bytes) -> None:
    """Create a file that does not exist yet, by the system calls of the store of files."""
    descriptor = os.open(path, _CREATE_FLAGS, 0o600)
    try:
        written = os.write(descriptor, data)
        while written < len(data):
            written += os.write(descriptor, memoryview(data)[written:])
        if _FSYNC_EACH_FILE:
            os.fsync(descriptor)
    finally:
        os.close(descriptor)


def read_file(path: str) -> bytes:
    """The bytes of a file, by as few system calls as there can be."""
    descriptor = os.open(path, os.O_RDONLY | _CLOEXEC)
    try:
        size = os.fstat(descriptor).st_size
        return os.read(descriptor, size + 1)
    finally:
        os.close(descriptor)


def run_timed(
    operation: Callable[[str], object], paths: Sequence[str], seconds: float, clock: Clock
) -> IoTiming:
    """Work on one path after the other, on one at least, until the time is over."""
    began = ended = clock()
    count = 0
    for count, path in enumerate(paths, 1):  # noqa: B007 - how far it came
        operation(path)
        ended = clock()
        if ended - began >= seconds:
            break
    return IoTiming(count, began, ended)


class IoWorkers:
    """As many processes as will ever be at work at once. They end with this object, or with this process.

    Args:
        size: how many.
        create: creates files, and ``read`` reads them. As they go to other processes, they must be functions
            of a module, or objects that can be pickled.
    """

    def __init__(self, size: int, create: CreateFile, read: ReadFile) -> None:
        self._context: Any = multiprocessing.get_context("forkserver" if sys.platform == "linux" else "spawn")
        self._size = size
        self._operations = create, read
        self._processes: list[BaseProcess] = []
        self._pipes: list[Connection] = []

    def __enter__(self) -> "IoWorkers":
        try:
            for _ in range(self._size):
                ours, theirs = self._context.Pipe()
                self._pipes.append(ours)
                process = self._context.Process(
                    target=_worker_main, args=(theirs, *self._operations), daemon=True
                )
                process.start()
                self._processes.append(process)
                theirs.close()
            for pipe in self._pipes:
                _receive(pipe)
        except BaseException:
            self._terminate()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._terminate()

    def create_files(
        self, paths_by_process: Sequence[Sequence[str]], data: bytes, seconds: float
    ) -> list[IoTiming]:
        """Create files, each part by a process of its own, all at once.

        Raises:
            OSError: a file could not be created.
            StoreError: a process has died.
        """
        return self._run([_Task(part, data, seconds, 0.0) for part in paths_by_process])

    def read_files(self, paths_by_process: Sequence[Sequence[str]], seconds: float) -> list[IoTiming]:
        """Read files; see ``create``."""
        return self._run([_Task(part, None, seconds, 0.0) for part in paths_by_process])

    def _run(self, tasks: Sequence[_Task]) -> list[IoTiming]:
        start = time.perf_counter() + _START_DELAY_SECONDS
        busy = self._pipes[: len(tasks)]
        try:
            for pipe, task in zip(busy, tasks, strict=True):
                pipe.send(task._replace(start=start))
        except (BrokenPipeError, ConnectionError) as error:
            raise _worker_died() from error
        return [_receive(pipe) for pipe in busy]

    def _terminate(self) -> None:
        for pipe in self._pipes:
            pipe.close()
        for process in self._processes:
            process.kill()
        for process in self._processes:
            process.join(_JOIN_SECONDS)
            if process.exitcode is not None:
                process.close()


def _receive(pipe: Connection) -> Any:
    try:
        if not pipe.poll(_TIMEOUT_SECONDS):
            raise StoreError("The disk did not answer for half a minute, so it was not measured.")
        answer = pipe.recv()
    except (EOFError, ConnectionError) as error:
        raise _worker_died() from error
    if isinstance(answer, BaseException):
        raise answer
    return answer


def _worker_died() -> StoreError:
    return StoreError("A process that measured has died: try again.")


def _worker_main(pipe: Connection, create: CreateFile, read: ReadFile) -> None:
    """Work until the pipe ends. Ctrl-C reaches every process of a terminal, and is for who leads."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    with contextlib.suppress(EOFError, BrokenPipeError, ConnectionError):
        pipe.send(None)
        while True:
            answer = _run_task(pipe.recv(), create, read)
            try:
                pipe.send(answer)
            except (TypeError, AttributeError, ValueError):  # an exception that cannot cross
                pipe.send(RuntimeError(repr(answer)))


def _run_task(task: _Task, create: CreateFile, read: ReadFile) -> IoTiming | Exception:
    time.sleep(max(0.0, task.start - time.perf_counter()))
    data = task.data
    try:
        work = read if data is None else lambda path: create(path, data)
        return run_timed(work, task.paths, task.seconds, time.perf_counter)
    except Exception as error:  # noqa: BLE001 - whoever asked for it is told
        return error
