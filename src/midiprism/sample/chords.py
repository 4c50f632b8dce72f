"""Those who play chords: piano and guitar, pads, arpeggios, brass, bells."""

import numpy as np

from midiprism.sample import columns as sheet
from midiprism.sample.columns import padded_table
from midiprism.sample.events import RANK_CONTROL, emit
from midiprism.sample.harmony import fold_into_range, voice_chord
from midiprism.sample.performance import (
    PLAYER_SIGNATURE,
    emit_note,
    humanize,
    is_resting,
    play_step,
    ramp_controller,
    step_to_tick,
)
from midiprism.sample.rng import IntArray, randrange
from midiprism.smf.kernel.jit import entry_point, helper

COMPING_RHYTHMS = padded_table(
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

BRASS_HITS = padded_table(
    [[-8, 2, 4, 2], [-6, 2, -4, 4], [4, -10, 2], [-12, 2, 2], [3, 3, 2, -8], [-2, 6, -8]]
)


@helper
def _second_chord_step(bar: IntArray) -> int:
    """Step at which the second chord of the bar begins."""
    steps = bar[sheet.STEPS]
    return int(steps // 2 if bar[sheet.STEPS_PER_BEAT] == 6 else (steps // 2 + 2) // 4 * 4)


@helper
def _initial_voicing(part: IntArray) -> IntArray:
    voicing = np.empty(4, np.int64)
    voicing[:] = (part[sheet.LOWEST_PITCH] + part[sheet.HIGHEST_PITCH]) // 2
    return voicing


@helper
def _voice_bar(voicing: IntArray, part: IntArray, bar: IntArray, second: bool) -> None:
    centre = (part[sheet.LOWEST_PITCH] + part[sheet.HIGHEST_PITCH]) // 2
    if second:
        voice_chord(voicing, bar[sheet.ROOT_B], bar[sheet.QUALITY_B], centre)
    else:
        voice_chord(voicing, bar[sheet.ROOT_A], bar[sheet.QUALITY_A], centre)


@helper
def _emit_chord(
    events: IntArray,
    song: IntArray,
    part: IntArray,
    rng_state: IntArray,
    voicing: IntArray,
    start: int,
    end: int,
    velocity: int,
    strum_ticks: int,
) -> None:
    """All voices at once, or one after the other: upwards by positive ticks, downwards by negative ones."""
    lowest, highest = part[sheet.LOWEST_PITCH], part[sheet.HIGHEST_PITCH]
    start = humanize(song, rng_state, start)
    end -= 2 * song[sheet.TIMING_JITTER]
    for index in range(4):
        place = index if strum_ticks >= 0 else 3 - index
        pitch = fold_into_range(voicing[place], lowest, highest)
        doubled = False
        for other in range(index):
            doubled |= (
                fold_into_range(voicing[other if strum_ticks >= 0 else 3 - other], lowest, highest) == pitch
            )
        if not doubled:
            emit_note(
                events,
                song,
                part,
                start + abs(strum_ticks) * index,
                end,
                pitch,
                velocity + randrange(rng_state, 13) - 6,
            )


@entry_point(PLAYER_SIGNATURE)
def comp(events: IntArray, song: IntArray, part: IntArray, rng_state: IntArray, bars: IntArray) -> None:
    """Chords in rhythm, on keys (``COMP``) or strummed (``STRUM``); ``PATTERN`` is a row of ``COMPING_RHYTHMS``."""
    voicing = _initial_voicing(part)
    strum = max(1, song[sheet.DIVISION] // 60) if part[sheet.ROLE] == sheet.STRUM else 0
    pedal = part[sheet.ROLE] == sheet.COMP and part[sheet.CONTROLLER_AMOUNT] > 0
    for row in range(bars.shape[0]):
        bar = bars[row]
        if is_resting(part, bar):
            continue
        steps, tick = bar[sheet.STEPS], bar[sheet.TICK]
        pattern = part[sheet.PATTERN]
        if row == bars.shape[0] - 1:
            pattern = 0
        half = _second_chord_step(bar)
        step = 0
        turn = 0
        changed = False
        _voice_bar(voicing, part, bar, False)
        if pedal:
            emit(
                events,
                step_to_tick(song, tick, 0) + song[sheet.DIVISION] // 12,
                RANK_CONTROL,
                0xB0 | part[sheet.CHANNEL],
                64,
                127,
            )
        while step < steps:
            if turn == COMPING_RHYTHMS.shape[1] or COMPING_RHYTHMS[pattern, turn] == 0:
                turn = 0
            length = COMPING_RHYTHMS[pattern, turn]
            sounding = length > 0
            length = abs(length)
            if bar[sheet.STEPS_PER_BEAT] == 6 and sounding and length > 2:
                length = 6
            if bar[sheet.ROOT_A] != bar[sheet.ROOT_B] and step < half < step + length:
                length = half - step
            length = min(length, steps - step)
            if step >= half and not changed:
                _voice_bar(voicing, part, bar, True)
                changed = True
            if sounding:
                start = step_to_tick(song, tick, step)
                span = step_to_tick(song, tick, step + length) - start
                held = 50 if length <= 2 and pattern in (3, 7) else 88
                velocity = 78 if step == 0 else (72 if step % 4 == 0 else 64)
                by = strum if step % 4 == 0 else -strum
                _emit_chord(
                    events, song, part, rng_state, voicing, start, start + span * held // 100, velocity, by
                )
            step += length
            turn += 1
        if pedal:
            end = step_to_tick(song, tick, steps) - song[sheet.DIVISION] // 24
            emit(events, end, RANK_CONTROL, 0xB0 | part[sheet.CHANNEL], 64, 0)


@entry_point(PLAYER_SIGNATURE)
def pad(events: IntArray, song: IntArray, part: IntArray, rng_state: IntArray, bars: IntArray) -> None:
    """Held chords, swelling."""
    voicing = _initial_voicing(part)
    every = song[sheet.DIVISION] // (16 if part[sheet.CONTROLLER_AMOUNT] == 2 else 4)
    for row in range(bars.shape[0]):
        bar = bars[row]
        if is_resting(part, bar):
            continue
        tick, steps, half = bar[sheet.TICK], bar[sheet.STEPS], _second_chord_step(bar)
        halves = 2 if bar[sheet.ROOT_A] != bar[sheet.ROOT_B] else 1
        for index in range(halves):
            _voice_bar(voicing, part, bar, index == 1)
            start = step_to_tick(song, tick, half if index == 1 else 0)
            end = step_to_tick(song, tick, half if halves == 2 and index == 0 else steps)
            if part[sheet.CONTROLLER_AMOUNT] > 0:
                middle = (start + end) // 2
                peak = 92 + randrange(rng_state, 30)
                ramp_controller(events, part, 11, start, middle, 70, peak, every)
                ramp_controller(events, part, 11, middle, end, peak, 72, every)
            _emit_chord(
                events, song, part, rng_state, voicing, start, end - song[sheet.DIVISION] // 24, 62, 0
            )


@entry_point(PLAYER_SIGNATURE)
def arpeggio(events: IntArray, song: IntArray, part: IntArray, rng_state: IntArray, bars: IntArray) -> None:
    """Broken chords; ``PATTERN``: 0 up, 1 down, 2 up and down, 3 inside out, 4 triplets."""
    voicing = _initial_voicing(part)
    pattern = part[sheet.PATTERN]
    lowest, highest = part[sheet.LOWEST_PITCH], part[sheet.HIGHEST_PITCH]
    for row in range(bars.shape[0]):
        bar = bars[row]
        if is_resting(part, bar):
            continue
        tick, steps, half = bar[sheet.TICK], bar[sheet.STEPS], _second_chord_step(bar)
        _voice_bar(voicing, part, bar, False)
        stride = 1 if part[sheet.PLAYS_SIXTEENTHS] == 1 else 2
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
            pitch = fold_into_range(voicing[place % 4] + 12 * (place // 4), lowest, highest)
            accent = 84 if step == 0 else (76 if step % bar[sheet.STEPS_PER_BEAT] == 0 else 64)
            play_step(events, song, part, rng_state, tick, step, stride, pitch, accent, 85)


@entry_point(PLAYER_SIGNATURE)
def brass(events: IntArray, song: IntArray, part: IntArray, rng_state: IntArray, bars: IntArray) -> None:
    """Short chords between the phrases; ``PATTERN`` is a row of ``BRASS_HITS``."""
    voicing = _initial_voicing(part)
    for row in range(bars.shape[0]):
        bar = bars[row]
        _voice_bar(voicing, part, bar, bar[sheet.STEPS] > 8)
        if is_resting(part, bar) or (
            bar[sheet.BAR_IN_SECTION] % 2 == 0 and bar[sheet.SECTION_KIND] != sheet.CHORUS
        ):
            continue
        step = 0
        for turn in range(BRASS_HITS.shape[1]):
            length = BRASS_HITS[part[sheet.PATTERN], turn]
            span = min(abs(length), bar[sheet.STEPS] - step)
            if length > 0 and span > 0:
                start = step_to_tick(song, bar[sheet.TICK], step)
                end = start + (step_to_tick(song, bar[sheet.TICK], step + span) - start) * 75 // 100
                _emit_chord(events, song, part, rng_state, voicing, start, end, 94, 0)
            step += span


@entry_point(PLAYER_SIGNATURE)
def bells(events: IntArray, song: IntArray, part: IntArray, rng_state: IntArray, bars: IntArray) -> None:
    """High chord tones where a bar or its half begins."""
    voicing = _initial_voicing(part)
    for row in range(bars.shape[0]):
        bar = bars[row]
        _voice_bar(voicing, part, bar, False)
        if is_resting(part, bar):
            continue
        steps = bar[sheet.STEPS]
        step = 0
        while step < steps:
            pitch = fold_into_range(
                voicing[3 - randrange(rng_state, 3)], part[sheet.LOWEST_PITCH], part[sheet.HIGHEST_PITCH]
            )
            play_step(events, song, part, rng_state, bar[sheet.TICK], step, 4, pitch, 70, 95)
            step += 8 if bar[sheet.BAR_IN_SECTION] % 4 == 3 else 16
