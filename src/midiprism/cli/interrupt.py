"""Ctrl-C and SIGTERM: the first asks for an orderly end, the second ends at once."""

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
    """Whether a command was asked to stop; call it to know."""

    signal_number: int | None = None

    def __call__(self) -> bool:
        return self.signal_number is not None

    @property
    def exit_code(self) -> int:
        """The exit code by which shells tell the signal: 130 for Ctrl-C, 143 for SIGTERM."""
        return 128 + (self.signal_number or signal.SIGINT)


class Terminated(KeyboardInterrupt):
    """SIGTERM came a second time."""


@contextmanager
def interruptible(message: str) -> Iterator[StopRequest]:
    """Gives what says whether Ctrl-C or SIGTERM came; ``message`` is printed when it does."""
    asked = StopRequest()
    if threading.current_thread() is not threading.main_thread():  # only the main thread may handle signals
        yield asked
        return

    def ask(number: int, _frame: FrameType | None) -> None:
        asked.signal_number = number
        signal.signal(signal.SIGINT, signal.default_int_handler)
        signal.signal(signal.SIGTERM, end)
        print_message(message)

    def end(_number: int, _frame: FrameType | None) -> NoReturn:
        raise Terminated

    before = {number: signal.signal(number, ask) for number in _SIGNALS}
    try:
        yield asked
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
