"""The links of songs with their tracks, as rows of the catalog."""

import json
from collections.abc import Generator, Iterable, Iterator, Sequence
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, Connection, CursorResult, Select, distinct, func, null, select

from midiprism.catalog.path_lookup import IS_THERE
from midiprism.catalog.queries.conditions import Condition, sql_condition
from midiprism.catalog.rows import query_chunks
from midiprism.catalog.schema import links, runs, shards, song_paths, songs, tracks
from midiprism.catalog.track_row import TrackRow
from midiprism.records.fields import LINK_FIELDS, SONG_FACT_FIELDS, TRACK_FIELDS, LinkRecord
from midiprism.records.track_record import TrackRecord

_FETCH_ROWS = 1_000


def find_tracks(
    connection: Connection, conditions: Sequence[Sequence[Condition]] = (), *, count_shared: bool = False
) -> Generator[TrackRow, None, None]:
    """Return tracks, ordered by the bytes of their songs' paths, then by position in the song.

    Rows stream: memory does not grow with their number. A song that is at no path any more is not found.
    Close the rows before the catalog if you leave them early.

    Args:
        connection: to the catalog.
        conditions: of each choice, one has to hold. In PostgreSQL further tracks may be returned, since it
            does not fold texts as SQLite does.
        count_shared: count the songs that have each track, which reads all links first.
    """
    query = _select_tracks(connection, conditions, count_shared=count_shared)
    with connection.begin():
        result = connection.execute(query.execution_options(yield_per=_FETCH_ROWS))
        try:
            yield from _rows_with_paths(connection, result)
        finally:
            result.close()


class _SongPaths(NamedTuple):
    """Paths and names of a song, in the order of the paths."""

    paths: tuple[bytes, ...]
    names: tuple[str, ...]


def _rows_with_paths(connection: Connection, result: CursorResult[Any]) -> Iterator[TrackRow]:
    """Return the rows of a result with all paths of their songs."""
    for part in result.partitions():
        rows = [_make_row(values) for values in part]
        paths_by_song = _select_paths(connection, {row.song_id for row in rows})
        for row in rows:
            song = paths_by_song[row.song_id]
            yield row._replace(paths=song.paths, song_names=song.names)


def _select_paths(connection: Connection, song_ids: Iterable[int]) -> dict[int, _SongPaths]:
    """Return the paths that are there of some songs."""
    path = song_paths.c
    query = select(path.song_id, path.path, path.song_name).where(IS_THERE)
    found: dict[int, list[tuple[bytes, str]]] = {}
    for part in query_chunks(sorted(song_ids)):
        for song_id, *place in connection.execute(query.where(path.song_id.in_(part)).order_by(path.path)):
            found.setdefault(song_id, []).append((place[0], place[1]))
    return {song_id: _SongPaths(*zip(*places, strict=True)) for song_id, places in found.items()}


def _select_tracks(
    connection: Connection, conditions: Sequence[Sequence[Condition]], *, count_shared: bool
) -> Select[Any]:
    path, link, track = song_paths.c, links.c, tracks.c
    other = song_paths.alias("other")
    smallest = (
        select(other.c.path)
        .where(other.c.song_id == path.song_id, other.c.gone_at.is_(None))
        .order_by(other.c.path)
        .limit(1)
        .scalar_subquery()
    )
    from_tables = (
        song_paths.join(links, link.song_id == path.song_id)
        .join(songs, songs.c.id == path.song_id)
        .join(tracks, track.id == link.track_id)
        .outerjoin(shards, shards.c.id == track.shard_id)
        .outerjoin(runs, runs.c.id == track.run_id)
    )
    shared: ColumnElement[Any] = null()
    if count_shared:
        counts = _count_songs().subquery()
        from_tables = from_tables.join(counts, counts.c.track_id == link.track_id)
        shared = counts.c.songs
    return (
        select(
            path.song_id,
            path.path,
            path.root_length,
            path.song_name,
            path.source_metadata,
            shards.c.name,
            track.shard_row,
            runs.c.started_at,
            shared,
            songs.c.digest,
            link.position,
            *(songs.c[field.name] for field in SONG_FACT_FIELDS),
            *(link[field.name] for field in LINK_FIELDS),
            *(track[field.name] for field in TRACK_FIELDS),
        )
        .select_from(from_tables)
        .where(path.path == smallest, *(sql_condition(connection, choices) for choices in conditions))
        .order_by(path.path, link.position)
    )


def _count_songs() -> Select[Any]:
    """Return the number of songs at any path that have each track."""
    is_at_path = links.c.song_id.in_(select(song_paths.c.song_id).where(IS_THERE))
    count = func.count(distinct(links.c.song_id)).label("songs")
    return select(links.c.track_id, count).where(is_at_path).group_by(links.c.track_id)


def _make_row(values: Any) -> TrackRow:
    """Return a row of the values that ``_select_tracks`` selects."""
    song_id, path, root_length, song_name, metadata, shard, shard_row, added, shared, *facts = values
    (digest, position), facts = facts[:2], facts[2:]
    song_facts, facts = facts[: len(SONG_FACT_FIELDS)], facts[len(SONG_FACT_FIELDS) :]
    track = TrackRecord._make(facts[len(LINK_FIELDS) :])
    link = LinkRecord._make((*facts[: len(LINK_FIELDS)], track))
    return TrackRow(
        song_id=song_id,
        song_path=path,
        root_length=root_length,
        song_name=song_name,
        link=link,
        shard=shard,
        shard_row=shard_row,
        source_metadata=None if metadata is None else json.loads(metadata),
        added=added,
        shared=shared,
        song_digest=digest,
        position=position,
        song_facts={field.name: fact for field, fact in zip(SONG_FACT_FIELDS, song_facts, strict=True)},
    )
