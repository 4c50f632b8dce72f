"""What every player does: read the grid of sixteenths, play a note, ride a controller."""

from midiprism.sample import columns as sheet
from midiprism.sample.events import RANK_CONTROL, RANK_NOTE_OFF, RANK_NOTE_ON, emit
from midiprism.sample.rng import IntArray, randrange
from midiprism.smf.kernel.jit import helper

PLAYER_SIGNATURE = "void(int64[::1], int64[::1], int64[::1], int64[::1], int64[:, ::1])"
"""Signature of one who plays: events, song, part, dice, bars."""


@helper
def step_to_tick(song: IntArray, bar_tick: int, step: int) -> int:
    """Tick of a sixteenth of a bar; off-beat eighths come late where the song swings."""
    tick = bar_tick + step * song[sheet.DIVISION] // 4
    if step % 4 == 2:
        tick += song[sheet.SWING]
    return int(tick)


@helper
def humanize(song: IntArray, rng_state: IntArray, tick: int) -> int:
    """A tick as a person plays it, early or late."""
    loose = song[sheet.TIMING_JITTER]
    if loose == 0:
        return tick
    return int(max(0, tick + randrange(rng_state, 2 * loose + 1) - loose))


@helper
def emit_note(
    events: IntArray, song: IntArray, part: IntArray, start: int, end: int, pitch: int, velocity: int
) -> None:
    """One note, from tick to tick."""
    channel = part[sheet.CHANNEL]
    emit(events, start, RANK_NOTE_ON, 0x90 | channel, pitch, min(max(velocity, 8), 127))
    end = max(end, start + 1)
    if song[sheet.NOTE_OFF_MESSAGES] == 1:
        emit(events, end, RANK_NOTE_OFF, 0x80 | channel, pitch, 64)
    else:
        emit(events, end, RANK_NOTE_OFF, 0x90 | channel, pitch, 0)


@helper
def play_step(
    events: IntArray,
    song: IntArray,
    part: IntArray,
    rng_state: IntArray,
    bar_tick: int,
    step: int,
    steps: int,
    pitch: int,
    velocity: int,
    gate_percent: int,
) -> None:
    """One note of ``steps`` sixteenths from ``step`` of a bar, held for ``held`` percent of them."""
    start = step_to_tick(song, bar_tick, step)
    length = (step_to_tick(song, bar_tick, step + steps) - start) * gate_percent // 100 - 2 * song[
        sheet.TIMING_JITTER
    ]
    start = humanize(song, rng_state, start)
    emit_note(events, song, part, start, start + length, pitch, velocity + randrange(rng_state, 17) - 8)


@helper
def ramp_controller(
    events: IntArray,
    part: IntArray,
    controller: int,
    start: int,
    end: int,
    first: int,
    last: int,
    interval: int,
) -> None:
    """A controller from one value to another in a straight line, one event every so many ticks."""
    status = 0xB0 | part[sheet.CHANNEL]
    span = max(end - start, 1)
    tick = start
    before = -1
    while tick < end:
        value = first + (last - first) * (tick - start) // span
        if value != before:
            emit(events, tick, RANK_CONTROL, status, controller, value)
            before = value
        tick += interval


@helper
def emit_pitch_bend(events: IntArray, part: IntArray, tick: int, cents: int) -> None:
    """Pitch bend by cents, at the usual range of two semitones."""
    value = min(max(8192 + cents * 8192 // 200, 0), 16383)
    emit(events, tick, RANK_CONTROL, 0xE0 | part[sheet.CHANNEL], value & 0x7F, value >> 7)


@helper
def is_resting(part: IntArray, bar: IntArray) -> bool:
    """Whether the part rests in the bar's section."""
    return bool((part[sheet.REST_SECTIONS] >> bar[sheet.SECTION_KIND]) & 1 == 1)
