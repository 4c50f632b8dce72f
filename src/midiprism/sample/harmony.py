"""Keys, chords, progressions, and the voicing of chords."""

from typing import Any

import numpy as np

from midiprism.sample.rng import STREAM_CHORDS, IntArray, randrange, seed_stream
from midiprism.sample.score import BAR, CHORUS, INTRO, OUTRO, SECTION, SOLO, SONG, VERSE
from midiprism.smf.kernel.jit import array_of, entry_point, helper

SCALES = np.array([[0, 2, 4, 5, 7, 9, 11], [0, 2, 3, 5, 7, 8, 10]], np.int64)
"""Semitones above the tonic: major, natural minor."""

CHORD_QUALITIES = np.array(
    [[0, 4, 7, 12], [0, 3, 7, 12], [0, 4, 7, 10], [0, 4, 7, 11], [0, 3, 7, 10], [0, 5, 7, 12], [0, 3, 6, 10]],
    np.int64,
)
"""Semitones above the root: major, minor, dominant, major and minor seventh, suspended fourth, diminished."""

_NUMERAL_LINES = """
I 0 0|ii 2 1|iii 4 1|IV 5 0|iv 5 1|V 7 0|v 7 1|vi 9 1|VII 10 0|Vs 7 5|V7 7 2|i 0 1|III 3 0|VI 8 0|iio 2 6
I7 0 3|IV7 5 3|ii7 2 4|vi7 9 4|iii7 4 4|i7 0 4|iv7 5 4|III7 3 3|VI7 8 3
"""
"""Chords: name, root above the tonic, row of ``CHORD_QUALITIES``."""


def _parse_numerals(text: str) -> dict[str, int]:
    """Return by name each chord in one number: its root * 8 + its quality."""
    chords = (line.split() for line in text.strip().replace("\n", "|").split("|"))
    return {name: int(root) * 8 + int(quality) for name, root, quality in chords}


_NUMERALS = _parse_numerals(_NUMERAL_LINES)


def padded_table(rows: list[list[int]]) -> IntArray:
    """Return rows of unequal length as one table, filled up with zeros."""
    width = max(len(row) for row in rows)
    return np.array([row + [0] * (width - len(row)) for row in rows], np.int64)


def _progressions(lines: str) -> IntArray:
    """Return rows of eight chords, each in one number."""
    chords = ([_NUMERALS[name] for name in line.split()] for line in lines.strip().splitlines())
    return padded_table([(row * 8)[:8] for row in chords])


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
    """Return the chord's pitch classes, a bit each."""
    mask = 0
    for voice in range(4):
        mask |= 1 << ((root + CHORD_QUALITIES[quality, voice]) % 12)
    return mask


@helper
def _fill_chord(chord: Any, numeral: int, tonic: int) -> None:
    chord.root = (numeral // 8 + tonic) % 12
    chord.quality = numeral % 8
    chord.pitch_classes = chord_pitch_classes(chord.root, chord.quality)


@entry_point((array_of(SONG), array_of(SECTION), array_of(BAR)))
def fill_bars(songs: Any, sections: Any, bars: Any) -> None:
    """Fill the bars of a song from its sections: ticks and chords. Fills the song's end, too."""
    song = songs[0]
    rng_state = np.zeros(2, np.int64)
    tick = 0
    row = 0
    progressions = MINOR_PROGRESSIONS if song.minor == 1 else MAJOR_PROGRESSIONS
    for number in range(sections.shape[0]):
        section = sections[number]
        steps = section.numerator * 16 // section.denominator
        chords_from = VERSE if section.kind in (INTRO, SOLO) else section.kind
        chords_from = CHORUS if section.kind == OUTRO else chords_from
        seed_stream(rng_state, song.seed_low, song.seed_high, STREAM_CHORDS, chords_from)
        progression = _pick_progression(rng_state, progressions.shape[0], song.sevenths)
        halves = randrange(rng_state, 4) == 0
        for index in range(section.bars):
            first = progressions[progression, (index * 2 if halves else index) % 8]
            second = progressions[progression, (index * 2 + 1) % 8] if halves else first
            if number == sections.shape[0] - 1 and index == section.bars - 1:
                first = second = progressions[0, 0] if song.minor == 0 else 1
            bar = bars[row]
            bar.tick = tick
            bar.steps = steps
            bar.steps_per_beat = 6 if section.denominator == 8 and section.numerator == 6 else 4
            bar.section = section.kind
            bar.bar_in_section = index
            bar.bars_in_section = section.bars
            _fill_chord(bar.chords[0], first, song.tonic)
            _fill_chord(bar.chords[1], second, song.tonic)
            tick += steps * song.division // 4
            row += 1
    song.end_tick = tick


@helper
def second_chord_step(bar: Any) -> int:
    """Return the step at which the second chord of the bar begins."""
    return int(bar.steps // 2 if bar.steps_per_beat == 6 else (bar.steps // 2 + 2) // 4 * 4)


@helper
def degree_to_pitch(song: Any, degree: int) -> int:
    """Return the pitch of a scale degree; degree 0 is the tonic in the octave of middle C (MIDI 60 to 71)."""
    return int(60 + song.tonic + 12 * (degree // 7) + SCALES[song.minor, degree % 7])


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
    """Return the semitones above the root of a chord's tone, counted upwards through the octaves."""
    tones = 3 if CHORD_QUALITIES[quality, 3] == 12 else 4
    return int(CHORD_QUALITIES[quality, tone_number % tones] + 12 * (tone_number // tones))


@helper
def voice_chord(voicing: IntArray, chord: Any, centre: int) -> None:
    """Place a chord's four voices where they move least from the previous voicing, around ``centre``."""
    root, quality = chord.root, chord.quality
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
