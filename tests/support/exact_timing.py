"""Exact times: tempo maps, and notes whose onsets and ends are rational numbers of seconds."""

from bisect import bisect_right
from collections.abc import Iterable
from fractions import Fraction
from itertools import repeat
from typing import NamedTuple

from support.midi_parser import Event, ParsedSong, ParsedTrack, is_note_off, is_note_on, tempo_of

DEFAULT_TEMPO = 500_000


class TickNote(NamedTuple):
    """A note by its ticks. If nothing releases it, ``end_tick`` is the end of its track."""

    channel: int
    pitch: int
    velocity: int
    tick: int
    end_tick: int
    release: bytes
    """Status and velocity of the message that releases it; empty for a hanging note."""


class ExactNote(NamedTuple):
    """A note by its exact times, in the unit of ``TempoMap.exact_time``."""

    channel: int
    pitch: int
    velocity: int
    onset: int
    end: int
    release: bytes


class TempoMap:
    """The time of every tick, computed with integers and rational numbers only.

    Args:
        division: the division of the file's header.
        changes: microseconds per quarter note from a tick on, by that tick.
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
        """True if the division has no ticks in a quarter note or in a frame, so that ticks have no time."""
        return not self.division & (0xFF if self.division & 0x8000 else 0x7FFF)

    def exact_time(self, tick: int) -> int:
        """Return the exact time of a tick as an integer, whose unit is the same for all maps of one division.

        The unit is a microsecond divided by the ticks of a quarter note, or one tick of an SMPTE division.
        """
        if self.division & 0x8000:
            return tick
        at = bisect_right(self.ticks, tick) - 1
        return self.elapsed[at] + (tick - self.ticks[at]) * self.tempi[at]

    def seconds(self, tick: int) -> Fraction:
        """Return the time of a tick in seconds. It does not depend on the tempo in an SMPTE division."""
        if self.division & 0x8000:
            frames = 256 - (self.division >> 8)
            rate = Fraction(30_000, 1001) if frames == 29 else Fraction(frames)
            return tick / (rate * (self.division & 0xFF))
        return Fraction(self.exact_time(tick), self.division * 1_000_000)

    def changes_before(self, stop: int) -> list[tuple[int, int]]:
        """Return the tempo changes before ``stop``. If those of two maps agree, all times up to it agree."""
        return [
            (tick, tempo)
            for tick, tempo in zip(self.ticks, self.tempi, strict=True)
            if tick < stop or tick == 0
        ]


def tempo_changes(tracks: Iterable[ParsedTrack]) -> dict[int, int]:
    """Return the tempo from each tick on. At one tick the last change counts, by track, then by position."""
    changes: dict[int, int] = {}
    for track in tracks:
        for event in track.events:
            tempo = tempo_of(event)
            if tempo is not None:
                changes[event.tick] = tempo
    return changes


def tempo_map(song: ParsedSong, track: int) -> TempoMap:
    """Return the tempo map of a track: that of the whole file, or in format 2 its own."""
    sources = [song.tracks[track]] if song.format == 2 else song.tracks
    return TempoMap(song.division, tempo_changes(sources))


def pair_notes(events: Iterable[Event], end_tick: int, ports: Iterable[int] | None = None) -> list[TickNote]:
    """Return the notes by onset. Note-offs end notes of their channel and pitch first in, first out.

    Where the ports of the events are given, they end only notes of their port.
    """
    notes: list[TickNote] = []
    sounding: dict[tuple[int, int, int], list[int]] = {}
    for event, port in zip(events, repeat(0) if ports is None else ports, strict=False):
        tick, status, body = event
        if not 0x80 <= status < 0xA0:
            continue
        key = (port, status & 15, body[0])
        if is_note_on(event):
            sounding.setdefault(key, []).append(len(notes))
            notes.append(TickNote(*key[1:], body[1], tick, end_tick, b""))
        elif is_note_off(event) and sounding.get(key):
            at = sounding[key].pop(0)
            notes[at] = notes[at]._replace(end_tick=tick, release=bytes([status, body[1]]))
    return notes


def exact_notes(song: ParsedSong, track: int, ports: Iterable[int] | None = None) -> list[ExactNote]:
    """Return the notes of a track with their exact times, by onset; ``ports`` are those of its events."""
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
        for note in pair_notes(source.events, source.end_tick, ports)
    ]
