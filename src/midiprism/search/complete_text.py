"""Completions of a query as it is typed in a page: the place that changes, and what may stand there."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from midiprism.catalog.folding import fold_text
from midiprism.search.complete_query import complete_query
from midiprism.search.query import quote
from midiprism.search.query_fields import QUERY_FIELDS, find_field

MAX_CHOICES = 100
_COUNTED_FIELDS = frozenset(
    ("family", "role", "key", "meter", "instrument", "name", "source", "key_signature")
)

Counts = Mapping[str, int]
"""Numbers of tracks by the texts of a field, the most frequent first."""


@dataclass(frozen=True, slots=True)
class Choice:
    """A text that may stand in the place.

    Attributes:
        text: to put there.
        label: its meaning, or the value without quotes.
        count: of the tracks that have the value; None where it is no value, or was not counted.
    """

    text: str
    label: str
    count: int | None = None


@dataclass(frozen=True, slots=True)
class Completions:
    """Completions of a query.

    Attributes:
        start: first character of the place that changes.
        end: the character after it.
        choices: the likeliest first.
    """

    start: int
    end: int
    choices: list[Choice]


def complete_text(query: str, at: int, counts_of: Callable[[str], Counts]) -> Completions:
    """Return completions of the word before a place in a query.

    >>> complete_text("piano rol", 9, lambda field: {}).choices[0].text
    'role:'

    Args:
        query: the whole text.
        at: where the cursor stands.
        counts_of: returns the values of a field of texts with the tracks that have them.
    """
    before = query[:at]
    start = _word_start(before)
    start = len(before) - len(before[start:].lstrip("-^"))
    choices = [*_choices(before[start:], counts_of)]
    return Completions(start, len(before), choices[:MAX_CHOICES])


def _word_start(text: str) -> int:
    """Return where the last word of a text begins; blanks in quotes belong to a word."""
    start, is_quoted, is_escaped = 0, False, False
    for index, char in enumerate(text):
        if is_escaped:
            is_escaped = False
        elif is_quoted and char == "\\":
            is_escaped = True
        elif char == '"':
            is_quoted = not is_quoted
        elif char.isspace() and not is_quoted:
            start = index + 1
    return start


def _choices(typed: str, counts_of: Callable[[str], Counts]) -> Iterator[Choice]:
    name, colon, value = typed.partition(":")
    field = find_field(name) if colon else None
    if field is not None and field.name in _COUNTED_FIELDS:
        before, comma, last = value.rpartition(",")
        yield from _counted_values(f"{name}:{before}{comma}", last, counts_of(field.name))
        return
    wanted = typed.casefold()
    words = [(text, meaning, text.casefold()) for text, meaning in complete_query([], typed)]
    for text, meaning, folded in words:
        if folded.startswith(wanted):
            yield Choice(text, _label(text, meaning))
    for text, meaning, folded in words:
        if wanted in folded and not folded.startswith(wanted):
            yield Choice(text, _label(text, meaning))


def _counted_values(prefix: str, typed: str, counts: Counts) -> Iterator[Choice]:
    """Yield the values that begin with a text, then those that contain it, each with its count."""
    wanted = fold_text(typed.strip('="'))
    folded = [(text, fold_text(text), count) for text, count in counts.items()]
    for is_start in (True, False):
        for text, key, count in folded:
            if wanted in key and key.startswith(wanted) is is_start:
                yield Choice(prefix + quote(text), text, count)


def _label(text: str, meaning: str) -> str:
    """Return the meaning of a word; of a field as people count."""
    field = QUERY_FIELDS.get(text.removesuffix(":"))
    return field.shown_description if field is not None and text.endswith(":") else meaning or text
