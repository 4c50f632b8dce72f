"""What a commit asks of a store whose files hold many contents each."""

from collections.abc import Sequence
from contextlib import AbstractContextManager
from typing import NamedTuple, Protocol

from midiprism.catalog.records import SongRecord, TrackValues


class NewTrack(NamedTuple):
    """A content that a commit is about to record, and that no commit had before."""

    id: int
    values: TrackValues


class ShardPosition(NamedTuple):
    """Where a content lies in a shard: the shard's number in the list of shards, and the row, both from 0."""

    shard_index: int
    row: int


class ShardFile(NamedTuple):
    """A file of several contents or links: its path below ``OUT``, its rows, its bytes and their BLAKE3."""

    name: str
    rows: int
    size: int
    digest: bytes


class WrittenShards(NamedTuple):
    """What a store has written for a commit, and flushed.

    Attributes:
        shards: all of them.
        places: where each new content lies.
        links: for each song the number of the shard, from 0, that holds its links.
    """

    shards: Sequence[ShardFile]
    track_positions: Sequence[ShardPosition]
    link_shard_indexes: Sequence[int]


class ShardSink(Protocol):
    """Writes what a commit has won to shards, inside its transaction."""

    def remove_on_error(self) -> AbstractContextManager[None]:
        """Around everything that a transaction does before its COMMIT: if that fails, what was written in it
        is removed. Of a COMMIT that fails nobody knows whether it went through."""

    def write_shards(
        self, new_tracks: Sequence[NewTrack], linked_songs: Sequence[SongRecord]
    ) -> WrittenShards:
        """Write contents that no commit had before, and the links of songs, each of which has some."""
