"""Ranges of ids: joined, and asked whether they contain ids."""

from collections.abc import Iterable, Sequence

import numpy as np

from midiprism.catalog.queries.index_rows import IdRange
from midiprism.fs.column_file import Array
from midiprism.search.index.text_search import BoolArray


def merge_ranges(ranges: Iterable[tuple[int, int]]) -> list[IdRange]:
    """Return the same ids as ranges that are sorted and do not touch."""
    merged: list[IdRange] = []
    for first, last in sorted(ranges):
        if merged and first <= merged[-1].last + 1:
            merged[-1] = IdRange(merged[-1].first, max(merged[-1].last, last))
        else:
            merged.append(IdRange(first, last))
    return merged


def ranges_of(ids: Array) -> list[IdRange]:
    """Return ids as ranges that are sorted and do not touch."""
    distinct = np.unique(ids)
    firsts = np.flatnonzero(np.diff(distinct, prepend=distinct[:1] - 2) != 1)
    lasts = np.append(firsts[1:], len(distinct)) - 1 if len(distinct) else firsts
    return [*map(IdRange, distinct[firsts].tolist(), distinct[lasts].tolist())]


def are_in_ranges(ids: Array, ranges: Sequence[IdRange]) -> BoolArray:
    """Return for each id whether it is in one of some ranges that are sorted and do not touch."""
    bounds = np.array(ranges, np.int64)
    found = np.searchsorted(bounds[:, 0], ids, "right") - 1
    return np.asarray((found >= 0) & (ids <= bounds[found, 1]))
