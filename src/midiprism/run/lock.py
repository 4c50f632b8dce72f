"""One run at a time: a lock of the operating system, which ends with the process that holds it."""

import contextlib
import os
import platform
import sys
from collections.abc import Iterator

from midiprism.errors import StoreError

LOCK = ".midiprism.lock"
_FAR = 1 << 30  # Windows locks bytes, and forbids others to read them: one that is not there


@contextlib.contextmanager
def locked(out: str) -> Iterator[None]:
    """Hold ``out`` for writing.

    The text in the lock's file says who holds it, for people; it decides nothing.

    Raises:
        StoreError: another run holds it, or it cannot be written.
    """
    path = os.path.join(out, LOCK)
    flags = os.O_RDWR | os.O_CREAT | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_NOFOLLOW", 0)
    try:
        descriptor = os.open(path, flags, 0o644)
    except OSError as error:
        raise StoreError(f"{out} cannot be written: {error.strerror or error}.") from error
    with open(descriptor, "r+", encoding="utf-8", errors="replace") as file:
        try:
            _lock(descriptor)
        except (BlockingIOError, PermissionError) as error:
            owner = file.read(200).strip() or "another process"
            raise StoreError(f"{out} is being written by {owner}: wait until it has ended.") from error
        except OSError as error:
            raise StoreError(f"{out} cannot be locked: {error.strerror or error}.") from error
        file.truncate(0)
        file.write(f"process {os.getpid()} on {platform.node()}\n")
        file.flush()
        try:
            yield
        finally:
            file.seek(0)
            file.truncate(0)


if sys.platform == "win32":
    import msvcrt

    def _lock(descriptor: int) -> None:
        os.lseek(descriptor, _FAR, os.SEEK_SET)
        msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
        os.lseek(descriptor, 0, os.SEEK_SET)
else:
    import fcntl

    def _lock(descriptor: int) -> None:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
