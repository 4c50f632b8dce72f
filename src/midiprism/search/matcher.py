"""Decides whether a track passes a query, and by which values tracks are sorted."""

from collections.abc import Callable, Iterable
from functools import lru_cache
from typing import Any

from midiprism.catalog import TrackRow
from midiprism.catalog.folding import fold_text
from midiprism.fs.path_text import path_text
from midiprism.records.batches import make_storable
from midiprism.search.musical_keys import parse_key
from midiprism.search.query import (
    Choice,
    Contains,
    Dates,
    Equals,
    FieldMatch,
    Flag,
    Group,
    Key,
    Like,
    Match,
    Present,
    Query,
    Range,
    SortKey,
    Term,
    Word,
)
from midiprism.search.query_fields import QUERY_FIELDS, SONG_NAME, SOURCE, WORD_FIELDS, QueryField

Predicate = Callable[[TrackRow], bool]

_cached_fold = lru_cache(4_096)(fold_text)
_cached_key = lru_cache(64)(parse_key)


def matcher(query: Query) -> Predicate:
    """Return a function that says whether a track passes a query."""
    groups = [_group_predicate(group) for group in query.groups]
    return _any(groups) if groups else lambda _row: True


def _group_predicate(group: Group) -> Predicate:
    terms = [_term_predicate(term) for term in group.terms]
    return lambda row: all(holds(row) for holds in terms)


def _term_predicate(term: Term) -> Predicate:
    holds = _any([_match_predicate(match) for match in term.matches])
    return (lambda row: not holds(row)) if term.negated else holds


def _any(predicates: list[Predicate]) -> Predicate:
    return predicates[0] if len(predicates) == 1 else lambda row: any(holds(row) for holds in predicates)


def _match_predicate(match: Match) -> Predicate:
    if isinstance(match, Word):
        return _any([_field_predicate(field, Contains(match.text)) for field in WORD_FIELDS])
    if isinstance(match, Like):
        digests = match.found.digests if match.found is not None else frozenset()
        return lambda row: row.track.digest in digests
    assert isinstance(match, FieldMatch)
    return _field_predicate(QUERY_FIELDS[match.field], match.test)


def _field_predicate(field: QueryField, test: Any) -> Predicate:
    passes = _value_test(field, test)
    return lambda row: any(value is not None and passes(value) for value in values_of(row, field))


def _value_test(field: QueryField, test: Any) -> Callable[[Any], bool]:
    """Return the test of one value that is there."""
    match test:
        case Contains(text):
            wanted = fold_text(make_storable(text))
            return lambda value: wanted in _cached_fold(value)
        case Equals(text):
            equal = fold_text(make_storable(text))
            return lambda value: _cached_fold(value) == equal
        case Choice(choice):
            return lambda value: value == choice
        case Range():
            low, high = field.bounds(test)
            return lambda value: (low is None or value >= low) and (high is None or value <= high)
        case Flag(flag):
            return lambda value: bool(value) is flag
        case Dates():
            return test.holds
        case Key():
            keys = test.keys()
            return lambda value: _cached_key(value) in keys
        case Present():
            return lambda value: value != ""
    raise AssertionError(f"There is no test {test!r}.")


def values_of(row: TrackRow, field: QueryField) -> Iterable[Any]:
    """Return the values of a track of which one has to pass a test of a field."""
    if field.record == "songs":
        return _song_values(row, field.field_names[0])
    if field.record == "links":
        return [getattr(row.link, name) for name in field.field_names]
    if field.record == "tracks":
        return [getattr(row.track, name) for name in field.field_names]
    return [getattr(row, name) for name in field.field_names]


def _song_values(row: TrackRow, name: str) -> Iterable[Any]:
    if name == SONG_NAME:
        return row.song_names
    return [path_text(row.source) if name == SOURCE else row.song_facts.get(name)]


def sort_value(row: TrackRow, key: SortKey) -> Any:
    """Return the value by which a track is sorted; None for none."""
    field = QUERY_FIELDS[key.field]
    value = row.song_name if field.field_names[0] == SONG_NAME else next(iter(values_of(row, field)))
    if value is None or field.is_numeric:
        return value
    if field.kind == "key":
        return _cached_key(value)
    return _cached_fold(value) if field.kind == "text" else value
