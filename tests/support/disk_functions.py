"""Places that are slow on purpose, for probes: functions of a module, since they go to other processes."""

import time

from midiprism.advise.probe.io_workers import create_file, read_file

DELAY_SECONDS = 0.005


def create_slowly(path: str, data: bytes) -> None:
    """Creates a file in five milliseconds and a little."""
    time.sleep(DELAY_SECONDS)
    create_file(path, data)


def read_slowly(path: str) -> None:
    """Reads a file in as long."""
    time.sleep(DELAY_SECONDS)
    read_file(path)


def fail_disk_full(path: str, data: bytes) -> None:
    """A disk that is full."""
    raise OSError(28, "No space left on device", path)


def fail_unpicklable(path: str, data: bytes) -> None:
    """A mistake of whoever wrote it, of a kind that other processes cannot be told of."""

    class UnknownError(Exception):
        pass

    raise UnknownError(path)


def exit_process(path: str, data: bytes) -> None:
    """Ends the process."""
    raise SystemExit(3)
