"""Keys, chords, progressions, and where the notes of a chord lie."""

import numpy as np

from midiprism.sample import columns as sheet
from midiprism.sample.columns import padded_table
from midiprism.sample.rng import STREAM_CHORDS, IntArray, randrange, seed_stream
from midiprism.smf.kernel.jit import entry_point, helper

SCALES = np.array([[0, 2, 4, 5, 7, 9, 11], [0, 2, 3, 5, 7, 8, 10]], np.int64)
"""Semitones above the tonic: major, natural minor."""

CHORD_QUALITIES = np.array(
    [[0, 4, 7, 12], [0, 3, 7, 12], [0, 4, 7, 10], [0, 4, 7, 11], [0, 3, 7, 10], [0, 5, 7, 12], [0, 3, 6, 10]],
    np.int64,
)
"""Semitones above the root: major, minor, dominant, major and minor seventh, suspended fourth, diminished."""

_NUMERALS = {
    "I": (0, 0),
    "ii": (2, 1),
    "iii": (4, 1),
    "IV": (5, 0),
    "iv": (5, 1),
    "V": (7, 0),
    "v": (7, 1),
    "vi": (9, 1),
    "VII": (10, 0),
    "Vs": (7, 5),
    "V7": (7, 2),
    "i": (0, 1),
    "III": (3, 0),
    "VI": (8, 0),
    "iio": (2, 6),
    "I7": (0, 3),
    "IV7": (5, 3),
    "ii7": (2, 4),
    "vi7": (9, 4),
    "iii7": (4, 4),
    "i7": (0, 4),
    "iv7": (5, 4),
    "III7": (3, 3),
    "VI7": (8, 3),
}


def _progressions(lines: str) -> IntArray:
    """Rows of eight chords, each a root above the tonic and a quality in one number."""
    rows = []
    for line in lines.strip().splitlines():
        chords = [_NUMERALS[name][0] * 8 + _NUMERALS[name][1] for name in line.split()]
        rows.append((chords * 8)[:8])
    return padded_table(rows)


MAJOR_PROGRESSIONS = _progressions("""
I V vi IV
I vi IV V
I IV V IV
vi IV I V
I V vi iii IV I IV V
I iii IV V
IV V iii vi
I VII IV I
I IV I V
I I IV IV I V IV I
vi V IV V
I ii IV V
IV I V vi
I Vs V I
ii7 V7 I7 vi7
I7 vi7 ii7 V7
IV7 iii7 ii7 V7
iii7 vi7 ii7 V7 I7 IV7 ii7 V7
""")
MINOR_PROGRESSIONS = _progressions("""
i VI III VII
i VII VI V
i iv V i
i iv VII III VI iio V i
i VI iv V
i VII i V
i v VI VII
VI VII i i
i iv i V
iv i V i
i III VII iv
i VI VII i
i7 iv7 V7 i7
i7 iv7 VII III7 VI7 iio V7 i7
iv7 VII III7 VI7 iio V7 i7 i7
i7 VI7 iio V7
""")
_SEVENTH_PROGRESSION_COUNT = 4  # the last rows of both tables


@helper
def _pick_progression(rng_state: IntArray, rows: int, sevenths: int) -> int:
    if sevenths == 2 or (sevenths == 1 and randrange(rng_state, 3) == 0):
        return int(rows - _SEVENTH_PROGRESSION_COUNT + randrange(rng_state, _SEVENTH_PROGRESSION_COUNT))
    return int(randrange(rng_state, rows - _SEVENTH_PROGRESSION_COUNT))


@helper
def chord_pitch_classes(root: int, quality: int) -> int:
    """The chord's pitch classes, a bit each."""
    mask = 0
    for voice in range(4):
        mask |= 1 << ((root + CHORD_QUALITIES[quality, voice]) % 12)
    return mask


@entry_point("void(int64[::1], int64[:, ::1], int64[:, ::1])")
def fill_bars(song: IntArray, sections: IntArray, bars: IntArray) -> None:
    """Fill the bars from sections (rows of kind, bars, numerator, denominator): ticks and chords."""
    dice = np.zeros(2, np.int64)
    tick = 0
    row = 0
    progressions = MINOR_PROGRESSIONS if song[sheet.MINOR] == 1 else MAJOR_PROGRESSIONS
    for section in range(sections.shape[0]):
        kind, count = sections[section, 0], sections[section, 1]
        steps = sections[section, 2] * 16 // sections[section, 3]
        source = sheet.VERSE if kind in (sheet.INTRO, sheet.SOLO) else kind
        source = sheet.CHORUS if kind == sheet.OUTRO else source
        seed_stream(dice, song[sheet.FAMILY_SEED_LOW], song[sheet.FAMILY_SEED_HIGH], STREAM_CHORDS, source)
        progression = _pick_progression(dice, progressions.shape[0], song[sheet.SEVENTHS])
        halves = randrange(dice, 4) == 0
        for index in range(count):
            first = progressions[progression, (index * 2 if halves else index) % 8]
            second = progressions[progression, (index * 2 + 1) % 8] if halves else first
            if section == sections.shape[0] - 1 and index == count - 1:
                first = second = progressions[0, 0] if song[sheet.MINOR] == 0 else 1
            bars[row, sheet.TICK] = tick
            bars[row, sheet.STEPS] = steps
            bars[row, sheet.STEPS_PER_BEAT] = (
                6 if sections[section, 3] == 8 and sections[section, 2] == 6 else 4
            )
            bars[row, sheet.SECTION_KIND] = kind
            bars[row, sheet.BAR_IN_SECTION] = index
            bars[row, sheet.BARS_IN_SECTION] = count
            for column, chord in ((sheet.ROOT_A, first), (sheet.ROOT_B, second)):
                root = (chord // 8 + song[sheet.TONIC]) % 12
                bars[row, column] = root
                bars[row, column + 1] = chord % 8
                bars[row, column + 2] = chord_pitch_classes(root, chord % 8)
            tick += steps * song[sheet.DIVISION] // 4
            row += 1
    song[sheet.END_TICK] = tick


@helper
def degree_to_pitch(song: IntArray, degree: int) -> int:
    """Pitch of a scale degree; degree 0 is the tonic in the octave of middle C (MIDI 60 to 71)."""
    return int(60 + song[sheet.TONIC] + 12 * (degree // 7) + SCALES[song[sheet.MINOR], degree % 7])


@helper
def fold_into_range(pitch: int, lowest: int, highest: int) -> int:
    """Move a pitch by octaves into a range of at least an octave."""
    while pitch < lowest:
        pitch += 12
    while pitch > highest:
        pitch -= 12
    return pitch


@helper
def chord_tone(quality: int, tone_number: int) -> int:
    """Semitones above the root of a chord's tones, counted upwards from the root through the octaves."""
    tones = 3 if CHORD_QUALITIES[quality, 3] == 12 else 4
    return int(CHORD_QUALITIES[quality, tone_number % tones] + 12 * (tone_number // tones))


@helper
def voice_chord(voicing: IntArray, root: int, quality: int, centre: int) -> None:
    """Lay a chord's four voices where they move least from the voicing before, around ``centre``."""
    base = root + 12 * ((centre - root) // 12) - 12
    best = 1 << 30
    chosen = 0
    for lowest in range(8):
        cost = 0
        total = 0
        for index in range(4):
            pitch = base + chord_tone(quality, lowest + index)
            cost += abs(pitch - voicing[index])
            total += pitch
        cost += abs(total // 4 - centre) * 3
        if cost < best:
            best = cost
            chosen = lowest
    for index in range(4):
        voicing[index] = base + chord_tone(quality, chosen + index)
