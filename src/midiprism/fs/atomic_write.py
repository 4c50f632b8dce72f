"""Files that appear whole or not at all, and survive a power cut."""

import contextlib
import errno
import os
import re
import secrets
import stat
from collections.abc import Callable, Iterator
from io import RawIOBase
from typing import Any

from blake3 import blake3

from midiprism.errors import StoreError
from midiprism.fs.exclusive_create import create_file, exclusive_create, write_all
from midiprism.fs.fsync import FSYNC_ON_WRITE, Flusher, fsync_path

TEMPORARY_SUFFIX = ".tmp"
"""Ending of the names of files that are not whole yet."""

_RANDOM_NAME = re.compile(rf"\.(.+)\.[0-9a-f]{{16}}{re.escape(TEMPORARY_SUFFIX)}", re.DOTALL)


@contextlib.contextmanager
def atomic_create(path: str) -> Iterator[int]:
    """Open a new, read-only file for writing; it appears at ``path`` once the block ends without an error.

    The temporary name follows from ``path``: of several writers of one file only one succeeds, and the others
    fail, also those that come later. The caller makes the folder durable.

    Raises:
        FileExistsError: the file exists, or another process is writing it.
        OSError: it cannot be written. Nothing of it is left.
    """
    temporary = f".{os.path.basename(path)}{TEMPORARY_SUFFIX}"
    with _write_then_rename(path, temporary, 0o444) as descriptor:
        if os.path.lexists(path):
            raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), path)
        yield descriptor


@contextlib.contextmanager
def atomic_replace(path: str, *, durable: bool = True) -> Iterator[int]:
    """Open a file for writing that replaces the one at ``path`` once the block ends without an error.

    Args:
        path: of the file.
        durable: whether the file must survive a power cut.

    Raises:
        OSError: it cannot be written. The file at ``path`` is left as it was.
    """
    # Writable, since Windows replaces no read-only file.
    with _write_then_rename(path, random_temporary_name(path), 0o644, durable=durable) as descriptor:
        yield descriptor


def random_temporary_name(path: str) -> str:
    """Return a name for a file that will replace the one at ``path``."""
    return f".{os.path.basename(path)}.{secrets.token_hex(8)}{TEMPORARY_SUFFIX}"


def name_of_temporary(name: str) -> str | None:
    """Return the name for which ``random_temporary_name`` made this one; None for any other name."""
    match = _RANDOM_NAME.fullmatch(name)
    return match[1] if match else None


def name_if_absent(temporary: str, path: str) -> None:
    """Give a file its name, unless something has that name.

    Raises:
        FileExistsError: there is something at ``path``. The file keeps its temporary name.
        OSError: it cannot be renamed.
    """
    try:
        os.link(temporary, path)
    except FileExistsError:
        raise
    except OSError:  # a file system without hard links
        if os.path.lexists(path):
            raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), path) from None
        os.rename(temporary, path)
    else:
        os.unlink(temporary)


class PendingFiles:
    """Writes new files under temporary names; after one flush for all of them, each gets its own name.

    A process that is killed leaves only whole files under their names, and files whose names
    ``name_of_temporary`` recognizes.

    Args:
        root: a folder on the file system of the files.
    """

    def __init__(self, root: str) -> None:
        self._root = root
        self._flusher = Flusher(root)
        self._temporaries: dict[str, str] = {}

    def create(self, path: str, data: bytes, fill: Callable[[int], bool] | None = None) -> None:
        """Write a file that gets the name ``path`` at the next ``commit``.

        Args:
            fill: called with the descriptor; returns True if it filled the file with ``data`` by itself.

        Raises:
            OSError: it cannot be written. Nothing of it is left.
        """
        temporary = os.path.join(os.path.dirname(path), random_temporary_name(path))
        create_file(temporary, data, durable=FSYNC_ON_WRITE, fill=fill)
        self._temporaries[path] = temporary
        if self._flusher.needs_paths:
            self._flusher.add_file(temporary)

    def commit(self) -> Iterator[tuple[str, OSError | None]]:
        """Make the files durable and name them; yield each path with the error that it met, if any.

        A file that cannot be named is removed. The error of a path that is taken is FileExistsError.
        """
        temporaries, self._temporaries = self._temporaries, {}
        error = self._try(self._flusher.flush) if temporaries else None
        for path, temporary in temporaries.items():
            failed = error or self._try(name_if_absent, temporary, path)
            if failed is not None:
                self._try(os.unlink, temporary)
            elif self._flusher.needs_paths:
                self._flusher.add_folder(os.path.dirname(path))
            yield path, failed
        if error is not None:
            self._flusher = Flusher(self._root)  # without the files that were removed

    def flush_names(self) -> None:
        """Return once the names that were given would survive a power cut.

        Raises:
            OSError: they would not.
        """
        self._flusher.flush()

    def discard(self) -> None:
        """Remove the files that have no name yet."""
        for temporary in self._temporaries.values():
            self._try(os.unlink, temporary)
        self._temporaries.clear()

    @staticmethod
    def _try(function: Callable[..., None], *arguments: str) -> OSError | None:
        try:
            function(*arguments)
        except OSError as error:
            return error
        return None


class HashingFile(RawIOBase):
    """A file that is written from its beginning to its end, and hashed meanwhile.

    Attributes:
        size: bytes so far.
        first_error: the first error of a write. A library that writes through this file may raise another
            error because of it.
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
    """Make a folder in one that exists, unless it is there.

    Raises:
        StoreError: something else is in its place, or a link.
        OSError: it cannot be made.
    """
    try:
        os.mkdir(folder)
    except FileExistsError:
        require_real_folder(folder)
    else:
        fsync_folder(os.path.dirname(folder))


def require_real_folder(folder: str) -> None:
    """Raise StoreError unless ``folder`` is a folder, and no link to one."""
    if not stat.S_ISDIR(os.lstat(folder).st_mode):
        raise StoreError(f"{folder} is in the way: it must be a folder, and no link to one.") from None


def fsync_folder(folder: str) -> None:
    """Make the names in a folder durable; Windows does so without a call."""
    if not FSYNC_ON_WRITE:
        fsync_path(folder)


@contextlib.contextmanager
def _write_then_rename(path: str, temporary_name: str, mode: int, *, durable: bool = True) -> Iterator[int]:
    temporary = os.path.join(os.path.dirname(path), temporary_name)
    with exclusive_create(temporary, mode) as descriptor:
        yield descriptor
        if durable:
            os.fsync(descriptor)
    try:
        os.replace(temporary, path)
    except BaseException:
        os.unlink(temporary)
        raise
