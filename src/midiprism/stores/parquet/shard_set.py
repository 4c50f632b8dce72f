"""The Parquet files of a result: tracks in shards, their songs in shards of links, and a table of songs.

- ``tracks/*.parquet``: a row for each distinct track: the facts of its bytes, and the bytes.
- ``links/*.parquet``: a row for each track of a song: which song it came from, and how it sounds there.
- ``songs/songs.parquet``: a row for each song: where it is now, and its group, the key by which a data set is
  divided without leaks. Groups grow together when a library grows, so they cannot be in a shard, which never
  changes. Every run derives this file from the catalog and replaces it.
"""

import contextlib
import os
import secrets
import stat
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from midiprism.errors import StoreError
from midiprism.fs.atomic_write import TEMPORARY_SUFFIX, atomic_replace, fsync_folder, make_folder
from midiprism.fs.file_system import LOCAL_FILE_SYSTEM, FileSystem
from midiprism.fs.spelling import is_same_file
from midiprism.stores.errors import wrap_read_errors, write_error
from midiprism.stores.files.scanner import failed_status, file_status
from midiprism.stores.parquet.io import coalesce, open_reader, open_writer, parquet_errors
from midiprism.stores.parquet.schema import (
    LINK_COLUMNS,
    SONG_COLUMNS,
    TRACK_COLUMNS,
    ColumnValues,
    are_columns,
    import_pyarrow,
    make_schema,
    make_table,
    table_to_rows,
)
from midiprism.stores.parquet.shards import ShardFolder, ShardKind
from midiprism.stores.sharded import (
    LINKS_FOLDER,
    SONGS_TABLE,
    TRACKS_FOLDER,
    CheckedTrack,
    ShardWriteResult,
)
from midiprism.stores.types import FileStatus, ScannedEntry

SHARD_VERSION = 1
"""Raised whenever columns of shards change."""

TRACK_SHARDS = ShardKind(TRACKS_FOLDER, TRACK_COLUMNS, max_group_rows=1_024)
LINK_SHARDS = ShardKind(LINKS_FOLDER, LINK_COLUMNS, max_group_rows=25_000, size_limited=False)

SONGS_PER_GROUP = 25_000
"""Fewest songs in a row group of the table of songs, but for the last group; the most are twice as many."""

_STATE_KEY = "state"


class ParquetShards:
    """The Parquet files of a result; see ``ShardedTracks``.

    Args:
        root: the folder of the result, which exists.
        metadata: facts about it, such as ``by``, that are written into every file.
        songs_per_group: see ``SONGS_PER_GROUP``.
        file_system: through which files are listed, compared and removed.
        mirrored_url: URL of object storage in which shards are read instead; empty for the folder.

    Attributes:
        root: the folder of the result, absolute.

    Raises:
        UsageError: pyarrow is not installed.
    """

    def __init__(
        self,
        root: str | os.PathLike[str],
        metadata: Mapping[str, str] | None = None,
        songs_per_group: int = SONGS_PER_GROUP,
        file_system: FileSystem = LOCAL_FILE_SYSTEM,
        mirrored_url: str = "",
    ) -> None:
        self.root = os.path.abspath(os.fspath(root))
        self._metadata = dict(metadata or {})
        self._songs_per_group = songs_per_group
        self._file_system = file_system
        self._file_metadata = {"format": str(SHARD_VERSION), **self._metadata}
        self._mirrored_url = mirrored_url
        self._track_shards, self._link_shards = (
            ShardFolder(self.root, kind, self._file_metadata, file_system, mirrored_url)
            for kind in (TRACK_SHARDS, LINK_SHARDS)
        )
        self._stems = 0
        self._shard_folders = {TRACKS_FOLDER: self._track_shards, LINKS_FOLDER: self._link_shards}

    def __reduce__(self) -> tuple[type["ParquetShards"], tuple[str, dict[str, str], int, FileSystem, str]]:
        return type(self), (
            *(self.root, self._metadata, self._songs_per_group),
            *(self._file_system, self._mirrored_url),
        )

    def new_stem(self, run_id: int) -> str:
        self._stems += 1
        return f"{run_id:06}-{self._stems:06}-{secrets.token_hex(8)}"

    def write_tracks(self, stem: str, column_values: ColumnValues) -> ShardWriteResult:
        return self._track_shards.write(stem, column_values)

    def write_links(self, stem: str, column_values: ColumnValues) -> ShardWriteResult:
        return self._link_shards.write(stem, column_values)

    def names(self) -> Iterator[str]:
        for folder in self._shard_folders.values():
            yield from folder.names()

    def rows(self, shard: str) -> Iterator[tuple[Any, ...]]:
        return self._shard_folder_of(shard).rows(shard)

    def digests(self, shard: str) -> list[bytes]:
        return self._track_shards.digests(shard)

    def checked_tracks(self, shard: str) -> Iterator[CheckedTrack]:
        return self._track_shards.checked_tracks(shard)

    def open_tracks(self, shard: str) -> Any:
        """Return a shard of tracks as a ``pyarrow.parquet.ParquetFile``; the caller closes it.

        Raises:
            StoreError: it is not there, or is no shard of tracks.
        """
        return self._track_shards.open(shard)

    def shard_status(self, shard: str) -> FileStatus:
        try:
            return self._shard_folder_of(shard).status_of(shard)
        except StoreError as error:
            return FileStatus("not_a_file", reason=str(error))

    def shard_path(self, shard: str) -> str:
        """Return the absolute path of a shard, which may not exist.

        Raises:
            StoreError: ``shard`` is not the name of a shard.
        """
        return self._shard_folder_of(shard).shard_path(shard)

    def remove(self, shard: str) -> None:
        self._shard_folder_of(shard).remove(shard)

    def scan_folder(self, folder: str) -> list[ScannedEntry]:
        """Return the shards and the temporary files in one of the folders, sorted."""
        shards = self._shard_folders.get(folder)
        if shards is not None:
            return shards.scan()
        absolute = os.path.join(self.root, folder)
        names = (
            sorted(os.listdir(absolute)) if os.path.isdir(absolute) and not os.path.islink(absolute) else []
        )
        return [
            ScannedEntry(f"{folder}/{name}", "temporary") for name in names if name.endswith(TEMPORARY_SUFFIX)
        ]

    def is_same_file(self, listed_path: str, path: str) -> bool:
        """Return whether an entry of ``scan_folder`` is the file that ``path`` leads to."""
        return is_same_file(self._file_system, self.root, listed_path, path)

    def entry_status(self, path: str) -> FileStatus:
        """Return what is at the path of an entry of ``scan_folder``; a file is read whole, in chunks."""
        try:
            return file_status(os.path.join(self.root, *path.split("/")), self._file_system)
        except OSError as error:
            return failed_status(error)

    def remove_entry(self, path: str) -> None:
        """Remove a shard or an entry of ``scan_folder``; of a link only itself, of a folder all its content.

        Raises:
            StoreError: it cannot be removed.
        """
        absolute = os.path.join(self.root, *path.split("/"))
        try:
            if stat.S_ISDIR(self._file_system.lstat(absolute).st_mode):
                self._file_system.remove_tree(absolute)
            else:
                self._file_system.unlink(absolute)
        except FileNotFoundError:
            pass
        except OSError as error:
            raise write_error(self.root, error) from error

    @property
    def songs_table_path(self) -> str:
        """Absolute path of the table of songs, which may not exist."""
        return os.path.join(self.root, *SONGS_TABLE.split("/"))

    def write_songs_table(self, chunks: Iterable[ColumnValues], state: str) -> int:
        path = self.songs_table_path
        folder = os.path.dirname(path)
        schema = make_schema(SONG_COLUMNS, {**self._file_metadata, _STATE_KEY: state})
        count = 0
        try:
            make_folder(folder)
            with (
                atomic_replace(path) as descriptor,
                import_pyarrow().PythonFile(os.fdopen(descriptor, "wb", closefd=False), "w") as sink,
                open_writer(sink, schema, SONG_COLUMNS) as writer,
            ):
                tables = (make_table(SONG_COLUMNS, schema, columns) for columns in chunks)
                for table in coalesce(tables, self._songs_per_group):
                    writer.write_table(table, row_group_size=2 * self._songs_per_group)  # usually one group
                    count += len(table)
            fsync_folder(folder)
        except OSError as error:
            raise write_error(self.root, error) from error
        return count

    def songs_table_state(self) -> str | None:
        try:
            with wrap_read_errors(SONGS_TABLE, *parquet_errors()):
                metadata = import_pyarrow().parquet.read_schema(self.songs_table_path).metadata or {}
                state: bytes | None = metadata.get(f"midiprism.{_STATE_KEY}".encode())
                return None if state is None else state.decode(errors="replace")
        except StoreError:
            return None

    def count_songs_table_rows(self) -> int:
        with (
            wrap_read_errors(SONGS_TABLE, *parquet_errors()),
            contextlib.closing(open_reader(self.songs_table_path)) as file,
        ):
            if not are_columns(file.schema_arrow.names, SONG_COLUMNS):
                raise StoreError("Its columns are not those of this version.")
            groups = range(file.metadata.num_row_groups)
            return sum(len(table_to_rows(SONG_COLUMNS, file.read_row_group(group))) for group in groups)

    def remove_songs_table(self) -> bool:
        if not os.path.isfile(self.songs_table_path):
            return False
        self.remove_entry(SONGS_TABLE)
        return True

    def _shard_folder_of(self, shard: str) -> ShardFolder:
        folder = self._shard_folders.get(shard.partition("/")[0])
        if folder is None:
            raise StoreError(f"{shard!r} is not the name of a shard.")
        return folder
