"""Processes that create and read files concurrently, as the workers of a run do.

Threads would be too slow: two threads created a quarter fewer files in memory than two processes, since the
interpreter's lock changes hands at every system call.
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
"""Creates a file at a path, with given bytes."""

ReadFile = Callable[[str], object]
"""Reads the file at a path."""

Clock = Callable[[], float]
"""Returns the seconds since some fixed moment."""

_CLOEXEC = getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0)
_CREATE_FLAGS = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_NOFOLLOW", 0) | _CLOEXEC
_FSYNC_EACH_FILE = sys.platform == "win32"  # on Windows, a run flushes each file as it is written
_START_DELAY_SECONDS = 0.02
_START_TIMEOUT_SECONDS = 30.0
_JOIN_SECONDS = 5.0


class IoTiming(NamedTuple):
    """The number of files that one process handled, and the times on the clock when it began and ended."""

    files: int
    started: float
    ended: float


class _Task(NamedTuple):
    """The work of one process from ``start`` on: create files with ``data``, or read files if it is None."""

    paths: Sequence[str]
    data: bytes | None
    seconds: float
    start: float


def create_file(path: str, data: bytes) -> None:
    """Create a file that does not exist yet, with the system calls of the store of files."""
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
    """Return the bytes of a file, with as few system calls as possible."""
    descriptor = os.open(path, os.O_RDONLY | _CLOEXEC)
    try:
        size = os.fstat(descriptor).st_size
        return os.read(descriptor, size + 1)
    finally:
        os.close(descriptor)


def run_timed(
    operation: Callable[[str], object], paths: Sequence[str], seconds: float, clock: Clock
) -> IoTiming:
    """Call the operation with one path after the other, with at least one, until the time is over."""
    started = ended = clock()
    count = 0
    for path in paths:
        operation(path)
        count += 1
        ended = clock()
        if ended - started >= seconds:
            break
    return IoTiming(count, started, ended)


class IoWorkers:
    """A fixed number of processes, which end with this context manager, or with this process.

    Args:
        size: number of processes.
        create: creates files, and ``read`` reads them. Both are sent to other processes, so they must be
            functions of a module, or objects that can be pickled.
        timeout_seconds: longest time to wait until all processes have done their part.
    """

    def __init__(self, size: int, create: CreateFile, read: ReadFile, timeout_seconds: float = 30.0) -> None:
        # Not with the others: the processes load this module, and need nothing of a run.
        from midiprism.pipeline.executors.processes.start_process import start_method

        self._context: Any = multiprocessing.get_context(start_method())
        self._size = size
        self._create = create
        self._read = read
        self._timeout_seconds = timeout_seconds
        self._processes: list[BaseProcess] = []
        self._pipes: list[Connection] = []

    def __enter__(self) -> "IoWorkers":
        from midiprism.pipeline.executors.processes.start_process import signals_blocked

        try:
            for _ in range(self._size):
                pipe, worker_pipe = self._context.Pipe()
                self._pipes.append(pipe)
                process = self._context.Process(
                    target=_worker_main, args=(worker_pipe, self._create, self._read), daemon=True
                )
                with signals_blocked():
                    process.start()
                self._processes.append(process)
                worker_pipe.close()
            for pipe in self._pipes:
                _receive(pipe, _START_TIMEOUT_SECONDS)
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
        """Create files concurrently, each list of paths in a process of its own.

        Raises:
            OSError: a file could not be created.
            StoreError: a process died or did not answer in time.
        """
        return self._run(paths_by_process, data, seconds)

    def read_files(self, paths_by_process: Sequence[Sequence[str]], seconds: float) -> list[IoTiming]:
        """Read files; see ``create_files``."""
        return self._run(paths_by_process, None, seconds)

    def _run(
        self, paths_by_process: Sequence[Sequence[str]], data: bytes | None, seconds: float
    ) -> list[IoTiming]:
        start = time.perf_counter() + _START_DELAY_SECONDS
        pipes = self._pipes[: len(paths_by_process)]
        try:
            for pipe, paths in zip(pipes, paths_by_process, strict=True):
                pipe.send(_Task(paths, data, seconds, start))
        except (BrokenPipeError, ConnectionError) as error:
            raise _worker_died() from error
        return [_receive(pipe, self._timeout_seconds) for pipe in pipes]

    def _terminate(self) -> None:
        for pipe in self._pipes:
            pipe.close()
        for process in self._processes:
            process.kill()
        for process in self._processes:
            process.join(_JOIN_SECONDS)
            if process.exitcode is not None:
                process.close()


def _receive(pipe: Connection, timeout_seconds: float) -> Any:
    try:
        if not pipe.poll(timeout_seconds):
            raise StoreError(
                f"The disk did not answer for {timeout_seconds:g} seconds, so it was not measured."
            )
        answer = pipe.recv()
    except (EOFError, ConnectionError) as error:
        raise _worker_died() from error
    if isinstance(answer, BaseException):
        raise answer
    return answer


def _worker_died() -> StoreError:
    return StoreError("A process that measured the disk has died: try again.")


def _worker_main(pipe: Connection, create: CreateFile, read: ReadFile) -> None:
    """Do tasks until the pipe is closed."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches every process; the parent handles it
    with contextlib.suppress(EOFError, BrokenPipeError, ConnectionError):
        pipe.send(None)
        while True:
            answer = _run_task(pipe.recv(), create, read)
            try:
                pipe.send(answer)
            except (TypeError, AttributeError, ValueError):  # an exception that cannot be pickled
                pipe.send(RuntimeError(repr(answer)))


def _run_task(task: _Task, create: CreateFile, read: ReadFile) -> IoTiming | Exception:
    time.sleep(max(0.0, task.start - time.perf_counter()))
    data = task.data
    operation = read if data is None else lambda path: create(path, data)
    try:
        return run_timed(operation, task.paths, task.seconds, time.perf_counter)
    except Exception as error:  # noqa: BLE001 - it is raised in the parent
        return error
