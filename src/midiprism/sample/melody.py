"""Those who play one note at a time: lead, its second voice, countermelody, riff.

A melody belongs to the family: what it plays in a bar follows from the section's kind and the bar's place in
an eight-bar period, so that it comes back with every verse and every chorus.
"""

import numpy as np

from midiprism.sample import sheet
from midiprism.sample.dice import MELODY, RIFF, Ints, branch, roll
from midiprism.sample.events import CONTROL, META, WORDS, emit
from midiprism.sample.harmony import into, pitch_of
from midiprism.sample.playing import PLAYER, bend, grid, late, play, resting, ride, sound
from midiprism.smf.jit import entry_point, helper

_FORM = np.array([0, 1, 0, 2, 3, 4, 0, 5], np.int64)
"""Which bar of the motif a bar of the period repeats."""

_LENGTHS = np.array([2, 2, 2, 2, 4, 4, 4, 6, 1, 8, 2, 3], np.int64)
_STEPS_OF_MELODY = np.array([1, -1, 1, -1, 2, -2, 0, 1, -1, 3, -3, -1], np.int64)
_PENTATONIC = np.array([[0, 1, 2, 4, 5], [0, 2, 3, 4, 6]], np.int64)
SLOW = 1 << 20
"""A melody of this salt or more moves in long notes."""


@helper
def _in_chord(song: Ints, bar: Ints, second: bool, degree: int) -> int:
    """The chord tone nearest to a degree, or the degree itself."""
    mask = bar[sheet.MASK_B if second else sheet.MASK_A]
    for away in (0, -1, 1, -2, 2):
        if (mask >> (pitch_of(song, degree + away) % 12)) & 1 == 1:
            return degree + away
    return degree


@helper
def _length(dice: Ints, bar: Ints, step: int, slow: bool, busy: int) -> int:
    """Length of the next note in sixteenths; notes off the beat are short enough to reach it."""
    if slow:
        length = 4 * (1 + roll(dice, 3))
    elif bar[sheet.BEAT] == 6:
        length = 2 * (1 + roll(dice, 3))
    else:
        length = _LENGTHS[roll(dice, 12)]
        if busy == 1 and length > 2:
            length //= 2
    if step % 2 == 1:
        length = 1
    elif step % 4 == 2 and length > 2:
        length = 2 if roll(dice, 3) > 0 else length
    return int(min(length, bar[sheet.STEPS] - step))


@helper
def _shape(events: Ints, song: Ints, part: Ints, dice: Ints, start: int, end: int) -> None:
    """Expression, vibrato and scoops of one long note."""
    quarter = song[sheet.DIVISION]
    if end - start < quarter or part[sheet.CURVES] == 0:
        return
    if part[sheet.CURVES] == 1:
        if roll(dice, 3) == 0:
            for index in range(5):
                bend(events, part, start + index * quarter // 24, -60 + 15 * index)
        return
    fine = quarter // 12
    ride(events, part, 11, start, end, 80, 112, fine)
    tick = start + quarter // 2
    phase = 0
    while tick < end - fine:
        bend(events, part, tick, 10 * abs(phase % 4 - 2) - 10)
        tick += fine
        phase += 1
    bend(events, part, end, 0)


@helper
def _sing(
    events: Ints,
    song: Ints,
    part: Ints,
    dice: Ints,
    bar: Ints,
    step: int,
    steps: int,
    pitch: int,
    velocity: int,
) -> None:
    start = grid(song, bar[sheet.TICK], step)
    length = (grid(song, bar[sheet.TICK], step + steps) - start) * 92 // 100 - 2 * song[sheet.LOOSE]
    start = late(song, dice, start)
    if part[sheet.LYRICS] > 0:
        word = part[sheet.CUES] + roll(dice, part[sheet.LYRICS])
        emit(events, start, WORDS, META, word >> 8, word & 0xFF)
    sound(events, song, part, start, start + length, pitch, velocity + roll(dice, 17) - 8)
    _shape(events, song, part, dice, start, start + length)


@entry_point(PLAYER)
def melody(events: Ints, song: Ints, part: Ints, dice: Ints, bars: Ints) -> None:
    """Lead, countermelody or second voice: chord tones on the beats, steps of the scale between them."""
    family = np.zeros(2, np.int64)
    salt = part[sheet.SALT]
    slow = salt >= SLOW
    below = 2 if part[sheet.ROLE] == sheet.HARMONY else 0
    lowest, highest = part[sheet.LOWEST], part[sheet.HIGHEST]
    centre = (lowest + highest) // 2 - 60 - song[sheet.TONIC]
    home = centre * 7 // 12
    if part[sheet.CURVES] > 0:
        emit(events, 0, CONTROL, 0xB0 | part[sheet.CHANNEL], 1, 20 + roll(dice, 30))
    degree = home
    for row in range(bars.shape[0]):
        bar = bars[row]
        if resting(part, bar):
            continue
        place = bar[sheet.INDEX] % 8
        if place == 0:
            degree = home
        motif = _FORM[place]
        branch(family, song[sheet.LOW], song[sheet.HIGH] ^ salt, MELODY, bar[sheet.KIND] * 8 + motif)
        lift = 2 if bar[sheet.KIND] == sheet.CHORUS else 0
        first = home + lift + roll(family, 5) - 2
        degree = (first + degree) // 2 if abs(first - degree) > 3 else first
        busy = 1 if bar[sheet.KIND] == sheet.SOLO else part[sheet.DENSE]
        steps = bar[sheet.STEPS]
        ending = place % 4 == 3 or bar[sheet.INDEX] == bar[sheet.COUNT] - 1
        step = 0 if roll(family, 3) > 0 else 2
        while step < steps:
            length = _length(family, bar, step, slow, busy)
            if ending and step >= steps // 2:
                length = steps - step
            second = step >= steps // 2
            if step % 4 == 0 or length >= 4:
                degree = _in_chord(song, bar, second, degree)
            lower = degree - below
            if below > 0 and step % 4 == 0:
                lower = _in_chord(song, bar, second, lower)
            pitch = into(pitch_of(song, lower), lowest, highest)
            rest = roll(family, 9) == 0 and not ending
            velocity = 90 + lift * 3 if step % 4 == 0 else 80
            if not rest:
                last = ending and length == steps - step and length > 4
                sounding = length - 2 if last else length
                if not slow and length == 4 and roll(dice, 12) == 0:
                    grace = into(pitch_of(song, lower + 1), lowest, highest)
                    _sing(events, song, part, dice, bar, step, 2, pitch, velocity)
                    _sing(events, song, part, dice, bar, step + 2, 2, grace, velocity - 8)
                else:
                    _sing(events, song, part, dice, bar, step, sounding, pitch, velocity)
            degree += _STEPS_OF_MELODY[roll(family, 12)]
            if degree > home + 7:
                degree -= 3
            elif degree < home - 6:
                degree += 3
            step += length


@entry_point(PLAYER)
def riff(events: Ints, song: Ints, part: Ints, dice: Ints, bars: Ints) -> None:
    """One or two bars on the pentatonic scale, over and over; it bows to the chord on the first beat."""
    family = np.zeros(2, np.int64)
    lowest, highest = part[sheet.LOWEST], part[sheet.HIGHEST]
    home = ((lowest + highest) // 2 - 60 - song[sheet.TONIC]) // 12 * 7
    for row in range(bars.shape[0]):
        bar = bars[row]
        if resting(part, bar):
            continue
        branch(family, song[sheet.LOW], song[sheet.HIGH] ^ part[sheet.SALT], RIFF, bar[sheet.INDEX] % 2)
        step = 0
        place = roll(family, 5)
        while step < bar[sheet.STEPS]:
            length = 1 if part[sheet.DENSE] == 1 and roll(family, 2) == 0 else 2
            length = min(length + 2 * (roll(family, 4) == 0), bar[sheet.STEPS] - step)
            degree = home + _PENTATONIC[song[sheet.MINOR], place % 5] + 7 * (place // 5)
            if step == 0:
                degree = _in_chord(song, bar, False, degree)
            pitch = into(pitch_of(song, degree), lowest, highest)
            if roll(family, 6) > 0:
                held = 60 if part[sheet.PATTERN] == 1 else 90
                play(
                    events,
                    song,
                    part,
                    dice,
                    bar[sheet.TICK],
                    step,
                    length,
                    pitch,
                    84 - 8 * (step % 4 > 0),
                    held,
                )
            place = min(max(place + roll(family, 5) - 2, 0), 7)
            step += length
