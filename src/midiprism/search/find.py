"""Searches for the tracks of a result: which links a query finds, from the index, and their rows."""

from collections.abc import Generator, Iterator, Sequence
from contextlib import ExitStack, contextmanager

from midiprism.catalog import PostgresAddress
from midiprism.catalog.queries.found_rows import found_rows
from midiprism.catalog.reader import CatalogReader, open_reader, reader_of
from midiprism.catalog.track_row import TrackRow
from midiprism.results.result_dir import catalog_address, open_catalog_of, require_result
from midiprism.search.index.facets import DEFAULT_FACETS, Facet
from midiprism.search.index.search_index import SearchIndex
from midiprism.search.index.update import open_index
from midiprism.search.query import Query


class TrackSearch:
    """Searches in one snapshot of a result.

    Args:
        reader: of the catalog.
        index: of the same snapshot.
        is_stored: whether the index is in files.

    Attributes:
        reader: of the catalog.
        is_stored: False if the index had to be made in memory, since its folder cannot be written, or another
            process writes it: then every search takes as long as this one.
    """

    def __init__(self, reader: CatalogReader, index: SearchIndex, *, is_stored: bool) -> None:
        self.reader = reader
        self.is_stored = is_stored
        self._index = index

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
        matches = self._index.search(query, count_shared=count_shared)
        yield from found_rows(self.reader, matches.first(limit))

    def count(self, query: Query) -> int:
        """Return how many tracks a query finds."""
        return len(self._index.search(query))

    def facets(self, query: Query, names: Sequence[str] = DEFAULT_FACETS) -> tuple[Facet, ...]:
        """Return how many of the tracks that a query finds have each value of some fields.

        Args:
            query: the terms; its order does not matter.
            names: of fields, and ``source``.

        Raises:
            UsageError: there is no such field.
        """
        return self._index.search(query).facets(names)


@contextmanager
def open_search(out: str, database: PostgresAddress | None = None) -> Iterator[TrackSearch]:
    """Open the result in ``out`` for searches; the index is brought up to date first.

    Args:
        out: folder of the result.
        database: where its catalog is; None for a file in the result.

    Raises:
        UsageError: ``out`` holds no result, or its catalog is elsewhere.
        CatalogError: the catalog cannot be read, or belongs to another result.
    """
    require_result(out)
    address = catalog_address(out, database)
    with ExitStack() as stack:
        if isinstance(address, PostgresAddress):
            catalog = stack.enter_context(open_catalog_of(out, database))
            reader = stack.enter_context(reader_of(catalog))
        else:
            reader = stack.enter_context(open_reader(address))
        opened = open_index(out, reader)
        yield TrackSearch(reader, SearchIndex(opened.generation), is_stored=opened.is_stored)
