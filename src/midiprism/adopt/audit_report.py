"""The report of an audit of another program's tracks."""

import math
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple, get_args

from midiprism.fs.path_text import path_text

FindingKind = Literal[
    "wrong_time",
    "lost_notes",
    "other_notes",
    "lost_events",
    "missing",
    "unreadable",
    "changed",
    "not_linked",
    "song_missing",
    "song_unreadable",
    "song_changed",
]

FINDING_KINDS: dict[FindingKind, str] = {
    "wrong_time": "tracks whose notes play at the wrong time",
    "lost_notes": "tracks that have lost notes",
    "other_notes": "tracks with other notes than in their song",
    "lost_events": "tracks that have lost other channel events: controllers, programs, bends, aftertouch",
    "missing": "tracks whose file is missing",
    "unreadable": "tracks that cannot be read, or not as MIDI",
    "changed": "tracks with another content than their content_hash says",
    "not_linked": "tracks of a song that no link of the song leads to",
    "song_missing": "songs whose file is missing",
    "song_unreadable": "songs that cannot be read, or not as MIDI",
    "song_changed": "songs with another content than their content_hash says",
}
"""Everything that an audit can find, with a description."""

assert set(FINDING_KINDS) == set(get_args(FindingKind))

MAX_EXAMPLES = 100
_Z_95_PERCENT = 1.96  # 5 % of a normal distribution lie outside this many standard deviations


class AuditFinding(NamedTuple):
    """Something that is wrong.

    Attributes:
        kind: one of ``FINDING_KINDS``.
        path: of the file in question.
        song_path: of the song.
        track_number: as the other program counts; from 0 for a track that is not linked; None for a song.
        message: one sentence.
    """

    kind: FindingKind
    path: bytes
    song_path: bytes
    track_number: int | None
    message: str

    def as_dict(self) -> dict[str, Any]:
        return {
            "path": path_text(self.path),
            "song": path_text(self.song_path),
            "track_number": self.track_number,
            "message": self.message,
        }


class AuditProgress(NamedTuple):
    """Progress of an audit.

    Attributes:
        seen: songs with links that were passed, in the sample or not.
        total: songs with links in all.
        tracks_compared: tracks that were compared.
        wrong_time: of ``tracks_compared``, those that play at the wrong time.
        seconds: since the audit began.
    """

    seen: int
    total: int
    tracks_compared: int
    wrong_time: int
    seconds: float


@dataclass(slots=True)
class AuditReport:
    """The findings of an audit.

    Attributes:
        sample_share: share of the songs with links that was to be audited.
        seed: selects the sample.
        songs_total: songs with links.
        songs: of ``songs_total``, those that were audited.
        links: rows of ``track_splits`` of ``songs``.
        tracks_compared: tracks that were compared with those of their song.
        tracks_correct: of ``tracks_compared``, those with the same notes at the same times.
        tracks_expected: distinct tracks of the songs that could be read.
        counts: number of findings by kind.
        examples: the first findings of each kind.
        stopped: whether the audit was stopped before its end.
        seconds: how long the audit took.
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
    _sum_wrong_squared: int = 0
    _sum_wrong_times_compared: int = 0
    _sum_compared_squared: int = 0

    @property
    def ok(self) -> bool:
        return not self.counts and not self.stopped

    @property
    def wrong_share(self) -> float | None:
        """The share of the compared tracks that play at the wrong time; None if none was compared."""
        return self.counts.get("wrong_time", 0) / self.tracks_compared if self.tracks_compared else None

    @property
    def margin_of_error(self) -> float | None:
        """The half width of the 95 % confidence interval of ``wrong_share``; None if it is unknown.

        The sample consists of whole songs, not of tracks: the variance is that of a ratio of sums over songs.
        """
        share, songs = self.wrong_share, self.songs
        if share is None or songs < 2:
            return None
        spread = max(
            0.0,
            self._sum_wrong_squared
            - 2 * share * self._sum_wrong_times_compared
            + share * share * self._sum_compared_squared,
        )
        unsampled_share = max(0.0, 1 - songs / self.songs_total) if self.songs_total else 0.0
        variance = unsampled_share * spread * songs / (songs - 1) / self.tracks_compared**2
        return _Z_95_PERCENT * math.sqrt(variance)

    def count(self, **amounts: int) -> None:
        """Add to the counts of these names."""
        for name, amount in amounts.items():
            setattr(self, name, getattr(self, name) + amount)

    def finish(self, seconds: float, *, stopped: bool) -> None:
        """Set the time that it took, and whether it was stopped before the end."""
        self.seconds, self.stopped = seconds, stopped

    def add(self, finding: AuditFinding) -> None:
        """Count a finding, and keep it if it is one of the first."""
        self.counts[finding.kind] = self.counts.get(finding.kind, 0) + 1
        examples = self.examples.setdefault(finding.kind, [])
        if len(examples) < MAX_EXAMPLES:
            examples.append(finding)

    def add_song(self, compared: int, wrong_time: int) -> None:
        """Count a song with its tracks that were compared, and those that play at the wrong time."""
        self.songs += 1
        self.tracks_compared += compared
        self._sum_wrong_squared += wrong_time * wrong_time
        self._sum_wrong_times_compared += wrong_time * compared
        self._sum_compared_squared += compared * compared

    def as_dict(self) -> dict[str, Any]:
        """Return the report as a JSON object."""
        wrong_share, margin = self.wrong_share, self.margin_of_error
        return {
            "ok": self.ok,
            "state": "interrupted" if self.stopped else "done",
            "sample_percent": round(100 * self.sample_share, 6),
            "seed": self.seed,
            "songs_total": self.songs_total,
            "songs": self.songs,
            "links": self.links,
            "tracks_compared": self.tracks_compared,
            "tracks_correct": self.tracks_correct,
            "tracks_expected": self.tracks_expected,
            "wrong_time_share": None if wrong_share is None else round(wrong_share, 6),
            "wrong_time_margin": None if margin is None else round(margin, 6),
            "findings": {
                kind: {
                    "count": self.counts.get(kind, 0),
                    "examples": [finding.as_dict() for finding in self.examples.get(kind, ())],
                }
                for kind in FINDING_KINDS
            },
            "seconds": round(self.seconds, 3),
        }
