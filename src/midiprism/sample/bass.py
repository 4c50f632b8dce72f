"""The bass: roots, fifths, octaves and steps towards the next chord."""

from midiprism.sample import sheet
from midiprism.sample.dice import Ints, roll
from midiprism.sample.harmony import QUALITIES, into
from midiprism.sample.playing import PLAYER, play, resting
from midiprism.sample.sheet import table
from midiprism.smf.jit import entry_point

RHYTHMS = table(
    [
        [2],
        [6, 2, 4, 4],
        [2],
        [4],
        [3, 3, 2],
        [16],
        [1, 1, 2],
        [6, 2, 8],
        [4, 2, 2],
        [8],
    ]
)
"""Lengths in sixteenths, in turn until the bar is full."""

EIGHTHS, FIFTHS, OCTAVES, WALKING, TRESILLO, LONG, RUNNING, DOTTED, GALLOP, HALVES = range(10)


@entry_point(PLAYER)
def bass(events: Ints, song: Ints, part: Ints, dice: Ints, bars: Ints) -> None:
    """One bass line; ``PATTERN`` is a row of ``RHYTHMS``."""
    low, high = part[sheet.LOWEST], part[sheet.HIGHEST]
    pattern = part[sheet.PATTERN]
    last_row = bars.shape[0] - 1
    for row in range(bars.shape[0]):
        bar = bars[row]
        if resting(part, bar):
            continue
        steps = bar[sheet.STEPS]
        step = 0
        turn = 0
        while step < steps:
            length = RHYTHMS[pattern, turn % RHYTHMS.shape[1]]
            if length == 0:
                turn = 0
                length = RHYTHMS[pattern, 0]
            if bar[sheet.BEAT] == 6 and pattern in (FIFTHS, TRESILLO, GALLOP, HALVES):
                length = 4 if turn % 2 == 0 else 2
            if row == last_row or (bar[sheet.KIND] == sheet.INTRO and pattern != WALKING):
                length = steps
            half = steps // 2 if bar[sheet.BEAT] == 6 else (steps // 2 + 2) // 4 * 4
            split = bar[sheet.ROOT_A] != bar[sheet.ROOT_B]
            if split and step < half < step + length:
                length = half - step
            length = min(length, steps - step)
            second = step >= half
            root = bar[sheet.ROOT_B if second else sheet.ROOT_A]
            quality = bar[sheet.QUALITY_B if second else sheet.QUALITY_A]
            home = into(root + 24, low, low + 11)
            pitch = home
            if pattern == OCTAVES and turn % 2 == 1:
                pitch = home + 12
            elif pattern == FIFTHS and step >= steps // 2 and not split:
                pitch = home + QUALITIES[quality, 2]
            elif pattern == WALKING and turn > 0:
                ahead = bars[min(row + 1, last_row), sheet.ROOT_A]
                if step + length >= steps and row < last_row:
                    target = into(ahead + 24, low, low + 11)
                    pitch = target + (1 if target < home else -1)
                else:
                    pitch = home + QUALITIES[quality, 1 + (turn + roll(dice, 2)) % 3]
            elif pattern in (TRESILLO, DOTTED, GALLOP) and turn % 3 == 2 and roll(dice, 2) == 0:
                pitch = home + (12 if roll(dice, 2) == 0 else QUALITIES[quality, 2])
            elif pattern == EIGHTHS and step == steps - 2 and roll(dice, 3) == 0:
                pitch = home + QUALITIES[quality, 2]
            pitch = into(pitch, low, high)
            velocity = 96 if step == 0 else (88 if step % 4 == 0 else 78)
            held = 55 if pattern == OCTAVES and turn % 2 == 1 else 90
            play(events, song, part, dice, bar[sheet.TICK], step, length, pitch, velocity, held)
            step += length
            turn += 1
