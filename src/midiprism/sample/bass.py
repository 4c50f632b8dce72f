"""The bass: roots, fifths, octaves and steps towards the next chord."""

from typing import Any

from midiprism.sample.harmony import CHORD_QUALITIES, fold_into_range, padded_table, second_chord_step
from midiprism.sample.performance import Player, is_resting, play_step
from midiprism.sample.rng import randrange
from midiprism.sample.score import INTRO
from midiprism.smf.kernel.jit import helper

BASS_RHYTHMS = padded_table(
    [[2], [6, 2, 4, 4], [2], [4], [3, 3, 2], [16], [1, 1, 2], [6, 2, 8], [4, 2, 2], [8]]
)
"""Lengths in sixteenths, in turn until the bar is full."""

EIGHTHS, FIFTHS, OCTAVES, WALKING, TRESILLO, LONG, RUNNING, DOTTED, GALLOP, HALVES = range(10)


@helper
def _next_root(bars: Any, row: int, low: int) -> int:
    """Return the bass note of the chord that the next bar begins with."""
    return int(fold_into_range(bars[min(row + 1, bars.shape[0] - 1)].chords[0].root + 24, low, low + 11))


@helper
def _bass_pitch(player: Player, bars: Any, row: int, step: int, length: int, turn: int, second: bool) -> int:
    """Return the pitch of a note: the root, or what the pattern puts in its place."""
    bar, part, rng_state = bars[row], player.part, player.rng_state
    pattern, low = part.pattern, part.lowest_pitch
    chord = bar.chords[1 if second else 0]
    fifth = CHORD_QUALITIES[chord.quality, 2]
    one_chord = bar.chords[0].root == bar.chords[1].root
    home = fold_into_range(chord.root + 24, low, low + 11)
    pitch = home
    if pattern == OCTAVES and turn % 2 == 1:
        pitch = home + 12
    elif pattern == FIFTHS and step >= bar.steps // 2 and one_chord:
        pitch = home + fifth
    elif pattern == WALKING and turn > 0:
        if step + length >= bar.steps and row < bars.shape[0] - 1:
            target = _next_root(bars, row, low)
            pitch = target + (1 if target < home else -1)
        else:
            pitch = home + CHORD_QUALITIES[chord.quality, 1 + (turn + randrange(rng_state, 2)) % 3]
    elif pattern in (TRESILLO, DOTTED, GALLOP) and turn % 3 == 2 and randrange(rng_state, 2) == 0:
        pitch = home + (12 if randrange(rng_state, 2) == 0 else fifth)
    elif pattern == EIGHTHS and step == bar.steps - 2 and randrange(rng_state, 3) == 0:
        pitch = home + fifth
    return int(fold_into_range(pitch, low, part.highest_pitch))


@helper
def play_bass(player: Player, bars: Any) -> None:
    """Play one bass line; its pattern is a row of ``BASS_RHYTHMS``."""
    pattern = player.part.pattern
    for row in range(bars.shape[0]):
        bar = bars[row]
        if is_resting(player.part, bar):
            continue
        step = 0
        turn = 0
        while step < bar.steps:
            length = BASS_RHYTHMS[pattern, turn % BASS_RHYTHMS.shape[1]]
            if length == 0:
                turn = 0
                length = BASS_RHYTHMS[pattern, 0]
            if bar.steps_per_beat == 6 and pattern in (FIFTHS, TRESILLO, GALLOP, HALVES):
                length = 4 if turn % 2 == 0 else 2
            if row == bars.shape[0] - 1 or (bar.section == INTRO and pattern != WALKING):
                length = bar.steps
            half = second_chord_step(bar)
            if bar.chords[0].root != bar.chords[1].root and step < half < step + length:
                length = half - step
            length = min(length, bar.steps - step)
            pitch = _bass_pitch(player, bars, row, step, length, turn, step >= half)
            velocity = 96 if step == 0 else (88 if step % 4 == 0 else 78)
            gate = 55 if pattern == OCTAVES and turn % 2 == 1 else 90
            play_step(player, bar, step, length, pitch, velocity, gate)
            step += length
            turn += 1
