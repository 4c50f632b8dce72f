"""The interface of a file system, as far as its kinds differ: listing, names, links, permissions, locks.

Stores list and remove files through it, and the probe tries it, so tests can stand in for file systems that
the machine does not have.
"""

import mmap
import os
import shutil
import sys
from typing import NamedTuple, Protocol


class FolderEntry(NamedTuple):
    """A name in a folder; of a link, both facts are False."""

    name: str
    is_folder: bool
    is_file: bool


class FileSystem(Protocol):
    """A file system. Every method raises OSError as the system does; links are never followed."""

    def list_folder(self, path: str) -> list[FolderEntry]:
        """Return the names in a folder, in any order."""

    def lstat(self, path: str) -> os.stat_result:
        """Return the status of a file, a folder or a link itself."""

    def open(self, path: str, flags: int, mode: int = 0o777) -> int:
        """Return a descriptor."""

    def unlink(self, path: str) -> None:
        """Remove a file, or a link itself."""

    def link(self, path: str, new_path: str) -> None:
        """Give a file a second name."""

    def mkdir(self, path: str) -> None:
        """Make a folder."""

    def remove_tree(self, path: str) -> None:
        """Remove a folder and all that is in it."""

    def map_shared(self, descriptor: int, data: bytes) -> None:
        """Write ``data`` to the beginning of a file, which is as long, through shared memory."""

    def try_lock(self, descriptor: int) -> bool:
        """Lock a file exclusively without waiting; return False if another descriptor holds it."""


class LocalFileSystem:
    """The file systems of this machine; see ``FileSystem``."""

    def list_folder(self, path: str) -> list[FolderEntry]:
        with os.scandir(path) as scan:
            return [
                FolderEntry(
                    entry.name, entry.is_dir(follow_symlinks=False), entry.is_file(follow_symlinks=False)
                )
                for entry in scan
            ]

    def lstat(self, path: str) -> os.stat_result:
        return os.lstat(path)

    def open(self, path: str, flags: int, mode: int = 0o777) -> int:
        return os.open(path, flags, mode)

    def unlink(self, path: str) -> None:
        os.unlink(path)

    def link(self, path: str, new_path: str) -> None:
        os.link(path, new_path)

    def mkdir(self, path: str) -> None:
        os.mkdir(path)

    def remove_tree(self, path: str) -> None:
        shutil.rmtree(path)

    def map_shared(self, descriptor: int, data: bytes) -> None:
        with mmap.mmap(descriptor, len(data)) as view:
            view[:] = data
            view.flush()

    def try_lock(self, descriptor: int) -> bool:
        return _try_lock(descriptor)


if sys.platform == "win32":
    import msvcrt

    def _try_lock(descriptor: int) -> bool:
        try:
            msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
        except PermissionError:
            return False
        return True
else:
    import fcntl

    def _try_lock(descriptor: int) -> bool:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        fcntl.lockf(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)  # the kind that SQLite uses
        return True


LOCAL_FILE_SYSTEM: FileSystem = LocalFileSystem()
"""The file systems of this machine."""
