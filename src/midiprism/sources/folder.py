"""Files and folders as a library: a walk that streams, in an order that the names alone decide."""

import os
import stat
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from midiprism.errors import UsageError
from midiprism.sources.archives.archive_reader import ArchiveReader
from midiprism.sources.file_types import MIDI_SUFFIXES, is_archive
from midiprism.sources.marker import MARKER_FILE_NAME, enclosing_result
from midiprism.sources.read_file import read_file
from midiprism.sources.source import Notice, SongContent, SongRef

_MARKER = os.fsencode(MARKER_FILE_NAME)
_SEPARATOR = os.fsencode(os.sep)
_FILES_PER_REPORT = 1_000


@dataclass(frozen=True, slots=True)
class FolderSource:
    """Files and folders, in the order they were named.

    Folders are walked depth first, in the order of the bytes of the paths, so that what is known can be read
    beside it in the same order; memory holds the names in the folders on the way down. A file is a song if
    its name ends in one of ``MIDI_SUFFIXES`` and it is regular, or a link to a regular file; links to folders are
    not followed. A file named as a source is taken whatever its name. Folders that hold a midiprism result
    are passed over.

    Attributes:
        sources: absolute paths of files and folders that exist.
        folders: those of them that are folders.
        archives: reads the archives in folders; None to leave them alone.
    """

    source_paths: tuple[bytes, ...]
    folders: tuple[bytes, ...] = ()
    archive_reader: ArchiveReader | None = None

    def walk(self) -> Iterator[SongRef | Notice]:
        """Every song with its size and time, and a notice for each folder that is not entered."""
        for source in self.source_paths:
            if os.path.isdir(source):
                root_length = len(os.path.join(source, b""))
                for path in _walk_folder(source, with_archives=self.archive_reader is not None):
                    if isinstance(path, Notice):
                        yield path
                    elif self.archive_reader and path.endswith(_SEPARATOR):
                        yield from self.archive_reader.walk(_without_separator(path), root_length)
                    else:
                        yield song_ref_at(path, root_length)
            else:
                yield song_ref_at(source, len(os.path.join(os.path.dirname(source), b"")))

    def running_count(self) -> Iterator[int]:
        """How many songs ``walk`` will find, without asking for their sizes."""
        total = 0
        for number, count in enumerate(self._count_increments()):
            total += count
            if number % _FILES_PER_REPORT == 0:
                yield total
        yield total

    def _count_increments(self) -> Iterator[int]:
        for source in self.source_paths:
            if not os.path.isdir(source):
                yield 1
                continue
            for path in _walk_folder(source, with_archives=self.archive_reader is not None):
                if isinstance(path, Notice):
                    yield 0
                elif self.archive_reader and path.endswith(_SEPARATOR):
                    yield from self.archive_reader.count_increments(_without_separator(path))
                else:
                    yield 1

    def missing_paths(self) -> list[bytes]:
        """Folders that are gone: a disk that was taken out, a share that went away."""
        return [folder for folder in self.folders if not os.path.isdir(folder)]

    def read(self, song_ref: SongRef, limit: int) -> SongContent:
        """Read a song; see ``run_files.library.source_options.read_file``."""
        if self.archive_reader and song_ref.member is not None:
            return self.archive_reader.read(song_ref, limit)
        return read_file(song_ref.path, limit, song_ref.size, song_ref.mtime_ns)

    def seek(self, song_ref: SongRef) -> None:
        """Go to where a song in an archive is."""
        if self.archive_reader:
            self.archive_reader.seek(song_ref)


def open_folders(
    sources: Sequence[str | bytes | os.PathLike[str]],
    out: bytes | None = None,
    *,
    archive_reader: ArchiveReader | None = None,
) -> FolderSource:
    """A library of files and folders.

    Args:
        sources: paths as they were given; they must exist.
        out: where the result will be; no source may lie in it.
        archives: reads the archives in folders; None to leave them alone.

    Raises:
        UsageError: a source is missing, is neither file nor folder, or lies in a midiprism result.
    """
    paths: list[bytes] = []
    folders: list[bytes] = []
    for source in sources:
        path = os.path.abspath(os.fsencode(source))
        name = os.fsdecode(path)
        try:
            mode = os.stat(path).st_mode
        except OSError as error:
            raise UsageError(f"{name} cannot be read: {error.strerror or error}.") from error
        if stat.S_ISDIR(mode):
            _reject_result_folder(path, out)
        elif not stat.S_ISREG(mode):
            raise UsageError(f"{name} is neither a file nor a folder.")
        if path not in paths:
            paths.append(path)
            if stat.S_ISDIR(mode):
                folders.append(path)
    return FolderSource(tuple(paths), tuple(folders), archive_reader)


def _reject_result_folder(path: bytes, out: bytes | None) -> None:
    name = os.fsdecode(path)
    if out is not None:
        inner, outer = os.path.realpath(path), os.path.realpath(out)
        if inner == outer or inner.startswith(os.path.join(outer, b"")):
            raise UsageError(
                f"{name} lies in {os.fsdecode(out)}, the folder for the result: name another folder."
            )
    result = enclosing_result(path)
    if result is not None:
        raise UsageError(
            f"{name} belongs to a midiprism result ({os.fsdecode(result)}), which is never read as a source: "
            "name the folder of the songs."
        )


def _walk_folder(folder: bytes, *, with_archives: bool) -> Iterator[bytes | Notice]:
    """Paths of the songs below ``folder`` and, with a separator behind them, of the archives, in the order
    of their bytes.

    A stack of listings instead of recursion, so that no depth of folders is too deep.
    """
    waiting: list[tuple[bytes, Iterator[bytes]]] = [(b"", iter([os.path.join(folder, b"")]))]
    while waiting:
        here, names = waiting[-1]
        for name in names:
            if not name.endswith(_SEPARATOR):
                yield here + name
                continue
            if with_archives and is_archive(name[:-1]) and not os.path.isdir(here + name):
                yield here + name
                continue
            listing = _list_folder(here + name, with_archives=with_archives)
            if isinstance(listing, Notice):
                yield listing
                continue
            waiting.append((here + name, iter(listing)))
            break
        else:
            waiting.pop()


def _list_folder(folder: bytes, *, with_archives: bool) -> list[bytes] | Notice:
    """Names of the songs and, with a separator behind them, of the folders and archives in ``folder``,
    sorted; or why it is not entered.

    Only names are kept: directory entries of a folder of a million files would take hundreds of megabytes.
    """
    found: list[bytes] = []
    try:
        with os.scandir(_without_separator(folder)) as entries:
            for entry in entries:
                name = entry.name
                if entry.is_dir(follow_symlinks=False):
                    found.append(name + _SEPARATOR)
                elif name.lower().endswith(MIDI_SUFFIXES):
                    if _is_file(entry):
                        found.append(name)
                elif with_archives and is_archive(name):
                    if _is_file(entry):
                        found.append(name + _SEPARATOR)
                elif name == _MARKER:
                    message = "The folder holds a midiprism result and is passed over."
                    return Notice(_without_separator(folder), "result", message)
    except OSError as error:
        return Notice(
            _without_separator(folder), "folder", f"The folder cannot be read: {error.strerror or error}."
        )
    found.sort()
    return found


def _without_separator(folder: bytes) -> bytes:
    """The path of a folder as people write it."""
    return folder.rstrip(_SEPARATOR) or folder


def _is_file(entry: "os.DirEntry[bytes]") -> bool:
    try:
        return entry.is_file()
    except OSError:  # a link that cannot be followed: reading it will say why
        return True


def song_ref_at(path: bytes, root_length: int) -> SongRef:
    """A file as a song, with its size and time."""
    try:
        status = os.stat(path)
    except OSError:  # it went between the listing and now: reading it will say why
        return SongRef(path, root_length, 0, 0)
    return SongRef(path, root_length, status.st_size, status.st_mtime_ns)
