"""The interface by which a commit writes tracks and links to shards, files that hold many rows each."""

from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import NamedTuple, Protocol

from midiprism.records.batches import Columns, LinkedSongs
from midiprism.stores.sharded import RowLocations, WrittenShard


class WrittenShards(NamedTuple):
    """Shards that were written for a commit, and made durable.

    Attributes:
        shards: all of them.
        track_positions: the place of each new track.
        link_shard_indexes: for each song the index of the shard that holds its links.
    """

    shards: Sequence[WrittenShard] = ()
    track_positions: RowLocations = RowLocations()
    link_shard_indexes: Sequence[int] = ()


class ShardSink(Protocol):
    """Writes the new tracks and links of a commit to shards, inside its transaction."""

    def remove_on_error(self) -> AbstractContextManager[None]:
        """Return the context of all that a transaction does before its COMMIT.

        If that fails, the shards that were written in it are removed. After a COMMIT that fails they stay,
        since it may have gone through.
        """

    def write_ahead(self, new_tracks: Columns, linked_songs: Sequence[LinkedSongs]) -> None:
        """Write ahead what the commit will ask ``write_shards`` for, if no other commit can change it.

        Raises:
            StoreError: it cannot be written.
        """

    def write_shards(self, new_tracks: Columns, linked_songs: Sequence[LinkedSongs]) -> WrittenShards:
        """Write tracks that no commit had before, and the links of songs.

        Args:
            new_tracks: ``TRACK_FIELDS``.
            linked_songs: for each batch its songs with links.
        """


def removing_on_error(shard_sink: ShardSink | None) -> AbstractContextManager[None]:
    """Return the context of a transaction that writes with this sink; see ``ShardSink.remove_on_error``."""
    return shard_sink.remove_on_error() if shard_sink else nullcontext()
