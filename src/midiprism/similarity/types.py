"""Types of searches by example and of groupings. It loads neither compiler nor database."""

from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

DEFAULT_THRESHOLD = 0.15
"""Least score of two tracks that are linked: see ``grouping.Comparison``."""

Rule = Literal["notes", "exact", "rhythm"]
"""The part of an example that has to agree: notes, of which some may differ, all intervals, or the rhythm."""


class FoundTrack(NamedTuple):
    """A track that has the music of an example.

    Attributes:
        id: of the track in the catalog.
        digest: the first 8 bytes of its BLAKE3, as a number.
        score: 1 where all notes of the example are there in the same order and rhythm, less for others.
        first_quarter: where the place begins, in quarter notes from the start of the track.
        quarters: length of the place in quarter notes.
        transposition: semitones from the example to the place; 0 for drums.
        tempo_ratio: length of the place relative to that part of the example; None where the example has no
            rhythm.
        example_quarter: where that part of the example begins, in quarter notes from its start.
    """

    id: int
    digest: int
    score: float
    first_quarter: float
    quarters: float
    transposition: int
    tempo_ratio: float | None
    example_quarter: float

    @property
    def rank(self) -> tuple[float, int, int]:
        """The smallest is the best: by the score, then the least transposition, then the id."""
        return -self.score, abs(self.transposition), self.id

    def place_to_json(self) -> dict[str, Any]:
        """Return where the track has the music, and how like the example that is: all but what names it."""
        return {name: value for name, value in self._asdict().items() if name not in ("id", "digest")}


@dataclass(slots=True)
class GroupCounts:
    """Counts of what a grouping did.

    Attributes:
        tracks_added: that got fingerprints.
        tracks_lost: that could not be read, and have none.
        tracks_changed: whose group is another than before.
        songs_changed: whose group is another than before.
        threshold: of the links.
        whole: whether it was not stopped.
    """

    tracks_added: int = 0
    tracks_lost: int = 0
    tracks_changed: int = 0
    songs_changed: int = 0
    threshold: float = DEFAULT_THRESHOLD
    whole: bool = True


class FingerprintProgress(NamedTuple):
    """Progress: the tracks that were looked at, of all that are new, after a number of seconds."""

    seen: int
    total: int
    seconds: float
