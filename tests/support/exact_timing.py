"""Exact times: tempo maps, and notes with their onset and end in seconds as rationals."""

from bisect import bisect_right
from collections.abc import Iterable
from fractions import Fraction
from typing import NamedTuple

from support.midi_parser import Event, ParsedSong, ParsedTrack, is_note_off, is_note_on, tempo_of

DEFAULT_TEMPO = 500_000


class TickNote(NamedTuple):
    """A note by ticks. ``end_tick`` is the end of its track where nothing releases it."""

    channel: int
    pitch: int
    velocity: int
    tick: int
    end_tick: int
    release: bytes
    """Status and velocity of what releases it; nothing for a note that hangs."""


class ExactNote(NamedTuple):
    """A note by its exact times, counted as ``TempoMap.count`` does."""

    channel: int
    pitch: int
    velocity: int
    onset: int
    end: int
    release: bytes


class TempoMap:
    """Seconds of every tick, by integers and rationals only.

    ``changes`` maps a tick to the microseconds per quarter note from there on.
    """

    def __init__(self, division: int, changes: dict[int, int]) -> None:
        self.division = division
        self.ticks = [0]
        self.tempi = [DEFAULT_TEMPO]
        for tick in sorted(changes):
            if changes[tick] != self.tempi[-1]:
                self.ticks.append(tick)
                self.tempi.append(changes[tick])
        self.elapsed = [0]
        for before, after, tempo in zip(self.ticks, self.ticks[1:], self.tempi, strict=False):
            self.elapsed.append(self.elapsed[-1] + (after - before) * tempo)

    @property
    def has_zero_division(self) -> bool:
        """Whether the division gives a tick no time: no ticks in a quarter note or in a frame."""
        return not self.division & (0xFF if self.division & 0x8000 else 0x7FFF)

    def exact_time(self, tick: int) -> int:
        """Exact time of ``tick`` as an integer: maps of one division count in the same unit.

        It is a microsecond over the ticks of a quarter note, or an SMPTE division's tick.
        """
        if self.division & 0x8000:
            return tick
        at = bisect_right(self.ticks, tick) - 1
        return self.elapsed[at] + (tick - self.ticks[at]) * self.tempi[at]

    def seconds(self, tick: int) -> Fraction:
        """Time of ``tick``; in an SMPTE division it owes nothing to the tempo."""
        if self.division & 0x8000:
            frames = 256 - (self.division >> 8)
            rate = Fraction(30_000, 1001) if frames == 29 else Fraction(frames)
            return tick / (rate * (self.division & 0xFF))
        return Fraction(self.exact_time(tick), self.division * 1_000_000)

    def changes_before(self, stop: int) -> list[tuple[int, int]]:
        """The changes before ``stop``: maps with the same steps give every tick up to it the same time."""
        return [step for step in zip(self.ticks, self.tempi, strict=True) if step[0] < stop or step[0] == 0]


def tempo_changes(tracks: Iterable[ParsedTrack]) -> dict[int, int]:
    """What the tempo is from each tick on; at one tick the last by track, then by position, wins."""
    changes: dict[int, int] = {}
    for track in tracks:
        for event in track.events:
            tempo = tempo_of(event)
            if tempo is not None:
                changes[event[0]] = tempo
    return changes


def tempo_map(song: ParsedSong, track: int) -> TempoMap:
    """Tempo map by which a track plays: the whole file's, or in format 2 its own."""
    heard = [song.tracks[track]] if song.format == 2 else song.tracks
    return TempoMap(song.division, tempo_changes(heard))


def pair_notes(events: Iterable[Event], end_tick: int) -> list[TickNote]:
    """Notes in order of onset, note-offs paired first in, first out per channel and pitch."""
    found: list[TickNote] = []
    sounding: dict[tuple[int, int], list[int]] = {}
    for event in events:
        tick, status, body = event
        if not 0x80 <= status < 0xA0:
            continue
        key = (status & 15, body[0])
        if is_note_on(event):
            sounding.setdefault(key, []).append(len(found))
            found.append(TickNote(*key, body[1], tick, end_tick, b""))
        elif is_note_off(event) and sounding.get(key):
            at = sounding[key].pop(0)
            found[at] = found[at]._replace(end_tick=tick, release=bytes([status, body[1]]))
    return found


def exact_notes(song: ParsedSong, track: int) -> list[ExactNote]:
    """Notes of a track with their exact times, in order of onset."""
    clock = tempo_map(song, track)
    source = song.tracks[track]
    return [
        ExactNote(
            note.channel,
            note.pitch,
            note.velocity,
            clock.exact_time(note.tick),
            clock.exact_time(note.end_tick),
            note.release,
        )
        for note in pair_notes(source.events, source.end_tick)
    ]
