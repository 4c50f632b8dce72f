"""What a track plays and says, in plain Python: nothing has to be compiled first.

The rules are those of ``midiprism.features``: a note that begins while its pitch still sounds on its channel
ends the note before, and a pitch sounds until it has had as many note-offs as notes.
"""

from bisect import bisect_right
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import pairwise
from typing import NamedTuple, TypeVar

DEFAULT_TEMPO = 500_000
"""Microseconds per quarter note where no tempo is stated."""

_HEADER_BYTES = 22  # of a file with one track chunk
_DIVISION_AT = 12
_SMPTE_FLAG = 0x8000
_MAX_DENOMINATOR_POWER = 7
_MAX_TEXT_KIND = 0x0F
_Row = TypeVar("_Row", tuple[int, int], tuple[int, int, int])
_BANK_HIGH, _BANK_LOW, _ALL_SOUND_OFF, _ALL_NOTES_OFF = 0, 32, 120, 123
_HEARD_CONTROLS = frozenset((1, 7, 10, 11, 64))
_DATA_HIGH, _DATA_LOW, _PARAMETER_LOW, _PARAMETER_HIGH = 6, 38, 100, 101
_BEND_RANGE = 0  # number of the registered parameter
_DEFAULT_BEND_CENTS = 200

BEND_CENTS = 128
"""Stands for the pitch wheel among controllers, which have the numbers 0 to 127."""


Note = tuple[int, int, int, int, int]
"""A note: absolute ticks at which it begins and ends, pitch, velocity, channel."""


class ProgramChange(NamedTuple):
    """A selection of a sound; the bank is ``high << 7 | low``."""

    tick: int
    channel: int
    program: int
    bank: int


class ControlChange(NamedTuple):
    """A controller that changes how a synthesizer plays; ``BEND_CENTS`` is the pitch wheel, in cents."""

    tick: int
    channel: int
    controller: int
    value: int


class TextAt(NamedTuple):
    """A meta event with text: ``kind`` is its type, such as 5 for a lyric."""

    tick: int
    kind: int
    text: bytes


@dataclass(slots=True)
class TrackContent:
    """The content of a track. All ticks are absolute.

    Attributes:
        ticks_per_quarter: None with an SMPTE division.
        ticks_per_second: of an SMPTE division, else None.
        notes: by their beginning.
        tempos: ticks and microseconds per quarter note, by tick; the first is at tick 0.
        meters: ticks, numerators and denominators, by tick.
        programs: selections of sounds.
        controls: modulation, volume, pan, expression, sustain, and bends.
        texts: meta events with text.
        end_tick: of the end of the track.
    """

    ticks_per_quarter: int | None = None
    ticks_per_second: int | None = None
    notes: list[Note] = field(default_factory=list)
    tempos: list[tuple[int, int]] = field(default_factory=list)
    meters: list[tuple[int, int, int]] = field(default_factory=list)
    programs: list[ProgramChange] = field(default_factory=list)
    controls: list[ControlChange] = field(default_factory=list)
    texts: list[TextAt] = field(default_factory=list)
    end_tick: int = 0


class TempoMap:
    """Times of ticks.

    Args:
        content: the track whose tempi hold.
    """

    def __init__(self, content: TrackContent) -> None:
        self._ticks_per_second = content.ticks_per_second
        self._quarter = content.ticks_per_quarter or 1
        self._ticks, self._tempos = map(list, zip(*content.tempos, strict=True))
        self._seconds = [0.0]
        for (tick, tempo), (next_tick, _) in pairwise(content.tempos):
            self._seconds.append(self._seconds[-1] + (next_tick - tick) * tempo / self._quarter / 1e6)

    def seconds_at(self, tick: int) -> float:
        """Return the time of a tick in seconds from the beginning."""
        if self._ticks_per_second is not None:
            return tick / self._ticks_per_second
        at = bisect_right(self._ticks, tick) - 1
        return self._seconds[at] + (tick - self._ticks[at]) * self._tempos[at] / self._quarter / 1e6


def read_track(data: bytes) -> TrackContent:
    """Return the content of a MIDI file with one track, as midiprism writes them.

    Of a damaged file, what stands before the damage.
    """
    content = TrackContent()
    division = int.from_bytes(data[_DIVISION_AT : _DIVISION_AT + 2], "big")
    if division & _SMPTE_FLAG:
        content.ticks_per_second = max(1, (256 - (division >> 8)) * (division & 0xFF))
    else:
        content.ticks_per_quarter = max(1, division)
    walk = _Walk(content)
    with suppress(IndexError):  # the file ends within an event
        walk.run(data)
    walk.finish()
    return content


class _Walk:
    """A walk over the events of a track, which fills a content."""

    def __init__(self, content: TrackContent) -> None:
        self._content = content
        self._tick = 0
        # By channel and pitch: beginning, velocity, notes without a note-off so far.
        self._sounding: dict[int, tuple[int, int, int]] = {}
        self._banks: dict[int, int] = {}
        # By channel: the chosen registered parameter, and the cents of a full bend.
        self._parameters: dict[int, int] = {}
        self._bend_cents: dict[int, int] = {}

    def run(self, data: bytes) -> None:
        """Read all events. Notes are read here: a call for each would double the time.

        Raises:
            IndexError: the data end within an event.
        """
        at, stop, running, tick = _HEADER_BYTES, len(data), 0, 0
        sounding, notes = self._sounding, self._content.notes
        while at < stop:
            byte = data[at]
            at += 1
            if byte < 0x80:
                tick += byte
            else:
                delta = byte & 0x7F
                while byte & 0x80:
                    byte = data[at]
                    at += 1
                    delta = delta << 7 | byte & 0x7F
                tick += delta
            status = data[at]
            if status < 0x80:
                status = running
            else:
                at += 1
            kind = status & 0xE0
            if kind == 0x80:
                running = status
                key, velocity = (status & 0x0F) << 7 | data[at], data[at + 1]
                at += 2
                started = sounding.get(key)
                if status >= 0x90 and velocity:
                    if started is None:
                        sounding[key] = (tick, velocity, 1)
                    else:
                        notes.append((started[0], tick, key & 0x7F, started[1], key >> 7))
                        sounding[key] = (tick, velocity, started[2] + 1)
                elif started is not None:
                    if started[2] == 1:
                        notes.append((started[0], tick, key & 0x7F, started[1], key >> 7))
                        del sounding[key]
                    else:
                        sounding[key] = (started[0], started[1], started[2] - 1)
                continue
            self._tick = tick
            if status >= 0xF0:
                at, ended = self._read_system_event(data, at, status)
                if ended:
                    return
            elif status < 0x80:
                return
            else:
                running = status
                at += self._read_channel_event(data, at, status)

    def finish(self) -> None:
        """End the notes that sound, and sort what was found."""
        content = self._content
        # Where the file is damaged, the tick of its last event is not known here.
        last_ends = [note[1] for note in content.notes[-1:]]
        starts = [start for start, _, _ in self._sounding.values()]
        self._tick = max([self._tick, *last_ends, *starts])
        content.end_tick = self._tick
        for key in [*self._sounding]:
            self._close(key)
        content.notes.sort()
        if not content.tempos or content.tempos[0][0] > 0:
            content.tempos.insert(0, (0, DEFAULT_TEMPO))

    def _close(self, key: int) -> None:
        start, velocity, _ = self._sounding.pop(key)
        self._content.notes.append((start, self._tick, key & 0x7F, velocity, key >> 7))

    def _read_channel_event(self, data: bytes, at: int, status: int) -> int:
        """Read an event that is no note, and return the number of its data bytes."""
        channel = status & 0x0F
        if status & 0xF0 == 0xC0:
            bank = self._banks.get(channel, 0)
            self._content.programs.append(ProgramChange(self._tick, channel, data[at], bank))
        elif status & 0xF0 == 0xB0:
            self._read_controller(channel, data[at], data[at + 1])
        elif status & 0xF0 == 0xE0:
            wheel = (data[at + 1] << 7 | data[at]) - 8192
            cents = round(wheel * self._bend_cents.get(channel, _DEFAULT_BEND_CENTS) / 8192)
            self._content.controls.append(ControlChange(self._tick, channel, BEND_CENTS, cents))
        return 1 if status & 0xE0 == 0xC0 else 2

    def _read_controller(self, channel: int, controller: int, value: int) -> None:
        bank = self._banks.get(channel, 0)
        if controller == _BANK_HIGH:
            self._banks[channel] = value << 7 | bank & 0x7F
        elif controller == _BANK_LOW:
            self._banks[channel] = bank & 0x3F80 | value
        elif controller == _ALL_SOUND_OFF or controller >= _ALL_NOTES_OFF:
            for key in [key for key in self._sounding if key >> 7 == channel]:
                self._close(key)
        elif controller in _HEARD_CONTROLS:
            self._content.controls.append(ControlChange(self._tick, channel, controller, value))
        else:
            self._read_parameter(channel, controller, value)

    def _read_parameter(self, channel: int, controller: int, value: int) -> None:
        chosen = self._parameters.get(channel, -1)
        if controller == _PARAMETER_HIGH:
            self._parameters[channel] = value << 7 | chosen & 0x7F
        elif controller == _PARAMETER_LOW:
            self._parameters[channel] = chosen & 0x3F80 | value
        elif chosen == _BEND_RANGE and controller in (_DATA_HIGH, _DATA_LOW):
            cents = self._bend_cents.get(channel, _DEFAULT_BEND_CENTS)
            semitones, rest = divmod(cents, 100)
            is_high = controller == _DATA_HIGH
            self._bend_cents[channel] = value * 100 + rest if is_high else semitones * 100 + value

    def _read_system_event(self, data: bytes, at: int, status: int) -> tuple[int, bool]:
        """Return where the event ends, and whether it ends the track."""
        kind = -1
        if status == 0xFF:
            kind = data[at]
            at += 1
        elif status not in (0xF0, 0xF7):
            return at, True
        size = 0
        while True:
            byte = data[at]
            at += 1
            size = size << 7 | byte & 0x7F
            if byte < 0x80:
                break
        if at + size > len(data) or kind == 0x2F:
            return at, True
        if kind >= 0:
            self._read_meta(kind, data[at : at + size])
        return at + size, False

    def _read_meta(self, kind: int, payload: bytes) -> None:
        content, tick = self._content, self._tick
        if kind == 0x51 and len(payload) == 3:
            _set_last(content.tempos, (tick, int.from_bytes(payload, "big")))
        elif kind == 0x58 and len(payload) >= 2:
            if payload[0] and payload[1] <= _MAX_DENOMINATOR_POWER:
                _set_last(content.meters, (tick, payload[0], 1 << payload[1]))
        elif 0 < kind <= _MAX_TEXT_KIND:
            content.texts.append(TextAt(tick, kind, payload))


def _set_last(rows: list[_Row], row: _Row) -> None:
    """Append a row, in place of one at the same tick."""
    if rows and rows[-1][0] == row[0]:
        rows[-1] = row
    else:
        rows.append(row)
