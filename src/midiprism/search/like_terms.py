"""Finds the tracks that ``like:`` in a query stands for."""

from midiprism.catalog.reader import CatalogReader
from midiprism.search.query import Like, LikeTracks, Query


def with_like_tracks(query: Query, out: str, reader: CatalogReader) -> Query:
    """Return a query that knows which tracks its ``like:`` terms find; another query as it is.

    The track itself is among them.

    Args:
        query: the query.
        out: folder of the result.
        reader: of its catalog.

    Raises:
        UsageError: there is no such track, or there are several.
        StoreError: the track cannot be read, or fingerprints cannot be written.
        CatalogError: the catalog cannot be read.
    """
    if not any(isinstance(match, Like) for match in query.matches()):
        return query
    from midiprism.similarity.by_example import (  # which loads the compiler
        LIKE_LIMIT,
        MIN_LIKE_SCORE,
        open_finder,
    )

    finder = open_finder(out, reader, retry=False)

    def find(digits: str) -> LikeTracks:
        tracks = finder.find_with_itself(digits, LIKE_LIMIT, MIN_LIKE_SCORE)
        return LikeTracks(tuple(sorted(tracks)), frozenset(tracks.values()))

    return query.with_found(find)
