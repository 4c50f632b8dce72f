"""A compressed file read forward: its bytes by their offsets, with a look back of some megabytes.

A compressed archive can be read forward only, so its songs are walked and handed out in its own order, and
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

from midiprism.sources.file_cache import OpenFile

_CHUNK = 1 << 18
LOOK_BACK_BYTES = 16 << 20
_XZ_MAX_MEMORY = 256 << 20


class DamagedError(Exception):
    """An archive that cannot be read, or not any further. Its message is a sentence."""


class ArchiveBombError(DamagedError):
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


def gzip_decompressor() -> Decompressor:
    return _Gzip()


def bzip2_decompressor() -> Decompressor:
    return bz2.BZ2Decompressor()


def xz_decompressor() -> Decompressor:
    return lzma.LZMADecompressor(memlimit=_XZ_MAX_MEMORY)


class DecompressedStream:
    """The bytes of a compressed file.

    Args:
        file: what is compressed.
        make: begins to decompress.
        most: more bytes than that are not decompressed.
    """

    def __init__(self, file: OpenFile, make_decompressor: Callable[[], Decompressor], max_bytes: int) -> None:
        self._file = file
        self._make_decompressor = make_decompressor
        self._max_bytes = max_bytes
        self._lock = threading.Lock()
        self._restart()

    def read_at(self, offset: int, size: int) -> bytes:
        """``size`` bytes, fewer only where the stream ends.

        Raises:
            DamagedError: the file is damaged before that, cut short, or longer than it may be.
            OSError: the disk failed.
        """
        with self._lock:
            if offset < self._window_start:
                self._restart()
            while self._window_end < offset + size and self._read_chunk(keep_from=offset):
                pass
            return self._slice(offset, size)

    def seek(self, offset: int) -> None:
        """Go to ``offset``."""
        self.read_at(offset, 0)

    def _restart(self) -> None:
        self._chunks: deque[bytes] = deque()
        self._window_start = self._window_end = 0
        self._remaining_chunks = iter_decompressed(self._file, self._make_decompressor)

    def _read_chunk(self, keep_from: int) -> bool:
        try:
            chunk = next(self._remaining_chunks, b"")
        except BaseException:
            self._restart()  # the generator is over: who asks again meets the same damage again
            raise
        if not chunk:
            return False
        self._chunks.append(chunk)
        self._window_end += len(chunk)
        if self._window_end > self._max_bytes:
            raise ArchiveBombError("It unpacks to far more than its size, as only an archive bomb does.")
        while (
            self._window_end - self._window_start > LOOK_BACK_BYTES
            and self._window_start + len(self._chunks[0]) <= keep_from
        ):
            self._window_start += len(self._chunks.popleft())
        return True

    def _slice(self, offset: int, size: int) -> bytes:
        parts, at, end = [], self._window_start, offset + size
        for chunk in self._chunks:
            if at >= end:
                break
            if at + len(chunk) > offset:
                parts.append(chunk[max(0, offset - at) : end - at])
            at += len(chunk)
        return b"".join(parts)


def iter_decompressed(file: OpenFile, make_decompressor: Callable[[], Decompressor]) -> Iterator[bytes]:
    """The decompressed bytes in pieces. Streams one after the other are one; zeros behind them are padding.

    Raises:
        DamagedError: they are damaged or end too early.
        OSError: the disk failed.
    """
    offset, whole, data = 0, False, b""
    one = make_decompressor()
    while True:
        if one.eof:
            whole, data, one = True, one.unused_data, make_decompressor()
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
