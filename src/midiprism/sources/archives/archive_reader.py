"""Listing, counting and reading the songs of archives."""

import contextlib
import os
from collections.abc import Iterator

from midiprism.sources.archives.archive import Archive, ArchiveSong, RejectedMember, pack_song, unpack_song
from midiprism.sources.archives.decompress import (
    ArchiveBombError,
    bzip2_decompressor,
    gzip_decompressor,
    xz_decompressor,
)
from midiprism.sources.archives.tar import CompressedTar, Tar
from midiprism.sources.archives.zip import Zip
from midiprism.sources.file_cache import FileCache
from midiprism.sources.file_types import BZIP2_SUFFIXES, GZIP_SUFFIXES, TAR_SUFFIXES, XZ_SUFFIXES
from midiprism.sources.song_errors import reading_song, unreadable_error
from midiprism.sources.source import MemberLocation, Notice, SongContent, SongRef, UnreadableError

_SEPARATOR = os.fsencode(os.sep)
_MEMBERS_PER_COUNT = 1_000


def open_archive(path: bytes) -> Archive:
    """Open an archive of the kind that its name indicates.

    Raises:
        OSError: it cannot be opened.
        UnreadableError: it is not a regular file.
        DamagedError: it is not an archive of this kind.
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
    """Reads archives, of which the most recently used stay open."""

    def __init__(self) -> None:
        self._open_archives = FileCache(open_archive)

    def walk(self, path: bytes, root_length: int) -> Iterator[SongRef | Notice]:
        """Yield every song of an archive, and a notice for each member that is not taken.

        Songs come in the order of their paths if the archive allows random access, otherwise in its own
        order. If an archive is damaged, the songs before the damage are taken, unless it is a bomb.

        Args:
            path: of the archive.
            root_length: length of the source's folder in the paths of the songs.
        """
        path_prefix = path + _SEPARATOR
        try:
            archive = open_archive(path)
        except Exception as error:  # noqa: BLE001 - one archive never ends a run
            yield _notice(path, error)
            return
        mtime_ns, random_access = archive.file.mtime_ns, archive.random_access
        packed_songs: list[bytes] = []
        try:
            for item in archive.songs():
                if isinstance(item, RejectedMember):
                    yield Notice(path_prefix + item.name, item.code, item.message)
                elif item is not None and random_access:
                    packed_songs.append(pack_song(item))
                elif item is not None:
                    yield _song_ref(path_prefix, root_length, item, mtime_ns, in_path_order=False)
        except Exception as error:  # noqa: BLE001 - one archive never ends a run
            yield _notice(path, error)
            if isinstance(error, ArchiveBombError):
                return
        packed_songs.sort()
        for packed in packed_songs:
            yield _song_ref(path_prefix, root_length, unpack_song(packed), mtime_ns, in_path_order=True)

    def count_increments(self, path: bytes) -> Iterator[int]:
        """Yield numbers that add up to the number of songs of an archive, frequently enough for progress."""
        counted = 0
        try:
            archive = open_archive(path)
            for number, item in enumerate(archive.songs()):
                if isinstance(item, ArchiveSong):
                    counted += 1
                    yield 1
                elif number % _MEMBERS_PER_COUNT == 0:
                    yield 0
        except ArchiveBombError:
            if archive.random_access:
                yield -counted
        except Exception:  # noqa: BLE001 - walk yields a notice
            return

    def read(self, song_ref: SongRef, limit: int) -> SongContent:
        """Read a song that ``walk`` yielded.

        Raises:
            UnreadableError: its bytes cannot be read.
        """
        member = song_ref.member
        assert member is not None
        archive = self._open(song_ref.path[: member.container_path_length])
        with reading_song():
            return archive.read_song(member.position, song_ref.size, song_ref.mtime_ns, limit)

    def seek(self, song_ref: SongRef) -> None:
        """Prepare to read a song and those after it; errors are raised by ``read``."""
        member = song_ref.member
        if member is not None and not member.in_path_order:
            with contextlib.suppress(Exception):
                self._open(song_ref.path[: member.container_path_length]).seek(member.position)

    def read_by_name(self, path: bytes, name: bytes, limit: int) -> SongContent:
        """Read a member by its name.

        Raises:
            UnreadableError: there is no such member, or its bytes cannot be read.
        """
        archive = self._open(path)
        with reading_song():
            song = archive.find_song(name)
            if song is None:
                raise UnreadableError("vanished", "Its archive has no such member.")
            return archive.read_song(song.offset, song.size, None, limit)

    def _open(self, path: bytes) -> Archive:
        try:
            with reading_song():
                return self._open_archives.get(path)
        except UnreadableError as error:
            if error.code != "damaged":
                raise
            raise UnreadableError("damaged", f"Its archive cannot be read: {error}") from error


def _song_ref(
    path_prefix: bytes, root_length: int, song: ArchiveSong, mtime_ns: int, *, in_path_order: bool
) -> SongRef:
    member = MemberLocation(len(path_prefix) - 1, song.offset, in_path_order)
    return SongRef(path_prefix + song.name, root_length, song.size, mtime_ns, member)


def _notice(path: bytes, error: Exception) -> Notice:
    return Notice(path, "archive", str(unreadable_error(error)))
