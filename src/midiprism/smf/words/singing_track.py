"""The track that sings lyrics of another one: its notes begin with them."""

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from midiprism.smf.repair.events import Effort, is_note_on, read_events

DRUM_CHANNEL = 9

MIN_AGREEMENT = 0.5
"""Least agreement of lyrics and notes that proves who sings; also the least share of lyrics with a note for a
track that is only named as the one that sings."""

NEAR_TIE = 0.9
"""Share of the best agreement from which on the name of a track decides."""

TOLERANCE_DIVISOR = 24
"""Lyrics may be this part of a quarter note away from their note."""

SINGING_NAMES = (
    b"vocal",
    b"voice",
    b"vox",
    b"melod",
    b"sing",
    b"lead",
    b"gesang",
    b"chant",
    b"canto",
    b"voz",
)
"""Parts of names of tracks that sing, in lower case."""


@dataclass(frozen=True, slots=True)
class PlayingTrack:
    """A track with notes: its number, the span of its events, its name in lower case, and its onsets.

    Attributes:
        onsets: distinct ticks at which notes begin, ascending, of each channel but that of the drums.
    """

    number: int
    start: int
    stop: int
    name: bytes
    onsets: dict[int, list[int]]

    @property
    def is_named_singing(self) -> bool:
        """True if its name says that it sings."""
        return any(part in self.name for part in SINGING_NAMES)


class Evidence(NamedTuple):
    """The agreement of the notes of a track with lyrics.

    Attributes:
        agreement: 1 if each of the lyrics has an onset and each onset has one of them, 0 if none has.
        hits: lyrics at which a note begins.
    """

    agreement: float
    hits: int


def read_onsets(data: bytes, start: int, stop: int, effort: Effort) -> dict[int, list[int]] | None:
    """Return the distinct onsets of each channel but that of the drums; None if there are too many events."""
    ticks: dict[int, dict[int, None]] = {}
    tick = 0
    for event in read_events(data, start, stop, effort):
        tick += event.delta
        if is_note_on(data, event) and event.status & 15 != DRUM_CHANNEL:
            ticks.setdefault(event.status & 15, {})[tick] = None
    return None if effort.is_exhausted else {channel: [*found] for channel, found in ticks.items()}


def find_singing_track(
    tracks: Sequence[PlayingTrack], lyric_ticks: Sequence[int], division: int, channels: frozenset[int]
) -> tuple[PlayingTrack, Evidence] | None:
    """Return the track that sings lyrics, and the evidence; None if none proves to.

    Args:
        tracks: those that play.
        lyric_ticks: distinct ticks of the lyrics, ascending.
        division: of the header.
        channels: on which the song says that the melody plays; empty if it does not.
    """
    tolerance = 0 if division & 0x8000 else division // TOLERANCE_DIVISOR
    on_channels = [track for track in tracks if not channels.isdisjoint(track.onsets)]
    weighed = [(track, _weigh(track, lyric_ticks, tolerance)) for track in on_channels or tracks]
    if on_channels:
        return max(weighed, key=lambda it: it[1].agreement)
    best = max((evidence.agreement for _, evidence in weighed), default=0.0)
    if best >= MIN_AGREEMENT:
        tied = [it for it in weighed if it[1].agreement >= NEAR_TIE * best]
        named = [it for it in tied if it[0].is_named_singing]
        return max(named or tied, key=lambda it: it[1].agreement)
    named = [it for it in weighed if it[0].is_named_singing]
    if len(named) == 1 and named[0][1].hits >= MIN_AGREEMENT * len(lyric_ticks):
        return named[0]
    return weighed[0] if len(weighed) == 1 else None


def _weigh(track: PlayingTrack, lyric_ticks: Sequence[int], tolerance: int) -> Evidence:
    """Return the evidence of that channel of a track that agrees best."""
    best = Evidence(0.0, 0)
    for onsets in track.onsets.values():
        hits = sum(_is_near(onsets, tick, tolerance) for tick in lyric_ticks)
        best = max(best, Evidence(2 * hits / (len(lyric_ticks) + len(onsets)), hits))
    return best


def _is_near(ticks: Sequence[int], tick: int, tolerance: int) -> bool:
    at = bisect_left(ticks, tick - tolerance)
    return at < len(ticks) and ticks[at] <= tick + tolerance
