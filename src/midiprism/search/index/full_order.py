"""The whole order of found links in several segments, for windows deep in it.

A few rows at the beginning need no more than the smallest rows of each segment. Rows behind millions of
others need all of them in order: values of different segments are made comparable once, and numbers are
sorted.
"""

from collections.abc import Callable, Iterator, Sequence
from threading import Lock
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from midiprism.fs.column_file import Array
from midiprism.search.index.index_columns import IndexColumn, Level, find_column
from midiprism.search.index.ordering import (
    Places,
    Ranks,
    dense_ranks,
    ranks_of_codes,
    sorted_by,
    text_places,
)
from midiprism.search.index.segment import FoundRows, NumberColumn, Segment
from midiprism.search.index.text_ranks import TextBytes, ranks_of_texts
from midiprism.search.query import SortKey
from midiprism.search.query_fields import QUERY_FIELDS, SONG_NAME, QueryField


class _Places(NamedTuple):
    """The places of the values of a column in the order of those of all segments.

    Attributes:
        level: the rows of which it has one value each.
        codes: of each row, 0 for NULL, for each segment.
        places: of each code but 0, for each segment; -1 for none.
        size: number of places.
    """

    level: Level
    codes: Sequence[Array]
    places: Sequence[NDArray[np.integer[Any]]]
    size: int


class LinkOrder:
    """Sorts links of several segments. Any thread may use it.

    Args:
        segments: of the index.
    """

    def __init__(self, segments: Sequence[Segment]) -> None:
        self._segments = segments
        self._lock = Lock()
        self._known: dict[str, _Places] = {}

    def sorted(self, links: Sequence[FoundRows | None], sort: Sequence[SortKey]) -> Places:
        """Return the places, in the links of all segments one after the other, in the order wanted.

        Args:
            links: of each segment, ascending; None for all links.
            sort: the fields, the most important first.
        """
        if not self._segments:
            return np.empty(0, np.uint32)
        counts = [
            segment.link_count if own is None else len(own)
            for segment, own in zip(self._segments, links, strict=True)
        ]
        return sorted_by(self._all_ranks(links, sort), sum(counts))

    def _all_ranks(self, links: Sequence[FoundRows | None], sort: Sequence[SortKey]) -> Iterator[Ranks]:
        """Yield the ranks of all links, the least important first."""
        # The links of a song stay in their order.
        yield self._ranks(links, self._places("", self._song_places), descending=False)
        for key in reversed(sort):
            places = self._places_of(QUERY_FIELDS[key.field])
            yield self._ranks(links, places, descending=key.descending)

    def _ranks(self, links: Sequence[FoundRows | None], known: _Places, *, descending: bool) -> Ranks:
        """Return a number for each link by which it is sorted; those without a value have the greatest."""
        parts = zip(self._segments, known.codes, known.places, links, strict=True)
        ranks = [
            segment.values_at(
                ranks_of_codes(codes, places, known.size, descending=descending), known.level, own
            )
            for segment, codes, places, own in parts
        ]
        return np.concatenate(ranks)

    def _places_of(self, field: QueryField) -> _Places:
        if field.field_names[0] == SONG_NAME:
            return self._places(SONG_NAME, self._song_name_places)
        column = find_column(field, field.field_names[0])
        if column.is_text:
            return self._places(column.key, lambda: self._text_places(field, column))
        return self._places(column.key, lambda: self._number_places(column))

    def _places(self, name: str, make: Callable[[], _Places]) -> _Places:
        """Return places, which are worked out once."""
        with self._lock:
            found = self._known.get(name)
            if found is None:
                found = self._known[name] = make()
            return found

    def _song_places(self) -> _Places:
        return _of_songs([one.song_paths.entries() for one in self._segments])

    def _song_name_places(self) -> _Places:
        return _of_songs([one.song_names.first_texts() for one in self._segments])

    def _text_places(self, field: QueryField, column: IndexColumn) -> _Places:
        texts = [segment.text(column) for segment in self._segments]
        places = dense_ranks([text_places(field, own) for own in texts])
        size = 1 + max(int(own.max(initial=-1)) for own in places)
        return _Places(column.level, [own.codes for own in texts], places, size)

    def _number_places(self, column: IndexColumn) -> _Places:
        """Return the places of numbers; a segment may have them without codes."""
        coded = [_with_codes(segment.number(column)) for segment in self._segments]
        every = np.unique(np.concatenate([np.empty(0), *(values for _, values in coded)]))
        places = [np.searchsorted(every, values).astype(np.int32) for _, values in coded]
        return _Places(column.level, [codes for codes, _ in coded], places, len(every))


def _of_songs(texts: Sequence[TextBytes]) -> _Places:
    counts = [len(starts) for _, starts, _ in texts]
    codes = [np.arange(1, count + 1, dtype=np.uint32) for count in counts]
    return _Places("songs", codes, ranks_of_texts(texts), sum(counts))


def _with_codes(numbers: NumberColumn) -> tuple[Array, Array]:
    """Return the code of each row, 0 for NULL, and the values of the other codes."""
    if numbers.values is not None:
        return numbers.codes, numbers.values
    values = np.unique(numbers.codes)
    values = values[~np.isnan(values)]
    codes = (np.searchsorted(values, numbers.codes) + 1).astype(np.uint32)
    codes[np.isnan(numbers.codes)] = 0
    return codes, values
