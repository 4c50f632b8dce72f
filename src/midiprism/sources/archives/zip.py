"""Zip archives, read by their directory.

The reader of the standard library makes an object for every member, in every process, before members can be
counted. This one reads a member by the offset of its directory record, so that a worker does not read the
directory at all. The format is PKWARE's APPNOTE 6.3, sections 4.3 to 4.5.
"""

import bz2
import stat
import struct
import zlib
from collections.abc import Iterator
from typing import Any, NamedTuple

from midiprism.sources.archives.archive import Archive, ArchiveEntry
from midiprism.sources.archives.decompress import DamagedError
from midiprism.sources.source import UnreadableError

_END_RECORD = struct.Struct("<4s4H2LH")
_END64_LOCATOR = struct.Struct("<4sLQL")
_END64_RECORD = struct.Struct("<4sQ2H2L4Q")
_DIRECTORY_RECORD = struct.Struct("<4s4B4H3L5H2L")
_LOCAL_HEADER = struct.Struct("<4s5H3L2H")
_MAX_COMMENT_BYTES = 0xFFFF
_IN_ZIP64_EXTRA = 0xFFFFFFFF
_ZIP64_EXTRA_ID = 1
_MADE_ON_UNIX = 3
_CHUNK_BYTES = 1 << 16
_PAGE_BYTES = 1 << 18
_STORED, _DEFLATED, _BZIP2 = 0, 8, 12
_ENCRYPTED_FLAGS = 0x2041  # traditional, strong, and a masked directory


class _DirectoryRecord(NamedTuple):
    """The record of a member in the directory.

    Attributes:
        name: of the member.
        record_length: length of the record in bytes.
        flags: bits such as ``_ENCRYPTED_FLAGS``.
        method: how the member is compressed.
        checksum: CRC-32 of its bytes.
        compressed_size: in bytes.
        size: in bytes, when it is unpacked.
        offset: of its local header, before the archive's shift.
        mode: type and permissions on Unix; 0 if the archive was made elsewhere.
    """

    name: bytes
    record_length: int
    flags: int
    method: int
    checksum: int
    compressed_size: int
    size: int
    offset: int
    mode: int


class _Directory(NamedTuple):
    """Location of the directory of an archive.

    Attributes:
        start: offset of its first byte.
        end: offset after its last byte.
        shift: to add to every offset in the archive, because other data may precede it in the file.
    """

    start: int
    end: int
    shift: int


class Zip(Archive):
    """A zip archive."""

    def __init__(self, path: bytes) -> None:
        super().__init__(path)
        self._directory = self._find_directory()

    def entries(self) -> Iterator[ArchiveEntry]:
        offset, end = self._directory.start, self._directory.end
        page, page_start = b"", offset
        while offset < end:
            record = _parse_record(page, offset - page_start)
            if record is None:
                page, page_start = self.file.read_at(offset, min(_PAGE_BYTES, end - offset)), offset
                record = _parse_record(page, 0)
                if record is None:
                    raise DamagedError("Its directory is damaged.")
            # Some programs on Windows separate folders by backslashes.
            name = record.name.replace(b"\\", b"/")
            is_empty = record.size == record.checksum == 0  # a false size would come with a checksum
            yield ArchiveEntry(name, offset, record.size, _reject_reason(record), is_empty=is_empty)
            offset += record.record_length

    def extract(self, offset: int, size: int) -> bytes:
        page = self.file.read_at(offset, min(_PAGE_BYTES, self._directory.end - offset))
        record = _parse_record(page, 0)
        if record is None or record.size != size:
            raise DamagedError("Its directory is damaged.")
        if record.flags & _ENCRYPTED_FLAGS:
            raise UnreadableError("encrypted", "It is encrypted: unpack the archive with its password first.")
        header_offset = record.offset + self._directory.shift
        header = self.file.read_at(header_offset, _LOCAL_HEADER.size)
        if len(header) < _LOCAL_HEADER.size or not header.startswith(b"PK\3\4"):
            raise DamagedError("It is not where the directory says.")
        *_, name_length, extra_length = _LOCAL_HEADER.unpack(header)
        data = self._decompress(record, header_offset + _LOCAL_HEADER.size + name_length + extra_length)
        if len(data) != size:
            raise DamagedError("It does not have the size that the directory says.")
        if zlib.crc32(data) != record.checksum:
            raise DamagedError("Its checksum is wrong.")
        return data

    def _decompress(self, record: _DirectoryRecord, offset: int) -> bytes:
        """Return the bytes of a member, at most one more than its size."""
        bytes_left = record.size + 1
        if record.method == _STORED:
            return self.file.read_at(offset, min(bytes_left, record.compressed_size))
        inflate: Any
        if record.method == _DEFLATED:
            inflate = zlib.decompressobj(-15)
        elif record.method == _BZIP2:
            inflate = bz2.BZ2Decompressor()
        else:
            message = f"It is compressed by a method that is not supported ({record.method})."
            raise UnreadableError("unsupported", message)
        parts, end = [], offset + record.compressed_size
        try:
            while bytes_left > 0 and offset < end and not inflate.eof:
                data = self.file.read_at(offset, min(_CHUNK_BYTES, end - offset))
                if not data:
                    break
                offset += len(data)
                part = inflate.decompress(data, bytes_left)
                parts.append(part)
                bytes_left -= len(part)
        except (zlib.error, OSError, ValueError) as error:
            raise DamagedError(f"Its compressed data is damaged ({error}).") from error
        return b"".join(parts)

    def _find_directory(self) -> _Directory:
        file = self.file
        tail_at = max(0, file.size - _END_RECORD.size - _MAX_COMMENT_BYTES)
        tail = file.read_at(tail_at, file.size - tail_at)
        position = tail.rfind(b"PK\5\6", 0, len(tail) - _END_RECORD.size + 4)
        if position < 0:
            raise DamagedError("It is not a zip archive, or truncated: there is no directory at its end.")
        end = tail_at + position
        _, disk, first_disk, _, _, size, offset, _ = _END_RECORD.unpack_from(tail, position)
        if disk not in (0, 0xFFFF) or first_disk not in (0, 0xFFFF):
            raise DamagedError("It is one of several volumes: join them first.")
        locator = (
            file.read_at(end - _END64_LOCATOR.size, _END64_LOCATOR.size)
            if end >= _END64_LOCATOR.size
            else b""
        )
        if locator.startswith(b"PK\6\7"):
            # The record is right before its locator, wherever the archive begins.
            end -= _END64_LOCATOR.size + _END64_RECORD.size
            record = file.read_at(end, _END64_RECORD.size) if end >= 0 else b""
            if len(record) < _END64_RECORD.size or not record.startswith(b"PK\6\6"):
                raise DamagedError("Its directory is damaged.")
            *_, size, offset = _END64_RECORD.unpack(record)
        shift = end - size - offset
        if shift < 0:
            raise DamagedError("Its directory is damaged, or the archive is truncated.")
        return _Directory(offset + shift, end, shift)


def _parse_record(page: bytes, position: int) -> _DirectoryRecord | None:
    """Return the record at a position; None if the page holds no whole record there."""
    if len(page) - position < _DIRECTORY_RECORD.size or page[position : position + 4] != b"PK\1\2":
        return None
    (_, _, system, _, _, flags, method, _, _, checksum, compressed_size, size, *rest) = (
        _DIRECTORY_RECORD.unpack_from(page, position)
    )
    name_length, extra_length, comment_length, _, _, attributes, offset = rest
    name_at = position + _DIRECTORY_RECORD.size
    extra_at = name_at + name_length
    end = extra_at + extra_length + comment_length
    if end > len(page):
        return None
    if _IN_ZIP64_EXTRA in (compressed_size, size, offset):
        extra = page[extra_at : extra_at + extra_length]
        size, compressed_size, offset = _read_zip64_values(extra, (size, compressed_size, offset))
    mode = attributes >> 16 if system == _MADE_ON_UNIX else 0
    return _DirectoryRecord(
        page[name_at:extra_at], end - position, flags, method, checksum, compressed_size, size, offset, mode
    )


def _read_zip64_values(extra: bytes, values: tuple[int, int, int]) -> list[int]:
    """Return the values, with those that need 64 bits taken from an extra field.

    The field holds only values that need it, in the order of ``values``.
    """
    position = 0
    while position + 4 <= len(extra):
        field_id, length = struct.unpack_from("<2H", extra, position)
        if field_id == _ZIP64_EXTRA_ID:
            data = extra[position + 4 : position + 4 + length // 8 * 8]
            wide_values = (value for (value,) in struct.iter_unpack("<Q", data))
            return [next(wide_values, value) if value == _IN_ZIP64_EXTRA else value for value in values]
        position += 4 + length
    return list(values)


def _reject_reason(record: _DirectoryRecord) -> str | None:
    file_type = stat.S_IFMT(record.mode)
    if file_type == stat.S_IFLNK:
        return "It is a link, which is not followed in an archive."
    if file_type not in (0, stat.S_IFREG):
        return "It is not a regular file."
    return None
