"""The lock of a result folder: one of the operating system, which ends with the process that holds it."""

import contextlib
import os
import platform
import sys
import time
from collections.abc import Callable, Iterator

from midiprism.errors import InUseError, StoreError

LOCK_FILE = ".midiprism.lock"
_WINDOWS_LOCK_OFFSET = 1 << 30  # Windows forbids reading locked bytes: lock one past the end of the file
_ATTEMPTS = 20
_PAUSE_SECONDS = 0.05
_OPEN_FLAGS = getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_NOFOLLOW", 0)


Exclusive = Callable[[], contextlib.AbstractContextManager[bool]]
"""Tries to hold a folder exclusively for a block; gives True if no other process holds it."""


@contextlib.contextmanager
def lock_exclusive(out: str, *, required: bool = True) -> Iterator[Exclusive]:
    """Hold ``out`` for writing.

    The text in the lock file names the holder, for people; a holder that is killed leaves it.

    Args:
        required: False to hold it without a lock on a file system that has none.

    Raises:
        InUseError: another process holds it.
        StoreError: it cannot be written.
    """
    path = os.path.join(out, LOCK_FILE)
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | _OPEN_FLAGS, 0o644)
    except OSError as error:
        raise StoreError(f"{out} cannot be written: {error.strerror or error}.") from error
    with open(descriptor, "r+", encoding="utf-8", errors="replace") as file:
        for attempts_left in reversed(range(_ATTEMPTS)):
            try:
                _lock(descriptor, shared=False)
                break
            except (BlockingIOError, PermissionError) as error:
                file.seek(0)
                owner = file.read(200)
                if owner.strip() or not attempts_left:
                    raise InUseError(out, owner.strip()) from error
                time.sleep(_PAUSE_SECONDS)  # a process that reads the status holds it for an instant
            except OSError as error:
                if not required:
                    break
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


def holder(out: str) -> str:
    """Return the process that holds ``out`` for writing, or was killed while it did; empty for none."""
    try:
        with open(
            os.path.join(out, LOCK_FILE), encoding="utf-8", errors="replace", opener=_open_existing
        ) as file:
            return file.read(200).strip()
    except OSError:
        return ""


def _open_existing(path: str, flags: int) -> int:
    return os.open(path, flags | _OPEN_FLAGS)


@contextlib.contextmanager
def lock_shared(out: str) -> Iterator[Exclusive]:
    """Hold ``out`` for writing together with other runs that share its catalog.

    Raises:
        InUseError: another process holds it exclusively.
        StoreError: it cannot be written.
    """
    try:
        descriptor = os.open(os.path.join(out, LOCK_FILE), os.O_RDWR | os.O_CREAT | _OPEN_FLAGS, 0o644)
    except OSError as error:
        raise StoreError(f"{out} cannot be written: {error.strerror or error}.") from error
    with open(descriptor, encoding="utf-8", errors="replace") as file:

        def join() -> None:
            for attempts_left in reversed(range(_ATTEMPTS)):
                try:
                    _lock(descriptor, shared=True)
                    break
                except (BlockingIOError, PermissionError) as error:
                    owner = file.read(200)
                    if owner.strip() or not attempts_left:
                        raise InUseError(out, owner.strip()) from error
                    time.sleep(_PAUSE_SECONDS)  # a run that joins holds it exclusively for an instant
                except OSError:  # a file system without locks: the catalog keeps the runs apart
                    break

        @contextlib.contextmanager
        def exclusive() -> Iterator[bool]:
            try:
                _lock(descriptor, shared=False)
                is_exclusive = True
            except OSError:
                is_exclusive = False
            try:
                yield is_exclusive
            finally:
                join()  # a failed upgrade may drop the shared lock

        join()
        yield exclusive


@contextlib.contextmanager
def lock_for_reading(out: str) -> Iterator[None]:
    """Hold ``out`` so that no process writes it. Several may read at once; nothing is written.

    Without a lock file, or if it cannot be opened or locked, writers are not kept away: so a result on a
    read-only disk can be read.

    Raises:
        InUseError: a run holds it for writing.
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


def is_locked(out: str, *, run_recorded: bool = False, by_several: bool = False) -> bool:
    """Return whether a process holds ``out`` for writing.

    The lock is requested without waiting, and released at once. An empty lock file means that no holder is
    known; then the lock is not requested unless a run is recorded as running.

    Args:
        out: the folder.
        run_recorded: whether a run is recorded as running.
        by_several: whether a process that shares it with others counts too. One that joins meanwhile tries
            again.
    """
    try:
        descriptor = os.open(os.path.join(out, LOCK_FILE), os.O_RDONLY | _OPEN_FLAGS)
    except FileNotFoundError:
        return False
    except OSError:  # the lock file cannot be read: trust the record
        return run_recorded and not by_several
    try:
        if not run_recorded and os.fstat(descriptor).st_size == 0:
            return False
        return _is_lock_taken(descriptor, by_several=by_several)
    except OSError:
        return run_recorded and not by_several
    finally:
        os.close(descriptor)


if sys.platform == "win32":
    import msvcrt

    def _lock(descriptor: int, *, shared: bool) -> None:  # noqa: ARG001 - there is one kind
        os.lseek(descriptor, _WINDOWS_LOCK_OFFSET, os.SEEK_SET)
        msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
        os.lseek(descriptor, 0, os.SEEK_SET)

    def _is_lock_taken(descriptor: int, *, by_several: bool) -> bool:  # noqa: ARG001 - there is one kind
        os.lseek(descriptor, _WINDOWS_LOCK_OFFSET, os.SEEK_SET)
        try:
            msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
        except PermissionError:
            return True
        msvcrt.locking(descriptor, msvcrt.LK_UNLCK, 1)
        return False
else:
    import fcntl

    def _lock(descriptor: int, *, shared: bool) -> None:
        fcntl.flock(descriptor, (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | fcntl.LOCK_NB)

    def _is_lock_taken(descriptor: int, *, by_several: bool) -> bool:
        try:
            fcntl.flock(descriptor, (fcntl.LOCK_EX if by_several else fcntl.LOCK_SH) | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        fcntl.flock(descriptor, fcntl.LOCK_UN)
        return False
