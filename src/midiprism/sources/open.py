"""A library out of whatever is named: folders, files, archives and Parquet files, in the order named."""

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import groupby
from typing import Protocol

from midiprism.errors import UsageError
from midiprism.sources.archives.archive_reader import ArchiveReader
from midiprism.sources.file_types import container_paths, is_archive, is_parquet
from midiprism.sources.folder import open_folders
from midiprism.sources.parquet import ParquetReader, open_parquet
from midiprism.sources.read_file import read_file
from midiprism.sources.source import Notice, SequentialSource, SongContent, SongRef, Source


@dataclass(frozen=True)
class ArchiveSource:
    """The songs of one archive, which is taken for a folder.

    Attributes:
        path: absolute.
    """

    path: bytes
    archive_reader: ArchiveReader = field(default_factory=ArchiveReader, compare=False)

    @property
    def source_paths(self) -> tuple[bytes, ...]:
        return (self.path,)

    def walk(self) -> Iterator[SongRef | Notice]:
        """Every song in it, and a notice for each member that is not taken."""
        return self.archive_reader.walk(self.path, len(self.path) + 1)

    def running_count(self) -> Iterator[int]:
        """How many songs are in it."""
        total = 0
        for count in self.archive_reader.count_increments(self.path):
            total += count
            yield total
        yield total

    def missing_paths(self) -> list[bytes]:
        """The archive, if it is gone."""
        return [] if os.path.isfile(self.path) else [self.path]

    def read(self, song_ref: SongRef, limit: int) -> SongContent:
        """Read a member."""
        return self.archive_reader.read(song_ref, limit)

    def seek(self, song_ref: SongRef) -> None:
        """Go to where a member is; what goes wrong is told by ``read``."""
        self.archive_reader.seek(song_ref)


class _SeekableSource(Source, SequentialSource, Protocol):
    """A library that is part of another."""


@dataclass(frozen=True)
class ChainedSource:
    """Several libraries, one after the other.

    Attributes:
        parts: the libraries.
        holders: which of them holds a file of many songs, by its path; the others' are all alike to read.
    """

    chained: tuple[_SeekableSource, ...]
    source_by_container: dict[bytes, _SeekableSource]

    @property
    def source_paths(self) -> tuple[bytes, ...]:
        return tuple(source for part in self.chained for source in part.source_paths)

    def walk(self) -> Iterator[SongRef | Notice]:
        """Every song, library by library."""
        for part in self.chained:
            yield from part.walk()

    def running_count(self) -> Iterator[int]:
        """How many there are in all of them."""
        before = total = 0
        for part in self.chained:
            for count in part.running_count():
                total = before + count
                yield total
            before = total
        yield total

    def missing_paths(self) -> list[bytes]:
        """What is gone of any of them."""
        return [path for part in self.chained for path in part.missing_paths()]

    def read(self, song_ref: SongRef, limit: int) -> SongContent:
        """Read a song of one of them."""
        return self._source_of(song_ref).read(song_ref, limit)

    def seek(self, song_ref: SongRef) -> None:
        """Go to where a song is; what goes wrong is told by ``read``."""
        self._source_of(song_ref).seek(song_ref)

    def _source_of(self, song_ref: SongRef) -> _SeekableSource:
        member = song_ref.member
        file = song_ref.path[: member.container_path_length] if member else b""
        return self.source_by_container.get(file) or self.source_by_container[b""]


def open_source(
    sources: Sequence[str | bytes | os.PathLike[str]],
    out: bytes | None = None,
    *,
    enter_archives: bool = False,
    song_column: str | None = None,
    name_column: str | None = None,
    kept_columns: Sequence[str] = (),
) -> Source:
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
    if (song_column or name_column or kept_columns) and not any(map(is_parquet, paths)):
        raise UsageError("--column, --id and --keep are for Parquet files, and none is among the sources.")
    parts: list[_SeekableSource] = []
    holders: dict[bytes, _SeekableSource] = {}
    inside, tables = ArchiveReader(), ParquetReader()
    for kind, group in groupby(paths, _path_kind):
        if kind == "folder":
            folders = open_folders(list(group), out, archive_reader=inside if enter_archives else None)
            holders[b""] = folders  # of several any will do
            parts.append(folders)
            continue
        for path in group:
            part = (
                ArchiveSource(path, inside)
                if kind == "archive"
                else replace(
                    open_parquet(path, song_column, name_column, tuple(kept_columns)), parquet_reader=tables
                )
            )
            holders[path] = part
            parts.append(part)
    return parts[0] if len(parts) == 1 else ChainedSource(tuple(parts), holders)


class PathReader:
    """Reads songs again by nothing but their paths."""

    def __init__(self) -> None:
        self._archive_reader = ArchiveReader()
        self._parquet_reader = ParquetReader()

    def read(self, path: bytes, limit: int) -> SongContent:
        """Read a file, a member of an archive or a row of a Parquet file.

        Raises:
            UnreadableError: its bytes cannot be had.
        """
        for holder in container_paths(path):
            if os.path.isfile(holder):
                reader = self._archive_reader if is_archive(holder) else self._parquet_reader
                return reader.read_by_name(holder, path[len(holder) + 1 :], limit)
        return read_file(path, limit)


def _path_kind(path: bytes) -> str:
    if os.path.isfile(path):
        if is_archive(path):
            return "archive"
        if is_parquet(path):
            return "parquet"
    return "folder"
