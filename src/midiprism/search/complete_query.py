"""Completions of the last word of a query."""

import re
from collections.abc import Iterator, Mapping, Sequence

from midiprism.search.musical_keys import SHORT_NAMES
from midiprism.search.query import LIKE_FIELD
from midiprism.search.query_fields import LENGTH_FIELD, QUERY_FIELDS, QueryField, QueryKind, find_field
from midiprism.search.query_words import SPECIAL_FIELDS
from midiprism.search.saved_searches import SavedSearches, default_folder
from midiprism.smf.instruments import DRUM_KITS, FAMILIES, INSTRUMENTS

Completion = tuple[str, str]
"""A word and what it means."""

_SPECIAL_HELP = {
    "any": "song, name or instrument",
    "has": "fields that have a value",
    "sort": "order of the tracks",
    LENGTH_FIELD: "8bars, 16beats, ..30s, 1:30..2:00",
    LIKE_FIELD: "tracks with the music of a track: digits of its BLAKE3",
}
_VALUES: Mapping[QueryKind, Sequence[str]] = {
    "key": [*SHORT_NAMES, "major", "minor"],
    "meter": ["4/4", "3/4", "2/4", "6/8", "12/8", "2/2"],
    "flag": ["yes", "no"],
}
_NAMES: Mapping[str, Sequence[str]] = {
    "family": FAMILIES,
    "instrument": (*FAMILIES, *INSTRUMENTS, *DRUM_KITS.values()),
}
"""Names of which each word is a completion, since a shell would divide a name at its blanks."""

_NAME_WORD = re.compile(r"[a-z][a-z-]{2,}")


def complete_query(words: Sequence[str], incomplete: str) -> list[Completion]:
    """Return the words that an incomplete last word of a query may become.

    Args:
        words: before it. Bash divides words at colons, so the last two may be its field and a colon.
        incomplete: the beginning of the word.
    """
    if len(words) >= 2 and words[-1] == ":":
        return [*_values(words[-2].lstrip("^-"), "", incomplete)]
    if incomplete.startswith("@"):
        return [(f"@{name}", "saved search") for name in SavedSearches(default_folder()).names()]
    name, colon, value = incomplete.partition(":")
    if colon:
        return [*_values(name.lstrip("^-"), f"{name}:", value)]
    return [*_field_names()]


def _field_names() -> Iterator[Completion]:
    for name, meaning in _SPECIAL_HELP.items():
        yield f"{name}:", meaning
    for field in QUERY_FIELDS.values():
        yield f"{field.name}:", field.description


def _values(name: str, prefix: str, value: str) -> Iterator[Completion]:
    """Yield the values of a field, each behind what stands before the last comma."""
    before, comma, _ = value.rpartition(",")
    for completed, meaning in _values_of(name):
        yield f"{prefix}{before}{comma}{completed}", meaning


def _values_of(name: str) -> Iterator[Completion]:
    if name in ("has", "sort"):
        yield from ((field.name, field.description) for field in QUERY_FIELDS.values())
        return
    field = find_field(name) if name not in SPECIAL_FIELDS else None
    if field is not None:
        yield from ((value, "") for value in _known_values(field))


def _known_values(field: QueryField) -> Sequence[str]:
    return field.choices or name_words(field.name) or _VALUES.get(field.kind, ())


def name_words(field: str) -> list[str]:
    """Return the words of the names that a field can have; none if it can have any."""
    names = _NAMES.get(field, ())
    return [*dict.fromkeys(word for name in names for word in _NAME_WORD.findall(name.lower()))]
