"""What every player does: read the grid of sixteenths, play a note, ride a controller."""

from midiprism.sample import sheet
from midiprism.sample.dice import Ints, roll
from midiprism.sample.events import CONTROL, OFF, ON, emit
from midiprism.smf.jit import helper

PLAYER = "void(int64[::1], int64[::1], int64[::1], int64[::1], int64[:, ::1])"
"""Signature of one who plays: events, song, part, dice, bars."""


@helper
def grid(song: Ints, bar_tick: int, step: int) -> int:
    """Tick of a sixteenth of a bar; off-beat eighths come late where the song swings."""
    tick = bar_tick + step * song[sheet.DIVISION] // 4
    if step % 4 == 2:
        tick += song[sheet.SWING]
    return int(tick)


@helper
def late(song: Ints, dice: Ints, tick: int) -> int:
    """A tick as a person plays it, early or late."""
    loose = song[sheet.LOOSE]
    if loose == 0:
        return tick
    return int(max(0, tick + roll(dice, 2 * loose + 1) - loose))


@helper
def sound(events: Ints, song: Ints, part: Ints, start: int, end: int, pitch: int, velocity: int) -> None:
    """One note, from tick to tick."""
    channel = part[sheet.CHANNEL]
    emit(events, start, ON, 0x90 | channel, pitch, min(max(velocity, 8), 127))
    end = max(end, start + 1)
    if song[sheet.OFFS] == 1:
        emit(events, end, OFF, 0x80 | channel, pitch, 64)
    else:
        emit(events, end, OFF, 0x90 | channel, pitch, 0)


@helper
def play(
    events: Ints,
    song: Ints,
    part: Ints,
    dice: Ints,
    bar_tick: int,
    step: int,
    steps: int,
    pitch: int,
    velocity: int,
    held: int,
) -> None:
    """One note of ``steps`` sixteenths from ``step`` of a bar, held for ``held`` percent of them."""
    start = grid(song, bar_tick, step)
    length = (grid(song, bar_tick, step + steps) - start) * held // 100 - 2 * song[sheet.LOOSE]
    start = late(song, dice, start)
    sound(events, song, part, start, start + length, pitch, velocity + roll(dice, 17) - 8)


@helper
def ride(
    events: Ints, part: Ints, controller: int, start: int, end: int, first: int, last: int, every: int
) -> None:
    """A controller from one value to another in a straight line, one event every so many ticks."""
    status = 0xB0 | part[sheet.CHANNEL]
    span = max(end - start, 1)
    tick = start
    before = -1
    while tick < end:
        value = first + (last - first) * (tick - start) // span
        if value != before:
            emit(events, tick, CONTROL, status, controller, value)
            before = value
        tick += every


@helper
def bend(events: Ints, part: Ints, tick: int, cents: int) -> None:
    """Pitch bend by cents, at the usual range of two semitones."""
    value = min(max(8192 + cents * 8192 // 200, 0), 16383)
    emit(events, tick, CONTROL, 0xE0 | part[sheet.CHANNEL], value & 0x7F, value >> 7)


@helper
def resting(part: Ints, bar: Ints) -> bool:
    """Whether the part rests in the bar's section."""
    return bool((part[sheet.RESTS] >> bar[sheet.KIND]) & 1 == 1)
