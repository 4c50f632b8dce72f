"""The bass: roots, fifths, octaves and steps towards the next chord."""

from midiprism.sample import columns as sheet
from midiprism.sample.columns import padded_table
from midiprism.sample.harmony import CHORD_QUALITIES, fold_into_range
from midiprism.sample.performance import PLAYER_SIGNATURE, is_resting, play_step
from midiprism.sample.rng import IntArray, randrange
from midiprism.smf.kernel.jit import entry_point

BASS_RHYTHMS = padded_table(
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


@entry_point(PLAYER_SIGNATURE)
def bass(events: IntArray, song: IntArray, part: IntArray, rng_state: IntArray, bars: IntArray) -> None:
    """One bass line; ``PATTERN`` is a row of ``BASS_RHYTHMS``."""
    low, high = part[sheet.LOWEST_PITCH], part[sheet.HIGHEST_PITCH]
    pattern = part[sheet.PATTERN]
    last_row = bars.shape[0] - 1
    for row in range(bars.shape[0]):
        bar = bars[row]
        if is_resting(part, bar):
            continue
        steps = bar[sheet.STEPS]
        step = 0
        turn = 0
        while step < steps:
            length = BASS_RHYTHMS[pattern, turn % BASS_RHYTHMS.shape[1]]
            if length == 0:
                turn = 0
                length = BASS_RHYTHMS[pattern, 0]
            if bar[sheet.STEPS_PER_BEAT] == 6 and pattern in (FIFTHS, TRESILLO, GALLOP, HALVES):
                length = 4 if turn % 2 == 0 else 2
            if row == last_row or (bar[sheet.SECTION_KIND] == sheet.INTRO and pattern != WALKING):
                length = steps
            half = steps // 2 if bar[sheet.STEPS_PER_BEAT] == 6 else (steps // 2 + 2) // 4 * 4
            split = bar[sheet.ROOT_A] != bar[sheet.ROOT_B]
            if split and step < half < step + length:
                length = half - step
            length = min(length, steps - step)
            second = step >= half
            root = bar[sheet.ROOT_B if second else sheet.ROOT_A]
            quality = bar[sheet.QUALITY_B if second else sheet.QUALITY_A]
            home = fold_into_range(root + 24, low, low + 11)
            pitch = home
            if pattern == OCTAVES and turn % 2 == 1:
                pitch = home + 12
            elif pattern == FIFTHS and step >= steps // 2 and not split:
                pitch = home + CHORD_QUALITIES[quality, 2]
            elif pattern == WALKING and turn > 0:
                ahead = bars[min(row + 1, last_row), sheet.ROOT_A]
                if step + length >= steps and row < last_row:
                    target = fold_into_range(ahead + 24, low, low + 11)
                    pitch = target + (1 if target < home else -1)
                else:
                    pitch = home + CHORD_QUALITIES[quality, 1 + (turn + randrange(rng_state, 2)) % 3]
            elif pattern in (TRESILLO, DOTTED, GALLOP) and turn % 3 == 2 and randrange(rng_state, 2) == 0:
                pitch = home + (12 if randrange(rng_state, 2) == 0 else CHORD_QUALITIES[quality, 2])
            elif pattern == EIGHTHS and step == steps - 2 and randrange(rng_state, 3) == 0:
                pitch = home + CHORD_QUALITIES[quality, 2]
            pitch = fold_into_range(pitch, low, high)
            velocity = 96 if step == 0 else (88 if step % 4 == 0 else 78)
            held = 55 if pattern == OCTAVES and turn % 2 == 1 else 90
            play_step(events, song, part, rng_state, bar[sheet.TICK], step, length, pitch, velocity, held)
            step += length
            turn += 1
