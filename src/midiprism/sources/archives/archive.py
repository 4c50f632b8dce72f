"""Reading songs from archives without unpacking them to a disk.

An archive may be hostile: its names lead elsewhere, its sizes are false, its members are links, devices or
copies of each other, and a few bytes unpack to terabytes. Each of these rejects the member, or the archive.
"""

import contextlib
from abc import ABC, abstractmethod
from bisect import bisect_left
from collections.abc import Iterator
from typing import NamedTuple

from blake3 import blake3

from midiprism.sources.archives.decompress import ArchiveBombError, DamagedError
from midiprism.sources.file_cache import OpenFile
from midiprism.sources.file_types import (
    MAX_NAME_BYTES,
    is_archive,
    is_junk_member,
    is_midi_name,
    safe_member_name,
)
from midiprism.sources.source import EMPTY, JUNK, MADE_BY_SYSTEM, SongContent, UnreadableError

MAX_MEMBERS = 4_000_000
ALWAYS_ALLOWED_BYTES = 1 << 30
MAX_UNPACK_RATIO = 200
"""An archive may unpack to ``ALWAYS_ALLOWED_BYTES``, or to this many times its own size."""

_MAX_OFFSET = (1 << 63) - 1


class ArchiveEntry(NamedTuple):
    """A member as an archive lists it.

    Attributes:
        name: in the archive; that of a folder ends in a separator.
        offset: of the member in the archive.
        size: in bytes, when it is unpacked.
        reject_reason: why it is not a song, unless that is clear from its name; None if it may be one.
        is_empty: whether it has no bytes, by all that the archive says of it.
    """

    name: bytes
    offset: int
    size: int
    reject_reason: str | None = None
    is_empty: bool = False


class ArchiveSong(NamedTuple):
    """A member that is a song, with its safe name."""

    name: bytes
    offset: int
    size: int


class RejectedMember(NamedTuple):
    """A member that is not a song, and that a person should know of; see ``Notice``."""

    name: bytes
    code: str
    message: str


class Archive(ABC):
    """An archive that is open for reading.

    Attributes:
        random_access: whether members can be read in any order. Otherwise only reading them in the archive's
            own order is fast.
        file: the open file.
        max_unpacked_bytes: an archive that unpacks to more is a bomb.
    """

    random_access = True

    def __init__(self, path: bytes) -> None:
        self.file = OpenFile(path)
        self.max_unpacked_bytes = max(ALWAYS_ALLOWED_BYTES, MAX_UNPACK_RATIO * self.file.size)
        self._name_index: list[bytes] | None = None

    @abstractmethod
    def entries(self) -> Iterator[ArchiveEntry]:
        """Yield every member in the archive's own order.

        Raises:
            DamagedError: the archive cannot be read, or not to its end.
            OSError: the disk failed.
        """

    @abstractmethod
    def extract(self, offset: int, size: int) -> bytes:
        """Return the bytes of a member.

        Raises:
            UnreadableError: they cannot be read.
            DamagedError: they are damaged, or not ``size`` bytes.
            OSError: the disk failed.
        """

    def seek(self, offset: int) -> None:  # noqa: B027 - nothing to do with random access
        """Prepare to read a member and those after it.

        Raises:
            DamagedError: the archive is damaged before that.
            OSError: the disk failed.
        """

    def songs(self) -> Iterator[ArchiveSong | RejectedMember | None]:
        """Yield the songs in the archive's own order, and None for members that are ignored.

        Of several members with the same name the first is taken.

        Raises:
            DamagedError: the archive cannot be read, or not to its end.
            OSError: the disk failed.
        """
        seen_hashes: set[int] = set()  # of names: the names themselves would double the memory
        total = 0
        for number, entry in enumerate(self.entries()):
            if number >= MAX_MEMBERS:
                raise ArchiveBombError(f"It has more than {MAX_MEMBERS:,} members.")
            song = _classify_entry(entry)
            if isinstance(song, ArchiveSong) and not self._can_hold(song):
                song = RejectedMember(entry.name, "member", "It states a size that cannot be true.")
            if isinstance(song, ArchiveSong):
                name_hash = hash(song.name)
                if name_hash in seen_hashes:
                    song = RejectedMember(
                        entry.name, "member", "Another member of the archive has the same name."
                    )
                else:
                    seen_hashes.add(name_hash)
                    total += song.size
                    if total > self.max_unpacked_bytes:
                        raise ArchiveBombError(
                            "It unpacks to far more than its size, as only an archive bomb does."
                        )
            yield song

    def _can_hold(self, song: ArchiveSong) -> bool:
        """Return False for a member whose stated place or size no member of this archive can have."""
        return 0 <= song.offset <= _MAX_OFFSET and 0 <= song.size <= self.max_unpacked_bytes

    def read_song(self, offset: int, size: int, mtime_ns: int | None, limit: int) -> SongContent:
        """Read a member.

        Args:
            offset: of the member in the archive.
            size: of the member as the archive lists it.
            mtime_ns: time of the archive's last change when the member was listed; None to accept any.
            limit: a member of more bytes is not unpacked.

        Raises:
            UnreadableError: it cannot be read.
            OSError: the disk failed.
        """
        changed = UnreadableError("changing", "Its archive changed since it was listed.")
        if mtime_ns is not None and mtime_ns != self.file.mtime_ns:
            raise changed
        if size > limit:
            raise UnreadableError("song_size", f"It unpacks to {size} bytes, more than the limit of {limit}.")
        try:
            data = self.extract(offset, size)
        except DamagedError as error:
            raise UnreadableError("damaged", f"It cannot be unpacked: {error}") from error
        if self.file.has_changed():
            raise changed
        return SongContent(data, blake3(data).digest(), size, self.file.mtime_ns)

    def find_song(self, name: bytes) -> ArchiveSong | None:
        """Return the song with a safe name, looked up in an index that is built at the first call."""
        if self._name_index is None:
            self._name_index = self.build_name_index()
        index = bisect_left(self._name_index, name + b"\0")
        if index < len(self._name_index):
            song = unpack_song(self._name_index[index])
            if song.name == name:
                return song
        return None

    def build_name_index(self) -> list[bytes]:
        """Return the packed songs in the order of their names, as far as the archive can be read."""
        packed: list[bytes] = []
        with contextlib.suppress(DamagedError):
            packed.extend(pack_song(song) for song in self.songs() if isinstance(song, ArchiveSong))
        packed.sort()
        return packed


def pack_song(song: ArchiveSong) -> bytes:
    """Return a song as bytes, which take little memory and sort in the order of the names.

    They are the name, a NUL, and the offset and the size as 8 bytes each.
    """
    return song.name + b"\0" + song.offset.to_bytes(8, "big") + song.size.to_bytes(8, "big")


def unpack_song(data: bytes) -> ArchiveSong:
    """Return a packed song."""
    return ArchiveSong(data[:-17], int.from_bytes(data[-16:-8], "big"), int.from_bytes(data[-8:], "big"))


def _classify_entry(entry: ArchiveEntry) -> ArchiveSong | RejectedMember | None:
    name = entry.name
    if name.endswith(b"/"):
        return None
    if is_junk_member(name):
        return RejectedMember(name, JUNK, MADE_BY_SYSTEM)
    if not is_midi_name(name):
        if is_archive(name):
            return RejectedMember(name, "nested", "An archive in an archive is not read: unpack it first.")
        return None
    if entry.reject_reason is not None:
        return RejectedMember(name, "member", entry.reject_reason)
    safe_name = safe_member_name(name)
    if safe_name is None:
        message = f"Its name leads out of the archive, or is not a name of at most {MAX_NAME_BYTES:,} bytes."
        return RejectedMember(name, "member", message)
    if entry.is_empty:
        return RejectedMember(name, JUNK, EMPTY)
    return ArchiveSong(safe_name, entry.offset, entry.size)
