"""Folders for songs on the local disk, each locked by its process, and those that killed processes left."""

import contextlib
import os
import shutil
import stat
import tempfile
import time
from collections.abc import Iterator
from io import BufferedWriter

from midiprism.errors import StoreError
from midiprism.results.lock import lock_exclusive

PREFIX = "midiprism-songs-"

ABANDONED_AFTER_SECONDS = 3600.0
"""A younger folder may belong to a process that has not locked it yet."""

MAX_KEPT_BYTES = 1 << 30
"""A larger file is not kept: it would take room on the disk that the next chunk may need."""


@contextlib.contextmanager
def temporary_folder(parent: str | None) -> Iterator[str]:
    """Give a new folder, which is removed in the end. First those are removed that killed processes left.

    Args:
        parent: folder to make it in; None for that of temporary files.

    Raises:
        StoreError: it cannot be made or locked.
    """
    parent = parent or tempfile.gettempdir()
    _remove_abandoned(parent)
    try:
        folder = tempfile.TemporaryDirectory(prefix=PREFIX, dir=parent, ignore_cleanup_errors=True)
    except OSError as error:
        raise StoreError(f"{parent} cannot be written: {error.strerror or error}.") from error
    with folder as path, lock_exclusive(path, required=False):
        yield path


class ChunkFolders:
    """Folders for chunks, one after the other, each with the file that the one before had for its songs.

    What is written to a file that is there takes half the processor time: the system needs no new memory.

    Args:
        parent: folder to make them in; None for that of temporary files.
        kept_file: name of the file that is kept. It has the bytes of the chunk before until they are
            overwritten.
    """

    def __init__(self, parent: str | None, kept_file: str) -> None:
        self._parent = parent
        self._kept_file = kept_file
        self._resources = contextlib.ExitStack()
        self._root: str | None = None

    @contextlib.contextmanager
    def folder(self) -> Iterator[str]:
        """Give a new folder, which is removed in the end.

        Raises:
            StoreError: it cannot be made or locked.
        """
        if self._root is None:
            self._root = self._resources.enter_context(temporary_folder(self._parent))
        kept = os.path.join(self._root, self._kept_file)
        try:
            path = tempfile.mkdtemp(prefix="chunk-", dir=self._root)
        except OSError as error:
            raise StoreError(f"{self._root} cannot be written: {error.strerror or error}.") from error
        with contextlib.suppress(OSError):
            os.rename(kept, os.path.join(path, self._kept_file))
        try:
            yield path
        finally:
            file = os.path.join(path, self._kept_file)
            with contextlib.suppress(OSError):  # then the next chunk has a new one
                if os.path.getsize(file) <= MAX_KEPT_BYTES:
                    os.replace(file, kept)
            shutil.rmtree(path, ignore_errors=True)

    def close(self) -> None:
        """Remove the file too."""
        self._resources.close()
        self._root = None


def open_kept_file(path: str) -> BufferedWriter:
    """Open a file to be written from its beginning, and keep what it holds until it is overwritten."""
    return os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | getattr(os, "O_BINARY", 0), 0o600), "wb")


def _remove_abandoned(parent: str) -> None:
    """Remove the folders of this user that no process holds."""
    for name in _names(parent):
        path = os.path.join(parent, name)
        with contextlib.suppress(OSError, StoreError):  # another process may remove it too
            if _is_old_folder(path):
                with lock_exclusive(path):
                    shutil.rmtree(path, ignore_errors=True)


def _names(parent: str) -> list[str]:
    try:
        return [name for name in os.listdir(parent) if name.startswith(PREFIX)]
    except OSError:
        return []


def _is_old_folder(path: str) -> bool:
    status = os.lstat(path)
    is_mine = not hasattr(os, "getuid") or status.st_uid == os.getuid()
    is_old = time.time() - status.st_mtime > ABANDONED_AFTER_SECONDS
    return stat.S_ISDIR(status.st_mode) and is_mine and is_old
