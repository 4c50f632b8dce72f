"""Giving a stored file a second place: shared blocks where the file system can, a copy, or a hard link."""

import os
import stat
import sys
from typing import Literal

from midiprism.errors import StoreError
from midiprism.store import Store

Placed = Literal["new", "same", "differs"]

_CREATE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_BINARY", 0)
_READ = os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
_FICLONE = 0x40049409  # linux/fs.h


class Placer:
    """Places files of a result elsewhere; one that is there is never touched.

    Args:
        root: the folder of the result.
        store: the store in it.
        hardlink: link instead of copying; what is placed so is the stored file itself.
    """

    def __init__(self, root: str, store: Store, *, hardlink: bool) -> None:
        self._root = root
        self._store = store
        self._hardlink = hardlink
        self._clones = sys.platform == "linux"

    def place(self, path: str, target: str) -> Placed:
        """Place the track at ``path`` (as in the store) at ``target``, whose folder exists.

        Raises:
            StoreError: the track is missing.
            OSError: ``target`` cannot be written.
        """
        try:
            if self._hardlink:
                if not self._store.exists(path):
                    raise StoreError(f"{path} is missing.")
                os.link(self._source(path), target, follow_symlinks=False)
            else:
                self._copy(path, target)
        except FileExistsError:
            return self.compare(path, target)
        return "new"

    def compare(self, path: str, target: str) -> Placed:
        """What ``place`` would do."""
        if not os.path.lexists(target):
            return "new"
        return "same" if _read(target) == self._store.get(path) else "differs"

    def _copy(self, path: str, target: str) -> None:
        data = self._store.get(path)
        descriptor = os.open(target, _CREATE, 0o644)
        try:
            try:
                if not self._clone(path, descriptor):
                    rest = memoryview(data)
                    while rest:
                        rest = rest[os.write(descriptor, rest) :]
            finally:
                os.close(descriptor)
        except BaseException:
            os.unlink(target)
            raise

    def _clone(self, path: str, descriptor: int) -> bool:
        """Let ``descriptor`` share the blocks of the track; whether the file system can."""
        if not self._clones:
            return False
        import fcntl

        source = os.open(self._source(path), _READ)
        try:
            fcntl.ioctl(descriptor, _FICLONE, source)
        except OSError:  # another file system, or one without shared blocks
            self._clones = False
        finally:
            os.close(source)
        return self._clones

    def _source(self, path: str) -> str:
        return os.path.join(self._root, *path.split("/"))


def _read(path: str) -> bytes | None:
    """The bytes of a regular file; None for anything else."""
    if not stat.S_ISREG(os.lstat(path).st_mode):
        return None
    with open(os.open(path, _READ), "rb") as file:
        return file.read()
