"""Those who play chords: piano and guitar, pads, arpeggios, brass, bells."""

import numpy as np

from midiprism.sample import sheet
from midiprism.sample.dice import Ints, roll
from midiprism.sample.events import CONTROL, emit
from midiprism.sample.harmony import into, voice
from midiprism.sample.playing import PLAYER, grid, late, play, resting, ride, sound
from midiprism.sample.sheet import table
from midiprism.smf.jit import entry_point, helper

COMPING = table(
    [
        [16],
        [8, 8],
        [4],
        [-2, 2],
        [6, 2, 8],
        [6, 6, 4],
        [2],
        [-4, 2, -2],
        [4, 2, 2],
        [3, 3, 2],
        [6, 10],
        [2, 4, 2, 2, 2, 4],
    ]
)
"""Lengths in sixteenths, in turn until the bar is full; negative ones are rests."""

BRASS_HITS = table([[-8, 2, 4, 2], [-6, 2, -4, 4], [4, -10, 2], [-12, 2, 2], [3, 3, 2, -8], [-2, 6, -8]])


@helper
def _half(bar: Ints) -> int:
    """Step at which the second chord of the bar begins."""
    steps = bar[sheet.STEPS]
    return int(steps // 2 if bar[sheet.BEAT] == 6 else (steps // 2 + 2) // 4 * 4)


@helper
def _start(part: Ints) -> Ints:
    voicing = np.empty(4, np.int64)
    voicing[:] = (part[sheet.LOWEST] + part[sheet.HIGHEST]) // 2
    return voicing


@helper
def _voice_bar(voicing: Ints, part: Ints, bar: Ints, second: bool) -> None:
    centre = (part[sheet.LOWEST] + part[sheet.HIGHEST]) // 2
    if second:
        voice(voicing, bar[sheet.ROOT_B], bar[sheet.QUALITY_B], centre)
    else:
        voice(voicing, bar[sheet.ROOT_A], bar[sheet.QUALITY_A], centre)


@helper
def _strike(
    events: Ints,
    song: Ints,
    part: Ints,
    dice: Ints,
    voicing: Ints,
    start: int,
    end: int,
    velocity: int,
    roll_by: int,
) -> None:
    """All voices at once, or one after the other: upwards by positive ticks, downwards by negative ones."""
    lowest, highest = part[sheet.LOWEST], part[sheet.HIGHEST]
    start = late(song, dice, start)
    end -= 2 * song[sheet.LOOSE]
    for index in range(4):
        place = index if roll_by >= 0 else 3 - index
        pitch = into(voicing[place], lowest, highest)
        doubled = False
        for other in range(index):
            doubled |= into(voicing[other if roll_by >= 0 else 3 - other], lowest, highest) == pitch
        if not doubled:
            sound(events, song, part, start + abs(roll_by) * index, end, pitch, velocity + roll(dice, 13) - 6)


@entry_point(PLAYER)
def comp(events: Ints, song: Ints, part: Ints, dice: Ints, bars: Ints) -> None:
    """Chords in rhythm, on keys (``COMP``) or strummed (``STRUM``); ``PATTERN`` is a row of ``COMPING``."""
    voicing = _start(part)
    strum = max(1, song[sheet.DIVISION] // 60) if part[sheet.ROLE] == sheet.STRUM else 0
    pedal = part[sheet.ROLE] == sheet.COMP and part[sheet.CURVES] > 0
    for row in range(bars.shape[0]):
        bar = bars[row]
        if resting(part, bar):
            continue
        steps, tick = bar[sheet.STEPS], bar[sheet.TICK]
        pattern = part[sheet.PATTERN]
        if row == bars.shape[0] - 1:
            pattern = 0
        half = _half(bar)
        step = 0
        turn = 0
        changed = False
        _voice_bar(voicing, part, bar, False)
        if pedal:
            emit(
                events,
                grid(song, tick, 0) + song[sheet.DIVISION] // 12,
                CONTROL,
                0xB0 | part[sheet.CHANNEL],
                64,
                127,
            )
        while step < steps:
            if turn == COMPING.shape[1] or COMPING[pattern, turn] == 0:
                turn = 0
            length = COMPING[pattern, turn]
            sounding = length > 0
            length = abs(length)
            if bar[sheet.BEAT] == 6 and sounding and length > 2:
                length = 6
            if bar[sheet.ROOT_A] != bar[sheet.ROOT_B] and step < half < step + length:
                length = half - step
            length = min(length, steps - step)
            if step >= half and not changed:
                _voice_bar(voicing, part, bar, True)
                changed = True
            if sounding:
                start = grid(song, tick, step)
                span = grid(song, tick, step + length) - start
                held = 50 if length <= 2 and pattern in (3, 7) else 88
                velocity = 78 if step == 0 else (72 if step % 4 == 0 else 64)
                by = strum if step % 4 == 0 else -strum
                _strike(events, song, part, dice, voicing, start, start + span * held // 100, velocity, by)
            step += length
            turn += 1
        if pedal:
            end = grid(song, tick, steps) - song[sheet.DIVISION] // 24
            emit(events, end, CONTROL, 0xB0 | part[sheet.CHANNEL], 64, 0)


@entry_point(PLAYER)
def pad(events: Ints, song: Ints, part: Ints, dice: Ints, bars: Ints) -> None:
    """Held chords, swelling."""
    voicing = _start(part)
    every = song[sheet.DIVISION] // (16 if part[sheet.CURVES] == 2 else 4)
    for row in range(bars.shape[0]):
        bar = bars[row]
        if resting(part, bar):
            continue
        tick, steps, half = bar[sheet.TICK], bar[sheet.STEPS], _half(bar)
        halves = 2 if bar[sheet.ROOT_A] != bar[sheet.ROOT_B] else 1
        for index in range(halves):
            _voice_bar(voicing, part, bar, index == 1)
            start = grid(song, tick, half if index == 1 else 0)
            end = grid(song, tick, half if halves == 2 and index == 0 else steps)
            if part[sheet.CURVES] > 0:
                middle = (start + end) // 2
                peak = 92 + roll(dice, 30)
                ride(events, part, 11, start, middle, 70, peak, every)
                ride(events, part, 11, middle, end, peak, 72, every)
            _strike(events, song, part, dice, voicing, start, end - song[sheet.DIVISION] // 24, 62, 0)


@entry_point(PLAYER)
def arpeggio(events: Ints, song: Ints, part: Ints, dice: Ints, bars: Ints) -> None:
    """Broken chords; ``PATTERN``: 0 up, 1 down, 2 up and down, 3 inside out, 4 triplets."""
    voicing = _start(part)
    pattern = part[sheet.PATTERN]
    lowest, highest = part[sheet.LOWEST], part[sheet.HIGHEST]
    for row in range(bars.shape[0]):
        bar = bars[row]
        if resting(part, bar):
            continue
        tick, steps, half = bar[sheet.TICK], bar[sheet.STEPS], _half(bar)
        _voice_bar(voicing, part, bar, False)
        stride = 1 if part[sheet.DENSE] == 1 else 2
        changed = False
        for turn in range(steps // stride):
            step = turn * stride
            if step >= half and not changed:
                _voice_bar(voicing, part, bar, True)
                changed = True
            place = turn % 8
            if pattern == 1:
                place = 7 - place
            elif pattern == 2:
                place = place if place < 5 else 8 - place
            elif pattern == 3:
                place = (place * 3) % 8
            elif pattern == 4:
                place = turn % 3
            pitch = into(voicing[place % 4] + 12 * (place // 4), lowest, highest)
            accent = 84 if step == 0 else (76 if step % bar[sheet.BEAT] == 0 else 64)
            play(events, song, part, dice, tick, step, stride, pitch, accent, 85)


@entry_point(PLAYER)
def brass(events: Ints, song: Ints, part: Ints, dice: Ints, bars: Ints) -> None:
    """Short chords between the phrases; ``PATTERN`` is a row of ``BRASS_HITS``."""
    voicing = _start(part)
    for row in range(bars.shape[0]):
        bar = bars[row]
        _voice_bar(voicing, part, bar, bar[sheet.STEPS] > 8)
        if resting(part, bar) or (bar[sheet.INDEX] % 2 == 0 and bar[sheet.KIND] != sheet.CHORUS):
            continue
        step = 0
        for turn in range(BRASS_HITS.shape[1]):
            length = BRASS_HITS[part[sheet.PATTERN], turn]
            span = min(abs(length), bar[sheet.STEPS] - step)
            if length > 0 and span > 0:
                start = grid(song, bar[sheet.TICK], step)
                end = start + (grid(song, bar[sheet.TICK], step + span) - start) * 75 // 100
                _strike(events, song, part, dice, voicing, start, end, 94, 0)
            step += span


@entry_point(PLAYER)
def bells(events: Ints, song: Ints, part: Ints, dice: Ints, bars: Ints) -> None:
    """High chord tones where a bar or its half begins."""
    voicing = _start(part)
    for row in range(bars.shape[0]):
        bar = bars[row]
        _voice_bar(voicing, part, bar, False)
        if resting(part, bar):
            continue
        steps = bar[sheet.STEPS]
        step = 0
        while step < steps:
            pitch = into(voicing[3 - roll(dice, 3)], part[sheet.LOWEST], part[sheet.HIGHEST])
            play(events, song, part, dice, bar[sheet.TICK], step, 4, pitch, 70, 95)
            step += 8 if bar[sheet.INDEX] % 4 == 3 else 16
