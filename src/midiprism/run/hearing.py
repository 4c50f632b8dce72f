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

_SMPTE = 0x8000
_DIVISION = 12
_FIRST_EVENT = 22
"""Where the events of a split begin: behind its header and that of its only track."""
_NOTE_OFF, _NOTE_ON, _POLY, _PROGRAM, _BEND = 0x80, 0x90, 0xA0, 0xC0, 0xE0
_SYSEX, _META, _END, _TEMPO = 0xF0, 0xFF, 0x2F, 0x51
_DEFAULT_TEMPO = 500_000

Key = tuple[int, int, int]
"""Channel, pitch, velocity."""


class Note(NamedTuple):
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
class Heard:
    """What plays.

    Attributes:
        notes: by channel, pitch, velocity, then time.
        others: the channel events that are no notes, status first, each as often as it is there.
    """

    notes: Sequence[Note]
    others: Counter[bytes]

    @cached_property
    def keys(self) -> tuple[Key, ...]:
        """Its notes without their times."""
        return tuple(note[:3] for note in self.notes)

    @cached_property
    def counts(self) -> Counter[Key]:
        """How often each note is there."""
        return Counter(self.keys)


def heard(splits: Iterable[SplitTrack]) -> Heard:
    """What plays in splits of one file, together."""
    notes: list[Note] = []
    others: Counter[bytes] = Counter()
    for split in splits:
        notes += _walk(split.data, _seconds(split), others)
    return Heard(sorted(notes), others)


def on_time(one: Heard, other: Heard) -> bool:
    """Whether two with the same notes play each of them at the same time."""
    return all(starmap(_agree, zip(one.notes, other.notes, strict=True)))


def shifts(one: Heard, other: Heard) -> tuple[float, float]:
    """By how much the onsets and the ends of the second differ most from those of the first."""
    pairs = list(zip(one.notes, other.notes, strict=True))
    onsets = (theirs.onset - ours.onset for ours, theirs in pairs)
    ends = (theirs.end - ours.end for ours, theirs in pairs if ours.released or theirs.released)
    return max(onsets, key=abs, default=0.0), max(ends, key=abs, default=0.0)


def _agree(one: Note, other: Note) -> bool:
    if abs(one.onset - other.onset) > TOLERANCE_SECONDS:
        return False
    # A note that nothing releases sounds on, wherever its track ends.
    return abs(one.end - other.end) <= TOLERANCE_SECONDS or not (one.released or other.released)


def _seconds(split: SplitTrack) -> tuple[float, float]:
    """How long a tick lasts at first, and by each microsecond of a quarter note (0: tempi do nothing)."""
    division = int.from_bytes(split.data[_DIVISION : _DIVISION + 2], "big")
    if division & _SMPTE:
        timed = bool(split.duration_seconds and split.duration_ticks)
        return (split.duration_seconds or 0.0) / split.duration_ticks if timed else 1.0, 0.0
    each = 1 / (division * 1_000_000)
    return _DEFAULT_TEMPO * each, each


def _walk(data: bytes, seconds: tuple[float, float], others: Counter[bytes]) -> Iterator[Note]:
    """The notes of a split, which is a well-formed file of one track; note-offs are first in, first out."""
    tick_seconds, each = seconds
    now = 0.0
    at, status = _FIRST_EVENT, 0
    sounding: dict[int, list[tuple[int, float]]] = {}
    while True:
        delta = data[at]
        at += 1
        if delta > 0x7F:
            delta, at = _number(data, at - 1)
        now += delta * tick_seconds
        if data[at] >= 0x80:
            status = data[at]
            at += 1
        if status < _POLY:
            pitch, velocity = data[at], data[at + 1]
            at += 2
            key = (status & 15) << 7 | pitch
            if status >= _NOTE_ON and velocity:
                sounding.setdefault(key, []).append((velocity, now))
            elif waiting := sounding.get(key):
                begun, onset = waiting.pop(0)
                yield Note(status & 15, pitch, begun, onset, now, True)
        elif status < _SYSEX:
            size = 1 if _PROGRAM <= status < _BEND else 2
            others[bytes([status]) + data[at : at + size]] += 1
            at += size
        else:
            kind = data[at] if status == _META else None
            size, at = _number(data, at + (kind is not None))
            if kind == _END:
                break
            if kind == _TEMPO and size == 3 and each:
                tick_seconds = int.from_bytes(data[at : at + 3], "big") * each
            at += size
    for key, waiting in sounding.items():
        for velocity, onset in waiting:
            yield Note(key >> 7, key & 127, velocity, onset, now, False)


def _number(data: bytes, at: int) -> tuple[int, int]:
    """A number of variable length, and the place behind it."""
    value = data[at]
    at += 1
    if value < 0x80:
        return value, at
    value &= 127
    while data[at] >= 0x80:
        value = value << 7 | data[at] & 127
        at += 1
    return value << 7 | data[at], at + 1
