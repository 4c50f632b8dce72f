"""Names of musical keys: enharmonic names are one key, and keys have relatives."""

import re
from collections.abc import Collection
from typing import Literal, NamedTuple

from midiprism.features.key_names import KEY_NAMES

Mode = Literal["major", "minor"]

SHORT_NAMES = tuple(name.replace(" major", "").replace(" minor", "m") for name in KEY_NAMES)
"""The usual name of each key: tonics from C on, first major, then minor."""

_LETTERS = {"c": 0, "d": 2, "e": 4, "f": 5, "g": 7, "a": 9, "b": 11}
_ACCIDENTALS = {"": 0, "#": 1, "♯": 1, "b": -1, "♭": -1}
_MODES: dict[str, Mode] = {
    "": "major",
    "maj": "major",
    "major": "major",
    "m": "minor",
    "min": "minor",
    "minor": "minor",
}
_PATTERN = re.compile(r"([a-gA-G])([#b♯♭]?)[ _-]?(maj|major|m|min|minor)?")


class MusicalKey(NamedTuple):
    """A major or minor key.

    Attributes:
        tonic: pitch class of its tonic, 0 for C to 11 for B.
        mode: major or minor.
    """

    tonic: int
    mode: Mode

    def __str__(self) -> str:
        """Return its usual name, such as ``Dm`` or ``Eb``."""
        return SHORT_NAMES[self.tonic + (12 if self.mode == "minor" else 0)]


def parse_key(text: str) -> MusicalKey | None:
    """Return the key of a name such as ``Dm``, ``D minor``, ``C#m``, ``Dbm`` or ``E♭``; None for no key.

    >>> parse_key("C#m") == parse_key("D♭ minor")
    True

    A letter of any case without a mode is a major key.
    """
    match = _PATTERN.fullmatch(text.strip())
    if match is None:
        return None
    tonic = _LETTERS[match[1].lower()] + _ACCIDENTALS[match[2]]
    return MusicalKey(tonic % 12, _MODES[match[3] or ""])


def related_keys(key: MusicalKey) -> frozenset[MusicalKey]:
    """Return a key with its relatives: the relative, the dominant and the subdominant.

    The relative has the same notes. The dominant and the subdominant, a fifth above and below and in the same
    mode, share all notes but one. These are the neighbors on the circle of fifths.
    """
    relative = (
        MusicalKey((key.tonic + 3) % 12, "major")
        if key.mode == "minor"
        else MusicalKey((key.tonic + 9) % 12, "minor")
    )
    fifths = (MusicalKey((key.tonic + interval) % 12, key.mode) for interval in (5, 7))
    return frozenset({key, relative, *fifths})


def key_spellings(keys: Collection[MusicalKey]) -> tuple[str, ...]:
    """Return all names of some keys as catalogs have them, such as ``C# minor`` and ``Db minor``."""
    modes: tuple[Mode, ...] = ("major", "minor")
    names = (f"{letter}{sign} {mode}" for letter in "CDEFGAB" for sign in ("", "#", "b") for mode in modes)
    return tuple(name for name in names if parse_key(name) in keys)
