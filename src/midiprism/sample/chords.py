"""Players of chords: piano and guitar, pads, arpeggios, brass, bells."""

from typing import Any

import numpy as np

from midiprism.sample.harmony import fold_into_range, padded_table, second_chord_step, voice_chord
from midiprism.sample.performance import (
    Player,
    emit_controller,
    emit_note,
    humanize,
    is_resting,
    play_step,
    ramp_controller,
    step_to_tick,
)
from midiprism.sample.rng import IntArray, randrange
from midiprism.sample.score import CHORUS, COMP, STRUM
from midiprism.smf.kernel.jit import helper

COMPING_RHYTHMS = padded_table(
    [[16], [8, 8], [4], [-2, 2], [6, 2, 8], [6, 6, 4], [2], [-4, 2, -2], [4, 2, 2], [3, 3, 2], [6, 10],
     [2, 4, 2, 2, 2, 4]]
)  # fmt: skip
"""Lengths in sixteenths, in turn until the bar is full; negative ones are rests."""

BRASS_HITS = padded_table(
    [[-8, 2, 4, 2], [-6, 2, -4, 4], [4, -10, 2], [-12, 2, 2], [3, 3, 2, -8], [-2, 6, -8]]
)

EXPRESSION, SUSTAIN_PEDAL = 11, 64
"""Controllers."""


@helper
def _initial_voicing(part: Any) -> IntArray:
    voicing = np.empty(4, np.int64)
    voicing[:] = (part.lowest_pitch + part.highest_pitch) // 2
    return voicing


@helper
def _voice_bar(voicing: IntArray, part: Any, bar: Any, second: bool) -> None:
    voice_chord(voicing, bar.chords[1 if second else 0], (part.lowest_pitch + part.highest_pitch) // 2)


@helper
def _emit_chord(
    player: Player, voicing: IntArray, start: int, end: int, velocity: int, strum_ticks: int
) -> None:
    """Play all voices at once, or one after the other: upwards by positive ticks, else downwards."""
    lowest, highest = player.part.lowest_pitch, player.part.highest_pitch
    start = humanize(player, start)
    end -= 2 * player.song.timing_jitter
    for index in range(4):
        pitch = fold_into_range(voicing[index if strum_ticks >= 0 else 3 - index], lowest, highest)
        doubled = False
        for other in range(index):
            voice = voicing[other if strum_ticks >= 0 else 3 - other]
            doubled |= fold_into_range(voice, lowest, highest) == pitch
        if not doubled:
            loudness = velocity + randrange(player.rng_state, 13) - 6
            emit_note(player, start + abs(strum_ticks) * index, end, pitch, loudness)


@helper
def _comp_bar(player: Player, bar: Any, voicing: IntArray, pattern: int, strum: int) -> None:
    """Play the chords of one bar in a row of ``COMPING_RHYTHMS``."""
    half = second_chord_step(bar)
    step = 0
    turn = 0
    changed = False
    while step < bar.steps:
        if turn == COMPING_RHYTHMS.shape[1] or COMPING_RHYTHMS[pattern, turn] == 0:
            turn = 0
        length = COMPING_RHYTHMS[pattern, turn]
        sounding = length > 0
        length = abs(length)
        if bar.steps_per_beat == 6 and sounding and length > 2:
            length = 6
        if bar.chords[0].root != bar.chords[1].root and step < half < step + length:
            length = half - step
        length = min(length, bar.steps - step)
        if step >= half and not changed:
            _voice_bar(voicing, player.part, bar, True)
            changed = True
        if sounding:
            start = step_to_tick(player.song, bar, step)
            span = step_to_tick(player.song, bar, step + length) - start
            gate = 50 if length <= 2 and pattern in (3, 7) else 88
            velocity = 78 if step == 0 else (72 if step % 4 == 0 else 64)
            strum_ticks = strum if step % 4 == 0 else -strum
            _emit_chord(player, voicing, start, start + span * gate // 100, velocity, strum_ticks)
        step += length
        turn += 1


@helper
def play_comp(player: Player, bars: Any) -> None:
    """Play chords in rhythm, on keys (``COMP``) or strummed (``STRUM``)."""
    song, part = player.song, player.part
    voicing = _initial_voicing(part)
    strum = max(1, song.division // 60) if part.role == STRUM else 0
    pedal = part.role == COMP and part.controller_amount > 0
    for row in range(bars.shape[0]):
        bar = bars[row]
        if is_resting(part, bar):
            continue
        _voice_bar(voicing, part, bar, False)
        if pedal:
            emit_controller(player, step_to_tick(song, bar, 0) + song.division // 12, SUSTAIN_PEDAL, 127)
        _comp_bar(player, bar, voicing, 0 if row == bars.shape[0] - 1 else part.pattern, strum)
        if pedal:
            emit_controller(
                player, step_to_tick(song, bar, bar.steps) - song.division // 24, SUSTAIN_PEDAL, 0
            )


@helper
def play_pad(player: Player, bars: Any) -> None:
    """Play held chords, swelling."""
    song, part = player.song, player.part
    voicing = _initial_voicing(part)
    interval = song.division // (16 if part.controller_amount == 2 else 4)
    for row in range(bars.shape[0]):
        bar = bars[row]
        if is_resting(part, bar):
            continue
        half = second_chord_step(bar)
        chord_count = 2 if bar.chords[0].root != bar.chords[1].root else 1
        for index in range(chord_count):
            _voice_bar(voicing, part, bar, index == 1)
            start = step_to_tick(song, bar, half if index == 1 else 0)
            end = step_to_tick(song, bar, half if chord_count == 2 and index == 0 else bar.steps)
            if part.controller_amount > 0:
                middle = (start + end) // 2
                peak = 92 + randrange(player.rng_state, 30)
                ramp_controller(player, EXPRESSION, start, middle, 70, peak, interval)
                ramp_controller(player, EXPRESSION, middle, end, peak, 72, interval)
            _emit_chord(player, voicing, start, end - song.division // 24, 62, 0)


@helper
def _arpeggio_place(pattern: int, turn: int) -> int:
    """Return the note of the chord in a turn: 0 up, 1 down, 2 up and down, 3 inside out, 4 triplets."""
    place = turn % 8
    if pattern == 1:
        return 7 - place
    if pattern == 2:
        return place if place < 5 else 8 - place
    if pattern == 3:
        return (place * 3) % 8
    return turn % 3 if pattern == 4 else place


@helper
def play_arpeggio(player: Player, bars: Any) -> None:
    """Play broken chords."""
    part = player.part
    voicing = _initial_voicing(part)
    stride = 1 if part.plays_sixteenths == 1 else 2
    for row in range(bars.shape[0]):
        bar = bars[row]
        if is_resting(part, bar):
            continue
        half = second_chord_step(bar)
        _voice_bar(voicing, part, bar, False)
        changed = False
        for turn in range(bar.steps // stride):
            step = turn * stride
            if step >= half and not changed:
                _voice_bar(voicing, part, bar, True)
                changed = True
            place = _arpeggio_place(part.pattern, turn)
            pitch = voicing[place % 4] + 12 * (place // 4)
            pitch = fold_into_range(pitch, part.lowest_pitch, part.highest_pitch)
            accent = 84 if step == 0 else (76 if step % bar.steps_per_beat == 0 else 64)
            play_step(player, bar, step, stride, pitch, accent, 85)


@helper
def play_brass(player: Player, bars: Any) -> None:
    """Play short chords between the phrases; the pattern is a row of ``BRASS_HITS``."""
    song, part = player.song, player.part
    voicing = _initial_voicing(part)
    for row in range(bars.shape[0]):
        bar = bars[row]
        _voice_bar(voicing, part, bar, bar.steps > 8)
        if is_resting(part, bar) or (bar.bar_in_section % 2 == 0 and bar.section != CHORUS):
            continue
        step = 0
        for turn in range(BRASS_HITS.shape[1]):
            length = BRASS_HITS[part.pattern, turn]
            span = min(abs(length), bar.steps - step)
            if length > 0 and span > 0:
                start = step_to_tick(song, bar, step)
                end = start + (step_to_tick(song, bar, step + span) - start) * 75 // 100
                _emit_chord(player, voicing, start, end, 94, 0)
            step += span


@helper
def play_bells(player: Player, bars: Any) -> None:
    """Play high chord tones where a bar or its half begins."""
    part = player.part
    voicing = _initial_voicing(part)
    for row in range(bars.shape[0]):
        bar = bars[row]
        _voice_bar(voicing, part, bar, False)
        if is_resting(part, bar):
            continue
        step = 0
        while step < bar.steps:
            voice = voicing[3 - randrange(player.rng_state, 3)]
            pitch = fold_into_range(voice, part.lowest_pitch, part.highest_pitch)
            play_step(player, bar, step, 4, pitch, 70, 95)
            step += 8 if bar.bar_in_section % 4 == 3 else 16
