"""A file in object storage, of which readers of Parquet read ranges."""

import io

from midiprism.objects import ObjectStorage, ObjectStorageError, ReadRequest

_READ_AHEAD_BYTES = 256 << 10
"""Fewest bytes of a request: the parts of a Parquet file's end are small and near each other."""


class RemoteFile(io.RawIOBase):
    """An object, open for reading. Like other files, it raises OSError where it cannot be read.

    Args:
        storage: that holds it.
        key: its name there.
        size: in bytes; None to ask the storage.
    """

    def __init__(self, storage: ObjectStorage, key: str, size: int | None = None) -> None:
        super().__init__()
        self._storage = storage
        self._key = key
        self._size = _ask_size(storage, key) if size is None else size
        self._position = 0
        self._start = 0
        self._held = b""

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._position

    def size(self) -> int:
        """Return the number of bytes, which pyarrow asks for."""
        return self._size

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._position, io.SEEK_END: self._size}[whence]
        self._position = max(0, base + offset)
        return self._position

    def read(self, size: int | None = -1) -> bytes:
        left = max(0, self._size - self._position)
        count = left if size is None or size < 0 else min(size, left)
        if not count:
            return b""
        offset = self._position - self._start
        if not (offset >= 0 and offset + count <= len(self._held)):
            self._fetch(count)
            offset = self._position - self._start
        self._position += count
        return self._held[offset : offset + count]

    def readinto(self, buffer: "bytearray | memoryview") -> int:  # type: ignore[override]
        data = self.read(len(buffer))
        buffer[: len(data)] = data
        return len(data)

    def _fetch(self, count: int) -> None:
        """Read the bytes at the position, and some around them."""
        start = min(self._position, max(0, self._size - _READ_AHEAD_BYTES))
        end = min(self._size, max(self._position + count, start + _READ_AHEAD_BYTES))
        try:
            self._held = self._storage.read(ReadRequest(self._key, start, end))
        except ObjectStorageError as error:
            raise OSError(str(error)) from error
        self._start = start


def _ask_size(storage: ObjectStorage, key: str) -> int:
    try:
        return storage.info(key).size
    except ObjectStorageError as error:
        raise OSError(str(error)) from error
