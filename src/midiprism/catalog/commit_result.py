"""The result of a commit, and its time."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

from midiprism.records.fields import SongRecord
from midiprism.stores.sharded import WrittenShard


@dataclass(slots=True)
class CommitResult:
    """The rows that a commit of one batch added.

    Attributes:
        outcomes: songs that got an outcome by it, by outcome.
        songs_with_loss: those of them that have lost music to damage.
        paths_of_known_songs: paths of songs that had an outcome already.
        links: links recorded.
        tracks_new: tracks that the catalog did not have.
        outcomes_replaced: songs whose outcome of an earlier run was replaced.
        discarded: whether nothing was recorded, because another run holds the lease on the batch, or has done
            it.
        refused_songs: songs that a commit hook made fail; without their links.
        values_nulled: values that columns of a commit hook could not hold.
        shards: written for it; of several batches in one transaction, the first one has all of them.
    """

    outcomes: Counter[str] = field(default_factory=Counter)
    songs_with_loss: int = 0
    paths_of_known_songs: int = 0
    links: int = 0
    tracks_new: int = 0
    outcomes_replaced: int = 0
    discarded: bool = False
    refused_songs: list[SongRecord] = field(default_factory=list)
    values_nulled: int = 0
    shards: Sequence[WrittenShard] = ()

    def count_song(self, outcome: str, lost_bytes: int | None) -> None:
        """Count a song that got an outcome."""
        self.outcomes[outcome] += 1
        self.songs_with_loss += lost_bytes is not None

    @property
    def row_count(self) -> int:
        """Number of rows that were added."""
        return self.outcomes.total() + self.paths_of_known_songs + self.links + self.tracks_new

    @property
    def shard_bytes(self) -> int:
        """Bytes of the shards."""
        return sum(shard.size for shard in self.shards)


def utc_now() -> str:
    """Return the present time: UTC, ISO 8601."""
    return datetime.now(UTC).isoformat(timespec="milliseconds")
