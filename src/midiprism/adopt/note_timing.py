"""The notes of a track in seconds, and its other channel events, to compare tracks of other programs."""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import starmap
from typing import NamedTuple

from midiprism.smf.types import SplitTrack

TOLERANCE_SECONDS = 0.001
"""Notes that differ by no more than this play at the same time, because other programs may round."""

_SMPTE_FLAG = 0x8000
_DIVISION_OFFSET = 12
_EVENTS_OFFSET = 22
"""Offset of a track's events in its file, after the headers of the file and of its only ``MTrk``."""
_NOTE_OFF, _NOTE_ON, _POLY_AFTERTOUCH, _PROGRAM_CHANGE, _PITCH_BEND = 0x80, 0x90, 0xA0, 0xC0, 0xE0
_SYSEX, _META, _END_OF_TRACK, _SET_TEMPO = 0xF0, 0xFF, 0x2F, 0x51
_DEFAULT_TEMPO_MICROSECONDS = 500_000


class NoteKey(NamedTuple):
    """A note without its times."""

    channel: int
    pitch: int
    velocity: int


class TimedNote(NamedTuple):
    """A note with its times.

    Attributes:
        channel: 0 to 15.
        pitch: 0 to 127.
        velocity: 1 to 127.
        onset: in seconds; in ticks if the division gives ticks no length.
        end: in the same unit; the end of the track if no event releases the note.
        released: whether an event releases it.
    """

    channel: int
    pitch: int
    velocity: int
    onset: float
    end: float
    released: bool


class TimeShift(NamedTuple):
    """By how many seconds the notes of one track are later than those of another, at most.

    Attributes:
        onset: of their onsets; negative if they are earlier.
        end: of their ends.
    """

    onset: float
    end: float


class _TickLength(NamedTuple):
    """The length of a tick in seconds.

    Attributes:
        initial: before the first tempo event.
        per_tempo_microsecond: for each microsecond of a quarter note that a tempo event sets; 0 if tempo
            events have no effect.
    """

    initial: float
    per_tempo_microsecond: float


class _Varlen(NamedTuple):
    """A variable-length number, and the offset after it."""

    value: int
    next_offset: int


@dataclass(frozen=True)
class TimedNotes:
    """The notes and other channel events of a track.

    Attributes:
        notes: sorted by channel, pitch, velocity, then time.
        other_events: number of occurrences of each channel event that is not a note, by its bytes.
    """

    notes: Sequence[TimedNote]
    other_events: Counter[bytes]

    @cached_property
    def note_keys(self) -> tuple[NoteKey, ...]:
        """The notes without their times."""
        return tuple(NoteKey(note.channel, note.pitch, note.velocity) for note in self.notes)

    @cached_property
    def note_counts(self) -> Counter[NoteKey]:
        """The number of occurrences of each note without its times."""
        return Counter(self.note_keys)


def extract_timed_notes(tracks: Iterable[SplitTrack]) -> TimedNotes:
    """Return the notes and events of all tracks of one file together."""
    notes: list[TimedNote] = []
    other_events: Counter[bytes] = Counter()
    for track in tracks:
        notes += _iter_notes(track.data, _tick_length(track), other_events)
    return TimedNotes(sorted(notes), other_events)


def same_timing(expected: TimedNotes, actual: TimedNotes) -> bool:
    """Return True if two tracks with the same notes play each note at the same time."""
    return all(starmap(_notes_agree, zip(expected.notes, actual.notes, strict=True)))


def max_time_shift(expected: TimedNotes, actual: TimedNotes) -> TimeShift:
    """Return by how much ``actual`` is later than ``expected``, which has the same notes."""
    pairs = list(zip(expected.notes, actual.notes, strict=True))
    onsets = (second.onset - first.onset for first, second in pairs)
    ends = (second.end - first.end for first, second in pairs if first.released or second.released)
    return TimeShift(max(onsets, key=abs, default=0.0), max(ends, key=abs, default=0.0))


def _notes_agree(expected: TimedNote, actual: TimedNote) -> bool:
    if abs(expected.onset - actual.onset) > TOLERANCE_SECONDS:
        return False
    # A note that is never released has no end: the end of its track does not matter.
    return abs(expected.end - actual.end) <= TOLERANCE_SECONDS or not (expected.released or actual.released)


def _tick_length(track: SplitTrack) -> _TickLength:
    division = int.from_bytes(track.data[_DIVISION_OFFSET : _DIVISION_OFFSET + 2], "big")
    if division & _SMPTE_FLAG:
        has_length = bool(track.duration_seconds and track.duration_ticks)
        return _TickLength((track.duration_seconds or 0.0) / track.duration_ticks if has_length else 1.0, 0.0)
    per_tempo_microsecond = 1 / (division * 1_000_000)
    return _TickLength(_DEFAULT_TEMPO_MICROSECONDS * per_tempo_microsecond, per_tempo_microsecond)


def _iter_notes(data: bytes, tick_length: _TickLength, other_events: Counter[bytes]) -> Iterator[TimedNote]:
    """Yield the notes of a well-formed file of one track, and count its other channel events.

    A note-off releases the note of its key that began first.
    """
    tick_seconds, per_tempo_microsecond = tick_length
    now = 0.0
    offset, status = _EVENTS_OFFSET, 0
    sounding: dict[int, list[tuple[int, float]]] = {}
    while True:
        delta = data[offset]
        offset += 1
        if delta > 0x7F:
            delta, offset = _read_varlen(data, offset - 1)
        now += delta * tick_seconds
        if data[offset] >= 0x80:
            status = data[offset]
            offset += 1
        if status < _POLY_AFTERTOUCH:
            pitch, velocity = data[offset], data[offset + 1]
            offset += 2
            key = (status & 15) << 7 | pitch
            if status >= _NOTE_ON and velocity:
                sounding.setdefault(key, []).append((velocity, now))
            elif notes := sounding.get(key):
                onset_velocity, onset = notes.pop(0)
                yield TimedNote(status & 15, pitch, onset_velocity, onset, now, True)
        elif status < _SYSEX:
            size = 1 if _PROGRAM_CHANGE <= status < _PITCH_BEND else 2
            other_events[bytes([status]) + data[offset : offset + size]] += 1
            offset += size
        else:
            meta_type = data[offset] if status == _META else None
            size, offset = _read_varlen(data, offset + (meta_type is not None))
            if meta_type == _END_OF_TRACK:
                break
            if meta_type == _SET_TEMPO and size == 3 and per_tempo_microsecond:
                tick_seconds = int.from_bytes(data[offset : offset + 3], "big") * per_tempo_microsecond
            offset += size
    for key, notes in sounding.items():
        for velocity, onset in notes:
            yield TimedNote(key >> 7, key & 127, velocity, onset, now, False)


def _read_varlen(data: bytes, offset: int) -> _Varlen:
    value = data[offset]
    offset += 1
    if value < 0x80:
        return _Varlen(value, offset)
    value &= 127
    while data[offset] >= 0x80:
        value = value << 7 | data[offset] & 127
        offset += 1
    return _Varlen(value << 7 | data[offset], offset + 1)
