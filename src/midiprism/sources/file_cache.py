"""Files that are kept open because they hold many songs."""

import os
import stat
import threading
from collections import OrderedDict
from collections.abc import Callable
from typing import Generic, TypeVar

from midiprism.sources.read_file import OPEN_FLAGS
from midiprism.sources.source import UnreadableError

_MAX_OPEN_FILES = 4


class OpenFile:
    """A regular file, open for reading at any place, by several threads at once.

    Raises:
        OSError: it cannot be opened.
        UnreadableError: it is not a regular file.
    """

    def __init__(self, path: bytes) -> None:
        self._descriptor = os.open(path, OPEN_FLAGS)
        self._lock = threading.Lock()
        status = os.fstat(self._descriptor)
        if not stat.S_ISREG(status.st_mode):
            raise UnreadableError("not_regular", "Its archive is not a regular file.")
        self.size = status.st_size
        self.mtime_ns = status.st_mtime_ns

    def read_at(self, offset: int, size: int) -> bytes:
        """Up to ``size`` bytes, fewer only where the file ends."""
        data = self._read_some(offset, size)
        while 0 < len(data) < size:
            more = self._read_some(offset + len(data), size - len(data))
            if not more:
                break
            data += more
        return data

    def has_changed(self) -> bool:
        """Whether it was written to since it was opened."""
        status = os.fstat(self._descriptor)
        return (status.st_size, status.st_mtime_ns) != (self.size, self.mtime_ns)

    def _read_some(self, offset: int, size: int) -> bytes:
        if hasattr(os, "pread"):
            return os.pread(self._descriptor, size, offset)
        with self._lock:
            os.lseek(self._descriptor, offset, os.SEEK_SET)
            return os.read(self._descriptor, size)

    def __del__(self) -> None:
        # Evicted while a thread still reads, it is closed when that thread is done.
        descriptor = getattr(self, "_descriptor", None)
        if descriptor is not None:
            os.close(descriptor)


T = TypeVar("T")


class FileCache(Generic[T]):
    """The few that were used last of what is made of files; a file that was replaced or changed is made anew.

    It crosses to other processes empty.

    Args:
        make: makes it of a path.
    """

    def __init__(self, open_path: Callable[[bytes], T]) -> None:
        self._open_path = open_path
        self._lock = threading.Lock()
        self._entries: OrderedDict[bytes, tuple[tuple[int, int, int], T]] = OrderedDict()

    def __reduce__(self) -> tuple[type["FileCache[T]"], tuple[Callable[[bytes], T]]]:
        return type(self), (self._open_path,)

    def get(self, path: bytes) -> T:
        """What is made of ``path``.

        Raises:
            OSError: the file is gone or forbidden, and what else ``make`` raises.
        """
        status = os.stat(path)
        identity = status.st_ino, status.st_size, status.st_mtime_ns
        with self._lock:
            known = self._entries.get(path)
            if known is None or known[0] != identity:
                known = self._entries[path] = identity, self._open_path(path)
                while len(self._entries) > _MAX_OPEN_FILES:
                    self._entries.popitem(last=False)
            self._entries.move_to_end(path)
            return known[1]
