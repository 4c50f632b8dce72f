"""Which track of its song a split of another program is, and whether it plays as that track does.

Their track numbers may count from 0 or 1, and with or without the tracks that do not play; so what a file
holds decides, and its number only where that is not enough.
"""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Literal

from midiprism.adopt.note_timing import TimedNotes, extract_timed_notes, same_timing
from midiprism.smf.types import SplitTrack

Verdict = Literal["right", "wrong_time", "lost_notes", "other_notes"]


class ExpectedTrack:
    """A track of a song, as it should be split.

    Args:
        split: that split.
        place: 0-based, among the tracks that play.
    """

    def __init__(self, track: SplitTrack, position: int) -> None:
        self.track_number = track.track_number
        self.position = position
        self.note_count = track.note_count
        self.digest = track.digest
        self._track = track
        self._timed_notes: TimedNotes | None = None

    @property
    def timed_notes(self) -> TimedNotes:
        """What plays in it."""
        if self._timed_notes is None:
            self._timed_notes = extract_timed_notes([self._track])
        return self._timed_notes


class ForeignTrack:
    """A split of theirs, and what becomes of it.

    Attributes:
        part: the track of the song that it is; None for none.
        verdict: None where it was not compared.

    Args:
        number: of its track, as they count.
        path: of its file.
        digest: of its bytes; where they cannot be had, what the database says of them.
        hear: gives what plays in it; None where its bytes cannot be had, or if it cannot tell.
    """

    def __init__(
        self,
        track_number: int,
        path: bytes,
        digest: bytes,
        load_notes: Callable[[], TimedNotes | None] | None = None,
    ) -> None:
        self.track_number = track_number
        self.path = path
        self.digest = digest
        self.matched_track: ExpectedTrack | None = None
        self.verdict: Verdict | None = None
        self.readable = load_notes is not None
        self._load_notes = load_notes

    @cached_property
    def timed_notes(self) -> TimedNotes | None:
        """What plays in it."""
        return None if self._load_notes is None else self._load_notes()


_NUMBERINGS: tuple[Callable[[ExpectedTrack], int], ...] = (
    lambda part: part.track_number,
    lambda part: part.track_number + 1,
    lambda part: part.position,
    lambda part: part.position + 1,
)


@dataclass(slots=True)
class TrackMatcher:
    """Matches the splits of one song after the other, and learns how their tracks are counted.

    Attributes:
        votes: for each way to count tracks, how many splits it fits.
    """

    numbering_votes: Counter[int] = field(default_factory=Counter)

    def match(self, expected_tracks: Sequence[ExpectedTrack], foreign_tracks: Sequence[ForeignTrack]) -> None:
        """Find the track that each split of a song is, and tell how it plays.

        What can be told by the bytes comes first, then by the notes, then by the number.
        """
        song = _SongMatcher(expected_tracks, self.numbering_votes)
        for way in (song.match_by_bytes, song.match_by_notes, song.match_by_similarity):
            for split in foreign_tracks:
                if split.matched_track is None:
                    way(split)


class _SongMatcher:
    """One song, of which more and more tracks are taken."""

    def __init__(self, expected_tracks: Sequence[ExpectedTrack], numbering_votes: Counter[int]) -> None:
        self._expected_tracks = expected_tracks
        self._matched_positions: set[int] = set()
        self._numbering_votes = numbering_votes
        self._song_votes: Counter[int] = Counter()

    def match_by_bytes(self, foreign_track: ForeignTrack) -> None:
        same = [part for part in self._expected_tracks if part.digest == foreign_track.digest]
        if same:
            self._assign(foreign_track, same, "right" if foreign_track.readable else None)

    def match_by_notes(self, foreign_track: ForeignTrack) -> None:
        sound = foreign_track.timed_notes
        if sound is None or not sound.notes:
            return
        count = len(sound.notes)
        same = [
            part
            for part in self._expected_tracks
            if part.note_count == count and part.timed_notes.note_keys == sound.note_keys
        ]
        timely = [part for part in same if same_timing(part.timed_notes, sound)]
        if same:
            self._assign(foreign_track, timely or same, "right" if timely else "wrong_time")

    def match_by_similarity(self, foreign_track: ForeignTrack) -> None:
        """The track with which it has most notes in common; without any, the one of its number."""
        sound = foreign_track.timed_notes
        shared = {
            part.position: (part.timed_notes.note_counts & sound.note_counts).total() if sound else 0
            for part in self._expected_tracks
        }
        most = max(shared.values(), default=0)
        if sound and most:
            foreign_track.matched_track = self._closest_by_number(
                [part for part in self._expected_tracks if shared[part.position] == most], foreign_track
            )
        else:
            foreign_track.matched_track = self._track_by_number(foreign_track.track_number)
        if foreign_track.matched_track is not None:
            self._matched_positions.add(foreign_track.matched_track.position)
        if sound is None:
            return
        if (
            foreign_track.matched_track is not None
            and foreign_track.matched_track.timed_notes.note_counts - sound.note_counts
        ):
            foreign_track.verdict = "lost_notes"
        else:
            # Nothing plays in a split of a track in which nothing plays.
            foreign_track.verdict = "other_notes" if sound.notes else "right"

    def _assign(
        self, foreign_track: ForeignTrack, candidates: Sequence[ExpectedTrack], verdict: Verdict | None
    ) -> None:
        foreign_track.matched_track, foreign_track.verdict = (
            self._closest_by_number(candidates, foreign_track),
            verdict,
        )
        self._matched_positions.add(foreign_track.matched_track.position)
        fits = [
            at
            for at, number in enumerate(_NUMBERINGS)
            if number(foreign_track.matched_track) == foreign_track.track_number
        ]
        self._numbering_votes.update(fits)
        self._song_votes.update(fits)

    def _closest_by_number(
        self, candidates: Sequence[ExpectedTrack], foreign_track: ForeignTrack
    ) -> ExpectedTrack:
        """Of tracks that fit alike, one that no other split is, with the number nearest to its own."""
        return min(
            candidates,
            key=lambda part: (
                part.position in self._matched_positions,
                abs(3 * (foreign_track.track_number - part.track_number) - 1),
            ),
        )

    def _track_by_number(self, track_number: int) -> ExpectedTrack | None:
        """The track of a number, by the way of counting that fits most of the others."""
        ways = range(len(_NUMBERINGS))
        best = max(ways, key=lambda at: (self._song_votes[at], self._numbering_votes[at], -at))
        return next((part for part in self._expected_tracks if _NUMBERINGS[best](part) == track_number), None)
