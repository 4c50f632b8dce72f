"""Reading a compressed file forward by offsets, with a window of some megabytes to look back.

A compressed archive can only be read forward. So its songs are listed and batched in the archive's own order,
and each worker process decompresses it once while it splits. The alternatives are worse: listing songs in
sorted order needs the whole archive unpacked on a disk, by each process or shared and removed after a crash;
without that, each batch decompresses the archive from the start. The window serves threads that read ahead
and batches that are taken out of order. Reading before the window starts again from the beginning.
"""

import bz2
import lzma
import threading
import zlib
from collections import deque
from collections.abc import Callable, Iterator
from typing import Protocol

from midiprism.sources.file_cache import OpenFile

_CHUNK_BYTES = 1 << 18
LOOK_BACK_BYTES = 16 << 20
"""Size of the window."""
_XZ_MAX_MEMORY = 256 << 20
_MAX_PADDING_BYTES = 4 << 20
"""Zeros after a stream that are passed over to find another; a file may end in a hole of any size."""


class DamagedError(Exception):
    """An archive that cannot be read, or not to its end. Its message is a sentence."""


class ArchiveBombError(DamagedError):
    """An archive that unpacks to more than an archive of songs ever does."""


class Decompressor(Protocol):
    """The interface of the decompressors of the standard library."""

    @property
    def eof(self) -> bool: ...
    @property
    def needs_input(self) -> bool: ...
    @property
    def unused_data(self) -> bytes: ...
    def decompress(self, data: bytes, max_length: int) -> bytes: ...


class _Gzip:
    """The decompressor of zlib with the interface of the others. It verifies the checksum at the end."""

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
    """The decompressed bytes of a file.

    Args:
        file: the compressed file.
        make_decompressor: makes a decompressor for its format.
        max_bytes: if it decompresses to more bytes, it is a bomb.
    """

    def __init__(self, file: OpenFile, make_decompressor: Callable[[], Decompressor], max_bytes: int) -> None:
        self._file = file
        self._make_decompressor = make_decompressor
        self._max_bytes = max_bytes
        self._lock = threading.Lock()
        self._restart()

    def read_at(self, offset: int, size: int) -> bytes:
        """Return ``size`` bytes at an offset; fewer if the stream ends before.

        Raises:
            DamagedError: the file is damaged before the end of these bytes, truncated, or a bomb.
            OSError: the disk failed.
        """
        with self._lock:
            if offset < self._window_start:
                self._restart()
            while self._window_end < offset + size and self._read_chunk(keep_from=offset):
                pass
            return self._slice(offset, size)

    def seek(self, offset: int) -> None:
        """Decompress up to an offset."""
        self.read_at(offset, 0)

    def _restart(self) -> None:
        self._chunks: deque[bytes] = deque()
        self._window_start = self._window_end = 0
        self._remaining_chunks = iter_decompressed(self._file, self._make_decompressor)

    def _read_chunk(self, keep_from: int) -> bool:
        try:
            chunk = next(self._remaining_chunks, b"")
        except BaseException:
            self._restart()  # the generator has ended: another attempt meets the same damage again
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
        parts, chunk_start, end = [], self._window_start, offset + size
        for chunk in self._chunks:
            if chunk_start >= end:
                break
            if chunk_start + len(chunk) > offset:
                parts.append(chunk[max(0, offset - chunk_start) : end - chunk_start])
            chunk_start += len(chunk)
        return b"".join(parts)


def iter_decompressed(file: OpenFile, make_decompressor: Callable[[], Decompressor]) -> Iterator[bytes]:
    """Yield the decompressed bytes in pieces.

    Streams that follow each other count as one, and zeros after them are padding. What follows after very
    many zeros is not read.

    Raises:
        DamagedError: the data is damaged or truncated.
        OSError: the disk failed.
    """
    offset, after_stream, data = 0, False, b""
    padding = 0
    decompressor = make_decompressor()
    while True:
        if decompressor.eof:
            after_stream, data, decompressor = True, decompressor.unused_data, make_decompressor()
        at_end_of_file = False
        if not data and decompressor.needs_input:
            data = file.read_at(offset, _CHUNK_BYTES)
            offset += len(data)
            at_end_of_file = not data
        if after_stream:
            stripped = data.lstrip(b"\0")
            padding += len(data) - len(stripped)
            data = stripped
            if at_end_of_file or padding > _MAX_PADDING_BYTES:
                return
            if not data:
                continue
            padding = 0
        try:
            piece = decompressor.decompress(data, _CHUNK_BYTES)
        except (zlib.error, lzma.LZMAError, OSError, EOFError, ValueError) as error:
            if after_stream:  # what follows is not a stream, but was appended
                return
            raise DamagedError(f"Its compressed data is damaged ({error}).") from error
        data, after_stream = b"", False
        if piece:
            yield piece
        elif at_end_of_file and not decompressor.eof:
            raise DamagedError("It is truncated.")
