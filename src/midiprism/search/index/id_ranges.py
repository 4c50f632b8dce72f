"""Ranges of ids: which songs a commit changed, and which are read together."""

from bisect import bisect_right
from collections.abc import Iterable, Sequence

from midiprism.catalog.queries.index_rows import IdRange

_MAX_RANGES = 200
"""Most ranges that are read one by one: each is a query, or several."""


def merge_ranges(ranges: Iterable[tuple[int, int]]) -> list[IdRange]:
    """Return the same ids as ranges that are sorted and do not touch."""
    merged: list[IdRange] = []
    for first, last in sorted(ranges):
        if merged and first <= merged[-1].last + 1:
            merged[-1] = IdRange(merged[-1].first, max(merged[-1].last, last))
        else:
            merged.append(IdRange(first, last))
    return merged


def coarsen(ranges: Sequence[IdRange]) -> list[IdRange]:
    """Return at most ``_MAX_RANGES`` ranges that hold all ids of many: those with the least gaps are joined."""
    if len(ranges) <= _MAX_RANGES:
        return list(ranges)
    gaps = sorted(
        range(1, len(ranges)), key=lambda index: ranges[index].first - ranges[index - 1].last, reverse=True
    )
    starts = [0, *sorted(gaps[: _MAX_RANGES - 1])]
    ends = [*(start - 1 for start in starts[1:]), len(ranges) - 1]
    return [IdRange(ranges[start].first, ranges[end].last) for start, end in zip(starts, ends, strict=True)]


def contains_ids(ranges: Sequence[IdRange], wanted: int) -> bool:
    """Return whether an id is in one of some ranges that are sorted and do not touch."""
    index = bisect_right(ranges, (wanted, wanted)) - 1
    if index + 1 < len(ranges) and ranges[index + 1].first == wanted:
        return True
    return index >= 0 and ranges[index].first <= wanted <= ranges[index].last


def count_ids(ranges: Iterable[IdRange]) -> int:
    """Return how many ids some ranges hold."""
    return sum(last - first + 1 for first, last in ranges)
