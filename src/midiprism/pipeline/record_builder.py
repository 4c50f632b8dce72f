"""What a worker tells of a song, beside what its splitting gave."""

import os
from collections import Counter
from collections.abc import Mapping, Sequence

from midiprism.catalog import ProblemRecord, SongRecord
from midiprism.catalog.encoding import make_storable
from midiprism.smf.types import SplitTrack
from midiprism.sources import RecordedSong, SongContent, SongRef, UnreadableError

RecordHead = tuple[bytes, int, str, int, int, bytes | None]
"""The first values of a song's record, which are known before it is split."""


def record_head(song_ref: SongRef, read_song: SongContent | UnreadableError) -> tuple[RecordHead, str | None]:
    """A song's head, and what its source says of it."""
    path, root_length, size, mtime_ns = song_ref[:4]
    if isinstance(read_song, UnreadableError):
        return (path, root_length, song_name_of(song_ref), size, mtime_ns, None), None
    _, digest, size, mtime_ns, facts = read_song
    return (path, root_length, song_name_of(song_ref), size, mtime_ns, digest), facts


def record_of_recorded(song: RecordedSong) -> SongRecord:
    """Return the record of a song whose outcome the source knows."""
    song_ref = song.song_ref
    return SongRecord(
        song_ref.path,
        song_ref.root_length,
        song_name_of(song_ref),
        song_ref.size,
        song_ref.mtime_ns,
        song.digest,
        song.outcome,
        song.format,
        song.num_tracks,
        song.division,
        song.duration_ticks,
        song.duration_seconds,
    )


def tracks_per_source_track(tracks: Sequence[SplitTrack]) -> Mapping[int, int]:
    """How many of these splits come from each ``MTrk``."""
    parts = dict.fromkeys([track[1] for track in tracks], 1)
    return parts if len(parts) == len(tracks) else Counter([track[1] for track in tracks])


def song_name_of(song_ref: SongRef) -> str:
    """A song's path below its source folder as text, with ``/`` between its parts, and without suffix."""
    path = os.fsdecode(song_ref.path[song_ref.root_length :]).replace(os.sep, "/")
    stem, dot, suffix = path.rpartition(".")
    return stem if dot and stem and "/" not in suffix and not stem.endswith("/") else path


def internal_error(error: Exception) -> ProblemRecord:
    """A problem for which nobody but midiprism is to blame."""
    message = f"midiprism failed on it, which is a bug to report: {type(error).__name__}: {error}"
    return ProblemRecord("internal", make_storable(message))
