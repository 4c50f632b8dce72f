"""Names of estimated keys."""

from collections.abc import Iterable

_MAJOR = ("C", "Db", "D", "Eb", "E", "F", "F#", "G", "Ab", "A", "Bb", "B")
_MINOR = ("C", "C#", "D", "Eb", "E", "F", "F#", "G", "G#", "A", "Bb", "B")

KEY_NAMES = (*(f"{tonic} major" for tonic in _MAJOR), *(f"{tonic} minor" for tonic in _MINOR))
"""The name of each key: tonics from C on, first major, then minor."""


def key_names(keys: Iterable[int]) -> list[str | None]:
    """Return the name of each key, None for a negative number."""
    return [None if key < 0 else KEY_NAMES[key] for key in keys]
