"""Conditions that narrow down a search for tracks in the database."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from sqlalchemy import ColumnElement, Connection, Table, and_, exists, func, or_

from midiprism.catalog.folding import fold_text
from midiprism.catalog.schema import links, song_paths, tracks
from midiprism.records.batches import make_storable

RecordName = Literal["links", "tracks", "songs"]
TextCondition = Callable[[ColumnElement[str], str], ColumnElement[bool]]

_TABLES: Mapping[RecordName, Table] = {"links": links, "tracks": tracks, "songs": song_paths}


@dataclass(frozen=True, slots=True)
class TextContains:
    """A text contains another one, in any case, width and composition."""

    text: str


@dataclass(frozen=True, slots=True)
class Between:
    """A number lies between two others, inclusive; None for no bound."""

    low: float | None
    high: float | None


@dataclass(frozen=True, slots=True)
class OneOf:
    """A value is one of a few."""

    values: tuple[str | int, ...]


@dataclass(frozen=True, slots=True)
class Condition:
    """One of some fields of a record passes a test. Of a song, any of its paths that are there may pass.

    Attributes:
        record: that has the fields.
        field_names: names of the fields.
        test: which one of them passes.
    """

    record: RecordName
    field_names: tuple[str, ...]
    test: TextContains | Between | OneOf


def sql_condition(connection: Connection, choices: Sequence[Condition]) -> ColumnElement[bool]:
    """Return the condition that one of several holds.

    SQLite folds texts by a function of ours. PostgreSQL folds them by its own locale, so there a text beyond
    ASCII always passes: the caller has to look at it.
    """
    contains = _contains if connection.dialect.name == "sqlite" else _may_contain
    return or_(*(_one_condition(condition, contains) for condition in choices))


def _one_condition(condition: Condition, contains: TextCondition) -> ColumnElement[bool]:
    if condition.record != "songs":
        columns = [_TABLES[condition.record].c[name] for name in condition.field_names]
        return or_(*(_column_condition(column, condition, contains) for column in columns))
    named = song_paths.alias("named")
    passes = or_(*(_column_condition(named.c[name], condition, contains) for name in condition.field_names))
    return (
        exists()
        .where(named.c.song_id == song_paths.c.song_id, named.c.gone_at.is_(None), passes)
        .correlate(song_paths)
    )


def _column_condition(
    column: ColumnElement[str], condition: Condition, contains: TextCondition
) -> ColumnElement[bool]:
    match condition.test:
        case TextContains(text):
            return contains(column, text)
        case Between(low, high):
            bounds: Iterable[ColumnElement[bool]] = (
                *([] if low is None else [column >= low]),
                *([] if high is None else [column <= high]),
            )
            return and_(*bounds)
        case OneOf(values):
            return column.in_(values)


def _contains(column: ColumnElement[str], text: str) -> ColumnElement[bool]:
    # Folded before it becomes a pattern: a full-width percent sign is none of SQL's.
    return column.icontains(fold_text(make_storable(text)), autoescape=True)


def _may_contain(column: ColumnElement[str], text: str) -> ColumnElement[bool]:
    """Return a condition that holds where ``_contains`` holds, and for any text beyond ASCII."""
    beyond_ascii = func.octet_length(column) > func.char_length(column)
    folded = fold_text(text)
    return or_(beyond_ascii, _contains(column, folded)) if folded.isascii() else beyond_ascii
