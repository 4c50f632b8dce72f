"""Rows of notes as text, such as ``E E F G G F E D``."""

import re

import numpy as np

from midiprism.errors import UsageError
from midiprism.similarity.fingerprints import Lines

MIN_NOTES = 8
"""With fewer notes, too much would be found."""

MAX_NOTES = 1_000
_CLASSES = {"C": 0, "D": 2, "E": 4, "F": 5, "G": 7, "A": 9, "B": 11}
_SIGNS = {"#": 1, "♯": 1, "b": -1, "♭": -1}
_NOTE = re.compile(r"([A-Ga-g])([#♯b♭]{0,2})(-?\d)?")
_FIRST_OCTAVE = 4
_BAR = "|"
_QUARTER = 48


def parse_notes(text: str) -> Lines:
    """Return the line of notes that are written one after the other.

    A note is a letter from A to G, with ``#`` or ``b``, and perhaps an octave: C4 is middle C. Without an
    octave it is the nearest one to the note before. Bar lines, ``|``, may stand between notes.

    Raises:
        UsageError: it is no row of notes, or has too few or too many.
    """
    words = [word for word in text.replace(_BAR, " ").split() if word != "-"]
    pitches: list[int] = []
    for word in words:
        found = _NOTE.fullmatch(word)
        if found is None:
            raise UsageError(f"{word!r} is no note: write notes as in E4 F#4 Bb4, or E F G.")
        pitches.append(_pitch(found, pitches[-1] if pitches else None))
    if len(pitches) < MIN_NOTES:
        raise UsageError(f"An example has at least {MIN_NOTES} notes, and this has {len(pitches)}.")
    if len(pitches) > MAX_NOTES:
        raise UsageError(f"An example has at most {MAX_NOTES:,} notes, and this has {len(pitches):,}.")
    count = len(pitches)
    return Lines(
        np.array([0, count], np.int64),
        np.full(count, _QUARTER, np.uint16),
        np.array(pitches, np.uint8),
        np.zeros(1, np.uint8),
    )


def _pitch(note: re.Match[str], before: int | None) -> int:
    letter, signs, octave = note.groups()
    pitch_class = _CLASSES[letter.upper()] + sum(map(_SIGNS.__getitem__, signs))
    if octave is None and before is not None:
        pitch = pitch_class + 12 * round((before - pitch_class) / 12)
    else:
        pitch = pitch_class + 12 * (_FIRST_OCTAVE + 1 if octave is None else int(octave) + 1)
    if not 0 <= pitch <= 127:
        raise UsageError(f"{note.group()!r} is outside of the range of MIDI notes.")
    return pitch
