"""Tar archives, plain and compressed. The standard library parses headers of bounded size."""

import io
import re
import tarfile
from collections.abc import Callable, Generator, Iterator
from typing import Any, Protocol

from midiprism.sources.archives.archive import Archive, ArchiveEntry
from midiprism.sources.archives.decompress import DamagedError, DecompressedStream, Decompressor

_MAX_HEADER_BYTES = 1 << 17
_MAX_PAX_HEADERS = 1_000
_LONG_NUMBER = re.compile(rb"[0-9]{100}")
_CHUNK_BYTES = 1 << 20


class _ReadableAt(Protocol):
    """Bytes that can be read at an offset."""

    def read_at(self, offset: int, size: int) -> bytes: ...


class Tar(Archive):
    """A tar archive with random access."""

    def entries(self) -> Iterator[ArchiveEntry]:
        yield from _entries(self.file)

    def extract(self, offset: int, size: int) -> bytes:
        return _require_size(self.file.read_at(offset, size), size)


class CompressedTar(Archive):
    """A compressed tar archive, which can only be read forward; see ``DecompressedStream``.

    Args:
        path: of the archive.
        make_decompressor: makes a decompressor for its format.
    """

    random_access = False

    def __init__(self, path: bytes, make_decompressor: Callable[[], Decompressor]) -> None:
        super().__init__(path)
        self._make_decompressor = make_decompressor
        self._stream = DecompressedStream(self.file, make_decompressor, self.max_unpacked_bytes)

    def entries(self) -> Iterator[ArchiveEntry]:
        stream = DecompressedStream(self.file, self._make_decompressor, self.max_unpacked_bytes)
        end = yield from _entries(stream)
        while stream.read_at(end, _CHUNK_BYTES):  # up to the checksum at the end
            end += _CHUNK_BYTES

    def extract(self, offset: int, size: int) -> bytes:
        return _require_size(self._stream.read_at(offset, size), size)

    def seek(self, offset: int) -> None:
        self._stream.seek(offset)


def _require_size(data: bytes, size: int) -> bytes:
    if len(data) != size:
        raise DamagedError("The archive is truncated.")
    return data


class _BoundedHeaderFile:
    """A file from which ``tarfile`` reads headers, and no more bytes than a header may have."""

    def __init__(self, source: _ReadableAt) -> None:
        self._source = source
        self._position = 0

    def read(self, size: int) -> bytes:
        if not 0 <= size <= _MAX_HEADER_BYTES:
            raise DamagedError(f"It has a header that is longer than {_MAX_HEADER_BYTES:,} bytes.")
        data = self._source.read_at(self._position, size)
        self._position += len(data)
        # The time to parse such a number grows with the square of its length.
        if _LONG_NUMBER.search(data) and size > tarfile.BLOCKSIZE:
            raise DamagedError("It has a header that no program would write.")
        return data

    def seek(self, position: int) -> None:
        self._position = position

    def tell(self) -> int:
        return self._position


def _entries(source: _ReadableAt) -> Generator[ArchiveEntry, None, int]:
    """Yield every member, and return the offset of the archive's end.

    Headers are read one by one, because ``TarFile`` keeps all members and takes damage for the end.
    """
    with tarfile.open(fileobj=io.BytesIO(bytes(tarfile.BLOCKSIZE)), mode="r:") as tar:
        headers: Any = _BoundedHeaderFile(source)
        tar.fileobj, tar.encoding, tar.errors = headers, "utf-8", "surrogateescape"
        tar.offset = 0
        while True:
            headers.seek(tar.offset)
            before = tar.offset
            try:
                member = tarfile.TarInfo.fromtarfile(tar)
            except tarfile.EOFHeaderError:  # type: ignore[attr-defined] # a block of zeros
                return before
            except (DamagedError, OSError):
                raise
            except Exception as error:  # which exceptions damaged headers raise is not documented
                fault = "is damaged or truncated" if before else "is not a tar archive"
                raise DamagedError(f"It {fault} ({str(error) or type(error).__name__}).") from error
            if member.size < 0:  # it has no data, so the next header follows
                tar.offset = member.offset_data
            if tar.offset <= before or len(tar.pax_headers) > _MAX_PAX_HEADERS:
                raise DamagedError("It has a header that no program would write.")
            yield _entry(member)


def _entry(member: tarfile.TarInfo) -> ArchiveEntry:
    name = member.name.encode("utf-8", "surrogateescape")
    if member.isdir():
        return ArchiveEntry(name + b"/", 0, 0)
    reject_reason = None
    if member.issym() or member.islnk():
        reject_reason = "It is a link, which is not followed in an archive."
    elif not member.isreg() or member.issparse():
        reject_reason = "It is not a regular file."
    return ArchiveEntry(name, member.offset_data, member.size, reject_reason, is_empty=member.size == 0)
