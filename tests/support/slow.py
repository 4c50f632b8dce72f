"""Places that are slow on purpose, for probes: functions of a module, since they go to other processes."""

import time

from midiprism.advise.crew import create_file, read_file

SECONDS = 0.005


def create(path: str, data: bytes) -> None:
    """Creates a file in five milliseconds and a little."""
    time.sleep(SECONDS)
    create_file(path, data)


def read(path: str) -> None:
    """Reads a file in as long."""
    time.sleep(SECONDS)
    read_file(path)


def full(path: str, data: bytes) -> None:
    """A disk that is full."""
    raise OSError(28, "No space left on device", path)


def broken(path: str, data: bytes) -> None:
    """A mistake of whoever wrote it, of a kind that other processes cannot be told of."""

    class UnknownError(Exception):
        pass

    raise UnknownError(path)


def dying(path: str, data: bytes) -> None:
    """Ends the process."""
    raise SystemExit(3)
