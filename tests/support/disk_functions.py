"""File operations for probes, slow or failing, in a module so that they can be sent to other processes."""

import time

from midiprism.advise.probe.io_workers import create_file, read_file

DELAY_SECONDS = 0.005


def create_slowly(path: str, data: bytes) -> None:
    """Create a file after a delay."""
    time.sleep(DELAY_SECONDS)
    create_file(path, data)


def read_slowly(path: str) -> None:
    """Read a file after a delay."""
    time.sleep(DELAY_SECONDS)
    read_file(path)


def fail_disk_full(path: str, data: bytes) -> None:
    """Fail as on a full disk."""
    raise OSError(28, "No space left on device", path)


def fail_unpicklable(path: str, data: bytes) -> None:
    """Fail with an exception that cannot be sent to another process."""

    class UnknownError(Exception):
        pass

    raise UnknownError(path)


def exit_process(path: str, data: bytes) -> None:
    """End the process."""
    raise SystemExit(3)
