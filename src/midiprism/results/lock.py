"""One run at a time: a lock of the operating system, which ends with the process that holds it."""

import contextlib
import os
import platform
import sys
import time
from collections.abc import Callable, Iterator

from midiprism.errors import InUseError, StoreError

LOCK_FILE = ".midiprism.lock"
_WINDOWS_LOCK_OFFSET = 1 << 30  # Windows locks bytes, and forbids others to read them: one that is not there
_ATTEMPTS = 20
_PAUSE_SECONDS = 0.05
_OPEN_FLAGS = getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_NOFOLLOW", 0)


Exclusive = Callable[[], contextlib.AbstractContextManager[bool]]
"""Holds a folder so that nobody else does, if nobody does; whether that is so."""


@contextlib.contextmanager
def lock_exclusive(out: str) -> Iterator[Exclusive]:
    """Hold ``out`` for writing.

    The text in the lock's file says who holds it, for people; it decides nothing.

    Raises:
        StoreError: another run holds it, or it cannot be written.
    """
    path = os.path.join(out, LOCK_FILE)
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | _OPEN_FLAGS, 0o644)
    except OSError as error:
        raise StoreError(f"{out} cannot be written: {error.strerror or error}.") from error
    with open(descriptor, "r+", encoding="utf-8", errors="replace") as file:
        for left in reversed(range(_ATTEMPTS)):
            try:
                _lock(descriptor, shared=False)
                break
            except (BlockingIOError, PermissionError) as error:
                file.seek(0)
                owner = file.read(200)
                if owner.strip() or not left:
                    raise InUseError(out, owner.strip()) from error
                time.sleep(_PAUSE_SECONDS)  # somebody looks: `midiprism status` does so for an instant
            except OSError as error:
                raise StoreError(f"{out} cannot be locked: {error.strerror or error}.") from error
        file.seek(0)
        file.truncate(0)
        file.write(f"process {os.getpid()} on {platform.node()}\n")
        file.flush()
        try:
            yield lambda: contextlib.nullcontext(True)
        finally:
            file.seek(0)
            file.truncate(0)


@contextlib.contextmanager
def lock_shared(out: str) -> Iterator[Exclusive]:
    """Hold ``out`` for writing beside others that do so too, on a catalogue that they share.

    Raises:
        StoreError: somebody holds it alone, or it cannot be written.
    """
    try:
        descriptor = os.open(os.path.join(out, LOCK_FILE), os.O_RDWR | os.O_CREAT | _OPEN_FLAGS, 0o644)
    except OSError as error:
        raise StoreError(f"{out} cannot be written: {error.strerror or error}.") from error
    with open(descriptor, encoding="utf-8", errors="replace") as file:

        def join() -> None:
            for left in reversed(range(_ATTEMPTS)):
                try:
                    _lock(descriptor, shared=True)
                    break
                except (BlockingIOError, PermissionError) as error:
                    owner = file.read(200)
                    if owner.strip() or not left:
                        raise InUseError(out, owner.strip()) from error
                    time.sleep(_PAUSE_SECONDS)  # another run that joins has it alone for an instant
                except OSError:  # a file system without locks: the catalogue keeps the runs apart
                    break

        @contextlib.contextmanager
        def alone() -> Iterator[bool]:
            try:
                _lock(descriptor, shared=False)
                held = True
            except OSError:
                held = False
            try:
                yield held
            finally:
                join()  # what was asked for in vain may have cost what was held

        join()
        yield alone


@contextlib.contextmanager
def lock_for_reading(out: str) -> Iterator[None]:
    """Hold ``out`` so that nobody writes it meanwhile. Others may hold it so too; nothing is written.

    Where there is no lock's file, or it cannot be opened or locked, nobody is kept away: so a result on a
    read-only disk can be looked at.

    Raises:
        StoreError: a run holds it for writing.
    """
    try:
        descriptor = os.open(os.path.join(out, LOCK_FILE), os.O_RDONLY | _OPEN_FLAGS)
    except OSError:
        yield
        return
    with open(descriptor, encoding="utf-8", errors="replace") as file:
        try:
            _lock(descriptor, shared=True)
        except (BlockingIOError, PermissionError) as error:
            raise InUseError(out, file.read(200).strip()) from error
        except OSError:  # a file system without locks
            pass
        yield


if sys.platform == "win32":
    import msvcrt

    def _lock(descriptor: int, *, shared: bool) -> None:  # noqa: ARG001 - there is one kind
        os.lseek(descriptor, _WINDOWS_LOCK_OFFSET, os.SEEK_SET)
        msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
        os.lseek(descriptor, 0, os.SEEK_SET)
else:
    import fcntl

    def _lock(descriptor: int, *, shared: bool) -> None:
        fcntl.flock(descriptor, (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | fcntl.LOCK_NB)
