"""Shards: Parquet files of a bounded size, written once and whole, and never changed.

A shard is written under another name, flushed and renamed, so that one that has its name is whole and would
survive a power cut. Small row groups let one track be read alone; every page has a checksum,
and a shard is known by its own digest.
"""

import contextlib
import os
import re
import stat
from collections.abc import Container, Iterator, Sequence
from io import BufferedWriter
from itertools import repeat
from typing import Any, NamedTuple

from blake3 import blake3

from midiprism.errors import StoreError
from midiprism.fs.atomic_write import TEMPORARY_SUFFIX, HashingFile, atomic_create, fsync_folder, make_folder
from midiprism.stores.files.scanner import FileStatus, file_status
from midiprism.stores.files.store import write_error
from midiprism.stores.parquet.io import (
    open_reader,
    open_writer,
    read_group_tracks,
    row_ranges,
    wrap_read_errors,
)
from midiprism.stores.parquet.schema import (
    DIGEST_COLUMN,
    MUSIC_COLUMN,
    ColumnValues,
    JoinBuffer,
    ParquetColumn,
    count_rows,
    import_pyarrow,
    make_schema,
    make_table,
    table_to_rows,
)

SHARD_ROWS = 50_000
SHARD_BYTES = 64 << 20
"""Of contents, before they are compressed. A single content may be larger."""

SHARD_SUFFIX = ".parquet"

_WRITE_BUFFER_BYTES = 1 << 20

_SHARD_FILE_NAME = re.compile(r"[a-z]+(?:-[a-z0-9]+)+\.parquet")


class ShardKind(NamedTuple):
    """What is in the shards of a folder.

    Attributes:
        folder: its name below the result, with which the names of its shards begin.
        columns: of every shard.
        group_rows: most rows of a row group.
        group_bytes: most bytes of the contents in one; a single content may be larger.
        bounded: whether rows are divided among several shards; else who writes them sees to that.
    """

    folder: str
    columns: tuple[ParquetColumn, ...]
    max_group_rows: int
    max_group_bytes: int = 4 << 20
    size_limited: bool = True


class WrittenShard(NamedTuple):
    """A shard that was written, and flushed.

    Attributes:
        name: its path below the result, with ``/`` between its parts.
        rows: how many it holds.
        size: bytes of the file.
        digest: their BLAKE3.
    """

    name: str
    rows: int
    size: int
    digest: bytes


class ShardWriteResult(NamedTuple):
    """What a write has made.

    Attributes:
        shards: none where there was nothing to write.
        places: for each row the index of its shard in ``shards``, and its row there, from 0.
    """

    shards: list[WrittenShard]
    row_locations: list[tuple[int, int]]


class CheckedTrack(NamedTuple):
    """A row of a shard as it was found.

    Attributes:
        row: from 0.
        digest: of the content, as the row says; empty where that cannot be read.
        data: the content; None where it cannot be read, or has another digest.
    """

    row: int
    digest: bytes
    data: bytes | None


class ShardFolder:
    """The shards of one kind in a result.

    Args:
        root: the folder of the result, which exists.
        kind: what is in them.
        about: facts about the result that are written into each.
    """

    def __init__(self, root: str, kind: ShardKind, metadata: dict[str, str]) -> None:
        self._root = root
        self._kind = kind
        self._folder_path = os.path.join(root, kind.folder)
        self._schema = make_schema(kind.columns, metadata)
        self._join_buffer = JoinBuffer()

    def write(self, stem: str, column_values: ColumnValues) -> ShardWriteResult:
        """Write rows to as many shards as their bounds ask for; returns once they are durable.

        Args:
            stem: what names them, ``KIND-STEM-NUMBER.parquet``: lower-case letters, digits and dashes; never
                the same twice.
            cells: of the rows, in the kind's columns.

        Raises:
            StoreError: they cannot be written. None of them is there then.
        """
        count = count_rows(column_values)
        sizes = list(map(len, column_values[MUSIC_COLUMN])) if MUSIC_COLUMN in column_values else [0] * count
        written = ShardWriteResult([], [])
        try:
            make_folder(self._folder_path)
            most = SHARD_ROWS if self._kind.size_limited else max(1, count)
            for number, (first, last) in enumerate(row_ranges(sizes, most, SHARD_BYTES)):
                name = f"{self._kind.folder}/{self._kind.folder}-{stem}-{number}{SHARD_SUFFIX}"
                with atomic_create(self.shard_path(name)) as descriptor:
                    file = HashingFile(descriptor)
                    try:
                        self._write_table(
                            file,
                            {name: values[first:last] for name, values in column_values.items()},
                            sizes[first:last],
                        )
                    except BaseException:
                        if file.first_error is not None:
                            raise file.first_error from None
                        raise
                written.shards.append(WrittenShard(name, last - first, file.size, file.digest))
                written.row_locations.extend(zip(repeat(number), range(last - first)))
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
        """The rows of a shard, in order.

        Raises:
            StoreError: something of it cannot be read.
        """
        with contextlib.closing(self.open(name)) as file:
            for group in range(file.metadata.num_row_groups):
                with wrap_read_errors(name):
                    rows = table_to_rows(self._kind.columns, file.read_row_group(group))
                yield from rows

    def checked_tracks(self, name: str) -> Iterator[CheckedTrack]:
        """Every row of a shard, each content checked by its digest. A damaged row group costs its rows only.

        Raises:
            StoreError: the shard cannot be read at all.
        """
        with contextlib.closing(self.open(name)) as file:
            row = 0
            for group in range(file.metadata.num_row_groups):
                found: list[tuple[bytes, bytes]] = []
                with contextlib.suppress(StoreError), wrap_read_errors(name):
                    found = read_group_tracks(file, group)
                count = file.metadata.row_group(group).num_rows
                if count > self._kind.max_group_rows:
                    raise StoreError(f"{name} cannot be read: its row groups are damaged.")
                if len(found) != count:
                    found = [(b"", b"")] * count
                for digest, data in found:
                    yield CheckedTrack(row, digest, data if blake3(data).digest() == digest else None)
                    row += 1

    def status_of(self, name: str) -> FileStatus:
        """What is at the place of a shard: a whole one has the size and digest that ``write`` told."""
        try:
            place = self.shard_path(name)
            if not stat.S_ISDIR(os.lstat(self._folder_path).st_mode):
                return FileStatus(
                    "not_a_file", reason=f"{self._kind.folder} must be a folder, and no link to one."
                )
            return file_status(place)
        except StoreError as error:
            return FileStatus("not_a_file", reason=str(error))
        except (FileNotFoundError, NotADirectoryError):
            return FileStatus("missing", reason="It is not there.")
        except OSError as error:
            return FileStatus("unreadable", reason=f"It cannot be read: {error.strerror or error}.")

    def walk(self) -> Iterator[str]:
        """Names of all shards that are there, sorted."""
        for name in self._list_folder():
            if _SHARD_FILE_NAME.fullmatch(name) and name.startswith(f"{self._kind.folder}-"):
                yield f"{self._kind.folder}/{name}"

    def find_orphans(self, known_shards: Container[str]) -> list[str]:
        """Names of temporary files, and of shards that are not known."""
        temporary = [
            f"{self._kind.folder}/{name}" for name in self._list_folder() if name.endswith(TEMPORARY_SUFFIX)
        ]
        return [*temporary, *(name for name in self.walk() if name not in known_shards)]

    def digests(self, name: str) -> list[bytes]:
        """The digests that the rows of a shard of tracks say, in order; the contents are not read.

        Raises:
            StoreError: they cannot be read.
        """
        with contextlib.closing(self.open(name)) as file, wrap_read_errors(name):
            found = file.read(columns=[DIGEST_COLUMN]).column(DIGEST_COLUMN).to_pylist()
            return [bytes.fromhex(digest) for digest in found]

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
        """A shard as a ``pyarrow.parquet.ParquetFile``, which is to be closed.

        Raises:
            StoreError: it is not there, or is no shard of this kind.
        """
        place = self.shard_path(name)
        with wrap_read_errors(name), contextlib.ExitStack() as stack:
            if not stat.S_ISREG(os.lstat(place).st_mode):
                raise StoreError("It is not a regular file.")
            file = open_reader(place)
            stack.callback(file.close)
            if file.schema_arrow.names != self._schema.names:
                raise StoreError(f"Its columns are not those of {self._kind.folder}.")
            stack.pop_all()
            return file

    def _write_table(self, file: HashingFile, column_values: ColumnValues, sizes: Sequence[int]) -> None:
        """Write a shard."""
        table = make_table(self._kind.columns, self._schema, column_values, self._join_buffer)
        with (
            import_pyarrow().PythonFile(BufferedWriter(file, _WRITE_BUFFER_BYTES), "w") as sink,
            open_writer(sink, self._schema, self._kind.columns) as encoder,
        ):
            for first, last in row_ranges(sizes, self._kind.max_group_rows, self._kind.max_group_bytes):
                encoder.write_table(table.slice(first, last - first), row_group_size=last - first)

    def shard_path(self, name: str) -> str:
        """Where a shard of this name is, or is to be.

        Raises:
            StoreError: it is not the name of one.
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
        """Names of what is in the folder, sorted; a folder that is a link is not entered."""
        try:
            if not stat.S_ISDIR(os.lstat(self._folder_path).st_mode):
                return []
            return sorted(os.listdir(self._folder_path))
        except FileNotFoundError:
            return []
