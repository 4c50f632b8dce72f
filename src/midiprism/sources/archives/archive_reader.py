"""Archives among the sources of a library: walked, counted and read."""

import contextlib
import os
from collections.abc import Iterator

from midiprism.sources.archives.archive import Archive, ArchiveSong, RejectedMember, pack_song, unpack_song
from midiprism.sources.archives.decompress import (
    ArchiveBombError,
    DamagedError,
    bzip2_decompressor,
    gzip_decompressor,
    xz_decompressor,
)
from midiprism.sources.archives.tar import CompressedTar, Tar
from midiprism.sources.archives.zip import Zip
from midiprism.sources.file_cache import FileCache
from midiprism.sources.file_types import BZIP2_SUFFIXES, GZIP_SUFFIXES, TAR_SUFFIXES, XZ_SUFFIXES
from midiprism.sources.read_file import read_error
from midiprism.sources.source import MemberLocation, Notice, SongContent, SongRef, UnreadableError

_SEPARATOR = os.fsencode(os.sep)
_MEMBERS_PER_REPORT = 1_000


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
        return CompressedTar(path, gzip_decompressor)
    if name.endswith(BZIP2_SUFFIXES):
        return CompressedTar(path, bzip2_decompressor)
    if name.endswith(XZ_SUFFIXES):
        return CompressedTar(path, xz_decompressor)
    return Zip(path)


class ArchiveReader:
    """Archives, each like a folder of the songs in it. The last few stay open."""

    def __init__(self) -> None:
        self._open_archives = FileCache(open_archive)

    def walk(self, path: bytes, root_length: int) -> Iterator[SongRef | Notice]:
        """Every song in an archive: in the order of the paths where it can be read in any order, else in
        its own. What was listed before damage is taken, unless it is a bomb."""
        inside = path + _SEPARATOR
        try:
            archive = open_archive(path)
        except _ARCHIVE_ERRORS as error:
            yield _notice(path, error)
            return
        mtime_ns, ordered = archive.file.mtime_ns, archive.random_access
        songs: list[bytes] = []
        try:
            for item in archive.songs():
                if isinstance(item, RejectedMember):
                    yield Notice(inside + item.name, item.code, item.message)
                elif item is not None and ordered:
                    songs.append(pack_song(item))
                elif item is not None:
                    yield _song_ref(inside, root_length, item, mtime_ns, in_path_order=False)
        except _ARCHIVE_ERRORS as error:
            yield _notice(path, error)
            if isinstance(error, ArchiveBombError):
                return
        songs.sort()
        for song in songs:
            yield _song_ref(inside, root_length, unpack_song(song), mtime_ns, in_path_order=True)

    def count_increments(self, path: bytes) -> Iterator[int]:
        """One for each song that ``walk`` will find, and now and then zero."""
        counted = 0
        try:
            archive = open_archive(path)
            for number, item in enumerate(archive.songs()):
                if isinstance(item, ArchiveSong):
                    counted += 1
                    yield 1
                elif number % _MEMBERS_PER_REPORT == 0:
                    yield 0
        except ArchiveBombError:
            if archive.random_access:
                yield -counted
        except _ARCHIVE_ERRORS:  # the walk tells of it
            return

    def read(self, song_ref: SongRef, limit: int) -> SongContent:
        """Read a song that ``walk`` found.

        Raises:
            UnreadableError: its bytes cannot be had.
        """
        member = song_ref.member
        assert member is not None
        archive = self._open(song_ref.path[: member.container_path_length])
        try:
            return archive.read_song(member.position, song_ref.size, song_ref.mtime_ns, limit)
        except OSError as error:
            raise read_error(error) from error

    def seek(self, song_ref: SongRef) -> None:
        """Go to where a song is; what goes wrong is told by ``read``."""
        if song_ref.member is not None and not song_ref.member.in_path_order:
            with contextlib.suppress(*_ARCHIVE_ERRORS):
                self._open(song_ref.path[: song_ref.member.container_path_length]).seek(
                    song_ref.member.position
                )

    def read_by_name(self, path: bytes, name: bytes, limit: int) -> SongContent:
        """Read a member by its name.

        Raises:
            UnreadableError: it is not there, or its bytes cannot be had.
        """
        archive = self._open(path)
        try:
            song = archive.find_song(name)
            if song is None:
                raise UnreadableError("vanished", "Its archive has no such member.")
            return archive.read_song(song.offset, song.size, None, limit)
        except OSError as error:
            raise read_error(error) from error

    def _open(self, path: bytes) -> Archive:
        try:
            return self._open_archives.get(path)
        except OSError as error:
            raise read_error(error) from error
        except DamagedError as error:
            raise UnreadableError("damaged", f"Its archive cannot be read: {error}") from error


_ARCHIVE_ERRORS = (DamagedError, UnreadableError, OSError)


def _song_ref(
    path_prefix: bytes, root_length: int, song: ArchiveSong, mtime_ns: int, *, in_path_order: bool
) -> SongRef:
    member = MemberLocation(len(path_prefix) - 1, song.offset, in_path_order)
    return SongRef(path_prefix + song.name, root_length, song.size, mtime_ns, member)


def _notice(path: bytes, error: Exception) -> Notice:
    if isinstance(error, OSError):
        error = read_error(error)
    return Notice(path, "archive", str(error))
