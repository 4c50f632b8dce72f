"""What a split sounds like: its notes by the clock, and its other channel events."""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import starmap
from typing import NamedTuple

from midiprism.smf.types import SplitTrack

TOLERANCE_SECONDS = 0.001
"""Notes that differ by no more than this play at the same time: other programs may round."""

_SMPTE_FLAG = 0x8000
_DIVISION_OFFSET = 12
_EVENTS_OFFSET = 22
"""Where the events of a split begin: behind its header and that of its only track."""
_NOTE_OFF, _NOTE_ON, _POLY_AFTERTOUCH, _PROGRAM_CHANGE, _PITCH_BEND = 0x80, 0x90, 0xA0, 0xC0, 0xE0
_SYSEX, _META, _END_OF_TRACK, _SET_TEMPO = 0xF0, 0xFF, 0x2F, 0x51
_DEFAULT_TEMPO_MICROSECONDS = 500_000

NoteKey = tuple[int, int, int]
"""Channel, pitch, velocity."""


class TimedNote(NamedTuple):
    """A note by the clock.

    Attributes:
        onset: seconds; ticks where the division gives them no time.
        end: the same; the end of the track where nothing releases it.
        released: whether something does.
    """

    channel: int
    pitch: int
    velocity: int
    onset: float
    end: float
    released: bool


@dataclass(frozen=True)
class TimedNotes:
    """What plays.

    Attributes:
        notes: by channel, pitch, velocity, then time.
        others: the channel events that are no notes, status first, each as often as it is there.
    """

    notes: Sequence[TimedNote]
    other_events: Counter[bytes]

    @cached_property
    def note_keys(self) -> tuple[NoteKey, ...]:
        """Its notes without their times."""
        return tuple(note[:3] for note in self.notes)

    @cached_property
    def note_counts(self) -> Counter[NoteKey]:
        """How often each note is there."""
        return Counter(self.note_keys)


def extract_timed_notes(tracks: Iterable[SplitTrack]) -> TimedNotes:
    """What plays in splits of one file, together."""
    notes: list[TimedNote] = []
    others: Counter[bytes] = Counter()
    for split in tracks:
        notes += _iter_notes(split.data, _tick_seconds(split), others)
    return TimedNotes(sorted(notes), others)


def same_timing(one: TimedNotes, other: TimedNotes) -> bool:
    """Whether two with the same notes play each of them at the same time."""
    return all(starmap(_notes_agree, zip(one.notes, other.notes, strict=True)))


def max_time_shifts(one: TimedNotes, other: TimedNotes) -> tuple[float, float]:
    """By how much the onsets and the ends of the second differ most from those of the first."""
    pairs = list(zip(one.notes, other.notes, strict=True))
    onsets = (theirs.onset - ours.onset for ours, theirs in pairs)
    ends = (theirs.end - ours.end for ours, theirs in pairs if ours.released or theirs.released)
    return max(onsets, key=abs, default=0.0), max(ends, key=abs, default=0.0)


def _notes_agree(one: TimedNote, other: TimedNote) -> bool:
    if abs(one.onset - other.onset) > TOLERANCE_SECONDS:
        return False
    # A note that nothing releases sounds on, wherever its track ends.
    return abs(one.end - other.end) <= TOLERANCE_SECONDS or not (one.released or other.released)


def _tick_seconds(track: SplitTrack) -> tuple[float, float]:
    """How long a tick lasts at first, and by each microsecond of a quarter note (0: tempi do nothing)."""
    division = int.from_bytes(track.data[_DIVISION_OFFSET : _DIVISION_OFFSET + 2], "big")
    if division & _SMPTE_FLAG:
        timed = bool(track.duration_seconds and track.duration_ticks)
        return (track.duration_seconds or 0.0) / track.duration_ticks if timed else 1.0, 0.0
    each = 1 / (division * 1_000_000)
    return _DEFAULT_TEMPO_MICROSECONDS * each, each


def _iter_notes(
    data: bytes, tick_lengths: tuple[float, float], other_events: Counter[bytes]
) -> Iterator[TimedNote]:
    """The notes of a split, which is a well-formed file of one track; note-offs are first in, first out."""
    tick_seconds, each = tick_lengths
    now = 0.0
    at, status = _EVENTS_OFFSET, 0
    sounding: dict[int, list[tuple[int, float]]] = {}
    while True:
        delta = data[at]
        at += 1
        if delta > 0x7F:
            delta, at = _read_varlen(data, at - 1)
        now += delta * tick_seconds
        if data[at] >= 0x80:
            status = data[at]
            at += 1
        if status < _POLY_AFTERTOUCH:
            pitch, velocity = data[at], data[at + 1]
            at += 2
            key = (status & 15) << 7 | pitch
            if status >= _NOTE_ON and velocity:
                sounding.setdefault(key, []).append((velocity, now))
            elif waiting := sounding.get(key):
                begun, onset = waiting.pop(0)
                yield TimedNote(status & 15, pitch, begun, onset, now, True)
        elif status < _SYSEX:
            size = 1 if _PROGRAM_CHANGE <= status < _PITCH_BEND else 2
            other_events[bytes([status]) + data[at : at + size]] += 1
            at += size
        else:
            kind = data[at] if status == _META else None
            size, at = _read_varlen(data, at + (kind is not None))
            if kind == _END_OF_TRACK:
                break
            if kind == _SET_TEMPO and size == 3 and each:
                tick_seconds = int.from_bytes(data[at : at + 3], "big") * each
            at += size
    for key, waiting in sounding.items():
        for velocity, onset in waiting:
            yield TimedNote(key >> 7, key & 127, velocity, onset, now, False)


def _read_varlen(data: bytes, offset: int) -> tuple[int, int]:
    """A number of variable length, and the place behind it."""
    value = data[offset]
    offset += 1
    if value < 0x80:
        return value, offset
    value &= 127
    while data[offset] >= 0x80:
        value = value << 7 | data[offset] & 127
        offset += 1
    return value << 7 | data[offset], offset + 1
