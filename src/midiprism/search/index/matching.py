"""Finds the links of a segment that a query matches.

A condition on songs or tracks is worked out once for each of them; conditions of one level are joined before
they are looked up for the links.
"""

from collections.abc import Callable, Iterable
from functools import reduce

import numpy as np

from midiprism.catalog.folding import fold_text
from midiprism.records.batches import make_storable
from midiprism.search.index.encoding import text_bytes
from midiprism.search.index.index_columns import (
    SHARED,
    IndexColumn,
    Level,
    find_column,
)
from midiprism.search.index.segment import Segment
from midiprism.search.index.text_search import BoolArray, TextList
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
    Term,
    Test,
    Word,
)
from midiprism.search.query_fields import QUERY_FIELDS, SONG_NAME, WORD_FIELDS, QueryField

LevelMask = tuple[Level, BoolArray]


def matching_links(segment: Segment, query: Query) -> BoolArray | None:
    """Return for each link of a segment whether a query matches it; None if it matches all."""
    masks = [_group_mask(segment, group) for group in query.groups]
    found = reduce(np.logical_or, masks) if masks else None
    if segment.alive is None:
        return found
    return segment.alive if found is None else found & segment.alive


def _group_mask(segment: Segment, group: Group) -> BoolArray:
    by_level: dict[Level, BoolArray] = {}
    for term in group.terms:
        level, mask = _term_mask(segment, term)
        by_level[level] = by_level[level] & mask if level in by_level else mask
        if not by_level[level].any():
            return np.zeros(segment.link_count, np.bool_)
    masks = [segment.of_links(mask, level) for level, mask in by_level.items()]
    return reduce(np.logical_and, masks) if masks else np.ones(segment.link_count, np.bool_)


def _term_mask(segment: Segment, term: Term) -> LevelMask:
    masks = [mask for match in term.matches for mask in _match_masks(segment, match)]
    level, found = _joined(segment, masks)
    return level, ~found if term.negated else found


def _joined(segment: Segment, masks: list[LevelMask]) -> LevelMask:
    """Return for which rows one of some masks holds."""
    by_level: dict[Level, BoolArray] = {}
    for level, mask in masks:
        by_level[level] = by_level[level] | mask if level in by_level else mask
    if len(by_level) == 1:
        return next(iter(by_level.items()))
    wide = [segment.of_links(mask, level) for level, mask in by_level.items() if mask.any()]
    return "links", reduce(np.logical_or, wide, np.zeros(segment.link_count, np.bool_))


def _match_masks(segment: Segment, match: Match) -> Iterable[LevelMask]:
    """Yield masks of which one has to hold."""
    if isinstance(match, Word):
        for field in WORD_FIELDS:
            yield from _field_masks(segment, field, Contains(match.text))
    elif isinstance(match, Like):
        yield "tracks", _tracks_found(segment, match)
    else:
        yield from _field_masks(segment, QUERY_FIELDS[match.field], match.test)


def _tracks_found(segment: Segment, match: Like) -> BoolArray:
    """Return for each track of a segment whether it was found to be like another one."""
    ids = segment.columns["tracks.id"]
    wanted = np.array(() if match.found is None else match.found.ids, ids.dtype)
    return np.isin(ids, wanted)


def _field_masks(segment: Segment, field: QueryField, test: Test) -> Iterable[LevelMask]:
    for name in field.field_names:
        if name == SONG_NAME:
            yield "songs", _test_list(segment.song_names, test)
            continue
        column = find_column(field, name)
        test_column = _text_mask if column.is_text else _number_mask
        yield column.level, test_column(segment, field, column, test)


def _number_mask(segment: Segment, field: QueryField, column: IndexColumn, test: Test) -> BoolArray:
    numbers = segment.number(column)
    match test:
        case Range():
            return numbers.between(*field.bounds(test))
        case Flag():
            return numbers.is_set(value=test.value)
        case Present():
            return numbers.has_value()
    raise TypeError(f"{field.name} is a number, and cannot be tested by {test!r}.")


def _text_mask(segment: Segment, field: QueryField, column: IndexColumn, test: Test) -> BoolArray:
    texts = segment.text(column)
    if isinstance(test, Contains | Equals | Present):
        return texts.rows_with(_test_list(texts.folded, test))
    holds = _text_predicate(field, test)
    return texts.rows_with(np.fromiter(map(holds, texts.texts), np.bool_, len(texts.texts)))


def _text_predicate(field: QueryField, test: Test) -> Callable[[str], bool]:
    match test:
        case Choice():
            return test.value.__eq__
        case Dates():
            return test.holds
        case Key():
            keys = test.keys()
            return lambda text: parse_key(text) in keys
    raise TypeError(f"{field.name} is a text, and cannot be tested by {test!r}.")


def _test_list(texts: TextList, test: Test) -> BoolArray:
    """Return for each text of a list of folded texts whether it passes a test."""
    match test:
        case Contains():
            return texts.containing(_folded_bytes(test.text))
        case Equals():
            return texts.equal_to(_folded_bytes(test.text))
        case Present():
            return texts.are_not_empty()
    raise TypeError(f"Texts cannot be tested by {test!r}.")


def _folded_bytes(text: str) -> bytes:
    return text_bytes(fold_text(make_storable(text)))


def asks_for_shared(query: Query) -> bool:
    """Return whether a query needs the number of songs that share a track."""
    return any(isinstance(match, FieldMatch) and match.field == SHARED for match in query.matches()) or any(
        key.field == SHARED for key in query.sort
    )
