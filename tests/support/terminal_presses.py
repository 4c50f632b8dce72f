"""Commands on a pseudo-terminal, at which Ctrl-C is pressed."""

import os
import pty
import select
import signal
import sys
import time
from collections.abc import Sequence
from typing import NamedTuple

from support.terminal import close_terminal, read_terminal

_STARTED = b"started"
_PROGRAM = """
import sys
from contextlib import contextmanager
from midiprism import cli

exit_on_signals = cli.exit_on_signals

@contextmanager
def exit_on_signals_and_report():
    with exit_on_signals():
        print("started", flush=True)
        yield

cli.exit_on_signals = exit_on_signals_and_report
sys.exit(cli.main())
"""
_CTRL_C = b"\x03"


class Ended(NamedTuple):
    """The end of a command: its exit code, what it printed, and whether it was still running at the press."""

    code: int
    printed: str
    was_pressed: bool


def press_ctrl_c(arguments: Sequence[str], seconds: float) -> Ended:
    """Run midiprism on a terminal, and press Ctrl-C ``seconds`` after it has begun.

    It has begun once it handles signals: until then, Python answers.
    """
    pid, terminal = pty.fork()
    if pid == 0:
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        os.execv(sys.executable, [sys.executable, "-c", _PROGRAM, *arguments])
    printed, pressed = b"", False
    press_at: float | None = None
    while True:
        if press_at is None and _STARTED in printed:
            press_at = time.monotonic() + seconds
        if press_at is not None and not pressed and time.monotonic() >= press_at:
            os.write(terminal, _CTRL_C)
            pressed = True
        wait = 0.1 if press_at is None or pressed else max(0.0, press_at - time.monotonic())
        if select.select([terminal], [], [], wait)[0]:
            data = read_terminal(terminal)
            if not data:
                break
            printed += data
    return Ended(close_terminal(pid, terminal), printed.decode(errors="replace"), pressed)
