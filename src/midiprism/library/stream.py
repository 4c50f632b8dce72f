"""A compressed file read forward: its bytes by their offsets, with a look back of some megabytes.

A compressed archive can be read forward only, so its parents are walked and handed out in its own order, and
each process that reads them decompresses it once, next to its splitting. The other ways are worse: a sorted
walk would need the whole archive unpacked on some disk, by every process or shared and swept after a crash;
without that each batch would decompress the archive from the start. The look back serves threads that read
ahead and batches that are come to out of turn; what lies behind it begins again from the start.
"""

import bz2
import lzma
import threading
import zlib
from collections import deque
from collections.abc import Callable, Iterator
from typing import Protocol

from midiprism.library.opened import OpenFile

_CHUNK = 1 << 18
_LOOK_BACK = 16 << 20
_XZ_MEMORY = 256 << 20


class DamagedError(Exception):
    """An archive that cannot be read, or not any further. Its message is a sentence."""


class BombError(DamagedError):
    """An archive that asks for more than an archive of songs ever would."""


class Decompressor(Protocol):
    @property
    def eof(self) -> bool: ...
    @property
    def needs_input(self) -> bool: ...
    @property
    def unused_data(self) -> bytes: ...
    def decompress(self, data: bytes, max_length: int) -> bytes: ...


class _Gzip:
    """zlib's decompressor with the interface of the others; it checks the checksum at the end."""

    def __init__(self) -> None:
        self._inner = zlib.decompressobj(31)

    @property
    def eof(self) -> bool:
        return self._inner.eof

    @property
    def needs_input(self) -> bool:
        return not self._inner.unconsumed_tail

    @property
    def unused_data(self) -> bytes:
        return self._inner.unused_data

    def decompress(self, data: bytes, max_length: int) -> bytes:
        return self._inner.decompress(self._inner.unconsumed_tail + data, max_length)


def gzip() -> Decompressor:
    return _Gzip()


def bzip2() -> Decompressor:
    return bz2.BZ2Decompressor()


def xz() -> Decompressor:
    return lzma.LZMADecompressor(memlimit=_XZ_MEMORY)


class Stream:
    """The bytes of a compressed file.

    Args:
        file: what is compressed.
        make: begins to decompress.
        most: more bytes than that are not decompressed.
    """

    def __init__(self, file: OpenFile, make: Callable[[], Decompressor], most: int) -> None:
        self._file = file
        self._make = make
        self._most = most
        self._lock = threading.Lock()
        self._begin()

    def read_at(self, offset: int, size: int) -> bytes:
        """``size`` bytes, fewer only where the stream ends.

        Raises:
            DamagedError: the file is damaged before that, cut short, or longer than it may be.
            OSError: the disk failed.
        """
        with self._lock:
            if offset < self._first:
                self._begin()
            while self._last < offset + size and self._advance(keep_from=offset):
                pass
            return self._slice(offset, size)

    def approach(self, offset: int) -> None:
        """Go to ``offset``."""
        self.read_at(offset, 0)

    def _begin(self) -> None:
        self._chunks: deque[bytes] = deque()
        self._first = self._last = 0
        self._source = decompressed(self._file, self._make)

    def _advance(self, keep_from: int) -> bool:
        try:
            chunk = next(self._source, b"")
        except BaseException:
            self._begin()  # the generator is over: who asks again meets the same damage again
            raise
        if not chunk:
            return False
        self._chunks.append(chunk)
        self._last += len(chunk)
        if self._last > self._most:
            raise BombError("It unpacks to far more than its size, as only an archive bomb does.")
        while self._last - self._first > _LOOK_BACK and self._first + len(self._chunks[0]) <= keep_from:
            self._first += len(self._chunks.popleft())
        return True

    def _slice(self, offset: int, size: int) -> bytes:
        parts, at, end = [], self._first, offset + size
        for chunk in self._chunks:
            if at >= end:
                break
            if at + len(chunk) > offset:
                parts.append(chunk[max(0, offset - at) : end - at])
            at += len(chunk)
        return b"".join(parts)


def decompressed(file: OpenFile, make: Callable[[], Decompressor]) -> Iterator[bytes]:
    """The decompressed bytes in pieces. Streams one after the other are one; zeros behind them are padding.

    Raises:
        DamagedError: they are damaged or end too early.
        OSError: the disk failed.
    """
    offset, whole, data = 0, False, b""
    one = make()
    while True:
        if one.eof:
            whole, data, one = True, one.unused_data, make()
        if not data and one.needs_input:
            data = file.read_at(offset, _CHUNK)
            offset += len(data)
            ended = not data
        else:
            ended = False
        if whole:  # between two streams
            data = data.lstrip(b"\0")
            if ended:
                return
            if not data:
                continue
        try:
            piece = one.decompress(data, _CHUNK)
        except (zlib.error, lzma.LZMAError, OSError, EOFError, ValueError) as error:
            if whole:  # what follows is not a stream: it was added by somebody
                return
            raise DamagedError(f"Its compressed data is damaged ({error}).") from error
        data, whole = b"", False
        if piece:
            yield piece
        elif ended and not one.eof:
            raise DamagedError("It is cut short.")
