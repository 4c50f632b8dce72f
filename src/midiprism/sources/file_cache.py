"""Files that stay open because they hold many songs."""

import os
import stat
import threading
from collections import OrderedDict
from collections.abc import Callable
from typing import Generic, NamedTuple, TypeVar

from midiprism.fs.open_flags import FOLLOWING_READ_FLAGS
from midiprism.sources.source import UnreadableError, mtime_ns_of

_MAX_OPEN_FILES = 4


class OpenFile:
    """A regular file that several threads may read at any offset.

    Attributes:
        size: in bytes, when it was opened.
        mtime_ns: time of its last change in nanoseconds since the epoch, when it was opened.

    Raises:
        OSError: it cannot be opened.
        UnreadableError: it is not a regular file.
    """

    def __init__(self, path: bytes) -> None:
        self._descriptor = os.open(path, FOLLOWING_READ_FLAGS)
        self._lock = threading.Lock()
        status = os.fstat(self._descriptor)
        if not stat.S_ISREG(status.st_mode):
            raise UnreadableError("not_regular", "Its archive is not a regular file.")
        self.size = status.st_size
        self.mtime_ns = mtime_ns_of(status)

    def read_at(self, offset: int, size: int) -> bytes:
        """Return ``size`` bytes, or fewer if the file ends before.

        An archive may state any offset and any size: there is nothing outside of the file.
        """
        if offset < 0 or size <= 0:
            return b""
        size = min(size, self.size - offset)
        if size <= 0:
            return b""
        data = self._read_some(offset, size)
        while 0 < len(data) < size:
            more = self._read_some(offset + len(data), size - len(data))
            if not more:
                break
            data += more
        return data

    def has_changed(self) -> bool:
        """Return True if the file was written to since it was opened."""
        status = os.fstat(self._descriptor)
        return (status.st_size, mtime_ns_of(status)) != (self.size, self.mtime_ns)

    def _read_some(self, offset: int, size: int) -> bytes:
        if hasattr(os, "pread"):
            return os.pread(self._descriptor, size, offset)
        with self._lock:
            os.lseek(self._descriptor, offset, os.SEEK_SET)
            return os.read(self._descriptor, size)

    def __del__(self) -> None:
        # If it is evicted while a thread still reads it, it is closed when that thread is done.
        descriptor = getattr(self, "_descriptor", None)
        if descriptor is not None:
            os.close(descriptor)


T = TypeVar("T")


class _FileState(NamedTuple):
    """Properties of a file that differ if it is replaced or changed."""

    inode: int
    size: int
    mtime_ns: int


class FileCache(Generic[T]):
    """The most recently used objects that are made from files.

    If a file is replaced or changed, its object is made again. The cache is empty after it is pickled.

    Args:
        open_path: makes an object from the path of a file.
    """

    def __init__(self, open_path: Callable[[bytes], T]) -> None:
        self._open_path = open_path
        self._lock = threading.Lock()
        self._opened: OrderedDict[bytes, T] = OrderedDict()
        self._states: dict[bytes, _FileState] = {}

    def __reduce__(self) -> tuple[type["FileCache[T]"], tuple[Callable[[bytes], T]]]:
        return type(self), (self._open_path,)

    def get(self, path: bytes) -> T:
        """Return the object that is made from a file.

        Raises:
            OSError: the file is missing or forbidden; also any other error that ``open_path`` raises.
        """
        status = os.stat(path)
        state = _FileState(status.st_ino, status.st_size, status.st_mtime_ns)
        with self._lock:
            if self._states.get(path) != state:
                self._opened[path] = self._open_path(path)
                self._states[path] = state
                while len(self._opened) > _MAX_OPEN_FILES:
                    evicted, _ = self._opened.popitem(last=False)
                    del self._states[evicted]
            self._opened.move_to_end(path)
            return self._opened[path]
