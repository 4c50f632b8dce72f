"""Values that the Python interface takes from people, as the packages below it take them."""

import os
from collections.abc import Mapping, Sequence
from logging import getLogger

from midiprism.catalog import PostgresAddress
from midiprism.search.filter_terms import filter_terms
from midiprism.search.parse_query import parse_query
from midiprism.search.query import Query
from midiprism.search.saved_searches import SavedSearches, default_folder
from midiprism.sources import Source, open_source

PathLike = str | os.PathLike[str]
"""A path of a file or a folder."""


def log_compiling(seconds: float) -> None:
    """Tell a program's log that the splitter is being compiled."""
    if seconds == 0:
        getLogger("midiprism").info("Compiling the splitter, once after each installation.")


def query_of(text: str, filters: Mapping[str, str | int | float | bool]) -> Query:
    """Return the query of a text and of filters.

    Raises:
        TypeError: there is no filter of that name.
        QueryError: it cannot be understood.
    """
    return parse_query(text, SavedSearches(default_folder())).with_terms(filter_terms(filters))


def address_of(database: str | None) -> PostgresAddress | None:
    """Return the address of a catalog in PostgreSQL by its URL; None for a file in the result."""
    return None if database is None else PostgresAddress(database)


def source_of(sources: PathLike | Source | Sequence[PathLike], out: str) -> Source:
    """Open a source, or what paths lead to, without what is in the result in ``out``.

    Raises:
        UsageError: a source is missing.
    """
    if isinstance(sources, str | os.PathLike):
        sources = [sources]
    return open_source(sources, os.fsencode(out)) if isinstance(sources, Sequence) else sources
