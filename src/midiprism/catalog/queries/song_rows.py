"""The rows from which the table of songs and its groups are made. All of them stream.

Rows are the driver's own, many at once: SQLAlchemy's work per row would take longer than the database's.
"""

from collections.abc import Iterator, Sequence
from contextlib import closing
from itertools import chain, compress, islice
from operator import ne
from typing import Any, NamedTuple

from sqlalchemy import Connection, Select, String, case, cast, func, select

from midiprism.catalog.path_lookup import IS_THERE
from midiprism.catalog.schema import batches, links, song_paths, songs, tracks

FETCH_ROWS = 5_000
"""Rows fetched at a time; each fetch may be a round trip to a server."""


class SongColumns(NamedTuple):
    """Songs whose content is known, column by column.

    Attributes:
        path: the bytewise smallest of a song's paths that are there; None without any, like ``root_length``.
        source_metadata: what the source says of the song at that path, as a JSON object; None for nothing.
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
    lost_bytes: Sequence[int | None]
    link_count: Sequence[int]
    source_metadata: Sequence[str | None]
    song_key: Sequence[str | None]
    song_key_strength: Sequence[float | None]
    similar_song_group: Sequence[int | None]


def commit_state(connection: Connection) -> str:
    """Return a text that differs after every run, and is the same however the songs of a run were batched."""
    batch = batches.c
    removals = case((batch.seconds == 0, 1), else_=0)  # no work was done, and the catalog changed
    totals = (func.max(batch.run_id), func.sum(batch.songs), func.sum(batch.links), func.sum(removals))
    return "-".join(str(total or 0) for total in connection.execute(select(*totals)).one())


def song_digests(connection: Connection) -> Iterator[Sequence[tuple[int, bytes, int]]]:
    """Return ids, digests and numbers of links of all songs, in the order of the ids."""
    query = select(songs.c.id, songs.c.digest, songs.c.link_count).where(songs.c.digest.is_not(None))
    return _row_batches(connection, query.order_by(songs.c.id))


def song_names(connection: Connection) -> Iterator[Sequence[tuple[int, str]]]:
    """Return ids of songs with the names of their paths that are there, in any order."""
    names = select(song_paths.c.song_id, song_paths.c.song_name).where(IS_THERE)
    return _row_batches(connection, names)


def song_track_ids(connection: Connection) -> Iterator[Sequence[tuple[int, str]]]:
    """Return ids of songs with the ids of their tracks, joined by commas, in any order.

    To read a row per track would take several times as long.
    """
    track_ids = func.aggregate_strings(cast(links.c.track_id, String), ",")
    return _row_batches(connection, select(links.c.song_id, track_ids).group_by(links.c.song_id))


def long_track_hashes(connection: Connection, min_notes: int) -> Iterator[Sequence[tuple[int, int]]]:
    """Return ids of the tracks that have so many notes, in their order, with the hashes of their notes."""
    query = select(tracks.c.id, tracks.c.note_hash).where(tracks.c.note_count >= min_notes)
    return _row_batches(connection, query.order_by(tracks.c.id))


def similar_songs(connection: Connection) -> Iterator[Sequence[tuple[int, int]]]:
    """Return ids of the songs that are in groups of similar songs, with their groups."""
    group = songs.c.similar_song_group
    return _row_batches(connection, select(songs.c.id, group).where(group.is_not(None)))


def other_source_metadata(connection: Connection) -> dict[int, list[str]]:
    """Return what the sources say of songs at their other paths, where that differs, by song id.

    A song is named by its first path, and has what the source says there; these are the other values.
    """
    path = song_paths.c
    rows = connection.execute(
        select(path.song_id, path.source_metadata)
        .where(path.song_id.in_(_songs_with_several_metadata()), IS_THERE)
        .order_by(path.song_id, path.path)
    )
    values: dict[int, dict[str | None, None]] = {}
    for song_id, metadata in rows:
        values.setdefault(song_id, {})[metadata] = None
    return {
        song_id: [text for text in islice(found, 1, None) if text is not None]
        for song_id, found in values.items()
    }


def count_songs_with_other_metadata(connection: Connection) -> int:
    """Return the number of songs of which the source says different things at different paths."""
    several = _songs_with_several_metadata().subquery()
    return connection.scalar(select(func.count()).select_from(several)) or 0


def _songs_with_several_metadata() -> Select[Any]:
    """Return the query for the songs of which sources say different things, or one nothing, at paths."""
    path = song_paths.c
    with_metadata = select(path.song_id).where(path.source_metadata.is_not(None))
    return (
        select(path.song_id)
        .where(path.song_id.in_(with_metadata), IS_THERE)
        .group_by(path.song_id)
        .having(func.count(func.coalesce(path.source_metadata, "").distinct()) > 1)
    )


def song_columns(connection: Connection) -> Iterator[SongColumns]:
    """Return all songs whose content is known, in the order of their ids."""
    tables = dict.fromkeys(("path", "root_length", "source_metadata"), song_paths)
    is_path_of_song = (song_paths.c.song_id == songs.c.id) & IS_THERE
    columns = [tables.get(name, songs).c[name] for name in SongColumns._fields]
    query = (
        select(*columns)
        .select_from(songs.outerjoin(song_paths, is_path_of_song))
        .where(songs.c.digest.is_not(None))
        .order_by(songs.c.id, song_paths.c.path)
    )
    last_id = None
    for rows in _row_batches(connection, query):
        cells = list(zip(*rows, strict=True))
        ids = cells[0]
        is_first = list(map(ne, ids, chain((last_id,), ids)))
        if not all(is_first):
            cells = [tuple(compress(column, is_first)) for column in cells]
        if cells[0]:
            yield SongColumns(*cells)
        last_id = ids[-1]


def _row_batches(connection: Connection, query: Select[Any]) -> Iterator[Sequence[Any]]:
    schemas = connection.get_execution_options().get("schema_translate_map")
    statement = query.compile(
        dialect=connection.dialect,
        schema_translate_map=schemas,
        render_schema_translate=schemas is not None,
        compile_kwargs={"literal_binds": True},
    )
    has_server = bool(connection.dialect.supports_server_side_cursors)
    # A cursor with a name stays on the server, so that the answer is not held in memory here.
    options: dict[str, Any] = {"name": "songs", "binary": True} if has_server else {}
    with closing(connection.connection.cursor(**options)) as cursor:
        cursor.execute(str(statement))
        while rows := cursor.fetchmany(FETCH_ROWS):
            yield rows
