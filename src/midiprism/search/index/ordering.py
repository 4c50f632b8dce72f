"""The order in which found links are listed: by fields, by the paths of the songs, by position."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from midiprism.catalog.queries.found_rows import LinkKey
from midiprism.fs.column_file import Array
from midiprism.search.index.encoding import SEPARATOR
from midiprism.search.index.index_columns import find_column
from midiprism.search.index.segment import FoundRows, IntArray, Segment, TextColumn
from midiprism.search.musical_keys import parse_key
from midiprism.search.query import SortKey
from midiprism.search.query_fields import QUERY_FIELDS, SONG_NAME, QueryField

Places = NDArray[np.uint32]
Ranks = NDArray[Any]


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


def sorted_places(
    segment: Segment, links: FoundRows | None, sort: Sequence[SortKey], limit: int | None = None
) -> Places:
    """Return the places, among some links of a segment, of the first of them in the order wanted.

    Args:
        segment: that has them.
        links: ascending, which is the order of paths and positions; None for all links.
        sort: the fields, the most important first.
        limit: how many; None for all.
    """
    count = segment.link_count if links is None else len(links)
    wanted = count if limit is None else min(limit, count)
    if not sort or not wanted:
        return np.arange(wanted, dtype=np.uint32)
    if wanted == count:
        return sorted_by((_link_ranks(segment, links, key) for key in reversed(sort)), count)
    ranks = [_link_ranks(segment, links, key) for key in sort]
    chosen = _smallest(ranks, None, wanted)
    return sorted_by((own[chosen] for own in reversed(ranks)), wanted, chosen)


def sorted_by(ranks: Iterable[Ranks], count: int, rows: Places | None = None) -> Places:
    """Return rows in the order of some ranks; of equal ones in their own order.

    Millions of links take as little memory as that allows: one list of ranks at a time, in small numbers.

    Args:
        ranks: of the rows, the least important first.
        count: of the rows.
        rows: numbers to return; None for those from 0 on.
    """
    order = np.arange(count, dtype=np.uint32)
    for number, own in enumerate(ranks):
        if number:
            own = own[order]
        order = order[np.argsort(own, kind="stable")]
    return order if rows is None else rows[order]


def _smallest(ranks: Sequence[Ranks], rows: Places | None, count: int) -> Places:
    """Return the ``count`` first rows by some ranks, in ascending order; of equal ones the first.

    Args:
        ranks: of all rows, the most important first.
        rows: those to choose from, ascending; None for all.
        count: how many.
    """
    if rows is not None and (not ranks or count >= len(rows)):
        return rows[:count]
    own = ranks[0] if rows is None else ranks[0][rows]
    threshold = np.partition(own, count - 1)[count - 1]
    below, equal = (np.flatnonzero(it).astype(np.uint32) for it in (own < threshold, own == threshold))
    if rows is not None:
        below, equal = rows[below], rows[equal]
    return np.sort(np.concatenate([below, _smallest(ranks[1:], equal, count - len(below))]))


def _link_ranks(segment: Segment, links: FoundRows | None, key: SortKey) -> Ranks:
    """Return for each link a number by which it is sorted; those without a value have the greatest."""
    field = QUERY_FIELDS[key.field]
    if field.field_names[0] == SONG_NAME:
        ranks = segment.columns["songs.name_ranks"]
        return segment.values_at(ranks.max(initial=0) - ranks if key.descending else ranks, "songs", links)
    column = find_column(field, field.field_names[0])
    if column.is_text:
        texts = segment.text(column)
        places = _text_ranks(field, texts)
        count = int(places.max(initial=-1)) + 1
        ranks = ranks_of_codes(texts.codes, places, count, descending=key.descending)
    else:
        numbers = segment.number(column)
        if numbers.values is None:
            signed = -numbers.codes if key.descending else numbers.codes
            ranks = np.where(np.isnan(signed), signed.dtype.type(np.inf), signed)
        else:
            count = len(numbers.values)
            ranks = ranks_of_codes(numbers.codes, np.arange(count), count, descending=key.descending)
    return segment.values_at(ranks, column.level, links)


def ranks_of_codes(codes: Array, places: NDArray[np.integer[Any]], count: int, *, descending: bool) -> Ranks:
    """Return for each row a number by which it is sorted, as small as can be; those without a value are last.

    Args:
        codes: of the rows, 0 for NULL.
        places: for each code but 0, its place in the order from 0 on; -1 for none.
        count: number of places.
        descending: whether the last places come first.
    """
    ranks = np.full(len(places) + 1, count, np.min_scalar_type(count))
    has_place = np.flatnonzero(places >= 0)
    ranks[1 + has_place] = count - 1 - places[has_place] if descending else places[has_place]
    return ranks[codes]


def _text_ranks(field: QueryField, texts: TextColumn) -> NDArray[np.integer[Any]]:
    """Return the rank of each text of a column; -1 for a text that has no place in the order."""
    return (
        texts.ranks.astype(np.int64) if field.kind == "text" else dense_ranks([text_places(field, texts)])[0]
    )


def dense_ranks(values: Sequence[Sequence[Any]]) -> list[NDArray[np.int32]]:
    """Return for each value of some lists its rank among all; equal ones have the same, None has -1.

    Values that are sorted already, as paths are in each segment, are merged rather than sorted.
    """
    every = [value for own in values for value in own]
    order = sorted((at for at, value in enumerate(every) if value is not None), key=every.__getitem__)
    ranks = np.full(len(every), -1, np.int32)
    if order:
        is_new = [False, *(every[one] != every[other] for one, other in pairwise(order))]
        ranks[order] = np.cumsum(is_new)
    return np.split(ranks, np.cumsum([len(own) for own in values])[:-1])


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
