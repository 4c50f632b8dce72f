"""The end of a pseudo-terminal at which a command of a test is used."""

import os


def read_terminal(terminal: int) -> bytes:
    """Return what a command has printed next; nothing once it has closed the terminal."""
    try:
        return os.read(terminal, 1 << 16)
    except OSError:  # how Linux reports that the other end is closed
        return b""


def close_terminal(pid: int, terminal: int) -> int:
    """Close the terminal of a command, and return its exit code."""
    code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    os.close(terminal)
    return code
