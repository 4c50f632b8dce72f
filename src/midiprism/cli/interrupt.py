"""Handle Ctrl-C and SIGTERM: the first one asks for an orderly end, the second one ends at once."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from types import FrameType
from typing import NoReturn

from midiprism.cli.render.terminal import print_message

_SIGNALS = [signal.SIGINT, *([signal.SIGTERM] if hasattr(signal, "SIGTERM") else [])]


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
def interruptible(message: str) -> Iterator[StopRequest]:
    """Give a flag that the first Ctrl-C or SIGTERM sets; ``message`` is printed then."""
    stop = StopRequest()
    if not _in_main_thread():
        yield stop
        return

    def request_stop(number: int, _frame: FrameType | None) -> None:
        stop.signal_number = number
        signal.signal(signal.SIGINT, signal.default_int_handler)
        signal.signal(signal.SIGTERM, _terminate)
        print_message(message)

    previous = {number: signal.signal(number, request_stop) for number in _SIGNALS}
    try:
        yield stop
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)


@contextmanager
def terminable() -> Iterator[None]:
    """Let SIGTERM raise Terminated, as Ctrl-C raises KeyboardInterrupt, so that cleanup runs."""
    if not _in_main_thread():
        yield
        return
    previous = signal.signal(signal.SIGTERM, _terminate)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, previous)


def _in_main_thread() -> bool:
    """Return whether this thread may handle signals."""
    return threading.current_thread() is threading.main_thread()


def _terminate(_number: int, _frame: FrameType | None) -> NoReturn:
    raise Terminated
