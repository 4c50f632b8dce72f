"""Which track of its song a split of another program is, and whether it plays as that track does.

Their track numbers may count from 0 or 1, and with or without the tracks that do not play; so what a file
holds decides, and its number only where that is not enough.
"""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Literal

from midiprism.run.hearing import Heard, heard, on_time
from midiprism.smf.types import SplitTrack

Verdict = Literal["right", "wrong_time", "lost_notes", "other_notes"]


class Part:
    """A track of a song, as it should be split.

    Args:
        split: that split.
        place: 0-based, among the tracks that play.
    """

    def __init__(self, split: SplitTrack, place: int) -> None:
        self.number = split.track_number
        self.place = place
        self.note_count = split.note_count
        self.digest = split.digest
        self._split = split
        self._heard: Heard | None = None

    @property
    def heard(self) -> Heard:
        """What plays in it."""
        if self._heard is None:
            self._heard = heard([self._split])
        return self._heard


class Theirs:
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
        self, number: int, path: bytes, digest: bytes, hear: Callable[[], Heard | None] | None = None
    ) -> None:
        self.number = number
        self.path = path
        self.digest = digest
        self.part: Part | None = None
        self.verdict: Verdict | None = None
        self.readable = hear is not None
        self._hear = hear

    @cached_property
    def sound(self) -> Heard | None:
        """What plays in it."""
        return None if self._hear is None else self._hear()


_NUMBERINGS: tuple[Callable[[Part], int], ...] = (
    lambda part: part.number,
    lambda part: part.number + 1,
    lambda part: part.place,
    lambda part: part.place + 1,
)


@dataclass(slots=True)
class Matcher:
    """Matches the splits of one song after the other, and learns how their tracks are counted.

    Attributes:
        votes: for each way to count tracks, how many splits it fits.
    """

    votes: Counter[int] = field(default_factory=Counter)

    def match(self, parts: Sequence[Part], splits: Sequence[Theirs]) -> None:
        """Find the track that each split of a song is, and tell how it plays.

        What can be told by the bytes comes first, then by the notes, then by the number.
        """
        song = _Song(parts, self.votes)
        for way in (song.by_bytes, song.by_notes, song.by_likeness):
            for split in splits:
                if split.part is None:
                    way(split)


class _Song:
    """One song, of which more and more tracks are taken."""

    def __init__(self, parts: Sequence[Part], votes: Counter[int]) -> None:
        self._parts = parts
        self._taken: set[int] = set()
        self._votes = votes
        self._own_votes: Counter[int] = Counter()

    def by_bytes(self, split: Theirs) -> None:
        same = [part for part in self._parts if part.digest == split.digest]
        if same:
            self._take(split, same, "right" if split.readable else None)

    def by_notes(self, split: Theirs) -> None:
        sound = split.sound
        if sound is None or not sound.notes:
            return
        count = len(sound.notes)
        same = [part for part in self._parts if part.note_count == count and part.heard.keys == sound.keys]
        timely = [part for part in same if on_time(part.heard, sound)]
        if same:
            self._take(split, timely or same, "right" if timely else "wrong_time")

    def by_likeness(self, split: Theirs) -> None:
        """The track with which it has most notes in common; without any, the one of its number."""
        sound = split.sound
        shared = {
            part.place: (part.heard.counts & sound.counts).total() if sound else 0 for part in self._parts
        }
        most = max(shared.values(), default=0)
        if sound and most:
            split.part = self._nearest([part for part in self._parts if shared[part.place] == most], split)
        else:
            split.part = self._numbered(split.number)
        if split.part is not None:
            self._taken.add(split.part.place)
        if sound is None:
            return
        if split.part is not None and split.part.heard.counts - sound.counts:
            split.verdict = "lost_notes"
        else:
            # Nothing plays in a split of a track in which nothing plays.
            split.verdict = "other_notes" if sound.notes else "right"

    def _take(self, split: Theirs, parts: Sequence[Part], verdict: Verdict | None) -> None:
        split.part, split.verdict = self._nearest(parts, split), verdict
        self._taken.add(split.part.place)
        fits = [at for at, number in enumerate(_NUMBERINGS) if number(split.part) == split.number]
        self._votes.update(fits)
        self._own_votes.update(fits)

    def _nearest(self, parts: Sequence[Part], split: Theirs) -> Part:
        """Of tracks that fit alike, one that no other split is, with the number nearest to its own."""
        return min(
            parts, key=lambda part: (part.place in self._taken, abs(3 * (split.number - part.number) - 1))
        )

    def _numbered(self, number: int) -> Part | None:
        """The track of a number, by the way of counting that fits most of the others."""
        ways = range(len(_NUMBERINGS))
        best = max(ways, key=lambda at: (self._own_votes[at], self._votes[at], -at))
        return next((part for part in self._parts if _NUMBERINGS[best](part) == number), None)
