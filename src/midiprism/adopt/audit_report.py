"""What an audit of another program's splits finds."""

import math
import os
from dataclasses import dataclass, field
from typing import Any, NamedTuple

FINDING_KINDS = {
    "wrong_time": "splits whose notes play at the wrong time",
    "lost_notes": "splits that have lost notes of their track",
    "other_notes": "splits with other notes than their track",
    "lost_events": "splits that have lost other channel events: controllers, programs, bends, aftertouch",
    "missing": "splits whose file is not there",
    "unreadable": "splits that cannot be read, or not as MIDI",
    "other_content": "splits with another content than their content_hash says",
    "never_linked": "contents of tracks that no link of their song leads to",
    "song_missing": "songs whose file is not there",
    "song_unreadable": "songs that cannot be read, or not as MIDI",
    "song_changed": "songs with another content than their content_hash says",
}
"""Everything that an audit may find, with what it is."""

MAX_EXAMPLES = 100
_Z_95_PERCENT = 1.96  # standard deviations on each side that leave out 5 %


class AuditFinding(NamedTuple):
    """Something that is not as it should be.

    Attributes:
        kind: one of ``KINDS``.
        path: of the file that it is about.
        song: path of the song.
        track_number: of the track, as the other program counts; of what was never linked, from 0.
        message: one sentence.
    """

    kind: str
    path: bytes
    song_path: bytes
    track_number: int | None
    message: str

    def as_dict(self) -> dict[str, Any]:
        return {
            "path": os.fsdecode(self.path),
            "song": os.fsdecode(self.song_path),
            "track_number": self.track_number,
            "message": self.message,
        }


class AuditProgress(NamedTuple):
    """How far an audit is.

    Attributes:
        seen: songs with splits that were passed, whether in the sample or not.
        total: how many there are.
        compared: splits compared.
        wrong: of those, splits that play at the wrong time.
        seconds: since it began.
    """

    seen: int
    total: int
    tracks_compared: int
    wrong_time: int
    seconds: float


@dataclass(slots=True)
class AuditReport:
    """What was found.

    Attributes:
        share: of the songs with splits that were to be looked at.
        seed: which ones those are.
        total: songs with splits that there are.
        songs: of those, looked at.
        links: rows of ``links`` of those.
        compared: splits that were compared with their track.
        right: of those, splits with the notes of their track, each at its time.
        contents: of tracks, of the songs that could be read.
        counts: findings by kind.
        examples: the first of them.
        stopped: whether it was stopped before the end.
        seconds: how long it took.
    """

    sample_share: float
    seed: int
    songs_total: int = 0
    songs: int = 0
    links: int = 0
    tracks_compared: int = 0
    tracks_correct: int = 0
    tracks_expected: int = 0
    counts: dict[str, int] = field(default_factory=dict)
    examples: dict[str, list[AuditFinding]] = field(default_factory=dict)
    stopped: bool = False
    seconds: float = 0.0
    _ratio_sums: list[int] = field(default_factory=lambda: [0, 0, 0])

    @property
    def ok(self) -> bool:
        return not self.counts and not self.stopped

    @property
    def wrong_share(self) -> float | None:
        """Share of the splits compared that play at the wrong time; None without any."""
        return self.counts.get("wrong_time", 0) / self.tracks_compared if self.tracks_compared else None

    @property
    def margin_of_error(self) -> float | None:
        """By how much the share of all may differ from that of the sample, in 19 of 20 samples.

        Whole songs are drawn, not splits: the variance is that of a ratio of sums over songs.
        """
        share, songs = self.wrong_share, self.songs
        if share is None or songs < 2:
            return None
        wrongs, products, compared = self._ratio_sums
        spread = max(0.0, wrongs - 2 * share * products + share * share * compared)
        left_out = max(0.0, 1 - songs / self.songs_total) if self.songs_total else 0.0
        variance = left_out * spread * songs / (songs - 1) / self.tracks_compared**2
        return _Z_95_PERCENT * math.sqrt(variance)

    def add(self, finding: AuditFinding) -> None:
        """Count a finding, and remember one of the first."""
        self.counts[finding.kind] = self.counts.get(finding.kind, 0) + 1
        shown = self.examples.setdefault(finding.kind, [])
        if len(shown) < MAX_EXAMPLES:
            shown.append(finding)

    def add_song(self, compared: int, wrong_time: int) -> None:
        """Count a song by its splits that were compared, and those that play at the wrong time."""
        self.songs += 1
        self.tracks_compared += compared
        for at, square in enumerate((wrong_time * wrong_time, wrong_time * compared, compared * compared)):
            self._ratio_sums[at] += square

    def as_dict(self) -> dict[str, Any]:
        """The figures, for ``--json``."""
        wrong, margin = self.wrong_share, self.margin_of_error
        return {
            "ok": self.ok,
            "state": "interrupted" if self.stopped else "done",
            "sample_percent": round(100 * self.sample_share, 6),
            "seed": self.seed,
            "songs_total": self.songs_total,
            "songs": self.songs,
            "links": self.links,
            "compared": self.tracks_compared,
            "right": self.tracks_correct,
            "contents": self.tracks_expected,
            "wrong_time_share": None if wrong is None else round(wrong, 6),
            "wrong_time_margin": None if margin is None else round(margin, 6),
            "findings": {
                kind: {
                    "count": self.counts.get(kind, 0),
                    "examples": [one.as_dict() for one in self.examples.get(kind, ())],
                }
                for kind in FINDING_KINDS
            },
            "seconds": round(self.seconds, 3),
        }
