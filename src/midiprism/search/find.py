"""Searches for the tracks of a result: which links a query finds, from the index, and their rows."""

from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from midiprism.catalog import PostgresAddress
from midiprism.catalog.queries.found_rows import found_rows
from midiprism.catalog.queries.missing_facts import count_missing_facts
from midiprism.catalog.reader import CatalogReader, open_reader, reader_of
from midiprism.catalog.track_row import TrackRow
from midiprism.results.result_dir import catalog_address, open_catalog_of, require_result
from midiprism.search.like_terms import with_like_tracks
from midiprism.search.query import Query

if TYPE_CHECKING:  # which load NumPy
    from midiprism.search.index.facets import Facet
    from midiprism.search.index.search_index import Matches, SearchIndex

Scan = Callable[[Query, int | None, bool], Generator[TrackRow, None, None]]


@dataclass(frozen=True, slots=True)
class SearchPage:
    """The answer to a query, as a page shows it.

    Attributes:
        total: number of tracks that were found.
        tracks: the wanted ones of them.
        facets: counts of all of them.
    """

    total: int
    tracks: Sequence[TrackRow]
    facets: "tuple[Facet, ...]"


class TrackSearch:
    """Searches in one snapshot of a result.

    Args:
        out: folder of the result.
        reader: of the catalog.
        index: of the same snapshot; None where tracks are found by a scan of the catalog.
        scan: returns the tracks of a query by a scan, given its limit and whether to count ``shared``.
        obstacle: why the index cannot be written; None if it can.

    Attributes:
        reader: of the catalog.
        obstacle: why the index cannot be written; None if it can. If it cannot, every search reads what has
            changed since the last time, or all of the catalog.
    """

    def __init__(
        self,
        out: str,
        reader: CatalogReader,
        index: "SearchIndex | None",
        scan: Scan,
        obstacle: str | None,
    ) -> None:
        self._out = out
        self.reader = reader
        self.obstacle = obstacle
        self._index = index
        self._scan = scan

    def tracks(
        self, query: Query, limit: int | None = None, *, count_shared: bool = False
    ) -> Generator[TrackRow, None, None]:
        """Yield the tracks that a query finds, in its order. Rows stream.

        Args:
            query: its terms and its order.
            limit: yield so many at most; None for all.
            count_shared: whether the rows tell ``shared``, also if the query does not need it.

        Raises:
            CatalogError: the catalog cannot be read.
        """
        query = with_like_tracks(query, self._out, self.reader)
        if self._index is None:
            with closing(self._scan(query, limit, count_shared)) as rows:
                yield from rows
            return
        matches = self._index.search(query, count_shared=count_shared)
        yield from found_rows(self.reader, matches.first(limit))

    def finds_any(self, query: Query) -> bool:
        """Return whether a query finds any track.

        Raises:
            CatalogError: the catalog cannot be read.
        """
        with closing(self.tracks(query, 1)) as rows:
            return next(rows, None) is not None

    def count(self, query: Query) -> int:
        """Return how many tracks a query finds.

        Raises:
            CatalogError: the catalog cannot be read.
        """
        return len(self._search(query))

    def facets(self, query: Query, names: Sequence[str] | None = None) -> "tuple[Facet, ...]":
        """Return how many of the tracks that a query finds have each value of some fields.

        Args:
            query: the terms; its order does not matter.
            names: of fields, and ``source``; None for those that people ask for most.

        Raises:
            UsageError: there is no such field, or it cannot be counted.
            CatalogError: the catalog cannot be read.
        """
        from midiprism.search.index.facets import DEFAULT_FACETS

        return self._search(query).facets(DEFAULT_FACETS if names is None else names)

    def page(
        self, query: Query, limit: int, facets: Sequence[str] | None = None, *, offset: int = 0
    ) -> "SearchPage":
        """Return some tracks that a query finds, how many there are, and the counts of some fields.

        Args:
            query: its terms and its order.
            limit: most tracks to return.
            facets: as for ``facets``.
            offset: tracks to pass over, also millions.

        Raises:
            UsageError: there is no such field, or it cannot be counted.
            CatalogError: the catalog cannot be read.
        """
        from midiprism.search.index.facets import DEFAULT_FACETS

        matches = self._search(query)
        counts = matches.facets(DEFAULT_FACETS if facets is None else facets)
        return SearchPage(
            len(matches), [*found_rows(self.reader, iter(matches.window(offset, limit)))], counts
        )

    def missing_facts(self) -> tuple[int, int]:
        """Return the number of tracks whose facts were not computed, and that of all tracks.

        Raises:
            CatalogError: the catalog cannot be read.
        """
        if self._index is None:
            return count_missing_facts(self.reader)
        return self._index.missing_facts()

    def first_rows(self, track_ids: Sequence[int]) -> dict[int, TrackRow]:
        """Return for each track, by its id in the catalog, the row of its first link; none without a song.

        Raises:
            CatalogError: the catalog cannot be read.
        """
        keys = self._made_index().first_links(track_ids)
        places = {key[:2]: track_id for track_id, key in keys.items()}
        rows = found_rows(self.reader, iter([*keys.values()]))
        return {places[row.song_id, row.position]: row for row in rows}

    def _search(self, query: Query) -> "Matches":
        return self._made_index().search(with_like_tracks(query, self._out, self.reader))

    def _made_index(self) -> "SearchIndex":
        """Return the index, which is made in memory if there is none."""
        if self._index is None:
            from midiprism.search.index.search_index import SearchIndex
            from midiprism.search.index.update import index_in_memory

            self._index = SearchIndex(index_in_memory(self.reader))
        return self._index


@contextmanager
def open_search(
    out: str, database: PostgresAddress | None = None, on_build: Callable[[], None] = lambda: None
) -> Iterator[TrackSearch]:
    """Open the result in ``out`` for searches; the index is brought up to date first.

    Args:
        out: folder of the result.
        database: where its catalog is; None for a file in the result.
        on_build: called before the index of many songs is made from nothing, which takes a while.

    Raises:
        UsageError: ``out`` holds no result, or its catalog is elsewhere.
        CatalogError: the catalog cannot be read, or belongs to another result.
    """
    require_result(out)
    address = catalog_address(out, database)
    from midiprism.search.index.search_index import SearchIndex  # not before there is a result
    from midiprism.search.index.update import open_index

    def scan(query: Query, limit: int | None, count_shared: bool) -> Generator[TrackRow, None, None]:
        from midiprism.search.plain_scan import scan_tracks

        with (
            open_catalog_of(out, database) as catalog,
            closing(scan_tracks(catalog, query, limit, count_shared=count_shared)) as rows,
        ):
            yield from rows

    with ExitStack() as stack:
        if isinstance(address, PostgresAddress):
            reader = stack.enter_context(reader_of(stack.enter_context(open_catalog_of(out, database))))
        else:
            reader = stack.enter_context(open_reader(address))
        opened = open_index(out, address, reader, on_build)
        index = None if opened.generation is None else SearchIndex(opened.generation)
        yield TrackSearch(out, reader, index, scan, opened.obstacle)
