"""The rows that a commit in SQLite will record, which are known before its transaction begins."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import NamedTuple

from midiprism.catalog.commit_result import CommitResult
from midiprism.records.batches import NO_TRACKS, BatchRecord, Columns, LinkedSongs


class RecordedPath(NamedTuple):
    """The catalog's record of a path."""

    path: bytes
    song_id: int
    size: int | None
    mtime_ns: int | None
    source_metadata: str | None
    last_song_id: int | None

    @property
    def last_readable_song_id(self) -> int | None:
        """The song that was last read at the path; None if none was."""
        return self.last_song_id if self.size is None else self.song_id


@dataclass(slots=True)
class PreparedBatch:
    """A batch as it will be recorded.

    Attributes:
        path_song_ids: for each song of the batch, the id of the song that is at its path.
        new_songs: indices of songs that get their first outcome.
        replaced_songs: indices of songs that get another outcome.
        linked_songs: those of both that have links.
    """

    record: BatchRecord
    commit_result: CommitResult = field(default_factory=CommitResult)
    path_song_ids: list[int] = field(default_factory=list)
    new_songs: list[int] = field(default_factory=list)
    replaced_songs: list[int] = field(default_factory=list)
    linked_songs: LinkedSongs = field(init=False)

    def ids_of(self, indices: Iterable[int]) -> list[int]:
        """Return the ids of songs by their indices in the batch."""
        return [*map(self.path_song_ids.__getitem__, indices)]


@dataclass(slots=True)
class PreparedCommit:
    """The rows that a commit will record.

    Attributes:
        track_ids: ids of all tracks that links lead to, by digest.
        known_track_ids: of those that were recorded before.
        new_track_ids: ids of the tracks that no commit had before.
        new_tracks: those tracks.
    """

    run_id: int
    batches: list[PreparedBatch]
    track_ids: dict[bytes, int]
    known_track_ids: dict[bytes, int]
    new_track_ids: list[int] = field(default_factory=list)
    new_tracks: Columns = field(default_factory=lambda: NO_TRACKS)
