"""The whole order of found links in several segments, for windows deep in it.

A few rows at the beginning need no more than the smallest rows of each segment. Rows behind millions of
others need all of them in order: values of different segments are made comparable once, and numbers are
sorted.
"""

from collections.abc import Sequence
from itertools import pairwise
from threading import Lock
from typing import Any

import numpy as np
from numpy.typing import NDArray

from midiprism.search.index.encoding import SEPARATOR
from midiprism.search.index.index_columns import find_column
from midiprism.search.index.ordering import text_places
from midiprism.search.index.segment import IntArray, Segment
from midiprism.search.query import SortKey
from midiprism.search.query_fields import QUERY_FIELDS, SONG_NAME, QueryField

Ranks = NDArray[np.float64]


class LinkOrder:
    """Sorts links of several segments. Any thread may use it.

    Args:
        segments: of the index.
    """

    def __init__(self, segments: Sequence[Segment]) -> None:
        self._segments = segments
        self._lock = Lock()
        self._ranks: dict[str, list[Ranks]] = {}

    def sorted(self, links: Sequence[IntArray], sort: Sequence[SortKey]) -> IntArray:
        """Return the places, in the links of all segments one after the other, in the order wanted.

        Args:
            links: of each segment, ascending.
            sort: the fields, the most important first.
        """
        if not self._segments:
            return np.empty(0, np.intp)
        songs = self._shared_ranks("", _path_ranks)
        by_song = [
            ranks[segment.songs_of(own)]
            for segment, ranks, own in zip(self._segments, songs, links, strict=True)
        ]
        # Stable: the links of a song stay in their order.
        order = np.argsort(np.concatenate(by_song), kind="stable")
        for key in reversed(sort):
            order = order[np.argsort(self._values(links, key)[order], kind="stable")]
        return order

    def _values(self, links: Sequence[IntArray], key: SortKey) -> Ranks:
        """Return a number for each link by which it is sorted; those without a value have the greatest."""
        field = QUERY_FIELDS[key.field]
        parts = [self._segment_values(index, field, own) for index, own in enumerate(links)]
        values = np.concatenate(parts) if parts else np.empty(0)
        if key.descending:
            values = -values
        return np.where(np.isnan(values), np.inf, values)

    def _segment_values(self, index: int, field: QueryField, links: IntArray) -> Ranks:
        segment = self._segments[index]
        if field.field_names[0] == SONG_NAME:
            ranks = self._shared_ranks(SONG_NAME, _song_name_ranks)[index]
            return ranks[segment.songs_of(links)]
        column = find_column(field, field.field_names[0])
        rows = segment.rows_at(links, column.level)
        if not column.is_text:
            return segment.number(column).numbers(rows)

        def text_ranks(segments: Sequence[Segment]) -> list[Ranks]:
            places = [text_places(field, segment.text(column)) for segment in segments]
            return [np.concatenate([[np.nan], ranks]) for ranks in _common_ranks(places)]

        return self._shared_ranks(column.key, text_ranks)[index][segment.text(column).codes[rows]]

    def _shared_ranks(self, name: str, make: Any) -> list[Ranks]:
        """Return ranks that are comparable between segments, which are worked out once."""
        with self._lock:
            found = self._ranks.get(name)
            if found is None:
                found = self._ranks[name] = make(self._segments)
            return found


def _path_ranks(segments: Sequence[Segment]) -> list[Ranks]:
    return _common_ranks([one.song_paths.all_bytes() for one in segments])


def _song_name_ranks(segments: Sequence[Segment]) -> list[Ranks]:
    names = [[text.partition(SEPARATOR)[0] for text in one.song_names.all_bytes()] for one in segments]
    return _common_ranks(names)


def _common_ranks(values: Sequence[Sequence[Any]]) -> list[Ranks]:
    """Return for each value its rank among all values; equal ones have the same, None has NaN.

    Values that are sorted already, as paths are in each segment, are merged rather than sorted.
    """
    every = [value for own in values for value in own]
    order = sorted((at for at, value in enumerate(every) if value is not None), key=every.__getitem__)
    ranks = np.full(len(every), np.nan)
    if order:
        is_new = [False, *(every[one] != every[other] for one, other in pairwise(order))]
        ranks[order] = np.cumsum(is_new)
    return np.split(ranks, np.cumsum([len(own) for own in values])[:-1])
