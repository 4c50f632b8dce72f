"""The plain search: reads the catalog's rows and looks at each.

It is simple, needs nothing but the catalog, and says what a query means: every other search finds the same.
"""

from collections.abc import Generator, Iterable, Iterator, Sequence
from contextlib import closing
from itertools import islice

from midiprism.catalog import Catalog, TrackRow, find_tracks
from midiprism.catalog.queries.conditions import Between, Condition, OneOf, TextContains
from midiprism.search.matcher import matcher, sort_value
from midiprism.search.musical_keys import key_spellings
from midiprism.search.query import (
    Choice,
    Contains,
    Equals,
    FieldMatch,
    Flag,
    Key,
    Like,
    Match,
    Query,
    Range,
    SortKey,
    Word,
)
from midiprism.search.query_fields import QUERY_FIELDS, SONG_NAME, WORD_FIELDS

_LEAST_SORTED = 10_000
"""Tracks that are collected before those that cannot be among the first are dropped."""


def scan_tracks(
    catalog: Catalog, query: Query, limit: int | None = None, *, count_shared: bool = False
) -> Generator[TrackRow, None, None]:
    """Yield the tracks that pass a query, in its order, from a scan of the catalog.

    Without ``sort:`` tracks stream; with it, as many as ``limit`` says are held, or all that pass. Close the
    rows before the catalog if you leave them early.

    Args:
        catalog: open.
        query: its groups and its order.
        limit: most tracks to yield; None for all.
        count_shared: whether the rows tell ``shared``, also if the query does not need it.

    Raises:
        CatalogError: the catalog cannot be read.
    """
    names = {match.field for match in query.matches() if isinstance(match, FieldMatch)}
    count_shared |= "shared" in names | {key.field for key in query.sort}
    conditions = [*_conditions(query)]
    with closing(find_tracks(catalog.connection, conditions, count_shared=count_shared)) as rows:
        passing = filter(matcher(query), rows)
        yield from islice(_sorted(passing, query.sort, limit) if query.sort else passing, limit)


def _sorted(rows: Iterable[TrackRow], keys: Sequence[SortKey], limit: int | None) -> list[TrackRow]:
    """Return the first rows in the order of some keys; equal ones in the order in which they come."""
    first: list[TrackRow] = []
    for row in rows:
        first.append(row)
        if limit is not None and len(first) >= limit + max(limit, _LEAST_SORTED):
            first = _sort(first, keys)[:limit]
    return _sort(first, keys)


def _sort(rows: list[TrackRow], keys: Sequence[SortKey]) -> list[TrackRow]:
    for key in reversed(keys):
        valued = [(sort_value(row, key), row) for row in rows]
        present = [it for it in valued if it[0] is not None]
        present.sort(key=lambda it: it[0], reverse=key.descending)
        rows = [row for _, row in present] + [row for value, row in valued if value is None]
    return rows


def _conditions(query: Query) -> Iterator[Sequence[Condition]]:
    """Yield conditions that hold for every track that passes a query of one group."""
    if len(query.groups) != 1:
        return
    for term in query.groups[0].terms:
        choices = [[*_match_conditions(match)] for match in term.matches]
        if not term.negated and all(choices):
            yield [condition for choice in choices for condition in choice]


def _match_conditions(match: Match) -> Iterator[Condition]:
    """Yield conditions of which one holds wherever a match holds; none if the database cannot decide it."""
    if isinstance(match, Word):
        for field in WORD_FIELDS:
            yield from _match_conditions(FieldMatch(field.name, Contains(match.text)))
        return
    if isinstance(match, Like):
        return
    field = QUERY_FIELDS[match.field]
    if field.record == "catalog" or (field.record == "songs" and field.field_names[0] != SONG_NAME):
        return
    test = match.test
    if isinstance(test, Contains | Equals):
        yield Condition(field.record, field.field_names, TextContains(test.text))
    elif isinstance(test, Range):
        yield Condition(field.record, field.field_names, Between(*field.bounds(test)))
    elif isinstance(test, Choice):
        yield Condition(field.record, field.field_names, OneOf((test.value,)))
    elif isinstance(test, Flag):
        yield Condition(field.record, field.field_names, OneOf((int(test.value),)))
    elif isinstance(test, Key):
        yield Condition(field.record, field.field_names, OneOf(key_spellings(test.keys())))
