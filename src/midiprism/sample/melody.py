"""Players of one note at a time: lead, its second voice, countermelody, riff.

A melody belongs to the family: what it plays in a bar follows from the section's kind and the bar's place in
an eight-bar period, so that it comes back with every verse and every chorus.
"""

from typing import Any

import numpy as np

from midiprism.sample.events import RANK_CONTROL, RANK_LYRIC, emit, emit_entry
from midiprism.sample.harmony import degree_to_pitch, fold_into_range
from midiprism.sample.performance import (
    Player,
    emit_note,
    emit_pitch_bend,
    is_resting,
    note_span,
    play_step,
    ramp_controller,
)
from midiprism.sample.rng import STREAM_MELODY, STREAM_RIFF, IntArray, randrange, seed_stream
from midiprism.sample.score import CHORUS, HARMONY, SOLO
from midiprism.smf.kernel.jit import helper

_MOTIF_BY_BAR = np.array([0, 1, 0, 2, 3, 4, 0, 5], np.int64)
"""The bar of the motif that each bar of the period repeats."""

_NOTE_LENGTHS = np.array([2, 2, 2, 2, 4, 4, 4, 6, 1, 8, 2, 3], np.int64)
_MELODIC_STEPS = np.array([1, -1, 1, -1, 2, -2, 0, 1, -1, 3, -3, -1], np.int64)
_PENTATONIC = np.array([[0, 1, 2, 4, 5], [0, 2, 3, 4, 6]], np.int64)
FIRST_SLOW_MELODY = 1 << 20
"""A melody of this number or more moves in long notes."""


@helper
def _nearest_chord_tone(song: Any, bar: Any, second: bool, degree: int) -> int:
    """Return the chord tone nearest to a degree, or the degree itself."""
    mask = bar.chords[1 if second else 0].pitch_classes
    for away in (0, -1, 1, -2, 2):
        if (mask >> (degree_to_pitch(song, degree + away) % 12)) & 1 == 1:
            return degree + away
    return degree


@helper
def _draw_note_length(rng_state: IntArray, bar: Any, step: int, slow: bool, busy: int) -> int:
    """Return the length of the next note in sixteenths; notes off the beat are short enough to reach it."""
    if slow:
        length = 4 * (1 + randrange(rng_state, 3))
    elif bar.steps_per_beat == 6:
        length = 2 * (1 + randrange(rng_state, 3))
    else:
        length = _NOTE_LENGTHS[randrange(rng_state, 12)]
        if busy == 1 and length > 2:
            length //= 2
    if step % 2 == 1:
        length = 1
    elif step % 4 == 2 and length > 2:
        length = 2 if randrange(rng_state, 3) > 0 else length
    return int(min(length, bar.steps - step))


@helper
def _emit_expression(player: Player, start: int, end: int) -> None:
    """Add expression, vibrato and scoops to one long note."""
    quarter, amount = player.song.division, player.part.controller_amount
    if end - start < quarter or amount == 0:
        return
    if amount == 1:
        if randrange(player.rng_state, 3) == 0:
            for index in range(5):
                emit_pitch_bend(player, start + index * quarter // 24, -60 + 15 * index)
        return
    interval = quarter // 12
    ramp_controller(player, 11, start, end, 80, 112, interval)
    tick = start + quarter // 2
    phase = 0
    while tick < end - interval:
        emit_pitch_bend(player, tick, 10 * abs(phase % 4 - 2) - 10)
        tick += interval
        phase += 1
    emit_pitch_bend(player, end, 0)


@helper
def _play_melody_note(player: Player, bar: Any, step: int, steps: int, pitch: int, velocity: int) -> None:
    """Play a note with its syllable and expression."""
    part, rng_state = player.part, player.rng_state
    start, end = note_span(player, bar, step, steps, 92)
    if part.syllable_count > 0:
        word = part.conductor_event_count + randrange(rng_state, part.syllable_count)
        emit_entry(player.events, start, RANK_LYRIC, word)
    emit_note(player, start, end, pitch, velocity + randrange(rng_state, 17) - 8)
    _emit_expression(player, start, end)


@helper
def _play_with_grace_note(
    player: Player, bar: Any, step: int, length: int, sounding: int, degree: int, velocity: int, slow: bool
) -> None:
    """Play a note of the scale; now and then a quarter is divided in two, the second a step higher."""
    song, lowest, highest = player.song, player.part.lowest_pitch, player.part.highest_pitch
    pitch = fold_into_range(degree_to_pitch(song, degree), lowest, highest)
    if not slow and length == 4 and randrange(player.rng_state, 12) == 0:
        upper = fold_into_range(degree_to_pitch(song, degree + 1), lowest, highest)
        _play_melody_note(player, bar, step, 2, pitch, velocity)
        _play_melody_note(player, bar, step + 2, 2, upper, velocity - 8)
    else:
        _play_melody_note(player, bar, step, sounding, pitch, velocity)


@helper
def _play_melody_bar(player: Player, bar: Any, family_rng: IntArray, home: int, degree: int) -> int:
    """Play one bar of a melody; return the scale degree on which it ends."""
    song, part = player.song, player.part
    slow = part.melody_number >= FIRST_SLOW_MELODY
    below = 2 if part.role == HARMONY else 0
    place = bar.bar_in_section % 8
    lift = 2 if bar.section == CHORUS else 0
    first = home + lift + randrange(family_rng, 5) - 2
    degree = (first + degree) // 2 if abs(first - degree) > 3 else first
    busy = 1 if bar.section == SOLO else part.plays_sixteenths
    steps = bar.steps
    ending = place % 4 == 3 or bar.bar_in_section == bar.bars_in_section - 1
    step = 0 if randrange(family_rng, 3) > 0 else 2
    while step < steps:
        length = _draw_note_length(family_rng, bar, step, slow, busy)
        if ending and step >= steps // 2:
            length = steps - step
        second = step >= steps // 2
        if step % 4 == 0 or length >= 4:
            degree = _nearest_chord_tone(song, bar, second, degree)
        lower = degree - below
        if below > 0 and step % 4 == 0:
            lower = _nearest_chord_tone(song, bar, second, lower)
        if randrange(family_rng, 9) != 0 or ending:  # otherwise a rest
            last = ending and length == steps - step and length > 4
            sounding = length - 2 if last else length
            velocity = 90 + lift * 3 if step % 4 == 0 else 80
            _play_with_grace_note(player, bar, step, length, sounding, lower, velocity, slow)
        degree += int(_MELODIC_STEPS[randrange(family_rng, 12)])
        if degree > home + 7:
            degree -= 3
        elif degree < home - 6:
            degree += 3
        step += length
    return int(degree)


@helper
def play_melody(player: Player, bars: Any) -> None:
    """Play lead, countermelody or second voice: chord tones on the beats, steps of the scale between them."""
    song, part = player.song, player.part
    family_rng = np.zeros(2, np.int64)
    home = ((part.lowest_pitch + part.highest_pitch) // 2 - 60 - song.tonic) * 7 // 12
    if part.controller_amount > 0:
        modulation = 20 + randrange(player.rng_state, 30)
        emit(player.events, 0, RANK_CONTROL, 0xB0 | part.channel, 1, modulation)
    degree = home
    for row in range(bars.shape[0]):
        bar = bars[row]
        if is_resting(part, bar):
            continue
        place = bar.bar_in_section % 8
        if place == 0:
            degree = home
        phrase = bar.section * 8 + _MOTIF_BY_BAR[place]
        seed_stream(family_rng, song.seed_low, song.seed_high ^ part.melody_number, STREAM_MELODY, phrase)
        degree = _play_melody_bar(player, bar, family_rng, home, degree)


@helper
def play_riff(player: Player, bars: Any) -> None:
    """Play one or two bars on the pentatonic scale, over and over; the first beat takes a chord tone."""
    song, part = player.song, player.part
    family_rng = np.zeros(2, np.int64)
    lowest, highest = part.lowest_pitch, part.highest_pitch
    home = ((lowest + highest) // 2 - 60 - song.tonic) // 12 * 7
    for row in range(bars.shape[0]):
        bar = bars[row]
        if is_resting(part, bar):
            continue
        high = song.seed_high ^ part.melody_number
        seed_stream(family_rng, song.seed_low, high, STREAM_RIFF, bar.bar_in_section % 2)
        step = 0
        place = randrange(family_rng, 5)
        while step < bar.steps:
            length = 1 if part.plays_sixteenths == 1 and randrange(family_rng, 2) == 0 else 2
            length = min(length + 2 * (randrange(family_rng, 4) == 0), bar.steps - step)
            degree = home + _PENTATONIC[song.minor, place % 5] + 7 * (place // 5)
            if step == 0:
                degree = _nearest_chord_tone(song, bar, False, degree)
            pitch = fold_into_range(degree_to_pitch(song, degree), lowest, highest)
            if randrange(family_rng, 6) > 0:
                gate = 60 if part.pattern == 1 else 90
                play_step(player, bar, step, length, pitch, 84 - 8 * (step % 4 > 0), gate)
            place = min(max(place + randrange(family_rng, 5) - 2, 0), 7)
            step += length
