"""The order in which found links are listed: by fields, by the paths of the songs, by position."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from midiprism.catalog.queries.found_rows import LinkKey
from midiprism.search.index.encoding import SEPARATOR
from midiprism.search.index.index_columns import find_column
from midiprism.search.index.segment import IntArray, Segment, TextColumn
from midiprism.search.musical_keys import parse_key
from midiprism.search.query import SortKey
from midiprism.search.query_fields import QUERY_FIELDS, SONG_NAME, QueryField


class _Descending:
    """A value that comes before those that it would follow."""

    __slots__ = ("value",)

    def __init__(self, value: Any) -> None:
        self.value = value

    def __lt__(self, other: "_Descending") -> bool:
        return bool(other.value < self.value)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Descending) and bool(other.value == self.value)

    __hash__ = None  # type: ignore[assignment]


def sorted_links(segment: Segment, links: IntArray, sort: Sequence[SortKey], limit: int | None) -> IntArray:
    """Return the first of some links of a segment in the order wanted; all of them without a limit.

    Args:
        segment: that has them.
        links: ascending, which is the order of paths and positions.
        sort: the fields, the most important first.
        limit: how many.
    """
    if not sort:
        return links[:limit]
    ranks = [_ranks(segment, links, key) for key in sort]
    if limit is not None and limit < len(links):
        chosen = _smallest(ranks, np.arange(len(links)), limit)
        links, ranks = links[chosen], [one[chosen] for one in ranks]
    return links[np.lexsort(ranks[::-1])]


def _smallest(ranks: Sequence[np.ndarray[Any, Any]], rows: IntArray, count: int) -> IntArray:
    """Return the ``count`` first rows by some ranks, in ascending order; of equal ones the first."""
    if not ranks or count >= len(rows):
        return rows[:count]
    own = ranks[0][rows]
    threshold = np.partition(own, count - 1)[count - 1]
    below, equal = rows[own < threshold], rows[own == threshold]
    return np.sort(np.concatenate([below, _smallest(ranks[1:], equal, count - len(below))]))


def _ranks(segment: Segment, links: IntArray, key: SortKey) -> np.ndarray[Any, Any]:
    """Return for each link a number by which it is sorted; those without a value have the greatest."""
    field = QUERY_FIELDS[key.field]
    if field.field_names[0] == SONG_NAME:
        ranks = segment.columns["songs.name_ranks"][segment.songs_of(links)].astype(np.float64)
        return -ranks if key.descending else ranks
    column = find_column(field, field.field_names[0])
    rows = segment.rows_at(links, column.level)
    if column.is_text:
        texts = segment.text(column)
        numbers = np.concatenate([[np.nan], _text_ranks(field, texts)])[texts.codes[rows]]
    else:
        found = segment.number(column)
        numbers = found.numbers(rows)
    if key.descending:
        numbers = -numbers
    return np.where(np.isnan(numbers), np.inf, numbers)


def _text_ranks(field: QueryField, texts: TextColumn) -> np.ndarray[Any, Any]:
    """Return the rank of each text of a column; NaN for a text that has no place in the order."""
    if field.kind == "text":
        return texts.ranks.astype(np.float64)
    values = [*map(_PLACES.get(field.kind, str), texts.texts)]
    ranks = {value: rank for rank, value in enumerate(sorted({it for it in values if it is not None}))}
    return np.array([np.nan if value is None else ranks[value] for value in values], np.float64)


def text_places(field: QueryField, texts: TextColumn) -> list[Any]:
    """Return what each text of a column is sorted by, as ``order_keys`` does; None for no place."""
    if field.kind == "text":
        return [texts.folded.text(index) for index in range(len(texts.folded))]
    return [*map(_PLACES.get(field.kind, str), texts.texts)]


_PLACES: Mapping[str, Callable[[str], Any]] = {"key": parse_key}
"""Sort keys of texts of some kinds; those of other kinds are sorted by their characters."""


def order_keys(segment: Segment, links: IntArray, sort: Sequence[SortKey]) -> Iterator[tuple[Any, ...]]:
    """Yield for each link what it is compared by with links of other segments."""
    columns = [_comparable(segment, links, key) for key in sort]
    songs = segment.songs_of(links).tolist()
    positions = segment.columns["links.position"][links].tolist()
    for *values, song, position in zip(*columns, songs, positions, strict=True):
        yield (*values, segment.song_paths.text(song), position)


def _comparable(segment: Segment, links: IntArray, key: SortKey) -> list[tuple[bool, Any]]:
    """Return the values of a field, with whether there is none: those come last."""
    field = QUERY_FIELDS[key.field]
    if field.field_names[0] == SONG_NAME:
        names = (segment.song_names.text(song) for song in segment.songs_of(links).tolist())
        first_names = (name.partition(SEPARATOR)[0] for name in names)
        return [(False, _Descending(name) if key.descending else name) for name in first_names]
    column = find_column(field, field.field_names[0])
    rows = segment.rows_at(links, column.level)
    if column.is_text:
        texts = segment.text(column)
        place = _PLACES.get(field.kind, str)
        by_code: dict[int, tuple[bool, Any]] = {0: (True, None)}
        codes = texts.codes[rows].tolist()
        for code in set(codes) - {0}:
            is_text = field.kind == "text"
            value = texts.folded.text(code - 1) if is_text else place(texts.texts[code - 1])
            shown = _Descending(value) if key.descending and value is not None else value
            by_code[code] = (value is None, shown)
        return [by_code[code] for code in codes]
    numbers = segment.number(column).numbers(rows)
    is_null = np.isnan(numbers)
    signed = np.where(is_null, 0.0, -numbers if key.descending else numbers)
    return [*zip(is_null.tolist(), signed.tolist(), strict=True)]


def link_keys(segment: Segment, links: IntArray, *, with_shared: bool) -> list[LinkKey]:
    """Return some links as the catalog knows them.

    Args:
        segment: that has them.
        links: their rows.
        with_shared: whether they tell how many songs have the same track.
    """
    song_ids = segment.columns["songs.id"][segment.songs_of(links)].tolist()
    positions = segment.columns["links.position"][links].tolist()
    shared = segment.shared_of(links) if with_shared else [None] * len(links)
    return [*map(LinkKey, song_ids, positions, shared)]
