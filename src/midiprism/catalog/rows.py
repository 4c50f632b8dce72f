"""Records as rows, in the order of the tables' columns."""

import json
from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any

from sqlalchemy import Dialect, Table, insert

from midiprism.catalog.records import ParentRecord, TrackRecord
from midiprism.catalog.text import storable, storable_or_none

Row = tuple[Any, ...]


@cache
def insertion(table: Table, dialect: Dialect) -> str:
    """The statement that inserts a row of ``table``, its values in the order of the columns."""
    return str(insert(table).compile(dialect=dialect, column_keys=[column.name for column in table.columns]))


def parent(number: int, record: ParentRecord) -> Row:
    """A row of ``parents``."""
    problems = [
        {"code": found.code, "message": storable(found.message), "track": found.track, "offset": found.offset}
        for found in record.problems
    ]
    return (
        number,
        record.digest,
        record.size,
        record.format,
        record.num_tracks,
        record.division,
        record.duration_ticks,
        record.duration_seconds,
        record.outcome,
        json.dumps(problems) if problems else None,
    )


def path(number: int, record: ParentRecord) -> Row:
    """A row of ``parent_paths``."""
    read = record.digest is not None
    return (
        record.path,
        number,
        record.root_length,
        storable(record.song),
        record.size if read else None,
        record.mtime_ns if read else None,
    )


def track(number: int, record: TrackRecord) -> Row:
    """A row of ``tracks``."""
    return (
        number,
        record.digest,
        record.size,
        record.stem,
        record.digits,
        storable_or_none(record.name),
        record.instrument,
        record.family,
        record.channel,
        record.program,
        record.note_count,
        record.lowest_pitch,
        record.highest_pitch,
        record.duration_ticks,
        record.duration_seconds,
    )


def links(number: int, record: ParentRecord, track_ids: Mapping[bytes, int]) -> Iterator[Row]:
    """Rows of ``track_splits``."""
    for position, link in enumerate(record.links):
        yield (
            number,
            position,
            link.track_number,
            link.channel,
            link.program,
            link.parts,
            track_ids[link.track.digest],
            storable_or_none(link.name),
            link.instrument,
            link.family,
        )
