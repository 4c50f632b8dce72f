"""A result as Parquet: tracks in shards of contents, their songs in shards of links, and a table of songs.

- ``tracks/*.parquet``: a row for each distinct track: the facts of its bytes, and they.
- ``links/*.parquet``: a row for each track of a song: which song it came from, and how it sounds there.
- ``songs/songs.parquet``: a row for each song: where it is now, and its group, the key by which a data set
  is divided without leaks. Groups grow together when a library grows. So they stand in no shard, which could
  not be changed, but here, in a file that every run derives from the catalogue and replaces.
"""

import contextlib
import os
import shutil
import stat
from collections import OrderedDict
from collections.abc import Container, Iterable, Iterator, Mapping
from typing import Any

from blake3 import blake3

from midiprism.errors import StoreError
from midiprism.fs.atomic_write import TEMPORARY_SUFFIX, atomic_replace, fsync_folder, make_folder
from midiprism.stores.files.scanner import FileStatus
from midiprism.stores.files.store import write_error
from midiprism.stores.parquet.io import (
    RowGroups,
    coalesce,
    open_reader,
    open_writer,
    read_group_tracks,
    wrap_read_errors,
)
from midiprism.stores.parquet.schema import (
    LINK_COLUMNS,
    SONG_COLUMNS,
    TRACK_COLUMNS,
    ColumnValues,
    import_pyarrow,
    make_schema,
    make_table,
    table_to_rows,
)
from midiprism.stores.parquet.shards import CheckedTrack, ShardFolder, ShardKind, ShardWriteResult

SHARD_VERSION = 1
"""Raised whenever columns of shards change."""

SONGS_TABLE = "songs/songs.parquet"

TRACK_SHARDS = ShardKind("tracks", TRACK_COLUMNS, max_group_rows=1_024)
LINK_SHARDS = ShardKind("links", LINK_COLUMNS, max_group_rows=25_000, size_limited=False)

_COMMIT_KEY = "commit"
_SONGS_PER_GROUP = 25_000
"""At least, but for the last row group; less than twice as many."""

_MAX_OPEN_SHARDS = 16
_MAX_CACHED_GROUPS = 8


class ParquetStore:
    """The Parquet files of a result. For one thread; any number of processes may read.

    Args:
        root: the folder of the result, which exists.
        about: facts about it, such as ``by``, that are written into every file.

    Raises:
        UsageError: pyarrow is not installed.
    """

    def __init__(self, root: str | os.PathLike[str], metadata: Mapping[str, str] | None = None) -> None:
        self._root = os.path.abspath(os.fspath(root))
        self._metadata = dict(metadata or {})
        self._file_metadata = {"format": str(SHARD_VERSION), **self._metadata}
        self._shard_folders = {
            kind.folder: ShardFolder(self._root, kind, self._file_metadata)
            for kind in (TRACK_SHARDS, LINK_SHARDS)
        }
        self._track_shards, self._link_shards = (
            self._shard_folders[TRACK_SHARDS.folder],
            self._shard_folders[LINK_SHARDS.folder],
        )
        self._open_files: OrderedDict[str, tuple[Any, RowGroups]] = OrderedDict()
        self._cached_groups: OrderedDict[tuple[str, int], list[tuple[bytes, bytes]]] = OrderedDict()

    def __reduce__(self) -> tuple[type["ParquetStore"], tuple[str, dict[str, str]]]:
        return type(self), (self._root, self._metadata)

    def __enter__(self) -> "ParquetStore":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the shards that were read."""
        self._cached_groups.clear()
        while self._open_files:
            self._open_files.popitem()[1][0].close()

    def write_tracks(self, stem: str, column_values: ColumnValues) -> ShardWriteResult:
        """Write tracks that no shard has to new shards, ``tracks/tracks-STEM-NUMBER.parquet``.

        Args:
            stem: lower-case letters, digits and dashes; never the same twice, not even for another attempt.
            cells: of rows as ``ParquetTrack`` has them, in the order of which the places are told.

        Returns:
            The shards, which are durable, and the place of each row.

        Raises:
            StoreError: they cannot be written. None of them is there then.
        """
        return self._track_shards.write(stem, column_values)

    def write_links(self, stem: str, column_values: ColumnValues) -> ShardWriteResult:
        """Write links, as ``ParquetLink`` has them, to one new shard, ``links/links-STEM-0.parquet``; see
        ``write_tracks``."""
        return self._link_shards.write(stem, column_values)

    def write_songs_table(self, chunks: Iterable[ColumnValues], commit: int) -> int:
        """Put all songs in the place of those that were written before; how many.

        Args:
            parts: all songs as ``ParquetSong`` has them, some at a time.
            commit: number of the last commit that they come from.

        Raises:
            StoreError: they cannot be written. Those before are left.
        """
        place = self.songs_table_path
        folder = os.path.dirname(place)
        schema = make_schema(SONG_COLUMNS, {**self._file_metadata, _COMMIT_KEY: str(commit)})
        count = 0
        try:
            make_folder(folder)
            with (
                atomic_replace(place) as descriptor,
                import_pyarrow().PythonFile(os.fdopen(descriptor, "wb", closefd=False), "w") as sink,
                open_writer(sink, schema, SONG_COLUMNS) as file,
            ):
                tables = (make_table(SONG_COLUMNS, schema, cells) for cells in chunks)
                for table in coalesce(tables, _SONGS_PER_GROUP):
                    file.write_table(table, row_group_size=2 * _SONGS_PER_GROUP)  # in one, as a rule
                    count += len(table)
            fsync_folder(folder)
        except OSError as error:
            raise write_error(self._root, error) from error
        return count

    def songs_table_commit(self) -> int | None:
        """The number of the last commit that the songs come from; None where they cannot be read."""
        try:
            with wrap_read_errors(SONGS_TABLE):
                facts = import_pyarrow().parquet.read_schema(self.songs_table_path).metadata or {}
                return int(facts.get(f"midiprism.{_COMMIT_KEY}".encode(), b""))
        except StoreError:
            return None

    def count_songs_table_rows(self) -> int:
        """How many songs there are, all of which were read.

        Raises:
            StoreError: something of them cannot be read.
        """
        with wrap_read_errors(SONGS_TABLE), contextlib.closing(open_reader(self.songs_table_path)) as file:
            groups = range(file.metadata.num_row_groups)
            return sum(len(table_to_rows(SONG_COLUMNS, file.read_row_group(group))) for group in groups)

    def digests(self, shard: str) -> list[bytes]:
        """The digests that the rows of a shard of tracks say, in order.

        Raises:
            StoreError: they cannot be read.
        """
        return self._track_shards.digests(shard)

    def get(self, shard: str, row: int, digest: bytes) -> bytes:
        """The bytes of a track. Reads one row group, or none where it was read a moment ago.

        Args:
            shard: its name, as ``write_tracks`` gave it.
            row: its row there.
            digest: of the bytes.

        Raises:
            StoreError: they are not there, or damaged.
        """
        try:
            file, groups = self._open_shard(shard)
            with wrap_read_errors(shard):
                group, place = groups.locate(row)
                contents = self._read_group(shard, file, group)
            if place < len(contents):
                data = contents[place][1]
                if blake3(data).digest() == digest:
                    return data
        except StoreError:
            self.close()  # it may be mended, and be read again
            raise
        raise StoreError(f"{shard} is damaged: its row {row:,} is not the track {digest.hex()}.")

    def checked_tracks(self, shard: str) -> Iterator[CheckedTrack]:
        """Every row of a shard of tracks, each checked by its digest; a damaged row group costs its rows
        only.

        Raises:
            StoreError: the shard cannot be read at all.
        """
        return self._track_shards.checked_tracks(shard)

    def rows(self, shard: str) -> Iterator[tuple[Any, ...]]:
        """The rows of a shard as it was given them, in order.

        Raises:
            StoreError: something of it cannot be read.
        """
        return self._shard_folder_of(shard).rows(shard)

    def status_of(self, shard: str) -> FileStatus:
        """What is at the place of a shard: a whole one has the size and the digest that were told when it was
        written."""
        return self._shard_folder_of(shard).status_of(shard)

    def walk(self) -> Iterator[str]:
        """Names of all shards of tracks and links that are there, sorted by kind."""
        for shards in self._shard_folders.values():
            yield from shards.walk()

    def find_orphans(self, known_shards: Container[str]) -> list[str]:
        """Names of what interrupted writes left, and of shards of which no commit speaks.

        Args:
            known: names of the shards of which a commit speaks.
        """
        folder = os.path.join(self._root, os.path.dirname(SONGS_TABLE))
        found = [
            name for shards in self._shard_folders.values() for name in shards.find_orphans(known_shards)
        ]
        names = sorted(os.listdir(folder)) if os.path.isdir(folder) and not os.path.islink(folder) else []
        return found + [
            f"{os.path.dirname(SONGS_TABLE)}/{name}" for name in names if name.endswith(TEMPORARY_SUFFIX)
        ]

    def remove_orphans(self, known_shards: Container[str]) -> list[str]:
        """Remove what ``strays`` names; what that was.

        Only while nobody else writes: of another run's shard its commit may be about to speak.

        Raises:
            StoreError: something cannot be removed.
        """
        try:
            swept = self.find_orphans(known_shards)
        except OSError as error:
            raise write_error(self._root, error) from error
        for name in swept:
            self.force_remove(name)
        return swept

    def force_remove(self, name: str) -> None:
        """Remove one of those that ``strays`` named; of a link itself, of a folder all that is in it.

        Raises:
            StoreError: it cannot be removed.
        """
        self.close()  # Windows removes no file that is open
        place = os.path.join(self._root, *name.split("/"))
        try:
            if stat.S_ISDIR(os.lstat(place).st_mode):
                shutil.rmtree(place)
            else:
                os.unlink(place)
        except FileNotFoundError:
            pass
        except OSError as error:
            raise write_error(self._root, error) from error

    def shard_path(self, shard: str) -> str:
        """Where a shard of this name is, or is to be.

        Raises:
            StoreError: it is not the name of one.
        """
        return self._shard_folder_of(shard).shard_path(shard)

    def remove(self, shard: str) -> None:
        """Remove a shard, if it is there.

        Raises:
            StoreError: it cannot be removed.
        """
        self.close()  # Windows removes no file that is open
        self._shard_folder_of(shard).remove(shard)

    @property
    def root(self) -> str:
        """The folder of the result, absolute."""
        return self._root

    @property
    def songs_table_path(self) -> str:
        """Where the table of songs is, or is to be."""
        return os.path.join(self._root, *SONGS_TABLE.split("/"))

    def _shard_folder_of(self, shard: str) -> ShardFolder:
        shards = self._shard_folders.get(shard.partition("/")[0])
        if shards is None:
            raise StoreError(f"{shard!r} is not the name of a shard.")
        return shards

    def _open_shard(self, shard: str) -> tuple[Any, RowGroups]:
        found = self._open_files.get(shard)
        if found is None:
            file = self._track_shards.open(shard)
            found = self._open_files[shard] = file, RowGroups(file)
            if len(self._open_files) > _MAX_OPEN_SHARDS:
                self._open_files.popitem(last=False)[1][0].close()
        self._open_files.move_to_end(shard)
        return found

    def _read_group(self, shard: str, file: Any, group: int) -> list[tuple[bytes, bytes]]:
        contents = self._cached_groups.get((shard, group))
        if contents is None:
            contents = self._cached_groups[shard, group] = read_group_tracks(file, group)
            if len(self._cached_groups) > _MAX_CACHED_GROUPS:
                self._cached_groups.popitem(last=False)
        self._cached_groups.move_to_end((shard, group))
        return contents
