"""Folders for songs on the local disk, each locked by its process, and those that killed processes left."""

import contextlib
import os
import shutil
import stat
import tempfile
import time
from collections.abc import Iterator

from midiprism.errors import StoreError
from midiprism.results.lock import lock_exclusive

PREFIX = "midiprism-songs-"

ABANDONED_AFTER_SECONDS = 3600.0
"""A younger folder may belong to a process that has not locked it yet."""


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
