"""Archives as folders: their songs are parents, read where they are, and nothing is unpacked to a disk.

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

from midiprism.library.names import LONGEST_NAME, cleaned, is_archive, is_song
from midiprism.library.opened import OpenFile
from midiprism.library.source import Content, UnreadableError
from midiprism.library.stream import BombError, DamagedError

MOST_MEMBERS = 4_000_000
FREE_BYTES = 1 << 30
MOST_RATIO = 200
"""An archive may unpack to ``FREE_BYTES``, or to so many times its own size."""


class Entry(NamedTuple):
    """A member as an archive states it.

    Attributes:
        name: its name there, with a separator behind that of a folder.
        at: where it is.
        size: bytes that it unpacks to.
        flaw: why it is no parent, if that is not a matter of its name.
    """

    name: bytes
    at: int
    size: int
    flaw: str | None = None


class Song(NamedTuple):
    """A member that is a parent, under its cleaned name."""

    name: bytes
    at: int
    size: int


class Refused(NamedTuple):
    """A member that is none, and that a person should hear of; see ``Notice``."""

    name: bytes
    code: str
    message: str


class Archive(ABC):
    """An archive, open for reading.

    Attributes:
        ordered: whether members can be read in any order; else only in their own, without great cost.
    """

    ordered = True

    def __init__(self, path: bytes) -> None:
        self.file = OpenFile(path)
        self.most_bytes = max(FREE_BYTES, MOST_RATIO * self.file.size)
        self._directory: list[bytes] | None = None

    @abstractmethod
    def entries(self) -> Iterator[Entry]:
        """Every member, in the archive's order.

        Raises:
            DamagedError: the archive cannot be read, or not any further.
            OSError: the disk failed.
        """

    @abstractmethod
    def unpack(self, at: int, size: int) -> bytes:
        """The bytes of a member.

        Raises:
            UnreadableError: they cannot be had.
            DamagedError: they are damaged, or not ``size`` bytes.
            OSError: the disk failed.
        """

    def approach(self, at: int) -> None:  # noqa: B027 - where any place is as near as another
        """Go to where a member is.

        Raises:
            DamagedError: the archive is damaged before that.
            OSError: the disk failed.
        """

    def songs(self) -> Iterator[Song | Refused | None]:
        """Its songs in its own order, and None for what is passed over. Of several with one name the first is
        taken.

        Raises:
            DamagedError: the archive cannot be read, or not any further.
            OSError: the disk failed.
        """
        seen: set[int] = set()  # of hashes, since the names of one archive are kept once at most
        total = 0
        for number, entry in enumerate(self.entries()):
            if number >= MOST_MEMBERS:
                raise BombError(f"It has more than {MOST_MEMBERS:,} members.")
            song = _judged(entry)
            if isinstance(song, Song):
                name = hash(song.name)
                if name in seen:
                    song = Refused(entry.name, "member", "Another member of the archive has the same name.")
                else:
                    seen.add(name)
                    total += song.size
                    if total > self.most_bytes:
                        raise BombError("It unpacks to far more than its size, as only an archive bomb does.")
            yield song

    def content(self, at: int, size: int, mtime_ns: int | None, limit: int) -> Content:
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
            data = self.unpack(at, size)
        except DamagedError as error:
            raise UnreadableError("damaged", f"It cannot be unpacked: {error}") from error
        if self.file.has_changed():
            raise changed
        return Content(data, blake3(data).digest(), size, self.file.mtime_ns)

    def find(self, name: bytes) -> Song | None:
        """The song of this (cleaned) name, looked up in a directory that is made once."""
        if self._directory is None:
            self._directory = self.directory()
        place = bisect_left(self._directory, name + b"\0")
        if place < len(self._directory):
            song = unpacked(self._directory[place])
            if song.name == name:
                return song
        return None

    def directory(self) -> list[bytes]:
        """Its songs in the order of their names, one bytes object each; see ``unpacked``. As far as the
        archive can be read."""
        found: list[bytes] = []
        with contextlib.suppress(DamagedError):
            found.extend(packed(song) for song in self.songs() if isinstance(song, Song))
        found.sort()
        return found


def packed(song: Song) -> bytes:
    """A song in the least memory, and so that the order of the bytes is that of the names."""
    return song.name + b"\0" + song.at.to_bytes(8, "big") + song.size.to_bytes(8, "big")


def unpacked(data: bytes) -> Song:
    return Song(data[:-17], int.from_bytes(data[-16:-8], "big"), int.from_bytes(data[-8:], "big"))


def _judged(entry: Entry) -> Song | Refused | None:
    name = entry.name
    if name.endswith(b"/"):
        return None
    if not is_song(name):
        if is_archive(name):
            return Refused(name, "nested", "An archive in an archive is not entered: unpack it first.")
        return None
    if entry.flaw is not None:
        return Refused(name, "member", entry.flaw)
    clean = cleaned(name)
    if clean is None:
        message = f"Its name leads out of the archive, or is no name of at most {LONGEST_NAME:,} bytes."
        return Refused(name, "member", message)
    return Song(clean, entry.at, entry.size)
