"""Files that hold named arrays: written whole, then mapped into memory and never changed.

A file begins with ``MAGIC`` and the length of its header, a JSON object: facts, and where each array lies.
Arrays begin at multiples of 64 bytes.
"""

import json
import mmap
import os
import struct
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from midiprism.errors import DamagedIndexError
from midiprism.fs.atomic_write import atomic_replace
from midiprism.fs.exclusive_create import write_all

Array = NDArray[Any]

MAGIC = b"midiprism index\n"
_LENGTH = struct.Struct("<Q")
_ALIGNMENT = 64
_BUFFER_BYTES = 1 << 20


class ColumnFile(Mapping[str, Array]):
    """The arrays of a file by their names, which are read from the disk when they are used.

    Args:
        path: of the file.

    Attributes:
        facts: what else the file states.
        size: of the file in bytes.

    Raises:
        DamagedIndexError: it is no such file, or a part of it is missing.
        OSError: it cannot be read.
    """

    def __init__(self, path: str) -> None:
        with open(path, "rb") as file:
            self.size = os.fstat(file.fileno()).st_size
            if self.size < len(MAGIC) + _LENGTH.size:
                raise DamagedIndexError(f"{path} is cut off.")
            self._memory = memoryview(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ))
        start = len(MAGIC) + _LENGTH.size
        (length,) = _LENGTH.unpack(self._memory[len(MAGIC) : start])
        if self._memory[: len(MAGIC)] != MAGIC or start + length > self.size:
            raise DamagedIndexError(f"{path} is no file of an index.")
        try:
            header = json.loads(bytes(self._memory[start : start + length]))
            self.facts: dict[str, Any] = header["facts"]
            self._places: dict[str, tuple[str, int, int]] = {
                name: (dtype, count, offset) for name, (dtype, count, offset) in header["arrays"].items()
            }
            is_whole = header["size"] == self.size
        except (ValueError, KeyError, TypeError) as error:
            raise DamagedIndexError(f"{path} is no file of an index.") from error
        if not is_whole:
            raise DamagedIndexError(f"{path} is cut off.")
        self._arrays: dict[str, Array] = {}

    def __getitem__(self, name: str) -> Array:
        array = self._arrays.get(name)
        if array is None:
            dtype, count, offset = self._places[name]
            array = np.frombuffer(self._memory, np.dtype(dtype), count, offset)
            self._arrays[name] = array
        return array

    def raw(self, name: str) -> memoryview:
        """Return the bytes of an array."""
        dtype, count, offset = self._places[name]
        return self._memory[offset : offset + count * np.dtype(dtype).itemsize]

    def __iter__(self) -> Iterator[str]:
        return iter(self._places)

    def __len__(self) -> int:
        return len(self._places)

    def __contains__(self, name: object) -> bool:
        return name in self._places


class ArraysInMemory(dict[str, Array]):
    """The same as a ``ColumnFile`` where nothing can be written.

    Args:
        arrays: by their names.
        facts: what else a file would state.
    """

    def __init__(self, arrays: Mapping[str, Array], facts: dict[str, Any]) -> None:
        super().__init__(arrays)
        self.facts = facts
        self.size = sum(array.nbytes for array in arrays.values())

    def raw(self, name: str) -> memoryview:
        """Return the bytes of an array."""
        return memoryview(self[name].tobytes())


Columns = ColumnFile | ArraysInMemory


def write_columns(
    path: str, arrays: Mapping[str, Array], facts: Mapping[str, Any], *, durable: bool = True
) -> None:
    """Write a file that replaces the one at ``path`` once it is whole, and on the disk if ``durable``.

    Args:
        path: of the file.
        arrays: of one dimension, by their names.
        facts: what else the file states, as JSON can hold it.
        durable: whether the file must survive a power cut.

    Raises:
        OSError: it cannot be written. What was at ``path`` is left.
    """
    buffer = bytearray(_header(arrays, facts))
    with atomic_replace(path, durable=durable) as descriptor:
        for array in arrays.values():
            if array.nbytes >= _BUFFER_BYTES:
                write_all(descriptor, bytes(buffer))
                buffer.clear()
                write_all(descriptor, array.data.cast("B"))
            else:
                buffer += array.tobytes()
            buffer += bytes(-array.nbytes % _ALIGNMENT)
        write_all(descriptor, bytes(buffer))


def _header(arrays: Mapping[str, Array], facts: Mapping[str, Any]) -> bytes:
    """Return the beginning of a file, up to its first array."""
    start = 0
    while True:  # the header states offsets, on which its own length depends
        places, offset = {}, start
        for name, array in arrays.items():
            places[name] = (array.dtype.str, len(array), offset)
            offset += array.nbytes + -array.nbytes % _ALIGNMENT
        text = json.dumps({"facts": dict(facts), "arrays": places, "size": offset}).encode()
        length = len(MAGIC) + _LENGTH.size + len(text)
        if length <= start:
            text += b" " * (start - length)
            return MAGIC + _LENGTH.pack(len(text)) + text
        start = (length + _ALIGNMENT) // _ALIGNMENT * _ALIGNMENT
