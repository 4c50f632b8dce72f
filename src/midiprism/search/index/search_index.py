"""Searches in an index that is up to date."""

import heapq
from collections.abc import Iterator, Sequence
from itertools import islice
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from midiprism.catalog.queries.found_rows import LinkKey
from midiprism.search.index.facets import DEFAULT_FACETS, Facet, count_facets
from midiprism.search.index.full_order import LinkOrder
from midiprism.search.index.generation import Generation
from midiprism.search.index.in_threads import map_in_threads
from midiprism.search.index.index_columns import FACTS_VERSION, IndexColumn
from midiprism.search.index.matching import asks_for_shared, matching_links
from midiprism.search.index.ordering import Places, link_keys, order_keys, sorted_places
from midiprism.search.index.segment import FoundRows, IntArray, Segment
from midiprism.search.query import Query, SortKey

_FIRST_ROWS = 1_000
"""Rows whose order is worked out at once when all are wanted."""


class _Part(NamedTuple):
    """The links that were found in a segment, ascending; None for all of them."""

    segment: Segment
    links: FoundRows | None

    @property
    def size(self) -> int:
        return self.segment.link_count if self.links is None else len(self.links)

    def at(self, places: NDArray[np.integer[Any]]) -> IntArray:
        """Return the links at some places among those found."""
        return (places if self.links is None else self.links[places]).astype(np.intp)

    def sorted_places(self, sort: Sequence[SortKey], limit: int | None) -> Places:
        """Return the places of the first of them in the order wanted; of all of them without a limit."""
        return sorted_places(self.segment, self.links, sort, limit)


class Matches:
    """The links that a query matches."""

    def __init__(
        self,
        parts: Sequence[_Part],
        sort: Sequence[SortKey],
        link_order: LinkOrder,
        *,
        with_shared: bool,
    ) -> None:
        self._parts = parts
        self._sort = sort
        self._link_order = link_order
        self._order: Places | None = None
        self._with_shared = with_shared

    def __len__(self) -> int:
        return sum(part.size for part in self._parts)

    @property
    def are_all(self) -> bool:
        """True if no link is left out."""
        return all(part.links is None for part in self._parts)

    def first(self, limit: int | None = None) -> Iterator[LinkKey]:
        """Yield the first of them in the order of the query; all of them without a limit."""
        if len(self._parts) == 1:
            (part,) = self._parts
            places = part.sorted_places(self._sort, limit)
            for start in range(0, len(places), _FIRST_ROWS):
                yield from self._keys(part, part.at(places[start : start + _FIRST_ROWS]))
            return
        streams = [self._with_keys(part, limit) for part in self._parts]
        for index, (_, found) in enumerate(heapq.merge(*streams, key=lambda row: row[0])):
            if limit is not None and index >= limit:
                return
            yield found

    def window(self, offset: int, limit: int) -> list[LinkKey]:
        """Return some of them in the order of the query.

        Args:
            offset: how many come before.
            limit: how many to return.
        """
        if offset + limit <= _FIRST_ROWS:
            return [*islice(self.first(offset + limit), offset, None)]
        chosen = self._full_order()[offset : offset + limit]
        starts = np.cumsum([0, *(part.size for part in self._parts)])
        numbers = np.searchsorted(starts, chosen, "right") - 1
        found: list[LinkKey | None] = [None] * len(chosen)
        for number, part in enumerate(self._parts):
            places = np.flatnonzero(numbers == number)
            keys = self._keys(part, part.at(chosen[places] - starts[number]))
            for place, key in zip(places.tolist(), keys, strict=True):
                found[place] = key
        return [key for key in found if key is not None]

    def _full_order(self) -> Places:
        """Return the places of all links in the order of the query, which are worked out once."""
        if self._order is None:
            if len(self._parts) == 1:
                self._order = self._parts[0].sorted_places(self._sort, None)
            else:
                self._order = self._link_order.sorted([part.links for part in self._parts], self._sort)
        return self._order

    def facets(self, names: Sequence[str] = DEFAULT_FACETS) -> tuple[Facet, ...]:
        """Return the exact counts of some fields, see ``count_facets``."""
        return count_facets(names, self._parts)

    def _with_keys(self, part: _Part, limit: int | None) -> Iterator[tuple[tuple[object, ...], LinkKey]]:
        places = part.sorted_places(self._sort, limit)
        for start in range(0, len(places), _FIRST_ROWS):
            chunk = part.at(places[start : start + _FIRST_ROWS])
            order = order_keys(part.segment, chunk, self._sort)
            yield from zip(order, self._keys(part, chunk), strict=True)

    def _keys(self, part: _Part, links: IntArray) -> list[LinkKey]:
        return link_keys(part.segment, links, with_shared=self._with_shared)


class SearchIndex:
    """An index that is up to date with a snapshot of a catalog.

    Args:
        generation: of the snapshot.
    """

    def __init__(self, generation: Generation) -> None:
        self._segments = [Segment(one.columns, one.dead_songs) for one in generation.segments]
        self._link_order = LinkOrder(self._segments)
        self._has_shared = False

    def search(self, query: Query, *, count_shared: bool = False) -> Matches:
        """Return the links that a query matches.

        Args:
            query: its terms and its order.
            count_shared: whether links tell how many songs have the same track, also if the query does not
                need it.
        """
        with_shared = count_shared or asks_for_shared(query)
        if with_shared and not self._has_shared:
            self._count_shared()

        def find(segment: Segment) -> _Part:
            mask = matching_links(segment, query)
            return _Part(
                segment, None if mask is None or mask.all() else np.flatnonzero(mask).astype(np.uint32)
            )

        parts = map_in_threads(find, self._segments, sum(one.link_count for one in self._segments))
        return Matches(parts, query.sort, self._link_order, with_shared=with_shared)

    def links_of_track(self, track_id: int, limit: int) -> list[LinkKey]:
        """Return the first links of a track, song by song.

        Args:
            track_id: its number in the catalog.
            limit: how many.
        """
        found: list[LinkKey] = []
        for segment in self._segments:
            rows = np.flatnonzero(segment.columns["tracks.id"] == track_id)
            if len(rows) and len(found) < limit:
                is_wanted = segment.columns["links.track"] == rows[0]
                if segment.alive is not None:
                    is_wanted = is_wanted & segment.alive
                links = np.flatnonzero(is_wanted)[: limit - len(found)]
                found += link_keys(segment, links, with_shared=False)
        return found

    def first_links(self, track_ids: Sequence[int]) -> dict[int, LinkKey]:
        """Return one link of each track, by its number in the catalog; none for those without a song."""
        wanted = np.unique(np.array(track_ids, np.int64))
        found: dict[int, LinkKey] = {}
        for segment in self._segments:
            is_wanted = np.isin(segment.columns["tracks.id"], wanted)[segment.track_of_link]
            if segment.alive is not None:
                is_wanted = is_wanted & segment.alive
            links = np.flatnonzero(is_wanted)
            ids = segment.columns["tracks.id"][segment.track_of_link[links]]
            _, firsts = np.unique(ids, return_index=True)
            keys = link_keys(segment, links[firsts], with_shared=False)
            found = dict(zip(ids[firsts].tolist(), keys, strict=True)) | found
        return found

    def missing_facts(self) -> tuple[int, int]:
        """Return the number of tracks whose facts were not computed, and that of all tracks."""
        column = IndexColumn("tracks", FACTS_VERSION, False)
        masks = [~segment.number(column).has_value() for segment in self._segments]
        if not any(mask.any() for mask in masks):
            return 0, 0
        ids = [segment.columns["tracks.id"] for segment in self._segments]
        missing = [of_segment[mask] for of_segment, mask in zip(ids, masks, strict=True)]
        return len(np.unique(np.concatenate(missing))), len(np.unique(np.concatenate(ids)))

    def _count_shared(self) -> None:
        """Count for each track the songs that have it, in all segments together."""
        size = 1 + max((int(one.columns["tracks.id"].max(initial=0)) for one in self._segments), default=0)
        totals = np.zeros(size, np.intp)
        for segment in self._segments:
            totals += segment.song_counts(size)
        for segment in self._segments:
            segment.set_shared(totals)
        self._has_shared = True
