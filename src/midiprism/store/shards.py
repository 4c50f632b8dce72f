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
from midiprism.store.columns import (
    CONTENT,
    DIGEST,
    Cells,
    Column,
    Room,
    count_of,
    load_arrow,
    rows_of,
    schema_of,
    table_of,
)
from midiprism.store.encoding import contents_of, cuts, reader, told, writer
from midiprism.store.files import unwritable
from midiprism.store.survey import Look, look_at
from midiprism.store.whole import TEMPORARY, HashedFile, make_folder, new_file, sync_folder

SHARD_ROWS = 50_000
SHARD_BYTES = 64 << 20
"""Of contents, before they are compressed. A single content may be larger."""

SUFFIX = ".parquet"

_BUFFERED = 1 << 20

_NAME = re.compile(r"[a-z]+(?:-[a-z0-9]+)+\.parquet")


class Kind(NamedTuple):
    """What is in the shards of a folder.

    Attributes:
        folder: its name below the result, with which the names of its shards begin.
        columns: of every shard.
        group_rows: most rows of a row group.
        group_bytes: most bytes of the contents in one; a single content may be larger.
        bounded: whether rows are divided among several shards; else who writes them sees to that.
    """

    folder: str
    columns: tuple[Column, ...]
    group_rows: int
    group_bytes: int = 4 << 20
    bounded: bool = True

    @property
    def content(self) -> int | None:
        """Which column holds contents; None if none does."""
        return next((at for at, column in enumerate(self.columns) if column.name == CONTENT), None)


class Shard(NamedTuple):
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


class Written(NamedTuple):
    """What a write has made.

    Attributes:
        shards: none where there was nothing to write.
        places: for each row the index of its shard in ``shards``, and its row there, from 0.
    """

    shards: list[Shard]
    places: list[tuple[int, int]]


class Content(NamedTuple):
    """A row of a shard as it was found.

    Attributes:
        row: from 0.
        digest: of the content, as the row says; empty where that cannot be read.
        data: the content; None where it cannot be read, or has another digest.
    """

    row: int
    digest: bytes
    data: bytes | None


class Shards:
    """The shards of one kind in a result.

    Args:
        root: the folder of the result, which exists.
        kind: what is in them.
        about: facts about the result that are written into each.
    """

    def __init__(self, root: str, kind: Kind, about: dict[str, str]) -> None:
        self._root = root
        self._kind = kind
        self._folder = os.path.join(root, kind.folder)
        self._schema = schema_of(kind.columns, about)
        self._room = Room()

    def write(self, stem: str, cells: Cells) -> Written:
        """Write rows to as many shards as their bounds ask for; returns once they are durable.

        Args:
            stem: what names them, ``KIND-STEM-NUMBER.parquet``: lower-case letters, digits and dashes; never
                the same twice.
            cells: of the rows, in the kind's columns.

        Raises:
            StoreError: they cannot be written. None of them is there then.
        """
        content, count = self._kind.content, count_of(cells)
        sizes = [0] * count if content is None or not count else list(map(len, cells[content]))
        written = Written([], [])
        try:
            make_folder(self._folder)
            most = SHARD_ROWS if self._kind.bounded else max(1, count)
            for number, (first, last) in enumerate(cuts(sizes, most, SHARD_BYTES)):
                name = f"{self._kind.folder}/{self._kind.folder}-{stem}-{number}{SUFFIX}"
                with new_file(self.place(name)) as descriptor:
                    file = HashedFile(descriptor)
                    try:
                        self._encode(file, [column[first:last] for column in cells], sizes[first:last])
                    except BaseException:
                        if file.error is not None:
                            raise file.error from None
                        raise
                written.shards.append(Shard(name, last - first, file.size, file.digest))
                written.places.extend(zip(repeat(number), range(last - first)))
            if written.shards:
                sync_folder(self._folder)
        except BaseException as error:
            for shard in written.shards:
                with contextlib.suppress(OSError):
                    os.unlink(self.place(shard.name))
            if isinstance(error, OSError):
                raise unwritable(self._root, error) from error
            raise
        return written

    def rows(self, name: str) -> Iterator[tuple[Any, ...]]:
        """The rows of a shard, in order.

        Raises:
            StoreError: something of it cannot be read.
        """
        with contextlib.closing(self.open(name)) as file:
            for group in range(file.metadata.num_row_groups):
                with told(name):
                    rows = rows_of(self._kind.columns, file.read_row_group(group))
                yield from rows

    def contents(self, name: str) -> Iterator[Content]:
        """Every row of a shard, each content checked by its digest. A damaged row group costs its rows only.

        Raises:
            StoreError: the shard cannot be read at all.
        """
        with contextlib.closing(self.open(name)) as file:
            row = 0
            for group in range(file.metadata.num_row_groups):
                found: list[tuple[bytes, bytes]] = []
                with contextlib.suppress(StoreError), told(name):
                    found = contents_of(file, group)
                count = file.metadata.row_group(group).num_rows
                if count > self._kind.group_rows:
                    raise StoreError(f"{name} cannot be read: its row groups are damaged.")
                if len(found) != count:
                    found = [(b"", b"")] * count
                for digest, data in found:
                    yield Content(row, digest, data if blake3(data).digest() == digest else None)
                    row += 1

    def look(self, name: str) -> Look:
        """What is at the place of a shard: a whole one has the size and digest that ``write`` told."""
        try:
            place = self.place(name)
            if not stat.S_ISDIR(os.lstat(self._folder).st_mode):
                return Look("not_a_file", why=f"{self._kind.folder} must be a folder, and no link to one.")
            return look_at(place)
        except StoreError as error:
            return Look("not_a_file", why=str(error))
        except (FileNotFoundError, NotADirectoryError):
            return Look("missing", why="It is not there.")
        except OSError as error:
            return Look("unreadable", why=f"It cannot be read: {error.strerror or error}.")

    def walk(self) -> Iterator[str]:
        """Names of all shards that are there, sorted."""
        for name in self._entries():
            if _NAME.fullmatch(name) and name.startswith(f"{self._kind.folder}-"):
                yield f"{self._kind.folder}/{name}"

    def strays(self, known: Container[str]) -> list[str]:
        """Names of temporary files, and of shards that are not known."""
        temporary = [f"{self._kind.folder}/{name}" for name in self._entries() if name.endswith(TEMPORARY)]
        return [*temporary, *(name for name in self.walk() if name not in known)]

    def digests(self, name: str) -> list[bytes]:
        """The digests that the rows of a shard of tracks say, in order; the contents are not read.

        Raises:
            StoreError: they cannot be read.
        """
        with contextlib.closing(self.open(name)) as file, told(name):
            found = file.read(columns=[DIGEST]).column(DIGEST).to_pylist()
            return [bytes.fromhex(digest) for digest in found]

    def remove(self, name: str) -> None:
        """Remove a shard, if it is there.

        Raises:
            StoreError: it cannot be removed.
        """
        try:
            os.unlink(self.place(name))
        except FileNotFoundError:
            pass
        except OSError as error:
            raise StoreError(f"{name} cannot be removed: {error.strerror or error}.") from error

    def open(self, name: str) -> Any:
        """A shard as a ``pyarrow.parquet.ParquetFile``, which is to be closed.

        Raises:
            StoreError: it is not there, or is no shard of this kind.
        """
        place = self.place(name)
        with told(name), contextlib.ExitStack() as stack:
            if not stat.S_ISREG(os.lstat(place).st_mode):
                raise StoreError("It is not a regular file.")
            file = reader(place)
            stack.callback(file.close)
            if file.schema_arrow.names != self._schema.names:
                raise StoreError(f"Its columns are not those of {self._kind.folder}.")
            stack.pop_all()
            return file

    def _encode(self, file: HashedFile, cells: Cells, sizes: Sequence[int]) -> None:
        """Write a shard."""
        table = table_of(self._kind.columns, self._schema, cells, self._room)
        with (
            load_arrow().PythonFile(BufferedWriter(file, _BUFFERED), "w") as sink,
            writer(sink, self._schema, self._kind.columns) as encoder,
        ):
            for first, last in cuts(sizes, self._kind.group_rows, self._kind.group_bytes):
                encoder.write_table(table.slice(first, last - first), row_group_size=last - first)

    def place(self, name: str) -> str:
        """Where a shard of this name is, or is to be.

        Raises:
            StoreError: it is not the name of one.
        """
        folder, _, file = name.partition("/")
        if folder != self._kind.folder or not _NAME.fullmatch(file) or not file.startswith(f"{folder}-"):
            raise StoreError(f"{name!r} is not the name of a shard of {self._kind.folder}.")
        return os.path.join(self._folder, file)

    def _entries(self) -> list[str]:
        """Names of what is in the folder, sorted; a folder that is a link is not entered."""
        try:
            if not stat.S_ISDIR(os.lstat(self._folder).st_mode):
                return []
            return sorted(os.listdir(self._folder))
        except FileNotFoundError:
            return []
