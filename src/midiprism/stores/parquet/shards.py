"""Shards: Parquet files of a bounded size, written once and never changed.

A shard is written under a temporary name, made durable and renamed: a shard that has its name is whole and
would survive a power cut. The catalog knows each shard by the digest of its file.
"""

import contextlib
import os
import re
import stat
from collections.abc import Iterator, Sequence
from io import BufferedWriter
from itertools import repeat
from typing import Any, NamedTuple

from blake3 import blake3

from midiprism.errors import StoreError
from midiprism.fs.atomic_write import TEMPORARY_SUFFIX, HashingFile, atomic_create, fsync_folder, make_folder
from midiprism.fs.file_system import LOCAL_FILE_SYSTEM, FileSystem
from midiprism.stores.errors import wrap_read_errors, write_error
from midiprism.stores.files.scanner import failed_status, file_status
from midiprism.stores.parquet.io import (
    open_reader,
    open_writer,
    parquet_errors,
    read_group_tracks,
    row_ranges,
)
from midiprism.stores.parquet.schema import (
    DIGEST_COLUMN,
    MUSIC_COLUMN,
    ColumnValues,
    JoinBuffer,
    ParquetColumn,
    are_columns,
    count_rows,
    import_pyarrow,
    make_schema,
    make_table,
    table_to_rows,
)
from midiprism.stores.sharded import CheckedTrack, RowLocations, ShardWriteResult, WrittenShard
from midiprism.stores.types import FileStatus, ScannedEntry

SHARD_ROWS = 50_000
SHARD_BYTES = 64 << 20
"""Most rows of a shard, and most bytes of its tracks before compression; a single track may be larger."""

SHARD_SUFFIX = ".parquet"

_WRITE_BUFFER_BYTES = 1 << 20

_SHARD_FILE_NAME = re.compile(r"[a-z]+(?:-[a-z0-9]+)+\.parquet")


class ShardKind(NamedTuple):
    """The kind of shards in a folder.

    Attributes:
        folder: name below the result; the names of its shards begin with it.
        columns: of every shard.
        max_group_rows: most rows of a row group.
        max_group_bytes: most bytes of the tracks in a row group; a single track may be larger.
        size_limited: whether a write divides rows among several shards; else the caller does.
    """

    folder: str
    columns: tuple[ParquetColumn, ...]
    max_group_rows: int
    max_group_bytes: int = 4 << 20
    size_limited: bool = True


class ShardFolder:
    """The shards of one kind in a result.

    Args:
        root: the folder of the result, which exists.
        kind: what they hold.
        metadata: facts about the result that are written into each.
        file_system: through which the folder is listed.
        mirrored_url: URL of object storage in which shards are read instead; empty for the folder.
    """

    def __init__(
        self,
        root: str,
        kind: ShardKind,
        metadata: dict[str, str],
        file_system: FileSystem = LOCAL_FILE_SYSTEM,
        mirrored_url: str = "",
    ) -> None:
        self._file_system = file_system
        self._mirrored_url = mirrored_url
        self._root = root
        self._kind = kind
        self._folder_path = os.path.join(root, kind.folder)
        self._schema = make_schema(kind.columns, metadata)
        self._join_buffer = JoinBuffer()

    def write(self, stem: str, column_values: ColumnValues) -> ShardWriteResult:
        """Write rows to as many shards as their limits require, and return once they are durable.

        Args:
            stem: names them, ``KIND-STEM-NUMBER.parquet``: lower-case letters, digits and dashes; never the
                same twice.
            column_values: of the rows, in the kind's columns.

        Raises:
            StoreError: they cannot be written. None of them is there then.
        """
        count = count_rows(column_values)
        sizes = list(map(len, column_values[MUSIC_COLUMN])) if MUSIC_COLUMN in column_values else [0] * count
        shard_indexes: list[int] = []
        rows: list[int] = []
        written = ShardWriteResult([], RowLocations(shard_indexes, rows))
        try:
            make_folder(self._folder_path)
            most = SHARD_ROWS if self._kind.size_limited else max(1, count)
            for number, (first, last) in enumerate(row_ranges(sizes, most, SHARD_BYTES)):
                name = f"{self._kind.folder}/{self._kind.folder}-{stem}-{number}{SHARD_SUFFIX}"
                with atomic_create(self.shard_path(name)) as descriptor:
                    file = HashingFile(descriptor)
                    try:
                        part = {name: values[first:last] for name, values in column_values.items()}
                        self._write_table(file, part, sizes[first:last])
                    except BaseException:
                        if file.first_error is not None:
                            raise file.first_error from None
                        raise
                written.shards.append(WrittenShard(name, last - first, file.size, file.digest))
                shard_indexes += repeat(number, last - first)
                rows += range(last - first)
            if written.shards:
                fsync_folder(self._folder_path)
        except BaseException as error:
            for shard in written.shards:
                with contextlib.suppress(OSError):
                    os.unlink(self.shard_path(shard.name))
            if isinstance(error, OSError):
                raise write_error(self._root, error) from error
            raise
        return written

    def rows(self, name: str) -> Iterator[tuple[Any, ...]]:
        """Return the rows of a shard, in order.

        Raises:
            StoreError: something of it cannot be read.
        """
        with contextlib.closing(self.open(name)) as file:
            for group in range(file.metadata.num_row_groups):
                with wrap_read_errors(name, *parquet_errors()):
                    rows = table_to_rows(self._kind.columns, file.read_row_group(group))
                yield from rows

    def checked_tracks(self, name: str) -> Iterator[CheckedTrack]:
        """Return every row of a shard, each track checked by its digest.

        Damage to a row group costs only the rows of that group.

        Raises:
            StoreError: the shard cannot be read at all.
        """
        with contextlib.closing(self.open(name)) as file:
            row = 0
            for group in range(file.metadata.num_row_groups):
                tracks: list[tuple[bytes, bytes]] = []
                with contextlib.suppress(StoreError), wrap_read_errors(name, *parquet_errors()):
                    tracks = read_group_tracks(file, group)
                count = file.metadata.row_group(group).num_rows
                if count > self._kind.max_group_rows:
                    raise StoreError(f"{name} cannot be read: its row groups are damaged.")
                if len(tracks) != count:
                    tracks = [(b"", b"")] * count
                for digest, data in tracks:
                    yield CheckedTrack(row, digest, data if blake3(data).digest() == digest else None)
                    row += 1

    def status_of(self, name: str) -> FileStatus:
        """Return what is in the place of a shard; a whole one has the size and digest it was written with."""
        try:
            path = self.shard_path(name)
            if not stat.S_ISDIR(os.lstat(self._folder_path).st_mode):
                reason = f"{self._kind.folder} must be a folder, and no link to one."
                return FileStatus("not_a_file", reason=reason)
            return file_status(path)
        except StoreError as error:
            return FileStatus("not_a_file", reason=str(error))
        except OSError as error:
            return failed_status(error)

    def names(self) -> Iterator[str]:
        """Return the names of all shards that are there, sorted."""
        return (entry.path for entry in self.scan() if entry.kind == "file")

    def scan(self) -> list[ScannedEntry]:
        """Return the temporary files and the shards in the folder, sorted; other files are left out."""
        entries = []
        for name in self._list_folder():
            path = f"{self._kind.folder}/{name}"
            if name.endswith(TEMPORARY_SUFFIX):
                entries.append(ScannedEntry(path, "temporary"))
            elif _SHARD_FILE_NAME.fullmatch(name) and name.startswith(f"{self._kind.folder}-"):
                entries.append(ScannedEntry(path, "file"))
        return entries

    def digests(self, name: str) -> list[bytes]:
        """Return the digests that the rows of a shard of tracks state, in order; the tracks are not read.

        Raises:
            StoreError: they cannot be read.
        """
        with contextlib.closing(self.open(name)) as file, wrap_read_errors(name, *parquet_errors()):
            digests = file.read(columns=[DIGEST_COLUMN]).column(DIGEST_COLUMN).to_pylist()
            return [bytes.fromhex(digest) for digest in digests]

    def remove(self, name: str) -> None:
        """Remove a shard, if it is there.

        Raises:
            StoreError: it cannot be removed.
        """
        try:
            os.unlink(self.shard_path(name))
        except FileNotFoundError:
            pass
        except OSError as error:
            raise StoreError(f"{name} cannot be removed: {error.strerror or error}.") from error

    def open(self, name: str) -> Any:
        """Return a shard as a ``pyarrow.parquet.ParquetFile``; the caller closes it.

        Raises:
            StoreError: it is not there, or is no shard of this kind.
        """
        path = self.shard_path(name)
        with wrap_read_errors(name, *parquet_errors()), contextlib.ExitStack() as stack:
            file = open_reader(self._open_remote(name) if self._mirrored_url else _regular_file(path))
            stack.callback(file.close)
            if not are_columns(file.schema_arrow.names, self._kind.columns):
                raise StoreError(f"Its columns are not those of {self._kind.folder}.")
            stack.pop_all()
            return file

    def _open_remote(self, name: str) -> Any:
        from midiprism.objects import open_storage
        from midiprism.stores.parquet.remote_file import RemoteFile

        return RemoteFile(open_storage(self._mirrored_url), name)

    def _write_table(self, file: HashingFile, column_values: ColumnValues, sizes: Sequence[int]) -> None:
        """Write rows to the file of a shard."""
        table = make_table(self._kind.columns, self._schema, column_values, self._join_buffer)
        with (
            import_pyarrow().PythonFile(BufferedWriter(file, _WRITE_BUFFER_BYTES), "w") as sink,
            open_writer(sink, self._schema, self._kind.columns) as encoder,
        ):
            for first, last in row_ranges(sizes, self._kind.max_group_rows, self._kind.max_group_bytes):
                encoder.write_table(table.slice(first, last - first), row_group_size=last - first)

    def shard_path(self, name: str) -> str:
        """Return the absolute path of a shard, which may not exist.

        Raises:
            StoreError: ``name`` is not the name of a shard of this kind.
        """
        folder, _, file = name.partition("/")
        if (
            folder != self._kind.folder
            or not _SHARD_FILE_NAME.fullmatch(file)
            or not file.startswith(f"{folder}-")
        ):
            raise StoreError(f"{name!r} is not the name of a shard of {self._kind.folder}.")
        return os.path.join(self._folder_path, file)

    def _list_folder(self) -> list[str]:
        """Return the names in the folder, sorted; a folder that is a link is not entered."""
        try:
            if not stat.S_ISDIR(os.lstat(self._folder_path).st_mode):
                return []
            return sorted(entry.name for entry in self._file_system.list_folder(self._folder_path))
        except FileNotFoundError:
            return []


def _regular_file(path: str) -> str:
    """Return a path; raise StoreError unless a regular file is there."""
    if not stat.S_ISREG(os.lstat(path).st_mode):
        raise StoreError("It is not a regular file.")
    return path
