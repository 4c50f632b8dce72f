"""Zip archives, read by their directory.

The standard library's reader makes an object for every member, in every process, before anyone can count
them. This one reads a member by the place of its record alone, so a worker needs no directory at all. The
form is that of PKWARE's APPNOTE 6.3, sections 4.3 to 4.5.
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
    """A member's record in the directory."""

    name: bytes
    record_length: int
    flags: int
    method: int
    checksum: int
    compressed_size: int
    size: int
    offset: int
    mode: int


class Zip(Archive):
    """A zip archive."""

    def __init__(self, path: bytes) -> None:
        super().__init__(path)
        self._directory_start, self._directory_end, self._offset_shift = self._find_directory()

    def entries(self) -> Iterator[ArchiveEntry]:
        at, page, first = self._directory_start, b"", self._directory_start
        while at < self._directory_end:
            place = at - first
            record = _parse_record(page, place)
            if record is None:
                page, first = self.file.read_at(at, min(_PAGE_BYTES, self._directory_end - at)), at
                record = _parse_record(page, 0)
                if record is None:
                    raise DamagedError("Its directory is damaged.")
            # Backslashes are how some programs on Windows separate folders.
            yield ArchiveEntry(record.name.replace(b"\\", b"/"), at, record.size, _reject_reason(record))
            at += record.record_length

    def extract(self, offset: int, size: int) -> bytes:
        record = _parse_record(self.file.read_at(offset, min(_PAGE_BYTES, self._directory_end - offset)), 0)
        if record is None or record.size != size:
            raise DamagedError("Its directory is damaged.")
        if record.flags & _ENCRYPTED_FLAGS:
            raise UnreadableError("encrypted", "It is encrypted: unpack the archive with its password first.")
        offset = record.offset + self._offset_shift
        head = self.file.read_at(offset, _LOCAL_HEADER.size)
        if len(head) < _LOCAL_HEADER.size or not head.startswith(b"PK\3\4"):
            raise DamagedError("It is not where the directory says.")
        name, extra = _LOCAL_HEADER.unpack(head)[-2:]
        data = self._decompress(record, offset + _LOCAL_HEADER.size + name + extra)
        if len(data) != size:
            raise DamagedError("It does not have the size that the directory says.")
        if zlib.crc32(data) != record.checksum:
            raise DamagedError("Its checksum is wrong.")
        return data

    def _decompress(self, record: _DirectoryRecord, offset: int) -> bytes:
        """Its bytes, one more at most than there should be."""
        most = record.size + 1
        if record.method == _STORED:
            return self.file.read_at(offset, min(most, record.compressed_size))
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
            while most > 0 and offset < end and not inflate.eof:
                data = self.file.read_at(offset, min(_CHUNK_BYTES, end - offset))
                if not data:
                    break
                offset += len(data)
                parts.append(inflate.decompress(data, most))
                most -= len(parts[-1])
        except (zlib.error, OSError, ValueError) as error:
            raise DamagedError(f"Its compressed data is damaged ({error}).") from error
        return b"".join(parts)

    def _find_directory(self) -> tuple[int, int, int]:
        """Where the directory begins and ends, and what all offsets have to be moved by: in front of an
        archive other data may stand."""
        file = self.file
        tail_at = max(0, file.size - _END_RECORD.size - _MAX_COMMENT_BYTES)
        tail = file.read_at(tail_at, file.size - tail_at)
        place = tail.rfind(b"PK\5\6", 0, len(tail) - _END_RECORD.size + 4)
        if place < 0:
            raise DamagedError("It is no zip archive, or it is cut short: there is no directory at its end.")
        end = tail_at + place
        _, disk, first_disk, _, _, size, offset, _ = _END_RECORD.unpack_from(tail, place)
        if disk not in (0, 0xFFFF) or first_disk not in (0, 0xFFFF):
            raise DamagedError("It is one of several volumes: join them first.")
        locator = (
            file.read_at(end - _END64_LOCATOR.size, _END64_LOCATOR.size)
            if end >= _END64_LOCATOR.size
            else b""
        )
        if locator.startswith(b"PK\6\7"):
            # Right before its locator, wherever the archive begins.
            end -= _END64_LOCATOR.size + _END64_RECORD.size
            record = file.read_at(end, _END64_RECORD.size) if end >= 0 else b""
            if len(record) < _END64_RECORD.size or not record.startswith(b"PK\6\6"):
                raise DamagedError("Its directory is damaged.")
            size, offset = _END64_RECORD.unpack(record)[-2:]
        shift = end - size - offset
        if shift < 0:
            raise DamagedError("Its directory is damaged, or the archive is cut short.")
        return offset + shift, end, shift


def _parse_record(page: bytes, position: int) -> _DirectoryRecord | None:
    """The record at ``place``; None where it does not lie whole in ``page``, or none is there."""
    if len(page) - position < _DIRECTORY_RECORD.size or page[position : position + 4] != b"PK\1\2":
        return None
    fields = _DIRECTORY_RECORD.unpack_from(page, position)
    (_, _, system, _, _, flags, method, _, _, checksum, packed_size, size) = fields[:12]
    name_length, extra_length, comment_length, _, _, attributes, offset = fields[12:]
    name_at = position + _DIRECTORY_RECORD.size
    extra_at = name_at + name_length
    end = extra_at + extra_length + comment_length
    if end > len(page):
        return None
    if _IN_ZIP64_EXTRA in (packed_size, size, offset):
        extra = page[extra_at : extra_at + extra_length]
        size, packed_size, offset = _read_zip64_values(extra, (size, packed_size, offset))
    mode = attributes >> 16 if system == _MADE_ON_UNIX else 0
    return _DirectoryRecord(
        page[name_at:extra_at], end - position, flags, method, checksum, packed_size, size, offset, mode
    )


def _read_zip64_values(extra: bytes, values: tuple[int, int, int]) -> list[int]:
    """Numbers that need 64 bits stand in a field of their own, only those, in this order."""
    place = 0
    while place + 4 <= len(extra):
        kind, length = struct.unpack_from("<2H", extra, place)
        if kind == _ZIP64_EXTRA_ID:
            wide = iter(struct.iter_unpack("<Q", extra[place + 4 : place + 4 + length // 8 * 8]))
            return [next(wide, (value,))[0] if value == _IN_ZIP64_EXTRA else value for value in values]
        place += 4 + length
    return list(values)


def _reject_reason(record: _DirectoryRecord) -> str | None:
    kind = stat.S_IFMT(record.mode)
    if kind == stat.S_IFLNK:
        return "It is a link, which is not followed in an archive."
    if kind not in (0, stat.S_IFREG):
        return "It is not a regular file."
    return None
