"""The columns of a batch as columns of the catalog's tables, and the statements that write and find rows.

Table columns are a mapping from the name of a column to its values in all rows.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from functools import cache, lru_cache
from itertools import chain, repeat
from typing import Any, TypeVar

from sqlalchemy import (
    Column,
    ColumnElement,
    Dialect,
    Table,
    bindparam,
    insert,
    literal_column,
    select,
    update,
)

from midiprism.catalog.schema import PATH_TABLE_FIELDS, SONG_TABLE_FIELDS, links, tracks
from midiprism.records.batches import (
    LINK_COUNT,
    TRACK_INDEX,
    BatchRecord,
    Columns,
    is_all_null,
    make_storable,
)
from midiprism.records.fields import LINK_FIELDS, TRACK_FIELDS, ProblemRecord

T = TypeVar("T")
TableColumns = dict[str, Sequence[Any]]

MAX_QUERY_VALUES = 500
"""Most values in one query: parsing and planning it take longer with each."""

_TRACK_NAMES = tuple(field.name for field in TRACK_FIELDS)
_LINK_NAMES = tuple(field.name for field in LINK_FIELDS)
_SONG_NAMES = tuple(field.name for field in SONG_TABLE_FIELDS)
_PATH_NAMES = tuple(field.name for field in PATH_TABLE_FIELDS)


def query_chunks(values: Sequence[T]) -> Iterator[Sequence[T]]:
    """Divide values so that one query can hold each part."""
    for start in range(0, len(values), MAX_QUERY_VALUES):
        yield values[start : start + MAX_QUERY_VALUES]


@lru_cache(64)
def insert_statement(
    table: Table, dialect: Dialect, names: tuple[str, ...], count: int = 1, **constants: int | None
) -> str:
    """Return the statement that inserts rows of ``table`` with values for some columns.

    Args:
        names: of these columns, in the order of the table.
        count: number of rows.
        constants: values that are the same in all rows; a database takes a quarter longer for values that
            are bound to every row instead.
    """
    literals: dict[str, Any] = {
        name: literal_column("NULL" if value is None else str(value)) for name, value in constants.items()
    }
    one_row = str(insert(table).values(literals).compile(dialect=dialect, column_keys=[*names, *literals]))
    beginning, values, row = one_row.partition(" VALUES ")
    return f"{beginning}{values}{', '.join([row] * count)}"


@cache
def update_statement(table: Table, dialect: Dialect) -> str:
    """Return the statement that changes a row; its values are all columns but ``id``, then ``id``."""
    names = [column.name for column in table.columns if column.name != "id"]
    return str(
        update(table).where(table.c.id == bindparam("row_id")).compile(dialect=dialect, column_keys=names)
    )


@lru_cache(64)
def select_statement(columns: tuple[Column[Any], ...], key: Column[Any], count: int) -> str:
    """Return the statement that finds the rows of a table by ``count`` keys."""
    marks = ", ".join("?" * count)
    names = ", ".join(column.name for column in columns)
    return f"SELECT {names} FROM {key.table.name} WHERE {key.name} IN ({marks})"  # noqa: S608 - names of ours


def track_is_unlinked() -> ColumnElement[bool]:
    """Return the condition on a track that no song has it.

    It takes one pass over all links, in whatever memory there is.
    """
    return tracks.c.id.in_(select(tracks.c.id).except_(select(links.c.track_id)))


def song_table_columns(song_ids: Sequence[int], batch: BatchRecord, indices: Sequence[int]) -> TableColumns:
    """Return columns of ``songs`` for some songs of a batch."""
    songs = batch.songs.take(indices)
    return {
        "id": song_ids,
        **{name: songs[name] for name in _SONG_NAMES},
        "problems": [_problems_json(problems) if problems else None for problems in songs["problems"]],
        "link_count": songs[LINK_COUNT],
    }


def path_table_columns(song_ids: Sequence[int], batch: BatchRecord, indices: Sequence[int]) -> TableColumns:
    """Return columns of ``song_paths`` for some songs of a batch."""
    songs = batch.songs.take(indices)
    columns: TableColumns = {name: songs[name] for name in _PATH_NAMES}
    columns["song_id"] = song_ids
    columns["song_name"] = [*map(make_storable, columns["song_name"])]
    columns["source_metadata"] = [text and make_storable(text) for text in columns["source_metadata"]]
    if "unreadable" in songs["outcome"]:
        # Without size and time the path does not count as known, so that the next run tries again.
        for name in ("size", "mtime_ns"):
            columns[name] = [
                None if outcome == "unreadable" else value
                for outcome, value in zip(songs["outcome"], columns[name], strict=True)
            ]
    return columns


def track_table_columns(track_ids: Sequence[int], track_rows: Columns) -> TableColumns:
    """Return columns of ``tracks``."""
    return {"id": track_ids, **{name: track_rows[name] for name in _TRACK_NAMES}}


def link_table_columns(
    song_ids: Sequence[int], link_counts: Sequence[int], link_rows: Columns, track_ids: Sequence[int]
) -> TableColumns:
    """Return columns of ``links``.

    Args:
        song_ids: of the songs that have the links, in their order.
        link_counts: for each of these songs how many links it has.
        track_ids: of the tracks of the batch, by their index.
    """
    return {
        "song_id": [*chain.from_iterable(map(repeat, song_ids, link_counts))],
        "position": [*chain.from_iterable(map(range, link_counts))],
        **{name: link_rows[name] for name in _LINK_NAMES},
        "track_id": [*map(track_ids.__getitem__, link_rows[TRACK_INDEX])],
    }


def filled_columns(table: Table, columns: Mapping[str, Sequence[Any]]) -> TableColumns:
    """Return the columns that are not NULL in all rows, in the order of the table.

    To insert NULL values takes time too.
    """
    return {
        column.name: values
        for column in table.columns
        if (values := columns.get(column.name)) and not is_all_null(values)
    }


def _problems_json(problems: Sequence[ProblemRecord]) -> str:
    return json.dumps([{**it._asdict(), "message": make_storable(it.message)} for it in problems])
