"""Archives as folders: their songs are songs, read where they are, and nothing is unpacked to a disk.

An archive is hostile until it is read: its names lead elsewhere, its sizes lie, its members are links,
devices or copies of each other, and a few bytes unpack to terabytes. Each of that costs the member, or the
archive.
"""

import contextlib
from abc import ABC, abstractmethod
from bisect import bisect_left
from collections.abc import Iterator
from typing import NamedTuple

from blake3 import blake3

from midiprism.sources.archives.decompress import ArchiveBombError, DamagedError
from midiprism.sources.file_cache import OpenFile
from midiprism.sources.file_types import MAX_NAME_BYTES, is_archive, is_midi_name, safe_member_name
from midiprism.sources.source import SongContent, UnreadableError

MAX_MEMBERS = 4_000_000
ALWAYS_ALLOWED_BYTES = 1 << 30
MAX_UNPACK_RATIO = 200
"""An archive may unpack to ``ALWAYS_ALLOWED_BYTES``, or to so many times its own size."""


class ArchiveEntry(NamedTuple):
    """A member as an archive states it.

    Attributes:
        name: its name there, with a separator behind that of a folder.
        at: where it is.
        size: bytes that it unpacks to.
        flaw: why it is no song, if that is not a matter of its name.
    """

    name: bytes
    offset: int
    size: int
    reject_reason: str | None = None


class ArchiveSong(NamedTuple):
    """A member that is a song, under its cleaned name."""

    name: bytes
    offset: int
    size: int


class RejectedMember(NamedTuple):
    """A member that is none, and that a person should hear of; see ``Notice``."""

    name: bytes
    code: str
    message: str


class Archive(ABC):
    """An archive, open for reading.

    Attributes:
        ordered: whether members can be read in any order; else only in their own, without great cost.
    """

    random_access = True

    def __init__(self, path: bytes) -> None:
        self.file = OpenFile(path)
        self.max_unpacked_bytes = max(ALWAYS_ALLOWED_BYTES, MAX_UNPACK_RATIO * self.file.size)
        self._name_index: list[bytes] | None = None

    @abstractmethod
    def entries(self) -> Iterator[ArchiveEntry]:
        """Every member, in the archive's order.

        Raises:
            DamagedError: the archive cannot be read, or not any further.
            OSError: the disk failed.
        """

    @abstractmethod
    def extract(self, offset: int, size: int) -> bytes:
        """The bytes of a member.

        Raises:
            UnreadableError: they cannot be had.
            DamagedError: they are damaged, or not ``size`` bytes.
            OSError: the disk failed.
        """

    def seek(self, offset: int) -> None:  # noqa: B027 - where any place is as near as another
        """Go to where a member is.

        Raises:
            DamagedError: the archive is damaged before that.
            OSError: the disk failed.
        """

    def songs(self) -> Iterator[ArchiveSong | RejectedMember | None]:
        """Its songs in its own order, and None for what is passed over. Of several with one name the first is
        taken.

        Raises:
            DamagedError: the archive cannot be read, or not any further.
            OSError: the disk failed.
        """
        seen: set[int] = set()  # of hashes, since the names of one archive are kept once at most
        total = 0
        for number, entry in enumerate(self.entries()):
            if number >= MAX_MEMBERS:
                raise ArchiveBombError(f"It has more than {MAX_MEMBERS:,} members.")
            song = _classify_entry(entry)
            if isinstance(song, ArchiveSong):
                name = hash(song.name)
                if name in seen:
                    song = RejectedMember(
                        entry.name, "member", "Another member of the archive has the same name."
                    )
                else:
                    seen.add(name)
                    total += song.size
                    if total > self.max_unpacked_bytes:
                        raise ArchiveBombError(
                            "It unpacks to far more than its size, as only an archive bomb does."
                        )
            yield song

    def read_song(self, offset: int, size: int, mtime_ns: int | None, limit: int) -> SongContent:
        """What is in a member.

        Args:
            at: where it is.
            size: how many bytes the archive says it has; if they are more than ``limit``, it is not unpacked.
            mtime_ns: of the archive when ``at`` was learnt; None for now.

        Raises:
            UnreadableError: it cannot be had.
            OSError: the disk failed.
        """
        changed = UnreadableError("changing", "Its archive changed since it was listed.")
        if mtime_ns is not None and mtime_ns != self.file.mtime_ns:
            raise changed
        if size > limit:
            raise UnreadableError("limit", f"It unpacks to {size} bytes, more than the limit of {limit}.")
        try:
            data = self.extract(offset, size)
        except DamagedError as error:
            raise UnreadableError("damaged", f"It cannot be unpacked: {error}") from error
        if self.file.has_changed():
            raise changed
        return SongContent(data, blake3(data).digest(), size, self.file.mtime_ns)

    def find_song(self, name: bytes) -> ArchiveSong | None:
        """The song of this (cleaned) name, looked up in a directory that is made once."""
        if self._name_index is None:
            self._name_index = self.build_name_index()
        place = bisect_left(self._name_index, name + b"\0")
        if place < len(self._name_index):
            song = unpack_song(self._name_index[place])
            if song.name == name:
                return song
        return None

    def build_name_index(self) -> list[bytes]:
        """Its songs in the order of their names, one bytes object each; see ``unpacked``. As far as the
        archive can be read."""
        found: list[bytes] = []
        with contextlib.suppress(DamagedError):
            found.extend(pack_song(song) for song in self.songs() if isinstance(song, ArchiveSong))
        found.sort()
        return found


def pack_song(song: ArchiveSong) -> bytes:
    """A song in the least memory, and so that the order of the bytes is that of the names."""
    return song.name + b"\0" + song.offset.to_bytes(8, "big") + song.size.to_bytes(8, "big")


def unpack_song(data: bytes) -> ArchiveSong:
    return ArchiveSong(data[:-17], int.from_bytes(data[-16:-8], "big"), int.from_bytes(data[-8:], "big"))


def _classify_entry(entry: ArchiveEntry) -> ArchiveSong | RejectedMember | None:
    name = entry.name
    if name.endswith(b"/"):
        return None
    if not is_midi_name(name):
        if is_archive(name):
            return RejectedMember(name, "nested", "An archive in an archive is not entered: unpack it first.")
        return None
    if entry.reject_reason is not None:
        return RejectedMember(name, "member", entry.reject_reason)
    clean = safe_member_name(name)
    if clean is None:
        message = f"Its name leads out of the archive, or is no name of at most {MAX_NAME_BYTES:,} bytes."
        return RejectedMember(name, "member", message)
    return ArchiveSong(clean, entry.offset, entry.size)
