"""Starting a process that does not import the caller's main module.

Python's ``spawn`` and ``forkserver`` import the main module of the calling script in each process that they
start, so that objects which it defines can be sent there. A script without ``if __name__ == "__main__"`` then
starts its run again in every worker. Workers need nothing of the script unless something that it defines is
sent to them, so the import is left out wherever it can be.
"""

import contextlib
import ctypes
import multiprocessing
import os
import signal
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from multiprocessing import reduction, spawn
from multiprocessing.process import BaseProcess
from typing import Any

_FORKSERVER_PRELOAD = ["midiprism.pipeline.executors.processes.forkserver_preload"]
_MAIN_MODULE_KEYS = ("init_main_from_name", "init_main_from_path")
_PROCESS_NAME = "midiprism-worker"
_PR_SET_PDEATHSIG = 1  # linux/prctl.h
_WATCH_SECONDS = 1.0

IGNORED_SIGNALS = [signal.SIGINT, *([signal.SIGTERM] if hasattr(signal, "SIGTERM") else [])]

_patch_lock = threading.Lock()


_SOCKET_PATH_BYTES = 103
"""Most bytes of the path of a socket, without the zero at its end: macOS takes 104, Linux 108."""
_SOCKET_NAME_BYTES = len("/pymp-12345678/listener-12345678")


def start_method(temporary_folder: str | None = None) -> str:
    """Return the name of the way in which processes are started here.

    The server that forks processes listens at a socket in the folder for temporary files, whose path may be
    too long for that; then each process is started afresh.

    Args:
        temporary_folder: None for that of this process.
    """
    folder = os.fsencode(temporary_folder or tempfile.gettempdir())
    fits = len(folder) + _SOCKET_NAME_BYTES <= _SOCKET_PATH_BYTES
    return "forkserver" if sys.platform == "linux" and fits else "spawn"


def process_context() -> Any:
    """Return the way in which worker processes are started here.

    A process that has threads, or libraries of a user, is not safe to fork: a fresh one is.
    """
    method = start_method()
    context: Any = multiprocessing.get_context(method)
    if method == "forkserver":
        context.set_forkserver_preload(_FORKSERVER_PRELOAD)
    return context


def start_process_server() -> None:
    """Start the server that forks worker processes, which loads the splitter; return at once."""
    if process_context().get_start_method() == "forkserver":
        from multiprocessing import forkserver  # which Windows does not have

        with signals_blocked():
            forkserver.ensure_running()


def die_with_parent(*, enabled: bool = True) -> None:
    """End this process when the thread that started it does; no longer if not ``enabled``."""
    if sys.platform == "linux":
        with contextlib.suppress(OSError, AttributeError):
            ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL if enabled else 0, 0, 0, 0)


def watch_parent() -> None:
    """End this process soon after the one that started it.

    A timer looks for it: a thread would make it unsafe to fork, and a forked process has no timer of its
    parent's. Only for a process that is always ready to handle a signal.
    """
    parent = os.getppid()

    def end_without_parent(*_signal: object) -> None:
        if os.getppid() != parent:
            os._exit(1)

    signal.signal(signal.SIGALRM, end_without_parent)
    signal.setitimer(signal.ITIMER_REAL, _WATCH_SECONDS, _WATCH_SECONDS)


def needs_main_module(value: object) -> bool:
    """Return whether a pickle of ``value`` refers to something that the main module defines.

    A value with a semaphore or a lock can be pickled only while a process starts: then the answer is True.
    """
    try:
        return b"__main__" in bytes(reduction.ForkingPickler.dumps(value))
    except RuntimeError:
        return True


def start_process(
    context: Any, target: Callable[..., None], arguments: tuple[Any, ...], *, import_main: bool
) -> BaseProcess:
    """Start ``target`` in a process of its own, with or without the caller's main module."""
    process: BaseProcess = context.Process(target=target, args=arguments, name=_PROCESS_NAME, daemon=True)
    with nullcontext() if import_main else _without_main_module(), signals_blocked():
        process.start()
    return process


def describe_exit(process: BaseProcess) -> str:
    """Return the exit code or signal of a process that has ended, in words."""
    code = process.exitcode
    if code is not None and code < 0:
        with contextlib.suppress(ValueError):
            return f"signal {signal.Signals(-code).name}"
        return f"signal {-code}"
    return f"exit code {code}"


@contextmanager
def signals_blocked() -> Iterator[None]:
    """Block Ctrl-C and SIGTERM in this thread, and in the processes that it starts in the block.

    Ctrl-C reaches every process of a terminal, also one that does not ignore it yet because it is still
    loading Python. The server that forks workers keeps both blocked; it ends with the process that uses it.
    """
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    from multiprocessing import resource_tracker  # which Windows does not have

    resource_tracker.ensure_running()  # if it were started in the block, it would unblock them
    previous = signal.pthread_sigmask(signal.SIG_BLOCK, IGNORED_SIGNALS)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, previous)


def ignore_signals() -> None:
    """Ignore Ctrl-C and SIGTERM in this process: the one that started it handles them."""
    for number in IGNORED_SIGNALS:
        signal.signal(number, signal.SIG_IGN)
    if hasattr(signal, "pthread_sigmask"):
        signal.pthread_sigmask(signal.SIG_UNBLOCK, IGNORED_SIGNALS)


@contextmanager
def _without_main_module() -> Iterator[None]:
    """Prepare processes of midiprism without the main module; others are not affected."""
    with _patch_lock:
        original = spawn.get_preparation_data

        def prepare(name: str) -> dict[str, Any]:
            data: dict[str, Any] = original(name)
            if name == _PROCESS_NAME:
                for key in _MAIN_MODULE_KEYS:
                    data.pop(key, None)
            return data

        spawn.get_preparation_data = prepare
        try:
            yield
        finally:
            spawn.get_preparation_data = original
