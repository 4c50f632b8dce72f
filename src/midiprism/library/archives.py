"""Archives among the sources of a library: walked, counted and read."""

import contextlib
import os
from collections.abc import Iterator

from midiprism.library.archive import Archive, Refused, Song, packed, unpacked
from midiprism.library.names import BZIP2_SUFFIXES, GZIP_SUFFIXES, TAR_SUFFIXES, XZ_SUFFIXES
from midiprism.library.opened import Kept
from midiprism.library.reading import unreadable
from midiprism.library.source import Content, Found, Member, Notice, UnreadableError
from midiprism.library.stream import BombError, DamagedError, bzip2, gzip, xz
from midiprism.library.tarred import CompressedTar, Tar
from midiprism.library.zipped import Zip

_SEPARATOR = os.fsencode(os.sep)
_PAUSE = 1_000


def open_archive(path: bytes) -> Archive:
    """The archive at ``path``, of the kind that its name says.

    Raises:
        OSError: it cannot be opened.
        UnreadableError: it is not a regular file.
        DamagedError: it is not an archive of that kind.
    """
    name = path.lower()
    if name.endswith(TAR_SUFFIXES):
        return Tar(path)
    if name.endswith(GZIP_SUFFIXES):
        return CompressedTar(path, gzip)
    if name.endswith(BZIP2_SUFFIXES):
        return CompressedTar(path, bzip2)
    if name.endswith(XZ_SUFFIXES):
        return CompressedTar(path, xz)
    return Zip(path)


class Archives:
    """Archives, each like a folder of the songs in it. The last few stay open."""

    def __init__(self) -> None:
        self._kept = Kept(open_archive)

    def walk(self, path: bytes, root_length: int) -> Iterator[Found | Notice]:
        """Every parent in an archive: in the order of the paths where it can be read in any order, else in
        its own. What was listed before damage is taken, unless it is a bomb."""
        inside = path + _SEPARATOR
        try:
            archive = open_archive(path)
        except _FAILURES as error:
            yield _notice(path, error)
            return
        mtime_ns, ordered = archive.file.mtime_ns, archive.ordered
        songs: list[bytes] = []
        try:
            for item in archive.songs():
                if isinstance(item, Refused):
                    yield Notice(inside + item.name, item.code, item.message)
                elif item is not None and ordered:
                    songs.append(packed(item))
                elif item is not None:
                    yield _found(inside, root_length, item, mtime_ns, ordered=False)
        except _FAILURES as error:
            yield _notice(path, error)
            if isinstance(error, BombError):
                return
        songs.sort()
        for song in songs:
            yield _found(inside, root_length, unpacked(song), mtime_ns, ordered=True)

    def count(self, path: bytes) -> Iterator[int]:
        """One for each parent that ``walk`` will find, and now and then zero."""
        counted = 0
        try:
            archive = open_archive(path)
            for number, item in enumerate(archive.songs()):
                if isinstance(item, Song):
                    counted += 1
                    yield 1
                elif number % _PAUSE == 0:
                    yield 0
        except BombError:
            if archive.ordered:
                yield -counted
        except _FAILURES:  # the walk tells of it
            return

    def read(self, found: Found, limit: int) -> Content:
        """Read a parent that ``walk`` found.

        Raises:
            UnreadableError: its bytes cannot be had.
        """
        member = found.member
        assert member is not None
        archive = self._open(found.path[: member.file_length])
        try:
            return archive.content(member.at, found.size, found.mtime_ns, limit)
        except OSError as error:
            raise unreadable(error) from error

    def approach(self, found: Found) -> None:
        """Go to where a parent is; what goes wrong is told by ``read``."""
        if found.member is not None and not found.member.ordered:
            with contextlib.suppress(*_FAILURES):
                self._open(found.path[: found.member.file_length]).approach(found.member.at)

    def reread(self, path: bytes, name: bytes, limit: int) -> Content:
        """Read a member by its name.

        Raises:
            UnreadableError: it is not there, or its bytes cannot be had.
        """
        archive = self._open(path)
        try:
            song = archive.find(name)
            if song is None:
                raise UnreadableError("vanished", "Its archive has no such member.")
            return archive.content(song.at, song.size, None, limit)
        except OSError as error:
            raise unreadable(error) from error

    def _open(self, path: bytes) -> Archive:
        try:
            return self._kept.get(path)
        except OSError as error:
            raise unreadable(error) from error
        except DamagedError as error:
            raise UnreadableError("damaged", f"Its archive cannot be read: {error}") from error


_FAILURES = (DamagedError, UnreadableError, OSError)


def _found(inside: bytes, root_length: int, song: Song, mtime_ns: int, *, ordered: bool) -> Found:
    member = Member(len(inside) - 1, song.at, ordered)
    return Found(inside + song.name, root_length, song.size, mtime_ns, member)


def _notice(path: bytes, error: Exception) -> Notice:
    if isinstance(error, OSError):
        error = unreadable(error)
    return Notice(path, "archive", str(error))
