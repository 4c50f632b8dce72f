"""Records as rows, in the order of the tables' columns."""

import json
from collections.abc import Iterator, Mapping
from functools import cache, lru_cache
from typing import Any

from sqlalchemy import Column, Dialect, Table, bindparam, insert, literal_column, update

from midiprism.catalog.encoding import make_storable
from midiprism.catalog.records import SongRecord, TrackValues

Row = tuple[Any, ...]


@lru_cache(64)
def insert_statement(table: Table, dialect: Dialect, *last_values: int | None) -> str:
    """The statement that inserts a row of ``table``, its values in the order of the columns.

    Args:
        table: into which.
        dialect: in which the statement is written.
        last: values of the last columns that are the same in all rows, which then go without them: a
            database takes a quarter longer for them otherwise.
    """
    names = [column.name for column in table.columns]
    same = zip(names[len(names) - len(last_values) :], last_values, strict=True)
    constants: dict[str, Any] = {
        name: literal_column("NULL" if value is None else str(value)) for name, value in same
    }
    return str(insert(table).values(constants).compile(dialect=dialect, column_keys=names))


@cache
def update_statement(table: Table, dialect: Dialect) -> str:
    """The statement that changes a row of ``table``: values of all columns but ``id``, then the ``id``."""
    names = [column.name for column in table.columns if column.name != "id"]
    return str(
        update(table).where(table.c.id == bindparam("number")).compile(dialect=dialect, column_keys=names)
    )


@lru_cache(64)
def select_statement(columns: tuple[Column[Any], ...], key: Column[Any], count: int) -> str:
    """The statement that finds the rows of a table by ``count`` keys."""
    marks = ", ".join("?" * count)
    names = ", ".join(column.name for column in columns)
    return f"SELECT {names} FROM {key.table.name} WHERE {key.name} IN ({marks})"  # noqa: S608 - names of ours


def song_row(
    song_id: int, record: SongRecord, contract_version: int, run_id: int, shard_id: int | None = None
) -> Row:
    """A row of ``songs``."""
    problems = [
        {
            "code": found.code,
            "message": make_storable(found.message),
            "track": found.track,
            "offset": found.offset,
        }
        for found in record.problems
    ]
    return (
        song_id,
        record.digest,
        record.size,
        record.format,
        record.num_tracks,
        record.division,
        record.duration_ticks,
        record.duration_seconds,
        record.outcome,
        json.dumps(problems) if problems else None,
        len(record.links),
        contract_version,
        run_id,
        shard_id,
    )


def path_row(song_id: int, record: SongRecord) -> Row:
    """A row of ``song_paths``."""
    # What could not be read is tried again by the next run: without size and time, its path is not known.
    read = record.outcome != "unreadable"
    return (
        record.path,
        song_id,
        record.root_length,
        make_storable(record.song_name),
        record.size if read else None,
        record.mtime_ns if read else None,
        None if record.source_metadata is None else make_storable(record.source_metadata),
    )


def track_row(track_id: int, values: TrackValues, *last_values: int | None) -> Row:
    """A row of ``tracks``; ``last`` are its run and its place in a shard, unless the statement has them."""
    return (track_id, *values, *last_values)


def link_rows(song_id: int, record: SongRecord, track_ids: Mapping[bytes, int]) -> Iterator[Row]:
    """Rows of ``links``."""
    for position, link in enumerate(record.links):
        track_number, channel, program, parts, name, instrument, family, content = link
        yield (
            song_id,
            position,
            track_number,
            channel,
            program,
            parts,
            track_ids[content[0]],
            name,
            instrument,
            family,
        )
