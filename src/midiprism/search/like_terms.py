"""Finds the tracks that ``like:`` in a query stands for."""

from collections.abc import Callable

from midiprism.catalog.reader import CatalogReader
from midiprism.search.query import Like, LikeTracks, Query


def has_like_terms(query: Query) -> bool:
    """Return whether a query has a ``like:`` term whose tracks are not known yet."""
    return any(isinstance(match, Like) for match in query.matches())


def with_like_tracks(
    query: Query, out: str, reader: CatalogReader, *, stop: Callable[[], bool] = lambda: False
) -> Query:
    """Return a query that knows which tracks its ``like:`` terms find; another query as it is.

    The track itself is among them.

    Args:
        query: the query.
        out: folder of the result.
        reader: of its catalog.
        stop: once true, missing fingerprints are not made, and tracks without them are not found.

    Raises:
        UsageError: there is no such track, or there are several.
        StoreError: the track cannot be read, or fingerprints cannot be written.
        CatalogError: the catalog cannot be read.
    """
    if not has_like_terms(query):
        return query
    from midiprism.similarity.by_example import (  # which loads the compiler
        LIKE_LIMIT,
        MIN_LIKE_SCORE,
        open_finder,
    )

    finder = open_finder(out, reader, stop=stop, retry=False)

    def find(digits: str) -> LikeTracks:
        tracks = finder.find_with_itself(digits, LIKE_LIMIT, MIN_LIKE_SCORE)
        return LikeTracks(tuple(sorted(tracks)), frozenset(tracks.values()))

    return query.with_found(find)
