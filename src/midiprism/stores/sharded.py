"""The interface of a store that keeps many tracks in one file, a shard.

Shards are written once and never change. Outdated rows are left out of a new shard that replaces the old one.
There are also shards of links, and a table of songs that derives from the catalog.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple, Protocol

from midiprism.stores.types import FileStatus

TRACKS_FOLDER = "tracks"
LINKS_FOLDER = "links"
SONGS_TABLE = "songs/songs.parquet"

ColumnValues = Mapping[str, Sequence[Any]]
"""Values of rows by the names of their columns, all of the same length; empty for no rows."""


class WrittenShard(NamedTuple):
    """A shard that was written and made durable.

    Attributes:
        name: path below the result, with ``/`` between its parts.
        rows: how many it holds.
        size: bytes of the file.
        digest: their BLAKE3.
    """

    name: str
    rows: int
    size: int
    digest: bytes


class RowLocation(NamedTuple):
    """The place of a row that was written: the index of its shard among those written, and its row there."""

    shard_index: int
    row: int


class RowLocations(NamedTuple):
    """The places of rows that were written, as columns: of each row what ``RowLocation`` has of one."""

    shard_indexes: Sequence[int] = ()
    rows: Sequence[int] = ()


class ShardWriteResult(NamedTuple):
    """Shards that were written, and the places of the rows.

    Attributes:
        shards: none where there was nothing to write.
        row_locations: of each row.
    """

    shards: list[WrittenShard]
    row_locations: RowLocations


class CheckedTrack(NamedTuple):
    """A row of a shard of tracks, as it was read.

    Attributes:
        row: from 0.
        digest: of the track, as the row says; empty where that cannot be read.
        data: the track; None where it cannot be read, or has another digest.
    """

    row: int
    digest: bytes
    data: bytes | None


class ShardedTracks(Protocol):
    """The shards of one result, by their names. For one thread; any number of processes may read."""

    def new_stem(self, run_id: int) -> str:
        """Return a part of the names of new shards, which sort in the order in which they are written.

        It is never the same twice, not even for another attempt, and consists of digits, letters and dashes.
        """

    def write_tracks(self, stem: str, column_values: ColumnValues) -> ShardWriteResult:
        """Write tracks that no shard holds to new shards, ``tracks/tracks-STEM-NUMBER.parquet``.

        Args:
            stem: see ``new_stem``.
            column_values: of rows with the columns of a track.

        Returns:
            The shards, which are durable, and the place of each row.

        Raises:
            StoreError: they cannot be written. None of them is there then.
        """

    def write_links(self, stem: str, column_values: ColumnValues) -> ShardWriteResult:
        """Write links to one new shard, ``links/links-STEM-0.parquet``; see ``write_tracks``."""

    def names(self) -> Iterator[str]:
        """Return the names of all shards of tracks and links that are there, sorted by kind."""

    def rows(self, shard: str) -> Iterator[tuple[Any, ...]]:
        """Return the rows of a shard as they were written, in order.

        Raises:
            StoreError: something of it cannot be read.
        """

    def digests(self, shard: str) -> list[bytes]:
        """Return the digests that the rows of a shard of tracks state, in order.

        Raises:
            StoreError: they cannot be read.
        """

    def checked_tracks(self, shard: str) -> Iterator[CheckedTrack]:
        """Return every row of a shard of tracks, each checked by its digest; damage costs few rows.

        Raises:
            StoreError: the shard cannot be read at all.
        """

    def shard_status(self, shard: str) -> FileStatus:
        """Return what is in the place of a shard; a whole one has the digest that it was written with."""

    def remove(self, shard: str) -> None:
        """Remove a shard, if it is there.

        Raises:
            StoreError: it cannot be removed.
        """

    def write_songs_table(self, chunks: Iterable[ColumnValues], state: str) -> int:
        """Replace the table of songs, and return how many songs it has.

        Args:
            chunks: all songs, some at a time.
            state: of the catalog that they come from; it is written into the file.

        Raises:
            StoreError: it cannot be written. The table before is left.
        """

    def songs_table_state(self) -> str | None:
        """Return the state of the catalog that the table of songs comes from; None if it cannot be read."""

    def count_songs_table_rows(self) -> int:
        """Read the table of songs, and return how many songs it has.

        Raises:
            StoreError: something of it cannot be read.
        """

    def remove_songs_table(self) -> bool:
        """Remove the table of songs, and return whether there was one.

        Raises:
            StoreError: it cannot be removed.
        """
