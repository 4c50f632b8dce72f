"""Handle Ctrl-C and SIGTERM: the first one asks for an orderly end, the second one ends at once."""

import os
import signal
import sys
import threading
from _thread import allocate_lock, start_new_thread
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from types import FrameType
from typing import Any, NoReturn

_SIGNALS = [signal.SIGINT, *([signal.SIGTERM] if hasattr(signal, "SIGTERM") else [])]
_MESSAGE_SECONDS = 1.0
STOPPED = "Stopped."

Handler = Callable[[int, FrameType | None], Any]


@dataclass(slots=True)
class StopRequest:
    """A flag that says whether a command was asked to stop; call it to read it."""

    signal_number: int | None = None

    def __call__(self) -> bool:
        return self.signal_number is not None

    @property
    def exit_code(self) -> int:
        """The exit code that shells use for the signal: 130 for Ctrl-C, 143 for SIGTERM."""
        return 128 + (self.signal_number or signal.SIGINT)


class Terminated(KeyboardInterrupt):
    """SIGTERM is to end the command at once."""


@contextmanager
def exit_on_signals() -> Iterator[None]:
    """End the process at once at Ctrl-C or SIGTERM, until a command handles them. After the block, the
    command is done, and both are ignored.

    An exception would not do: modules that it interrupts while they are loaded turn it into other errors. A
    signal that the process was started to ignore stays ignored.
    """
    if not _in_main_thread():
        yield
        return
    for number in _SIGNALS:
        if signal.getsignal(number) != signal.SIG_IGN:
            signal.signal(number, _exit_at_once)
    try:
        yield
    finally:
        for number in _SIGNALS:
            signal.signal(number, signal.SIG_IGN)


@contextmanager
def interruptible(message: str) -> Iterator[StopRequest]:
    """Give a flag that the first Ctrl-C or SIGTERM sets; ``message`` is printed then."""
    from midiprism.cli.render.terminal import print_message

    stop = StopRequest()
    printed = _Background(lambda: print_message(message))

    def request_stop(number: int, _frame: FrameType | None) -> None:
        stop.signal_number = number
        signal.signal(signal.SIGINT, signal.default_int_handler)
        signal.signal(signal.SIGTERM, _terminate)
        printed.start()

    with _handlers(dict.fromkeys(_SIGNALS, request_stop)):
        yield stop
        printed.wait(_MESSAGE_SECONDS)


@contextmanager
def terminable() -> Iterator[None]:
    """Let Ctrl-C raise KeyboardInterrupt, and SIGTERM Terminated, so that cleanup runs."""
    handlers: dict[signal.Signals, Handler] = dict.fromkeys(_SIGNALS, _terminate)
    with _handlers({**handlers, signal.SIGINT: signal.default_int_handler}):
        yield


class _Background:
    """A call in a thread of its own.

    A signal handler may interrupt anything, also printing and the starting of threads. So it neither prints
    nor takes a lock: it starts the thread without those of the module ``threading``.
    """

    def __init__(self, function: Callable[[], None]) -> None:
        self._function = function
        self._is_running = allocate_lock()

    def start(self) -> None:
        """Start the call; return at once."""
        self._is_running.acquire(blocking=False)
        start_new_thread(self._run, ())

    def wait(self, seconds: float) -> None:
        """Wait until the call, if it was started, has returned."""
        self._is_running.acquire(timeout=seconds)

    def _run(self) -> None:
        try:
            self._function()
        finally:
            self._is_running.release()


@contextmanager
def _handlers(handlers: dict[signal.Signals, Handler]) -> Iterator[None]:
    """Handle signals during the block; where this thread may not, leave them as they are."""
    if not _in_main_thread():
        yield
        return
    previous = {number: signal.signal(number, handler) for number, handler in handlers.items()}
    try:
        yield
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)


def _in_main_thread() -> bool:
    """Return whether this thread may handle signals."""
    return threading.current_thread() is threading.main_thread()


def _exit_at_once(number: int, _frame: FrameType | None) -> None:
    if "multiprocessing.util" in sys.modules:  # there may be a temporary folder to remove
        raise KeyboardInterrupt if number == signal.SIGINT else Terminated
    os.write(2, f"midiprism: {STOPPED}\n".encode())
    os._exit(128 + number)


def _terminate(_number: int, _frame: FrameType | None) -> NoReturn:
    raise Terminated
