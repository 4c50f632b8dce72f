"""Files and folders as a library: a walk that streams, in an order that the names alone decide."""

import os
import stat
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from midiprism.errors import UsageError
from midiprism.library.archives import Archives
from midiprism.library.marker import MARKER, enclosing_result
from midiprism.library.names import SUFFIXES, is_archive
from midiprism.library.reading import read_file
from midiprism.library.source import Content, Found, Notice

_MARKER = os.fsencode(MARKER)
_SEPARATOR = os.fsencode(os.sep)
_COUNTED = 1_000


@dataclass(frozen=True, slots=True)
class FolderLibrary:
    """Files and folders, in the order they were named.

    Folders are walked depth first, in the order of the bytes of the paths, so that what is known can be read
    beside it in the same order; memory holds the names in the folders on the way down. A file is a parent if
    its name ends in one of ``SUFFIXES`` and it is regular, or a link to a regular file; links to folders are
    not followed. A file named as a source is taken whatever its name. Folders that hold a midiprism result
    are passed over.

    Attributes:
        sources: absolute paths of files and folders that exist.
        folders: those of them that are folders.
        archives: reads the archives in folders; None to leave them alone.
    """

    sources: tuple[bytes, ...]
    folders: tuple[bytes, ...] = ()
    archives: Archives | None = None

    def walk(self) -> Iterator[Found | Notice]:
        """Every parent with its size and time, and a notice for each folder that is not entered."""
        for source in self.sources:
            if os.path.isdir(source):
                root_length = len(os.path.join(source, b""))
                for path in _parents(source, archives=self.archives is not None):
                    if isinstance(path, Notice):
                        yield path
                    elif self.archives and path.endswith(_SEPARATOR):
                        yield from self.archives.walk(_named(path), root_length)
                    else:
                        yield found_at(path, root_length)
            else:
                yield found_at(source, len(os.path.join(os.path.dirname(source), b"")))

    def count(self) -> Iterator[int]:
        """How many parents ``walk`` will find, without asking for their sizes."""
        total = 0
        for number, count in enumerate(self._counts()):
            total += count
            if number % _COUNTED == 0:
                yield total
        yield total

    def _counts(self) -> Iterator[int]:
        for source in self.sources:
            if not os.path.isdir(source):
                yield 1
                continue
            for path in _parents(source, archives=self.archives is not None):
                if isinstance(path, Notice):
                    yield 0
                elif self.archives and path.endswith(_SEPARATOR):
                    yield from self.archives.count(_named(path))
                else:
                    yield 1

    def missing(self) -> list[bytes]:
        """Folders that are gone: a disk that was taken out, a share that went away."""
        return [folder for folder in self.folders if not os.path.isdir(folder)]

    def read(self, found: Found, limit: int) -> Content:
        """Read a parent; see ``midiprism.library.reading.read_file``."""
        if self.archives and found.member is not None:
            return self.archives.read(found, limit)
        return read_file(found.path, limit, found.size, found.mtime_ns)

    def approach(self, found: Found) -> None:
        """Go to where a parent in an archive is."""
        if self.archives:
            self.archives.approach(found)


def open_folders(
    sources: Sequence[str | bytes | os.PathLike[str]],
    out: bytes | None = None,
    *,
    archives: Archives | None = None,
) -> FolderLibrary:
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
            _refuse_result(path, out)
        elif not stat.S_ISREG(mode):
            raise UsageError(f"{name} is neither a file nor a folder.")
        if path not in paths:
            paths.append(path)
            if stat.S_ISDIR(mode):
                folders.append(path)
    return FolderLibrary(tuple(paths), tuple(folders), archives)


def _refuse_result(path: bytes, out: bytes | None) -> None:
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


def _parents(folder: bytes, *, archives: bool) -> Iterator[bytes | Notice]:
    """Paths of the parents below ``folder`` and, with a separator behind them, of the archives, in the order
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
            if archives and is_archive(name[:-1]) and not os.path.isdir(here + name):
                yield here + name
                continue
            listing = _listing(here + name, archives=archives)
            if isinstance(listing, Notice):
                yield listing
                continue
            waiting.append((here + name, iter(listing)))
            break
        else:
            waiting.pop()


def _listing(folder: bytes, *, archives: bool) -> list[bytes] | Notice:
    """Names of the parents and, with a separator behind them, of the folders and archives in ``folder``,
    sorted; or why it is not entered.

    Only names are kept: directory entries of a folder of a million files would take hundreds of megabytes.
    """
    found: list[bytes] = []
    try:
        with os.scandir(_named(folder)) as entries:
            for entry in entries:
                name = entry.name
                if entry.is_dir(follow_symlinks=False):
                    found.append(name + _SEPARATOR)
                elif name.lower().endswith(SUFFIXES):
                    if _is_file(entry):
                        found.append(name)
                elif archives and is_archive(name):
                    if _is_file(entry):
                        found.append(name + _SEPARATOR)
                elif name == _MARKER:
                    message = "The folder holds a midiprism result and is passed over."
                    return Notice(_named(folder), "result", message)
    except OSError as error:
        return Notice(_named(folder), "folder", f"The folder cannot be read: {error.strerror or error}.")
    found.sort()
    return found


def _named(folder: bytes) -> bytes:
    """The path of a folder as people write it."""
    return folder.rstrip(_SEPARATOR) or folder


def _is_file(entry: "os.DirEntry[bytes]") -> bool:
    try:
        return entry.is_file()
    except OSError:  # a link that cannot be followed: reading it will say why
        return True


def found_at(path: bytes, root_length: int) -> Found:
    """A file as a parent, with its size and time."""
    try:
        status = os.stat(path)
    except OSError:  # it went between the listing and now: reading it will say why
        return Found(path, root_length, 0, 0)
    return Found(path, root_length, status.st_size, status.st_mtime_ns)
