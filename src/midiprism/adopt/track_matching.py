"""Matching the tracks that another program split from a song with the tracks that the song has.

The other program may count tracks from 0 or 1, and with or without tracks that have no notes. So the content
of a file decides first, and its number only where the content is not enough.
"""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Literal

from midiprism.adopt.note_timing import TimedNotes, extract_timed_notes, same_timing
from midiprism.smf.types import SplitTrack

Verdict = Literal["correct", "wrong_time", "lost_notes", "other_notes"]
"""Result of comparing a track of another program with the track that it was matched with.

It has the same notes at the same times (``correct``) or at other times, fewer notes, or other ones.
"""


class ExpectedTrack:
    """A track of a song, or a part of one, as midiprism splits it.

    Args:
        track: the track.
        position: index among the song's tracks that have notes; parts come after all of them.
        is_part: whether it is a part of a source track, such as one of its channels.
    """

    def __init__(self, track: SplitTrack, position: int, *, is_part: bool = False) -> None:
        self.track_number = track.track_number
        self.position = position
        self.is_part = is_part
        self.note_count = track.note_count
        self.digest = track.digest
        self._track = track
        self._timed_notes: TimedNotes | None = None

    @property
    def timed_notes(self) -> TimedNotes:
        """The track's notes, extracted once."""
        if self._timed_notes is None:
            self._timed_notes = extract_timed_notes([self._track])
        return self._timed_notes


class ForeignTrack:
    """A track that another program split, and what it was matched with.

    Args:
        track_number: as the other program counts.
        path: of its file.
        digest: of its bytes; the recorded one if they cannot be read.
        extract_notes: returns its notes, or None if its file is not MIDI; None if the file cannot be read.

    Attributes:
        matched_track: the song's track that it was matched with; None for no track.
        verdict: how it compares with that track; None if it was not compared.
    """

    def __init__(
        self,
        track_number: int,
        path: bytes,
        digest: bytes,
        extract_notes: Callable[[], TimedNotes | None] | None = None,
    ) -> None:
        self.track_number = track_number
        self.path = path
        self.digest = digest
        self._extract_notes = extract_notes
        self._timed_notes: TimedNotes | None = None
        self._is_loaded = False
        self._matched_track: ExpectedTrack | None = None
        self._verdict: Verdict | None = None

    @property
    def matched_track(self) -> ExpectedTrack | None:
        return self._matched_track

    @property
    def verdict(self) -> Verdict | None:
        return self._verdict

    @property
    def readable(self) -> bool:
        """True if the bytes of its file could be read."""
        return self._extract_notes is not None

    def load_notes(self) -> TimedNotes | None:
        """Return its notes, extracted at the first call; None if its file cannot be read or is not MIDI."""
        if not self._is_loaded:
            self._is_loaded = True
            self._timed_notes = None if self._extract_notes is None else self._extract_notes()
        return self._timed_notes

    def set_match(self, matched_track: ExpectedTrack | None, verdict: Verdict | None) -> None:
        """Record which track it was matched with, and how it compares with that track."""
        self._matched_track, self._verdict = matched_track, verdict


_NUMBERINGS: tuple[Callable[[ExpectedTrack], int], ...] = (
    lambda track: track.track_number,
    lambda track: track.track_number + 1,
    lambda track: track.position,
    lambda track: track.position + 1,
)
"""The ways in which a program may count tracks."""


@dataclass(slots=True)
class TrackMatcher:
    """Matches the tracks of one song after another, and learns how the other program counts them.

    Attributes:
        numbering_votes: number of tracks that fit each way of counting, by its index in ``_NUMBERINGS``.
    """

    numbering_votes: Counter[int] = field(default_factory=Counter)

    def match(self, expected_tracks: Sequence[ExpectedTrack], foreign_tracks: Sequence[ForeignTrack]) -> None:
        """Match all tracks of a song: first by their bytes, then by their notes, then by similarity.

        What they were matched with before is forgotten.
        """
        for foreign_track in foreign_tracks:
            foreign_track.set_match(None, None)
        song_matcher = _SongMatcher(expected_tracks, self.numbering_votes)
        for match in (
            song_matcher.match_by_bytes,
            song_matcher.match_by_notes,
            song_matcher.match_by_similarity,
        ):
            for foreign_track in foreign_tracks:
                if foreign_track.matched_track is None:
                    match(foreign_track)


class _SongMatcher:
    """Matches the tracks of one song."""

    def __init__(self, expected_tracks: Sequence[ExpectedTrack], numbering_votes: Counter[int]) -> None:
        self._expected_tracks = expected_tracks
        self._matched_positions: set[int] = set()
        self._numbering_votes = numbering_votes
        self._song_votes: Counter[int] = Counter()

    def match_by_bytes(self, foreign_track: ForeignTrack) -> None:
        identical = [track for track in self._expected_tracks if track.digest == foreign_track.digest]
        if identical:
            self._assign(foreign_track, identical, "correct" if foreign_track.readable else None)

    def match_by_notes(self, foreign_track: ForeignTrack) -> None:
        notes = foreign_track.load_notes()
        if notes is None or not notes.notes:
            return
        note_count = len(notes.notes)
        same_notes = [
            track
            for track in self._expected_tracks
            if track.note_count == note_count and track.timed_notes.note_keys == notes.note_keys
        ]
        on_time = [track for track in same_notes if same_timing(track.timed_notes, notes)]
        if same_notes:
            self._assign(foreign_track, on_time or same_notes, "correct" if on_time else "wrong_time")

    def match_by_similarity(self, foreign_track: ForeignTrack) -> None:
        """Match with the track that shares most notes; if none shares any, with the track of its number."""
        notes = foreign_track.load_notes()
        shared_counts = {
            track.position: (track.timed_notes.note_counts & notes.note_counts).total() if notes else 0
            for track in self._expected_tracks
        }
        most = max(shared_counts.values(), default=0)
        if notes and most:
            candidates = [track for track in self._expected_tracks if shared_counts[track.position] == most]
            matched_track: ExpectedTrack | None = self._closest_by_number(candidates, foreign_track)
        else:
            matched_track = self._track_by_number(foreign_track.track_number)
        if matched_track is not None:
            self._matched_positions.add(matched_track.position)
        foreign_track.set_match(matched_track, _verdict_without_match(matched_track, notes))

    def _assign(
        self, foreign_track: ForeignTrack, candidates: Sequence[ExpectedTrack], verdict: Verdict | None
    ) -> None:
        matched_track = self._closest_by_number(candidates, foreign_track)
        foreign_track.set_match(matched_track, verdict)
        self._matched_positions.add(matched_track.position)
        if matched_track.is_part:
            return
        fitting = [
            index
            for index, numbering in enumerate(_NUMBERINGS)
            if numbering(matched_track) == foreign_track.track_number
        ]
        self._numbering_votes.update(fitting)
        self._song_votes.update(fitting)

    def _closest_by_number(
        self, candidates: Sequence[ExpectedTrack], foreign_track: ForeignTrack
    ) -> ExpectedTrack:
        """Return the candidate with the nearest number, preferably one that is not matched yet.

        Of a track and its parts, it is the one with the fewest notes.
        """
        return min(
            candidates,
            key=lambda track: (
                track.position in self._matched_positions,
                abs(3 * (foreign_track.track_number - track.track_number) - 1),
                track.note_count,
            ),
        )

    def _track_by_number(self, track_number: int) -> ExpectedTrack | None:
        """Return the track of a number, by the way of counting that fits most other tracks."""
        best = max(
            range(len(_NUMBERINGS)),
            key=lambda index: (self._song_votes[index], self._numbering_votes[index], -index),
        )
        return next(
            (track for track in self._expected_tracks if _NUMBERINGS[best](track) == track_number), None
        )


def _verdict_without_match(matched_track: ExpectedTrack | None, notes: TimedNotes | None) -> Verdict | None:
    """Return the verdict on a track whose notes are not those of any track of the song."""
    if notes is None:
        return None
    if matched_track is not None and matched_track.timed_notes.note_counts - notes.note_counts:
        return "lost_notes"
    # A track without notes is correct for a track without notes.
    return "other_notes" if notes.notes else "correct"
