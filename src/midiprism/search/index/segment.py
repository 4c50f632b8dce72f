"""A segment of the index, as a search reads it."""

from collections.abc import Sequence
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from midiprism.fs.column_file import Array, Columns
from midiprism.search.index.index_columns import SHARED, IndexColumn, Level
from midiprism.search.index.text_search import BoolArray, TextList

IntArray = NDArray[np.intp]
FoundRows = NDArray[np.uint32]


class NumberColumn:
    """A column of numbers.

    Args:
        codes: of each row, 0 for NULL; or the numbers themselves, NaN for NULL.
        values: the number of each code but 0, ascending; None if there are no codes.
    """

    def __init__(self, codes: Array, values: Array | None) -> None:
        self.codes = codes
        self.values = values

    def between(self, low: float | None, high: float | None) -> BoolArray:
        """Return for each row whether its number lies between two others, inclusive; None for no bound."""
        if self.values is not None:
            least = 1 if low is None else int(np.searchsorted(self.values, low, "left")) + 1
            most = len(self.values) if high is None else int(np.searchsorted(self.values, high, "right"))
            return code_range(self.codes, least, most)
        if low is None:
            assert high is not None, "a range has one bound at least"
            return np.asarray(self.codes <= self._inner_bound(high, -np.inf))
        is_high = np.asarray(self.codes >= self._inner_bound(low, np.inf))
        return is_high if high is None else is_high & (self.codes <= self._inner_bound(high, -np.inf))

    def _inner_bound(self, bound: float, inwards: float) -> np.floating[Any]:
        """Return the first number of the column's type within a bound: rounding might let others in."""
        kind = self.codes.dtype.type
        rounded: np.floating[Any] = kind(bound)
        is_outside = float(rounded) < bound if inwards > 0 else float(rounded) > bound
        return np.nextafter(rounded, kind(inwards)) if is_outside else rounded

    def numbers(self, rows: IntArray) -> NDArray[np.float64]:
        """Return the numbers of some rows; NaN for NULL."""
        found = self.codes[rows]
        if self.values is None:
            return found.astype(np.float64)
        return np.concatenate([[np.nan], self.values])[found]

    def has_value(self) -> BoolArray:
        """Return for each row whether it has a number."""
        return np.asarray(self.codes != 0) if self.values is not None else ~np.isnan(self.codes)

    def is_set(self, *, value: bool) -> BoolArray:
        """Return for each row whether it has a number that is, or is not, 0."""
        is_zero = self.between(0, 0)
        return is_zero if not value else self.has_value() & ~is_zero


class TextColumn:
    """A column of texts.

    Attributes:
        codes: of each row, 0 for NULL.
        ranks: for each code but 0, the rank of its folded text.
        folded: the folded texts by their codes.
    """

    def __init__(self, columns: Columns, key: str) -> None:
        self._columns = columns
        self._key = key
        self.codes = columns[f"{key}:codes"]
        self.ranks = columns[f"{key}:ranks"]
        self.folded = TextList(columns.raw(f"{key}:folded"), columns[f"{key}:folded:starts"])

    @cached_property
    def texts(self) -> list[str]:
        """The text of each code but 0."""
        key = f"{self._key}:texts"
        return TextList(self._columns.raw(key), self._columns[f"{key}:starts"]).texts()

    def rows_with(self, is_wanted: BoolArray) -> BoolArray:
        """Return for each row whether its text is wanted, given whether each different text is."""
        wanted = np.flatnonzero(is_wanted)
        if not len(wanted):
            return np.zeros(len(self.codes), np.bool_)
        if wanted[-1] - wanted[0] + 1 == len(wanted):
            return code_range(self.codes, int(wanted[0]) + 1, int(wanted[-1]) + 1)
        return np.concatenate([[np.False_], is_wanted])[self.codes]


def code_range(codes: Array, least: int, most: int) -> BoolArray:
    """Return for each code whether it lies between two others, inclusive."""
    if least > most:
        return np.zeros(len(codes), np.bool_)
    if least == most:
        return np.asarray(codes == least)
    if least == 0:
        return np.asarray(codes <= most)
    # Codes below the least wrap around: one comparison instead of two.
    return np.asarray(codes - codes.dtype.type(least) <= most - least)


_SEARCHED_SHARE = 32
"""Songs of fewer links than this part of all are searched for; those of more are worked out for all links."""


class Segment:
    """The rows of a segment.

    Args:
        columns: of it.
        dead_songs: rows of songs that are in a later segment, or in none any more.
    """

    def __init__(self, columns: Columns, dead_songs: Array) -> None:
        self.columns = columns
        self.dead_songs = dead_songs
        self._shared: Array | None = None
        self._texts: dict[str, TextColumn] = {}
        self._bins: dict[str, NDArray[np.uint8]] = {}

    @property
    def link_count(self) -> int:
        """The number of links, also of dead songs."""
        return len(self.columns["links.position"])

    @cached_property
    def link_starts(self) -> IntArray:
        """The first link of each song, and one more."""
        return self.columns["songs.links"].astype(np.intp)

    @cached_property
    def track_of_link(self) -> IntArray:
        """The row of each link's track."""
        return self.columns["links.track"].astype(np.intp)

    @cached_property
    def _links_of_tracks(self) -> NDArray[np.int32]:
        counts = np.bincount(self.track_of_link, minlength=len(self.columns["tracks.id"]))
        return counts.astype(np.int32)

    @cached_property
    def alive(self) -> BoolArray | None:
        """For each link whether its song is alive; None if all are."""
        if not len(self.dead_songs):
            return None
        is_alive = np.ones(len(self.columns["songs.id"]), np.bool_)
        is_alive[self.dead_songs] = False
        return np.repeat(is_alive, np.diff(self.link_starts))

    @cached_property
    def song_names(self) -> TextList:
        """The folded names of the songs; of several paths with a separator between them."""
        return TextList(self.columns.raw("songs.names"), self.columns["songs.names:starts"])

    @cached_property
    def song_paths(self) -> TextList:
        """The smallest paths of the songs."""
        return TextList(self.columns.raw("songs.paths"), self.columns["songs.paths:starts"])

    def number(self, column: IndexColumn) -> NumberColumn:
        """Return a column of numbers."""
        if column.name == SHARED:
            assert self._shared is not None, "it is counted before"
            return NumberColumn(self._shared, None)
        key = f"{column.key}:codes"
        if key in self.columns:
            return NumberColumn(self.columns[key], self.columns[f"{column.key}:values"])
        return NumberColumn(self.columns[f"{column.key}:raw"], None)

    def bins(self, column: IndexColumn, edges: Sequence[float]) -> NDArray[np.uint8]:
        """Return for each row in which range its number lies: 0 is before the first edge.

        Rows without a number have one more than the last range.
        """
        found = self._bins.get(column.key)
        if found is None:
            numbers = self.number(column)
            values = numbers.codes if numbers.values is None else numbers.values
            found = np.searchsorted(np.array(edges, values.dtype), values, "right").astype(np.uint8)
            if numbers.values is not None:
                found = np.concatenate([[len(edges) + 1], found]).astype(np.uint8)[numbers.codes]
            else:
                found[np.isnan(values)] = len(edges) + 1
            self._bins[column.key] = found
        return found

    def text(self, column: IndexColumn) -> TextColumn:
        """Return a column of texts."""
        found = self._texts.get(column.key)
        if found is None:
            found = self._texts[column.key] = TextColumn(self.columns, column.key)
        return found

    def of_links(self, values: NDArray[Any], level: Level) -> NDArray[Any]:
        """Return the values of each link's song or track, given those of all songs or tracks."""
        if level == "links":
            return values
        if level == "songs":
            return np.repeat(values, np.diff(self.link_starts))
        return values[self.track_of_link]

    def link_counts(self, level: Level) -> NDArray[np.integer[Any]]:
        """Return how many links each song or track has, also those of dead songs."""
        return np.diff(self.link_starts) if level == "songs" else self._links_of_tracks

    def songs_of(self, links: IntArray) -> IntArray:
        """Return the rows of some links' songs."""
        if len(links) < self.link_count // _SEARCHED_SHARE:
            return np.searchsorted(self.link_starts, links, "right") - 1
        counts = np.diff(self.link_starts)
        return np.repeat(np.arange(len(counts), dtype=np.intp), counts)[links]

    def rows_at(self, links: IntArray, level: Level) -> IntArray:
        """Return the rows of some links' songs or tracks."""
        if level == "links":
            return links
        return self.songs_of(links) if level == "songs" else self.track_of_link[links]

    def values_at(self, values: NDArray[Any], level: Level, links: FoundRows | None) -> NDArray[Any]:
        """Return the values of some links' songs or tracks, given those of all; None for all links."""
        if links is None:
            return self.of_links(values, level)
        if level == "songs" and len(links) >= self.link_count // _SEARCHED_SHARE:
            return self.of_links(values, level)[links]
        return values[links if level == "links" else self.rows_at(links.astype(np.intp), level)]

    def song_counts(self, size: int) -> IntArray:
        """Return the number of songs alive for each id of a track below ``size``."""
        is_counted = self.columns["links.is_first"] == 1
        if self.alive is not None:
            is_counted = is_counted & self.alive
        counts = np.bincount(self.track_of_link[is_counted], minlength=len(self.columns["tracks.id"]))
        totals = np.zeros(size, np.intp)
        totals[self.columns["tracks.id"]] = counts
        return totals

    def shared_of(self, links: IntArray) -> list[int]:
        """Return how many songs have the tracks of some links, see ``set_shared``."""
        assert self._shared is not None, "it is counted before"
        found: list[int] = self._shared[self.track_of_link[links]].astype(np.intp).tolist()
        return found

    def set_shared(self, totals: IntArray) -> None:
        """Set the number of songs that have each track, by its id."""
        self._shared = totals[self.columns["tracks.id"]].astype(np.float32)
