"""Files that appear whole or not at all, and stay through a power cut."""

import contextlib
import errno
import os
import secrets
import stat
from collections.abc import Iterator
from io import RawIOBase
from typing import Any

from blake3 import blake3

from midiprism.errors import StoreError
from midiprism.fs.fsync import FSYNC_ON_WRITE

TEMPORARY_SUFFIX = ".tmp"

_CREATE_FLAGS = (
    os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0)
)


@contextlib.contextmanager
def atomic_create(path: str) -> Iterator[int]:
    """A descriptor to write a new, read-only file with, which is at ``place`` once the block ends well.

    Its temporary name follows from its place: of several that would write it only one can, and the others
    fail, also those that come later. Its folder is still to be flushed.

    Raises:
        FileExistsError: it is there, or somebody is writing it.
        OSError: it cannot be written. Nothing of it is left.
    """
    with _write_then_rename(path, f".{os.path.basename(path)}{TEMPORARY_SUFFIX}", 0o444) as descriptor:
        if os.path.lexists(path):
            raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), path)
        yield descriptor


@contextlib.contextmanager
def atomic_replace(path: str) -> Iterator[int]:
    """The same for a file that takes the place of another, which stays until the block ends well.

    Raises:
        OSError: it cannot be written. The other one is left.
    """
    temporary = f".{os.path.basename(path)}.{secrets.token_hex(8)}{TEMPORARY_SUFFIX}"
    with _write_then_rename(path, temporary, 0o644) as descriptor:  # Windows replaces no read-only file
        yield descriptor


def write_all(descriptor: int, data: bytes | memoryview) -> None:
    """Write all of ``data``: one call may write a part of it only."""
    view = memoryview(data)
    while view:
        view = view[os.write(descriptor, view) :]


class HashingFile(RawIOBase):
    """A file that is written from its beginning to its end.

    Attributes:
        size: bytes so far.
        error: the first that a write met; who writes through others may only see what came of it.
    """

    def __init__(self, descriptor: int) -> None:
        super().__init__()
        self._descriptor = descriptor
        self._hasher = blake3()
        self.size = 0
        self.first_error: OSError | None = None

    def writable(self) -> bool:
        return True

    def write(self, data: Any, /) -> int:
        try:
            write_all(self._descriptor, data)
        except OSError as error:
            self.first_error = self.first_error or error
            raise
        self._hasher.update(data)
        self.size += len(data)
        return len(data)

    @property
    def digest(self) -> bytes:
        """BLAKE3 of what was written so far."""
        return self._hasher.digest()


def make_folder(folder: str) -> None:
    """Make a folder, unless it is there, in one that exists.

    Raises:
        StoreError: something else is in its place, or a link.
        OSError: it cannot be made.
    """
    try:
        os.mkdir(folder)
    except FileExistsError:
        if not stat.S_ISDIR(os.lstat(folder).st_mode):
            raise StoreError(f"{folder} is in the way: it must be a folder, and no link to one.") from None
    else:
        fsync_folder(os.path.dirname(folder))


def fsync_folder(folder: str) -> None:
    """Return when the names in a folder would survive a power cut. Windows keeps them without being asked."""
    if FSYNC_ON_WRITE:
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextlib.contextmanager
def _write_then_rename(path: str, temporary_name: str, mode: int) -> Iterator[int]:
    temporary = os.path.join(os.path.dirname(path), temporary_name)
    descriptor = os.open(temporary, _CREATE_FLAGS, mode)
    try:
        try:
            yield descriptor
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
        os.replace(temporary, path)
    except BaseException:
        os.unlink(temporary)
        raise
