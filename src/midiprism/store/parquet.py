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
from midiprism.store.columns import (
    LINK_COLUMNS,
    SONG_COLUMNS,
    TRACK_COLUMNS,
    Cells,
    load_arrow,
    rows_of,
    schema_of,
    table_of,
)
from midiprism.store.encoding import RowGroups, contents_of, reader, together, told, writer
from midiprism.store.files import unwritable
from midiprism.store.shards import Content, Kind, Shards, Written
from midiprism.store.survey import Look
from midiprism.store.whole import TEMPORARY, make_folder, replaced_file, sync_folder

SHARD_VERSION = 1
"""Raised whenever columns of shards change."""

SONGS = "songs/songs.parquet"

TRACKS = Kind("tracks", TRACK_COLUMNS, group_rows=1_024)
LINKS = Kind("links", LINK_COLUMNS, group_rows=25_000, bounded=False)

_COMMIT = "commit"
_SONGS_PER_GROUP = 25_000
"""At least, but for the last row group; less than twice as many."""

_OPEN_SHARDS = 16
_OPEN_GROUPS = 8


class ParquetStore:
    """The Parquet files of a result. For one thread; any number of processes may read.

    Args:
        root: the folder of the result, which exists.
        about: facts about it, such as ``by``, that are written into every file.

    Raises:
        UsageError: pyarrow is not installed.
    """

    def __init__(self, root: str | os.PathLike[str], about: Mapping[str, str] | None = None) -> None:
        self._root = os.path.abspath(os.fspath(root))
        self._about = dict(about or {})
        self._facts = {"format": str(SHARD_VERSION), **self._about}
        self._kinds = {kind.folder: Shards(self._root, kind, self._facts) for kind in (TRACKS, LINKS)}
        self._tracks, self._links = self._kinds[TRACKS.folder], self._kinds[LINKS.folder]
        self._files: OrderedDict[str, tuple[Any, RowGroups]] = OrderedDict()
        self._groups: OrderedDict[tuple[str, int], list[tuple[bytes, bytes]]] = OrderedDict()

    def __reduce__(self) -> tuple[type["ParquetStore"], tuple[str, dict[str, str]]]:
        return type(self), (self._root, self._about)

    def __enter__(self) -> "ParquetStore":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the shards that were read."""
        self._groups.clear()
        while self._files:
            self._files.popitem()[1][0].close()

    def write_tracks(self, stem: str, cells: Cells) -> Written:
        """Write tracks that no shard has to new shards, ``tracks/tracks-STEM-NUMBER.parquet``.

        Args:
            stem: lower-case letters, digits and dashes; never the same twice, not even for another attempt.
            cells: of rows as ``TrackRow`` has them, in the order of which the places are told.

        Returns:
            The shards, which are durable, and the place of each row.

        Raises:
            StoreError: they cannot be written. None of them is there then.
        """
        return self._tracks.write(stem, cells)

    def write_links(self, stem: str, cells: Cells) -> Written:
        """Write links, as ``LinkRow`` has them, to one new shard, ``links/links-STEM-0.parquet``; see
        ``write_tracks``."""
        return self._links.write(stem, cells)

    def write_songs(self, parts: Iterable[Cells], commit: int) -> int:
        """Put all songs in the place of those that were written before; how many.

        Args:
            parts: all songs as ``SongRow`` has them, some at a time.
            commit: number of the last commit that they come from.

        Raises:
            StoreError: they cannot be written. Those before are left.
        """
        place = self.songs_place
        folder = os.path.dirname(place)
        schema = schema_of(SONG_COLUMNS, {**self._facts, _COMMIT: str(commit)})
        count = 0
        try:
            make_folder(folder)
            with (
                replaced_file(place) as descriptor,
                load_arrow().PythonFile(os.fdopen(descriptor, "wb", closefd=False), "w") as sink,
                writer(sink, schema, SONG_COLUMNS) as file,
            ):
                tables = (table_of(SONG_COLUMNS, schema, cells) for cells in parts)
                for table in together(tables, _SONGS_PER_GROUP):
                    file.write_table(table, row_group_size=2 * _SONGS_PER_GROUP)  # in one, as a rule
                    count += len(table)
            sync_folder(folder)
        except OSError as error:
            raise unwritable(self._root, error) from error
        return count

    def songs_commit(self) -> int | None:
        """The number of the last commit that the songs come from; None where they cannot be read."""
        try:
            with told(SONGS):
                facts = load_arrow().parquet.read_schema(self.songs_place).metadata or {}
                return int(facts.get(f"midiprism.{_COMMIT}".encode(), b""))
        except StoreError:
            return None

    def count_songs(self) -> int:
        """How many songs there are, all of which were read.

        Raises:
            StoreError: something of them cannot be read.
        """
        with told(SONGS), contextlib.closing(reader(self.songs_place)) as file:
            groups = range(file.metadata.num_row_groups)
            return sum(len(rows_of(SONG_COLUMNS, file.read_row_group(group))) for group in groups)

    def digests(self, shard: str) -> list[bytes]:
        """The digests that the rows of a shard of tracks say, in order.

        Raises:
            StoreError: they cannot be read.
        """
        return self._tracks.digests(shard)

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
            file, groups = self._open(shard)
            with told(shard):
                group, place = groups.place(row)
                contents = self._read(shard, file, group)
            if place < len(contents):
                data = contents[place][1]
                if blake3(data).digest() == digest:
                    return data
        except StoreError:
            self.close()  # it may be mended, and be read again
            raise
        raise StoreError(f"{shard} is damaged: its row {row:,} is not the track {digest.hex()}.")

    def contents(self, shard: str) -> Iterator[Content]:
        """Every row of a shard of tracks, each checked by its digest; a damaged row group costs its rows
        only.

        Raises:
            StoreError: the shard cannot be read at all.
        """
        return self._tracks.contents(shard)

    def rows(self, shard: str) -> Iterator[tuple[Any, ...]]:
        """The rows of a shard as it was given them, in order.

        Raises:
            StoreError: something of it cannot be read.
        """
        return self._kind(shard).rows(shard)

    def look(self, shard: str) -> Look:
        """What is at the place of a shard: a whole one has the size and the digest that were told when it was
        written."""
        return self._kind(shard).look(shard)

    def walk(self) -> Iterator[str]:
        """Names of all shards of tracks and links that are there, sorted by kind."""
        for shards in self._kinds.values():
            yield from shards.walk()

    def strays(self, known: Container[str]) -> list[str]:
        """Names of what interrupted writes left, and of shards of which no commit speaks.

        Args:
            known: names of the shards of which a commit speaks.
        """
        folder = os.path.join(self._root, os.path.dirname(SONGS))
        found = [name for shards in self._kinds.values() for name in shards.strays(known)]
        names = sorted(os.listdir(folder)) if os.path.isdir(folder) and not os.path.islink(folder) else []
        return found + [f"{os.path.dirname(SONGS)}/{name}" for name in names if name.endswith(TEMPORARY)]

    def sweep(self, known: Container[str]) -> list[str]:
        """Remove what ``strays`` names; what that was.

        Only while nobody else writes: of another run's shard its commit may be about to speak.

        Raises:
            StoreError: something cannot be removed.
        """
        try:
            swept = self.strays(known)
        except OSError as error:
            raise unwritable(self._root, error) from error
        for name in swept:
            self.discard(name)
        return swept

    def discard(self, stray: str) -> None:
        """Remove one of those that ``strays`` named; of a link itself, of a folder all that is in it.

        Raises:
            StoreError: it cannot be removed.
        """
        self.close()  # Windows removes no file that is open
        place = os.path.join(self._root, *stray.split("/"))
        try:
            if stat.S_ISDIR(os.lstat(place).st_mode):
                shutil.rmtree(place)
            else:
                os.unlink(place)
        except FileNotFoundError:
            pass
        except OSError as error:
            raise unwritable(self._root, error) from error

    def place(self, shard: str) -> str:
        """Where a shard of this name is, or is to be.

        Raises:
            StoreError: it is not the name of one.
        """
        return self._kind(shard).place(shard)

    def remove(self, shard: str) -> None:
        """Remove a shard, if it is there.

        Raises:
            StoreError: it cannot be removed.
        """
        self.close()  # Windows removes no file that is open
        self._kind(shard).remove(shard)

    @property
    def root(self) -> str:
        """The folder of the result, absolute."""
        return self._root

    @property
    def songs_place(self) -> str:
        """Where the table of songs is, or is to be."""
        return os.path.join(self._root, *SONGS.split("/"))

    def _kind(self, shard: str) -> Shards:
        shards = self._kinds.get(shard.partition("/")[0])
        if shards is None:
            raise StoreError(f"{shard!r} is not the name of a shard.")
        return shards

    def _open(self, shard: str) -> tuple[Any, RowGroups]:
        found = self._files.get(shard)
        if found is None:
            file = self._tracks.open(shard)
            found = self._files[shard] = file, RowGroups(file)
            if len(self._files) > _OPEN_SHARDS:
                self._files.popitem(last=False)[1][0].close()
        self._files.move_to_end(shard)
        return found

    def _read(self, shard: str, file: Any, group: int) -> list[tuple[bytes, bytes]]:
        contents = self._groups.get((shard, group))
        if contents is None:
            contents = self._groups[shard, group] = contents_of(file, group)
            if len(self._groups) > _OPEN_GROUPS:
                self._groups.popitem(last=False)
        self._groups.move_to_end((shard, group))
        return contents
