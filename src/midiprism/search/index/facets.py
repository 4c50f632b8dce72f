"""Counts of found links by the values of a field, or by ranges of its numbers."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from midiprism.errors import UsageError
from midiprism.search.index.in_threads import map_in_threads
from midiprism.search.index.index_columns import IndexColumn, Level, find_column
from midiprism.search.index.segment import IntArray, NumberColumn, Segment
from midiprism.search.query import Range
from midiprism.search.query_fields import QUERY_FIELDS, find_field, nearest_name

_CHUNK = 1 << 16  # as many codes at a time as a processor's cache holds

_EDGES: Mapping[str, Sequence[float]] = {
    "bpm": range(40, 241, 10),
    "length_seconds": (5, 10, 15, 30, 60, 90, 120, 180, 240, 300, 420, 600),
    "length_bars": (1, 2, 4, 8, 16, 32, 64, 128, 256),
    "notes": (1, 4, 16, 64, 128, 256, 512, 1_024, 2_048, 4_096),
}
"""Beginnings of the ranges of numbers by which these fields are counted."""

DEFAULT_FACETS = ("family", "role", "key", "meter", "bpm", "length_bars", "length_seconds", "source")


@dataclass(frozen=True, slots=True)
class FacetCount:
    """A count.

    Attributes:
        value: text, number, or beginning of a range; None for links without a value, and for what is less
            than the first beginning.
        end: end of the range, which belongs to the next one; None without one.
        count: number of links.
    """

    value: str | float | None
    end: float | None
    count: int


@dataclass(frozen=True, slots=True)
class Facet:
    """The counts of one field.

    Attributes:
        name: of the field.
        is_histogram: whether it counts ranges.
        counts: of values, the most frequent first; of ranges in their order. Those without any are left out.
    """

    name: str
    is_histogram: bool
    counts: tuple[FacetCount, ...]


FoundLinks = tuple[Segment, NDArray[np.uint32] | None]
"""A segment, and the rows of the links that were found in it, ascending; None for all of them."""


class _Found:
    """Links that were found in a segment.

    Args:
        segment: that has them.
        links: their rows; None for all of them.
    """

    def __init__(self, segment: Segment, links: NDArray[np.uint32] | None) -> None:
        self.segment = segment
        self.links = links
        self._rows: dict[Level, IntArray] = {}

    def rows(self, level: Level) -> IntArray:
        """Return the rows of the links' songs or tracks, which several facets count."""
        found = self._rows.get(level)
        if found is None:
            every = np.arange(self.segment.link_count)
            links = every if self.links is None else self.links.astype(np.intp)
            found = self._rows[level] = self.segment.rows_at(links, level)
        return found


def count_facets(
    names: Sequence[str], found: Sequence[tuple[Segment, NDArray[np.uint32] | None]]
) -> tuple[Facet, ...]:
    """Return the counts of some fields.

    Args:
        names: of fields of queries.
        found: segments with the links to count; None for all links.

    Raises:
        UsageError: there is no such field, or it has too many values to be counted.
    """
    parts = [_Found(segment, links) for segment, links in found]
    links = sum(part.segment.link_count for part in parts)
    return tuple(map_in_threads(lambda name: _count(name, parts), names, links))


def _count(name: str, found: Sequence[_Found]) -> Facet:
    shown, column = _facet_column(name)
    if column.is_text:
        return Facet(shown, False, _text_counts(column, found))
    edges = _EDGES.get(shown)
    if edges is not None:
        field = QUERY_FIELDS[shown]
        # As a query takes the beginning of a range, so that its term finds what is counted.
        lows = [field.bounds(Range(edge, None))[0] or 0.0 for edge in edges]
        return Facet(shown, True, _range_counts(column, edges, lows, found))
    return Facet(shown, False, _number_counts(column, found))


def _facet_column(name: str) -> tuple[str, IndexColumn]:
    field = find_field(name)
    if field is None or field.name in ("song", "shared"):
        names = [other for other in QUERY_FIELDS if other not in ("song", "shared")]
        offer = nearest_name(name, names)
        raise UsageError(f"{name} cannot be counted: {'try ' + offer if offer else 'name another field'}.")
    return field.name, find_column(field, field.field_names[0])


def _text_counts(column: IndexColumn, found: Sequence[_Found]) -> tuple[FacetCount, ...]:
    totals: dict[str | None, int] = {}
    for part in found:
        texts = part.segment.text(column)
        counts = _code_counts(part, column, texts.codes, len(texts.folded))
        for code in np.flatnonzero(counts).tolist():
            text = texts.texts[code - 1] if code else None
            totals[text] = totals.get(text, 0) + int(counts[code])
    ordered = sorted(totals.items(), key=lambda item: (-item[1], item[0] is None, item[0] or ""))
    return tuple(FacetCount(text, None, count) for text, count in ordered)


def _number_counts(column: IndexColumn, found: Sequence[_Found]) -> tuple[FacetCount, ...]:
    totals: dict[float | None, int] = {}
    for part in found:
        values, counts = _distinct_counts(part, column, part.segment.number(column))
        for value, count in zip(values, counts, strict=True):
            totals[value] = totals.get(value, 0) + count
    ordered = sorted(totals.items(), key=lambda item: (-item[1], item[0] is None, item[0] or 0))
    return tuple(FacetCount(value, None, count) for value, count in ordered)


def _distinct_counts(
    part: _Found, column: IndexColumn, numbers: NumberColumn
) -> tuple[list[float | None], list[int]]:
    if numbers.values is None:
        values, found = np.unique(numbers.codes[part.rows(column.level)], return_counts=True)
        return [None if np.isnan(value) else float(value) for value in values], found.tolist()
    counts = _code_counts(part, column, numbers.codes, len(numbers.values))
    codes = np.flatnonzero(counts)
    shown = [None if code == 0 else float(numbers.values[code - 1]) for code in codes.tolist()]
    return shown, counts[codes].tolist()


def _range_counts(
    column: IndexColumn,
    edges: Sequence[float],
    lows: Sequence[float],
    found: Sequence[_Found],
) -> tuple[FacetCount, ...]:
    totals = np.zeros(len(edges) + 2, np.int64)  # below the first, the ranges, without a value
    for part in found:
        bins = part.segment.bins(column, lows)
        totals += _code_counts(part, column, bins, len(edges) + 1)
    starts: list[float | None] = [None, *map(float, edges), None]
    ends: list[float | None] = [float(edges[0]), *map(float, edges[1:]), None, None]
    return tuple(
        FacetCount(start, end, count)
        for start, end, count in zip(starts, ends, totals.tolist(), strict=True)
        if count
    )


def _code_counts(part: _Found, column: IndexColumn, codes: np.ndarray, values: int) -> np.ndarray:
    """Return how many links have each code."""
    if part.links is None:
        if column.level == "links":
            return _bincount(codes, values + 1)
        weights = part.segment.link_counts(column.level)
        return np.bincount(codes, weights, minlength=values + 1).astype(np.int64)
    return _bincount(codes[part.rows(column.level)], values + 1)


def _bincount(codes: np.ndarray, size: int) -> np.ndarray:
    totals = np.zeros(size, np.int64)
    for start in range(0, len(codes), _CHUNK):
        totals += np.bincount(codes[start : start + _CHUNK], minlength=size)
    return totals
