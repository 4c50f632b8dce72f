"""What a table of all songs is made of. Everything streams, inside one view of the catalogue.

Rows are the driver's own, many at once: SQLAlchemy's work, per row, would take longer than the database's.
"""

from collections.abc import Iterator, Sequence
from contextlib import closing
from itertools import chain, compress
from operator import ne
from typing import Any, NamedTuple

from sqlalchemy import Connection, Select, String, cast, func, select

from midiprism.catalog.schema import batches, links, song_paths, songs, tracks

_FETCH_ROWS = 5_000
"""Rows at a time: of fewer, each time would be felt, since it may be a way to a server and back."""


class SongColumns(NamedTuple):
    """Songs whose content is known, column by column, as long as one another.

    Attributes:
        path: the bytewise smallest of a song's paths; None without any, and ``root_length`` too.
    """

    id: Sequence[int]
    digest: Sequence[bytes]
    path: Sequence[bytes | None]
    root_length: Sequence[int | None]
    size: Sequence[int | None]
    outcome: Sequence[str]
    format: Sequence[int | None]
    num_tracks: Sequence[int | None]
    division: Sequence[int | None]
    duration_ticks: Sequence[int | None]
    duration_seconds: Sequence[float | None]
    link_count: Sequence[int]


def last_commit_id(connection: Connection) -> int:
    """The number of the last commit; 0 before the first."""
    return int(connection.scalar(select(func.max(batches.c.id))) or 0)


def song_digests(connection: Connection) -> Iterator[Sequence[tuple[int, bytes]]]:
    """Numbers and digests of all songs, in the order of their numbers."""
    wanted = select(songs.c.id, songs.c.digest).where(songs.c.digest.is_not(None))
    return _row_batches(connection, wanted.order_by(songs.c.id))


def song_names(connection: Connection) -> Iterator[Sequence[tuple[int, str]]]:
    """Numbers of songs, and their paths as text without suffix, in any order."""
    return _row_batches(connection, select(song_paths.c.song_id, song_paths.c.song_name))


def song_track_ids(connection: Connection) -> Iterator[Sequence[tuple[int, str]]]:
    """Numbers of songs, and those of each one's tracks with commas between them, in any order.

    A row for each track would take several times as long to be read.
    """
    link = links.c
    numbers = func.aggregate_strings(cast(link.track_id, String), ",")
    return _row_batches(connection, select(link.song_id, numbers).group_by(link.song_id))


def short_track_ids(connection: Connection, min_notes: int) -> Iterator[Sequence[tuple[int]]]:
    """Numbers of the tracks that have fewer notes, in any order."""
    return _row_batches(connection, select(tracks.c.id).where(tracks.c.note_count < min_notes))


def song_columns(connection: Connection) -> Iterator[SongColumns]:
    """All songs, in the order of their numbers."""
    song, path = songs.c, song_paths.c
    wanted = (
        select(
            song.id,
            song.digest,
            path.path,
            path.root_length,
            song.size,
            song.outcome,
            song.format,
            song.num_tracks,
            song.division,
            song.duration_ticks,
            song.duration_seconds,
            song.link_count,
        )
        .select_from(songs.outerjoin(song_paths, path.song_id == song.id))
        .where(song.digest.is_not(None))
        .order_by(song.id, path.path)
    )
    last = None
    for rows in _row_batches(connection, wanted):
        numbers = [row[0] for row in rows]
        firsts = list(compress(rows, map(ne, numbers, chain((last,), numbers))))
        if firsts:
            yield SongColumns(*zip(*firsts, strict=True))
        last = numbers[-1]


def _row_batches(connection: Connection, wanted: Select[Any]) -> Iterator[Sequence[Any]]:
    schemas = connection.get_execution_options().get("schema_translate_map")
    statement = wanted.compile(
        dialect=connection.dialect,
        schema_translate_map=schemas,
        render_schema_translate=schemas is not None,
        compile_kwargs={"literal_binds": True},
    )
    afar = bool(connection.dialect.supports_server_side_cursors)
    # A cursor with a name stays on the server, whose answer is not held in memory.
    named: dict[str, Any] = {"name": "songs", "binary": True} if afar else {}
    with closing(connection.connection.cursor(**named)) as cursor:
        cursor.execute(str(statement))
        while rows := cursor.fetchmany(_FETCH_ROWS):
            yield rows
