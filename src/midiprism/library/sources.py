"""A library out of whatever is named: folders, files, archives and Parquet files, in the order named."""

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import groupby
from typing import Protocol

from midiprism.errors import UsageError
from midiprism.library.archives import Archives
from midiprism.library.folder import open_folders
from midiprism.library.names import containers, is_archive, is_parquet
from midiprism.library.parquet import Tables, open_parquet
from midiprism.library.reading import read_file
from midiprism.library.source import Approaching, Content, Found, Library, Notice


@dataclass(frozen=True)
class ArchiveLibrary:
    """The songs of one archive, which is taken for a folder.

    Attributes:
        path: absolute.
    """

    path: bytes
    archives: Archives = field(default_factory=Archives, compare=False)

    @property
    def sources(self) -> tuple[bytes, ...]:
        return (self.path,)

    def walk(self) -> Iterator[Found | Notice]:
        """Every song in it, and a notice for each member that is not taken."""
        return self.archives.walk(self.path, len(self.path) + 1)

    def count(self) -> Iterator[int]:
        """How many songs are in it."""
        total = 0
        for count in self.archives.count(self.path):
            total += count
            yield total
        yield total

    def missing(self) -> list[bytes]:
        """The archive, if it is gone."""
        return [] if os.path.isfile(self.path) else [self.path]

    def read(self, found: Found, limit: int) -> Content:
        """Read a member."""
        return self.archives.read(found, limit)

    def approach(self, found: Found) -> None:
        """Go to where a member is; what goes wrong is told by ``read``."""
        self.archives.approach(found)


class _Part(Library, Approaching, Protocol):
    """A library that is part of another."""


@dataclass(frozen=True)
class JoinedLibrary:
    """Several libraries, one after the other.

    Attributes:
        parts: the libraries.
        holders: which of them holds a file of many parents, by its path; the others' are all alike to read.
    """

    parts: tuple[_Part, ...]
    holders: dict[bytes, _Part]

    @property
    def sources(self) -> tuple[bytes, ...]:
        return tuple(source for part in self.parts for source in part.sources)

    def walk(self) -> Iterator[Found | Notice]:
        """Every parent, library by library."""
        for part in self.parts:
            yield from part.walk()

    def count(self) -> Iterator[int]:
        """How many there are in all of them."""
        before = total = 0
        for part in self.parts:
            for count in part.count():
                total = before + count
                yield total
            before = total
        yield total

    def missing(self) -> list[bytes]:
        """What is gone of any of them."""
        return [path for part in self.parts for path in part.missing()]

    def read(self, found: Found, limit: int) -> Content:
        """Read a parent of one of them."""
        return self._holder(found).read(found, limit)

    def approach(self, found: Found) -> None:
        """Go to where a parent is; what goes wrong is told by ``read``."""
        self._holder(found).approach(found)

    def _holder(self, found: Found) -> _Part:
        member = found.member
        file = found.path[: member.file_length] if member else b""
        return self.holders.get(file) or self.holders[b""]


def open_library(
    sources: Sequence[str | bytes | os.PathLike[str]],
    out: bytes | None = None,
    *,
    archives: bool = False,
    column: str | None = None,
    name: str | None = None,
    keep: Sequence[str] = (),
) -> Library:
    """A library of folders, files, archives and Parquet files.

    Args:
        sources: paths as they were given; they must exist. An archive or a Parquet file is known by its name.
        out: where the result will be; no source may lie in it.
        archives: whether archives in folders are entered.
        column: the column of Parquet files that holds the songs; None for the only one that can.
        name: the column that names them; None for the numbers of their rows.
        keep: columns of which the content is told as facts; see ``Content``.

    Raises:
        UsageError: a source is missing, is neither file nor folder, lies in a midiprism result, or has no
            such columns.
    """
    paths = list(dict.fromkeys(os.path.abspath(os.fsencode(source)) for source in sources))
    if (column or name or keep) and not any(map(is_parquet, paths)):
        raise UsageError("--column, --id and --keep are for Parquet files, and none is among the sources.")
    parts: list[_Part] = []
    holders: dict[bytes, _Part] = {}
    inside, tables = Archives(), Tables()
    for kind, group in groupby(paths, _kind):
        if kind == "folder":
            folders = open_folders(list(group), out, archives=inside if archives else None)
            holders[b""] = folders  # of several any will do
            parts.append(folders)
            continue
        for path in group:
            part = (
                ArchiveLibrary(path, inside)
                if kind == "archive"
                else replace(open_parquet(path, column, name, tuple(keep)), tables=tables)
            )
            holders[path] = part
            parts.append(part)
    return parts[0] if len(parts) == 1 else JoinedLibrary(tuple(parts), holders)


class Again:
    """Reads parents again by nothing but their paths."""

    def __init__(self) -> None:
        self._archives = Archives()
        self._tables = Tables()

    def read(self, path: bytes, limit: int) -> Content:
        """Read a file, a member of an archive or a row of a Parquet file.

        Raises:
            UnreadableError: its bytes cannot be had.
        """
        for holder in containers(path):
            if os.path.isfile(holder):
                reader = self._archives if is_archive(holder) else self._tables
                return reader.reread(holder, path[len(holder) + 1 :], limit)
        return read_file(path, limit)


def _kind(path: bytes) -> str:
    if os.path.isfile(path):
        if is_archive(path):
            return "archive"
        if is_parquet(path):
            return "parquet"
    return "folder"
