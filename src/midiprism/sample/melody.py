"""Those who play one note at a time: lead, its second voice, countermelody, riff.

A melody belongs to the family: what it plays in a bar follows from the section's kind and the bar's place in
an eight-bar period, so that it comes back with every verse and every chorus.
"""

import numpy as np

from midiprism.sample import columns as sheet
from midiprism.sample.events import META, RANK_CONTROL, RANK_LYRIC, emit
from midiprism.sample.harmony import degree_to_pitch, fold_into_range
from midiprism.sample.performance import (
    PLAYER_SIGNATURE,
    emit_note,
    emit_pitch_bend,
    humanize,
    is_resting,
    play_step,
    ramp_controller,
    step_to_tick,
)
from midiprism.sample.rng import STREAM_MELODY, STREAM_RIFF, IntArray, randrange, seed_stream
from midiprism.smf.kernel.jit import entry_point, helper

_MOTIF_BY_BAR = np.array([0, 1, 0, 2, 3, 4, 0, 5], np.int64)
"""Which bar of the motif a bar of the period repeats."""

_NOTE_LENGTHS = np.array([2, 2, 2, 2, 4, 4, 4, 6, 1, 8, 2, 3], np.int64)
_MELODIC_STEPS = np.array([1, -1, 1, -1, 2, -2, 0, 1, -1, 3, -3, -1], np.int64)
_PENTATONIC = np.array([[0, 1, 2, 4, 5], [0, 2, 3, 4, 6]], np.int64)
FIRST_SLOW_MELODY = 1 << 20
"""A melody of this salt or more moves in long notes."""


@helper
def _nearest_chord_tone(song: IntArray, bar: IntArray, second: bool, degree: int) -> int:
    """The chord tone nearest to a degree, or the degree itself."""
    mask = bar[sheet.PITCH_CLASSES_B if second else sheet.PITCH_CLASSES_A]
    for away in (0, -1, 1, -2, 2):
        if (mask >> (degree_to_pitch(song, degree + away) % 12)) & 1 == 1:
            return degree + away
    return degree


@helper
def _draw_note_length(rng_state: IntArray, bar: IntArray, step: int, slow: bool, busy: int) -> int:
    """Length of the next note in sixteenths; notes off the beat are short enough to reach it."""
    if slow:
        length = 4 * (1 + randrange(rng_state, 3))
    elif bar[sheet.STEPS_PER_BEAT] == 6:
        length = 2 * (1 + randrange(rng_state, 3))
    else:
        length = _NOTE_LENGTHS[randrange(rng_state, 12)]
        if busy == 1 and length > 2:
            length //= 2
    if step % 2 == 1:
        length = 1
    elif step % 4 == 2 and length > 2:
        length = 2 if randrange(rng_state, 3) > 0 else length
    return int(min(length, bar[sheet.STEPS] - step))


@helper
def _emit_expression(
    events: IntArray, song: IntArray, part: IntArray, rng_state: IntArray, start: int, end: int
) -> None:
    """Expression, vibrato and scoops of one long note."""
    quarter = song[sheet.DIVISION]
    if end - start < quarter or part[sheet.CONTROLLER_AMOUNT] == 0:
        return
    if part[sheet.CONTROLLER_AMOUNT] == 1:
        if randrange(rng_state, 3) == 0:
            for index in range(5):
                emit_pitch_bend(events, part, start + index * quarter // 24, -60 + 15 * index)
        return
    fine = quarter // 12
    ramp_controller(events, part, 11, start, end, 80, 112, fine)
    tick = start + quarter // 2
    phase = 0
    while tick < end - fine:
        emit_pitch_bend(events, part, tick, 10 * abs(phase % 4 - 2) - 10)
        tick += fine
        phase += 1
    emit_pitch_bend(events, part, end, 0)


@helper
def _emit_melody_note(
    events: IntArray,
    song: IntArray,
    part: IntArray,
    rng_state: IntArray,
    bar: IntArray,
    step: int,
    steps: int,
    pitch: int,
    velocity: int,
) -> None:
    start = step_to_tick(song, bar[sheet.TICK], step)
    length = (step_to_tick(song, bar[sheet.TICK], step + steps) - start) * 92 // 100 - 2 * song[
        sheet.TIMING_JITTER
    ]
    start = humanize(song, rng_state, start)
    if part[sheet.SYLLABLE_COUNT] > 0:
        word = part[sheet.CONDUCTOR_EVENT_COUNT] + randrange(rng_state, part[sheet.SYLLABLE_COUNT])
        emit(events, start, RANK_LYRIC, META, word >> 8, word & 0xFF)
    emit_note(events, song, part, start, start + length, pitch, velocity + randrange(rng_state, 17) - 8)
    _emit_expression(events, song, part, rng_state, start, start + length)


@entry_point(PLAYER_SIGNATURE)
def melody(events: IntArray, song: IntArray, part: IntArray, rng_state: IntArray, bars: IntArray) -> None:
    """Lead, countermelody or second voice: chord tones on the beats, steps of the scale between them."""
    family = np.zeros(2, np.int64)
    salt = part[sheet.MELODY_NUMBER]
    slow = salt >= FIRST_SLOW_MELODY
    below = 2 if part[sheet.ROLE] == sheet.HARMONY else 0
    lowest, highest = part[sheet.LOWEST_PITCH], part[sheet.HIGHEST_PITCH]
    centre = (lowest + highest) // 2 - 60 - song[sheet.TONIC]
    home = centre * 7 // 12
    if part[sheet.CONTROLLER_AMOUNT] > 0:
        emit(events, 0, RANK_CONTROL, 0xB0 | part[sheet.CHANNEL], 1, 20 + randrange(rng_state, 30))
    degree = home
    for row in range(bars.shape[0]):
        bar = bars[row]
        if is_resting(part, bar):
            continue
        place = bar[sheet.BAR_IN_SECTION] % 8
        if place == 0:
            degree = home
        motif = _MOTIF_BY_BAR[place]
        seed_stream(
            family,
            song[sheet.FAMILY_SEED_LOW],
            song[sheet.FAMILY_SEED_HIGH] ^ salt,
            STREAM_MELODY,
            bar[sheet.SECTION_KIND] * 8 + motif,
        )
        lift = 2 if bar[sheet.SECTION_KIND] == sheet.CHORUS else 0
        first = home + lift + randrange(family, 5) - 2
        degree = (first + degree) // 2 if abs(first - degree) > 3 else first
        busy = 1 if bar[sheet.SECTION_KIND] == sheet.SOLO else part[sheet.PLAYS_SIXTEENTHS]
        steps = bar[sheet.STEPS]
        ending = place % 4 == 3 or bar[sheet.BAR_IN_SECTION] == bar[sheet.BARS_IN_SECTION] - 1
        step = 0 if randrange(family, 3) > 0 else 2
        while step < steps:
            length = _draw_note_length(family, bar, step, slow, busy)
            if ending and step >= steps // 2:
                length = steps - step
            second = step >= steps // 2
            if step % 4 == 0 or length >= 4:
                degree = _nearest_chord_tone(song, bar, second, degree)
            lower = degree - below
            if below > 0 and step % 4 == 0:
                lower = _nearest_chord_tone(song, bar, second, lower)
            pitch = fold_into_range(degree_to_pitch(song, lower), lowest, highest)
            rest = randrange(family, 9) == 0 and not ending
            velocity = 90 + lift * 3 if step % 4 == 0 else 80
            if not rest:
                last = ending and length == steps - step and length > 4
                sounding = length - 2 if last else length
                if not slow and length == 4 and randrange(rng_state, 12) == 0:
                    grace = fold_into_range(degree_to_pitch(song, lower + 1), lowest, highest)
                    _emit_melody_note(events, song, part, rng_state, bar, step, 2, pitch, velocity)
                    _emit_melody_note(events, song, part, rng_state, bar, step + 2, 2, grace, velocity - 8)
                else:
                    _emit_melody_note(events, song, part, rng_state, bar, step, sounding, pitch, velocity)
            degree += _MELODIC_STEPS[randrange(family, 12)]
            if degree > home + 7:
                degree -= 3
            elif degree < home - 6:
                degree += 3
            step += length


@entry_point(PLAYER_SIGNATURE)
def riff(events: IntArray, song: IntArray, part: IntArray, rng_state: IntArray, bars: IntArray) -> None:
    """One or two bars on the pentatonic scale, over and over; it bows to the chord on the first beat."""
    family = np.zeros(2, np.int64)
    lowest, highest = part[sheet.LOWEST_PITCH], part[sheet.HIGHEST_PITCH]
    home = ((lowest + highest) // 2 - 60 - song[sheet.TONIC]) // 12 * 7
    for row in range(bars.shape[0]):
        bar = bars[row]
        if is_resting(part, bar):
            continue
        seed_stream(
            family,
            song[sheet.FAMILY_SEED_LOW],
            song[sheet.FAMILY_SEED_HIGH] ^ part[sheet.MELODY_NUMBER],
            STREAM_RIFF,
            bar[sheet.BAR_IN_SECTION] % 2,
        )
        step = 0
        place = randrange(family, 5)
        while step < bar[sheet.STEPS]:
            length = 1 if part[sheet.PLAYS_SIXTEENTHS] == 1 and randrange(family, 2) == 0 else 2
            length = min(length + 2 * (randrange(family, 4) == 0), bar[sheet.STEPS] - step)
            degree = home + _PENTATONIC[song[sheet.MINOR], place % 5] + 7 * (place // 5)
            if step == 0:
                degree = _nearest_chord_tone(song, bar, False, degree)
            pitch = fold_into_range(degree_to_pitch(song, degree), lowest, highest)
            if randrange(family, 6) > 0:
                held = 60 if part[sheet.PATTERN] == 1 else 90
                play_step(
                    events,
                    song,
                    part,
                    rng_state,
                    bar[sheet.TICK],
                    step,
                    length,
                    pitch,
                    84 - 8 * (step % 4 > 0),
                    held,
                )
            place = min(max(place + randrange(family, 5) - 2, 0), 7)
            step += length
