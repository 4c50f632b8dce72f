"""The state of a batch's commit in PostgreSQL: its transaction, and the rows that it recorded."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from midiprism.catalog.commit_hook import CommitHook
from midiprism.catalog.song_facts import SongFacts
from midiprism.records.batches import Columns


@dataclass(slots=True)
class RecordedSongs:
    """The outcome of a commit for the songs of a batch.

    Attributes:
        path_songs: index of each song that has a path to record, with the id of the song at that path.
        new: index of each song that got its first outcome, with its id.
        replaced: index of each song that got another outcome, with its id.
    """

    path_songs: dict[int, int] = field(default_factory=dict)
    new: dict[int, int] = field(default_factory=dict)
    replaced: dict[int, int] = field(default_factory=dict)

    @property
    def changed(self) -> dict[int, int]:
        """Index and id of each song that got an outcome."""
        return {**self.new, **self.replaced}


class RecordedTracks(NamedTuple):
    """The tracks of a batch in the catalog.

    Attributes:
        ids: of all tracks of the batch, by digest.
        new_ids: of those that this commit inserted.
        new_tracks: those tracks.
    """

    ids: dict[bytes, int]
    new_ids: list[int]
    new_tracks: Columns


@dataclass(frozen=True, slots=True)
class PostgresTransaction:
    """The values that all batches of a transaction share.

    Attributes:
        schema: name of the schema that holds the catalog's tables.
        run_id: of the run that commits.
        now: UTC, ISO 8601.
        hooks: take part in each commit.
        song_facts: computes the facts of songs.
    """

    schema: str
    run_id: int
    now: str
    hooks: Sequence[CommitHook]
    song_facts: SongFacts
