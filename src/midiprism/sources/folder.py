"""Files and folders as a source: listed in an order that only the names decide, and read whole."""

import errno
import os
import stat
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from blake3 import blake3

from midiprism.errors import UsageError
from midiprism.fs.open_flags import FOLLOWING_READ_FLAGS
from midiprism.fs.path_text import path_text
from midiprism.smf.riff import RIFF_HEADER_SIZE, cut_sound_bank, is_rmid
from midiprism.sources.archives.archive_reader import ArchiveReader
from midiprism.sources.file_types import (
    JUNK_FOLDER,
    JUNK_PREFIX,
    MIDI_SUFFIXES,
    is_archive,
    is_junk_name,
)
from midiprism.sources.marker import MARKER_FILE_NAME, has_marker, ignored_marker, reject_result_folder
from midiprism.sources.presence import is_file_gone
from midiprism.sources.source import (
    EMPTY,
    JUNK,
    MADE_BY_SYSTEM,
    Notice,
    PathRange,
    SongContent,
    SongRef,
    Source,
    UnreadableError,
    mtime_ns_of,
    paths_below,
    read_error,
)

_MARKER = os.fsencode(MARKER_FILE_NAME)
_SEPARATOR = os.fsencode(os.sep)
_SONGS_PER_COUNT = 1_000


_CHUNK_BYTES = 1 << 20
MAX_DIGESTED_RATIO = 16
"""A file beyond the limit is read for its digest, up to this many times the limit: a sparse file may have any
size."""
_NOT_A_FILE_ERRORS = (errno.EISDIR, errno.EAGAIN, errno.EINVAL)
"""Errors of reading a folder, an empty pipe or a device."""


@dataclass(frozen=True)
class FolderSource(Source):
    """Files and folders, in the order they were named.

    Folders are walked depth first, in the order of the bytes of the paths, so that the catalog can be read in
    the same order alongside; memory holds only the names in the folders on the current path. A file is a song
    if its name ends in one of ``MIDI_SUFFIXES`` and it is a regular file or a link to one. Links to folders
    are not followed. A file that was named as a source may have any name. Folders that hold a midiprism
    result are skipped. Empty files, and those that macOS and Windows make, are passed over.

    Attributes:
        paths: absolute paths of the files and folders, which exist.
        folders: those of ``paths`` that are folders.
        archive_reader: reads the archives inside folders; None to ignore archives.
        notices: what a person should know of the folders above.
    """

    paths: tuple[bytes, ...]
    folders: tuple[bytes, ...] = ()
    archive_reader: ArchiveReader | None = None
    notices: tuple[Notice, ...] = ()

    @property
    def source_paths(self) -> tuple[bytes, ...]:
        return self.paths

    def walk(self) -> Iterator[SongRef | Notice]:
        """Yield every song with its size and time, and a notice for each folder that is skipped."""
        yield from self.notices
        for source_path in self.paths:
            if os.path.isdir(source_path):
                root_length = len(os.path.join(source_path, b""))
                for path in _walk_folder(source_path, with_archives=self.archive_reader is not None):
                    if isinstance(path, Notice):
                        yield path
                    elif self.archive_reader and path.endswith(_SEPARATOR):
                        yield from self.archive_reader.walk(_without_separator(path), root_length)
                    else:
                        yield _song_or_notice(path, root_length)
            else:
                yield _song_or_notice(source_path, len(os.path.join(os.path.dirname(source_path), b"")))

    @property
    def covered_ranges(self) -> Sequence[PathRange]:
        folders = set(self.folders)
        return tuple(
            paths_below(path, os.path.join(path, b""))
            if path in folders
            else PathRange(path, path, path + b"\0")
            for path in self.paths
        )

    def is_gone(self, path: bytes) -> bool:
        return is_file_gone(path, enters_archives=self.archive_reader is not None)

    def running_count(self) -> Iterator[int]:
        """Yield running counts without asking the file system for sizes."""
        total = 0
        for number, count in enumerate(self._count_increments()):
            total += count
            if number % _SONGS_PER_COUNT == 0:
                yield total
        yield total

    def _count_increments(self) -> Iterator[int]:
        for source_path in self.paths:
            if not os.path.isdir(source_path):
                yield 1
                continue
            for path in _walk_folder(source_path, with_archives=self.archive_reader is not None):
                if isinstance(path, Notice):
                    yield 0
                elif self.archive_reader and path.endswith(_SEPARATOR):
                    yield from self.archive_reader.count_increments(_without_separator(path))
                else:
                    yield 1

    def missing_paths(self) -> list[bytes]:
        """Return the folders that are missing, for example because a disk or a share was disconnected."""
        return [folder for folder in self.folders if not os.path.isdir(folder)]

    def read(self, song_ref: SongRef, limit: int) -> SongContent:
        if self.archive_reader and song_ref.member is not None:
            return self.archive_reader.read(song_ref, limit)
        return read_file(song_ref.path, limit, song_ref.size, song_ref.mtime_ns)

    def seek(self, song_ref: SongRef) -> None:
        if self.archive_reader:
            self.archive_reader.seek(song_ref)


def open_folders(
    sources: Sequence[str | bytes | os.PathLike[str]],
    out: bytes | None = None,
    *,
    archive_reader: ArchiveReader | None = None,
) -> FolderSource:
    """Open files and folders as a source.

    Args:
        sources: paths that must exist.
        out: folder of the result; no source may be in it.
        archive_reader: reads the archives inside folders; None to ignore archives.

    Raises:
        UsageError: a source is missing, is neither file nor folder, or is in a midiprism result.
    """
    paths: list[bytes] = []
    folders: list[bytes] = []
    notices: list[Notice] = []
    for source in sources:
        path = os.path.abspath(os.fsencode(source))
        name = path_text(path)
        try:
            mode = os.stat(path).st_mode
        except OSError as error:
            raise UsageError(f"{name} cannot be read: {error.strerror or error}.") from error
        if stat.S_ISDIR(mode):
            notices += reject_result_folder(path, out)
        elif not stat.S_ISREG(mode):
            raise UsageError(f"{name} is neither a file nor a folder.")
        if path not in paths:
            paths.append(path)
            if stat.S_ISDIR(mode):
                folders.append(path)
    return FolderSource(tuple(paths), tuple(folders), archive_reader, tuple(dict.fromkeys(notices)))


def song_ref_at(path: bytes, root_length: int) -> SongRef:
    """Return a file as a song, with its size and time."""
    return _song_ref(path, root_length, _status_of(path))


def _song_or_notice(path: bytes, root_length: int) -> SongRef | Notice:
    """Return a file as a song, or a notice if it is empty."""
    status = _status_of(path)
    if status is not None and status.st_size == 0 and stat.S_ISREG(status.st_mode):
        return Notice(path, JUNK, EMPTY)
    return _song_ref(path, root_length, status)


def _status_of(path: bytes) -> os.stat_result | None:
    """Return the status of a file; None if it was deleted since it was listed: reading it will say why."""
    try:
        return os.stat(path)
    except OSError:
        return None


def _song_ref(path: bytes, root_length: int, status: os.stat_result | None) -> SongRef:
    if status is None:
        return SongRef(path, root_length, 0, 0)
    return SongRef(path, root_length, status.st_size, mtime_ns_of(status))


def read_file(path: bytes, limit: int, size: int = -1, mtime_ns: int = -1) -> SongContent:
    """Read a regular file whole. If it has more than ``limit`` bytes, it is digested in pieces and not kept,
    except for the song of a RIFF (RMID) container with a sound bank. If it has many times as many, it is not
    read.

    A file that changes while it is read is read again once.

    Args:
        path: of the file.
        limit: most bytes that are kept.
        size: of the file when it was listed; -1 if unknown. If size and time are the same after reading, the
            file did not change meanwhile, which saves a system call before reading.
        mtime_ns: time of its last change when it was listed; -1 if unknown.

    Raises:
        UnreadableError: it is missing, forbidden, far too large or not a regular file, it keeps changing, or
            the disk failed.
    """
    try:
        content = _read_if_unchanged(path, size, mtime_ns) if 0 <= size <= limit else None
        content = content or _read_once(path, limit) or _read_once(path, limit)
    except OSError as error:
        raise read_error(error) from error
    if content is None:
        raise UnreadableError("changing", "It changed while it was being read, twice.")
    return content


def _read_if_unchanged(path: bytes, size: int, mtime_ns: int) -> SongContent | None:
    """Return the file's content if the file is as it was listed; None if it has to be examined.

    If something else has taken the file's place, such as a pipe, some of its bytes may be lost.
    """
    descriptor = os.open(path, FOLLOWING_READ_FLAGS)
    try:
        data = os.read(descriptor, size + 1)
        after = os.fstat(descriptor)
    except OSError as error:
        if error.errno not in _NOT_A_FILE_ERRORS:
            raise
        return None
    finally:
        os.close(descriptor)
    if len(data) != size or after.st_size != size or mtime_ns_of(after) != mtime_ns:
        return None
    return SongContent(data, blake3(data).digest(), size, mtime_ns) if stat.S_ISREG(after.st_mode) else None


def _read_once(path: bytes, limit: int) -> SongContent | None:
    """Return the file's content, or None if the file changed meanwhile."""
    descriptor = os.open(path, FOLLOWING_READ_FLAGS)
    try:
        before = os.fstat(descriptor)
        if not stat.S_ISREG(before.st_mode):
            raise UnreadableError("not_regular", "It is not a regular file.")
        if before.st_size > MAX_DIGESTED_RATIO * limit:
            raise UnreadableError(
                "song_size", f"It has {before.st_size} bytes, far more than the limit of {limit}."
            )
        if before.st_size > limit:
            data, digest, size = _digest(descriptor, limit)
        else:
            data = _read_up_to(descriptor, before.st_size)
            digest, size = blake3(data).digest(), len(data)
        after = os.fstat(descriptor)
    finally:
        os.close(descriptor)
    if size != before.st_size or (after.st_size, after.st_mtime_ns) != (before.st_size, before.st_mtime_ns):
        return None
    return SongContent(data, digest, size, mtime_ns_of(after))


def _read_up_to(descriptor: int, size: int) -> bytes:
    """Return ``size`` bytes; fewer if the file ends early, one more if it has grown."""
    data = os.read(descriptor, size + 1)
    while 0 < len(data) < size:
        more = os.read(descriptor, size + 1 - len(data))
        if not more:
            break
        data += more
    return data


def _digest(descriptor: int, limit: int) -> tuple[bytes | None, bytes, int]:
    """Return the song of a file if a container has it and it is within the limit; and digest and size."""
    hasher, size = blake3(), 0
    head = b""
    while chunk := os.read(descriptor, _CHUNK_BYTES):
        hasher.update(chunk)
        if size == 0 and is_rmid(chunk[:RIFF_HEADER_SIZE]):
            head = os.pread(descriptor, limit + _CHUNK_BYTES, 0)
        size += len(chunk)
    return cut_sound_bank(head, limit), hasher.digest(), size


def _walk_folder(folder: bytes, *, with_archives: bool) -> Iterator[bytes | Notice]:
    """Yield the paths of the songs below ``folder`` in the order of their bytes, and notices.

    Archives are included with a separator at the end. A stack of listings takes the place of recursion, so
    that folders may be nested to any depth.
    """
    stack: list[tuple[bytes, Iterator[bytes], Collection[bytes]]]
    stack = [(b"", iter([os.path.join(folder, b"")]), ())]
    while stack:
        parent, names, junk = stack[-1]
        for name in names:
            if not name.endswith(_SEPARATOR):
                yield Notice(parent + name, JUNK, MADE_BY_SYSTEM) if name in junk else parent + name
                continue
            if with_archives and is_archive(name[:-1]) and not os.path.isdir(parent + name):
                yield parent + name
                continue
            listing = _list_folder(parent + name, with_archives=with_archives)
            if listing.notice is not None:
                yield listing.notice
            stack.append((parent + name, iter(listing.names), listing.junk))
            break
        else:
            stack.pop()


class _Listing(NamedTuple):
    """The sorted names of songs, folders, archives and junk in a folder; none if the folder is skipped.

    Folders and archives that are read have a separator at the end. ``junk`` has those names that are junk.
    """

    names: Sequence[bytes]
    junk: Collection[bytes] = ()
    notice: Notice | None = None


def _list_folder(folder: bytes, *, with_archives: bool) -> _Listing:
    """Return what is in ``folder``.

    Only names are kept: directory entries of a folder of a million files would take hundreds of megabytes.
    """
    names: list[bytes] = []
    junk: set[bytes] = set()
    notice = None
    path = _without_separator(folder)
    try:
        with os.scandir(path) as entries:
            for entry in entries:
                name = entry.name
                if entry.is_dir(follow_symlinks=False):
                    if name == JUNK_FOLDER:
                        junk.add(name)
                    else:
                        names.append(name + _SEPARATOR)
                elif name.lower().endswith(MIDI_SUFFIXES) and not name.startswith(JUNK_PREFIX):
                    if _is_file(entry):
                        names.append(name)
                elif is_junk_name(name):
                    junk.add(name)
                elif with_archives and is_archive(name):
                    if _is_file(entry):
                        names.append(name + _SEPARATOR)
                elif name == _MARKER:
                    if has_marker(path):
                        message = "It is skipped: midiprism made it, as a result or an exported tree."
                        return _Listing((), notice=Notice(path, "result", message))
                    notice = ignored_marker(path)
    except OSError as error:
        message = f"The folder cannot be read: {error.strerror or error}."
        return _Listing((), notice=Notice(path, "folder", message))
    names += junk
    names.sort()
    return _Listing(names, junk, notice)


def _without_separator(folder: bytes) -> bytes:
    return folder.rstrip(_SEPARATOR) or folder


def _is_file(entry: "os.DirEntry[bytes]") -> bool:
    try:
        return entry.is_file()
    except OSError:  # a link that cannot be followed: reading it will say why
        return True
