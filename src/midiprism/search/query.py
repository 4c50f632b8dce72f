"""The syntax tree of a query.

A query is a choice of groups, a group is a list of terms that all have to hold, and a term is a choice of
matches, possibly negated. ``str(query)`` is its canonical text: parsing it gives the same query.
"""

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from decimal import Decimal

from midiprism.search.musical_keys import Mode, MusicalKey, related_keys

ANY_FIELD = "any"
"""The name under which words can be written as a field."""

LIKE_FIELD = "like"
"""The name under which a track is given that others shall be like."""

_PLAIN_TEXT = re.compile(r"[\w/#&+!?*][\w./#&+!?*~-]*")
"""Texts that need no quotes."""


def quote(text: str) -> str:
    """Return a text as it is written in a query: in quotes unless nothing in it has a meaning there."""
    if _PLAIN_TEXT.fullmatch(text):
        return text
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def number_text(number: float) -> str:
    """Return a number as it is written in a query, without an exponent.

    >>> number_text(90.0), number_text(1e-05)
    ('90', '0.00001')
    """
    text = format(Decimal(repr(number)), "f")
    return text.rstrip("0").rstrip(".") if "." in text else text


@dataclass(frozen=True, slots=True)
class Contains:
    """A text contains another one, after folding."""

    text: str

    def __str__(self) -> str:
        return quote(self.text)


@dataclass(frozen=True, slots=True)
class Equals:
    """A text equals another one, after folding."""

    text: str

    def __str__(self) -> str:
        return f"={quote(self.text)}"


@dataclass(frozen=True, slots=True)
class Choice:
    """A value is one of the few that a field can have."""

    value: str

    def __str__(self) -> str:
        return quote(self.value)


@dataclass(frozen=True, slots=True)
class Range:
    """A number lies between two others, inclusive, as people write and count them.

    ``QueryField.bounds`` gives the bounds of the values in the catalog.

    Attributes:
        low: least number; None for no least.
        high: greatest number; None for no greatest. At least one of both is given.
    """

    low: float | None
    high: float | None

    def __str__(self) -> str:
        low, high = ("" if end is None else number_text(end) for end in (self.low, self.high))
        return low if self.low == self.high else f"{low}..{high}"


@dataclass(frozen=True, slots=True)
class Flag:
    """A flag is set, or is not."""

    value: bool

    def __str__(self) -> str:
        return "yes" if self.value else "no"


@dataclass(frozen=True, slots=True)
class Dates:
    """A day lies between two others, inclusive.

    Attributes:
        low: the first year, month or day, in ISO 8601: ``2026``, ``2026-11`` or ``2026-11-03``; None for no
            first.
        high: the last, which is included whole; None for no last.
    """

    low: str | None
    high: str | None

    def __str__(self) -> str:
        return f"{self.low}" if self.low == self.high else f"{self.low or ''}..{self.high or ''}"

    def holds(self, time: str) -> bool:
        """Return whether a time in ISO 8601 lies between them."""
        return (self.low is None or time[: len(self.low)] >= self.low) and (
            self.high is None or time[: len(self.high)] <= self.high
        )


@dataclass(frozen=True, slots=True)
class Key:
    """A musical key, or one that is related to it.

    Attributes:
        tonic: pitch class of the tonic; None for any.
        mode: major or minor.
        related: whether related keys hold too; not with any tonic.
    """

    tonic: int | None
    mode: Mode
    related: bool = False

    def __str__(self) -> str:
        name = self.mode if self.tonic is None else str(MusicalKey(self.tonic, self.mode))
        return f"{name}~" if self.related else name

    def keys(self) -> frozenset[MusicalKey]:
        """Return all keys for which it holds."""
        if self.tonic is None:
            return frozenset(MusicalKey(tonic, self.mode) for tonic in range(12))
        key = MusicalKey(self.tonic, self.mode)
        return related_keys(key) if self.related else frozenset({key})


@dataclass(frozen=True, slots=True)
class Present:
    """A field has a value: it is neither NULL nor an empty text."""


Test = Contains | Equals | Choice | Range | Flag | Dates | Key | Present


@dataclass(frozen=True, slots=True)
class Word:
    """The song's name, the track's name or its instrument contains a text, after folding."""

    text: str

    def __str__(self) -> str:
        return quote(self.text)


@dataclass(frozen=True, slots=True)
class FieldMatch:
    """A field passes a test.

    Attributes:
        field: name of a ``QueryField``.
    """

    field: str
    test: Test

    def __str__(self) -> str:
        return f"has:{self.field}" if isinstance(self.test, Present) else f"{self.field}:{self.test}"


@dataclass(frozen=True, slots=True)
class LikeTracks:
    """The tracks that are like another one.

    Attributes:
        ids: of the tracks in the catalog, ascending.
        digests: of the tracks.
    """

    ids: tuple[int, ...]
    digests: frozenset[bytes]


@dataclass(frozen=True, slots=True)
class Like:
    """A track has the music of another one.

    Attributes:
        track: the first hexadecimal digits of the BLAKE3 of that one.
        found: the tracks that are like it; None before they were looked for.
    """

    track: str
    found: LikeTracks | None = field(default=None, compare=False)

    def __str__(self) -> str:
        return f"{LIKE_FIELD}:{self.track}"


Match = Word | FieldMatch | Like


@dataclass(frozen=True, slots=True)
class Term:
    """One of several matches holds; or none of them if negated."""

    matches: tuple[Match, ...]
    negated: bool = False

    def __str__(self) -> str:
        return ("-" if self.negated else "") + ",".join(_attached(self.matches))


def _attached(matches: Iterable[Match]) -> Iterator[str]:
    """Return the texts of matches behind each other: one of the same field as the last has no name."""
    last: str | None = None
    for match in matches:
        text = str(match)
        if isinstance(match, Word):
            # Behind a field, a word alone would be another value of that field.
            yield text if last in (None, ANY_FIELD) else f"{ANY_FIELD}:{text}"
            last = None if last is None else ANY_FIELD
            continue
        name = text.partition(":")[0]
        yield text.removeprefix(f"{name}:") if name == last else text
        last = name


@dataclass(frozen=True, slots=True)
class Group:
    """All terms hold."""

    terms: tuple[Term, ...]

    def __str__(self) -> str:
        return " ".join(map(str, self.terms))


@dataclass(frozen=True, slots=True)
class SortKey:
    """A field by which tracks are sorted; those without a value come last.

    Attributes:
        field: name of a ``QueryField``.
    """

    field: str
    descending: bool = False

    def __str__(self) -> str:
        return f"sort:{self.field}{'-' if self.descending else ''}"


@dataclass(frozen=True, slots=True)
class Query:
    """One of several groups holds, or all tracks are found if there is none.

    Attributes:
        groups: no group is empty.
        sort: fields that sort the tracks, the most important first. Equal tracks, and all without a field,
            are in the order of their songs' paths and of their positions in the song.
    """

    groups: tuple[Group, ...] = ()
    sort: tuple[SortKey, ...] = ()

    def __str__(self) -> str:
        groups = " , ".join(map(str, self.groups))
        return " ".join(filter(None, [groups, *map(str, self.sort)]))

    def with_terms(self, terms: Iterable[Term]) -> "Query":
        """Return a query for tracks that pass this one and all given terms."""
        added = tuple(terms)
        if not added:
            return self
        groups = self.groups or (Group(()),)
        return Query(tuple(Group((*group.terms, *added)) for group in groups), self.sort)

    def terms(self) -> Iterator[Term]:
        """Yield the terms of all groups."""
        for group in self.groups:
            yield from group.terms

    def with_found(self, find: Callable[[str], LikeTracks]) -> "Query":
        """Return the same query with what was found for each of its matches of kind ``Like``.

        Args:
            find: returns the tracks that are like one that is given by digits of its BLAKE3.
        """
        if not any(isinstance(match, Like) for match in self.matches()):
            return self

        def found(match: Match) -> Match:
            return replace(match, found=find(match.track)) if isinstance(match, Like) else match

        return replace(
            self,
            groups=tuple(
                Group(tuple(replace(term, matches=(*map(found, term.matches),)) for term in group.terms))
                for group in self.groups
            ),
        )

    def matches(self) -> Iterator[Match]:
        """Yield the matches of all terms."""
        for term in self.terms():
            yield from term.matches
