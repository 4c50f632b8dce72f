"""Commands on a pseudo-terminal of a given width, and what they print there."""

import fcntl
import os
import pty
import re
import struct
import sys
import termios
from collections.abc import Sequence

from support.terminal import close_terminal, read_terminal

_ESCAPE_SEQUENCE = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")
_ROWS = 50


def run_on_terminal(arguments: Sequence[str], columns: int, exit_code: int = 0) -> str:
    """Run midiprism on a terminal, which ends with this code; return what it printed, without colors."""
    pid, terminal = pty.fork()
    if pid == 0:
        fcntl.ioctl(1, termios.TIOCSWINSZ, struct.pack("HHHH", _ROWS, columns, 0, 0))
        environment = {key: value for key, value in os.environ.items() if key not in ("COLUMNS", "LINES")}
        command = [sys.executable, "-m", "midiprism", *arguments]
        os.execve(sys.executable, command, environment | {"TERM": "xterm"})
    printed = b""
    while data := read_terminal(terminal):
        printed += data
    assert close_terminal(pid, terminal) == exit_code, printed
    return _ESCAPE_SEQUENCE.sub("", printed.decode())
