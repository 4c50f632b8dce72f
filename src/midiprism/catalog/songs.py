"""What a table of all songs is made of. Everything streams, inside one view of the catalogue."""

from collections.abc import Iterator
from typing import Any, NamedTuple

from sqlalchemy import Connection, Select, func, select

from midiprism.catalog.schema import batches, parent_paths, parents, track_splits, tracks

_FETCHED = 5_000


class SongFacts(NamedTuple):
    """A song whose content is known. ``path`` is the bytewise smallest of its paths; None without any."""

    id: int
    digest: bytes
    path: bytes | None
    root_length: int | None
    size: int | None
    outcome: str
    format: int | None
    num_tracks: int | None
    division: int | None
    duration_ticks: int | None
    duration_seconds: float | None
    splits: int


def last_commit(connection: Connection) -> int:
    """The number of the last commit; 0 before the first."""
    return int(connection.scalar(select(func.max(batches.c.id))) or 0)


def song_digests(connection: Connection) -> Iterator[tuple[int, bytes]]:
    """Numbers and digests of all songs, in the order of their numbers."""
    wanted = select(parents.c.id, parents.c.digest).where(parents.c.digest.is_not(None))
    return _streamed(connection, wanted.order_by(parents.c.id))


def song_paths(connection: Connection) -> Iterator[tuple[int, str]]:
    """Numbers of songs, and their paths as text without suffix, in any order."""
    return _streamed(connection, select(parent_paths.c.parent_id, parent_paths.c.song))


def song_tracks(connection: Connection, fewest_notes: int) -> Iterator[tuple[int, int]]:
    """Numbers of songs, and of their tracks that have so many notes, in any order."""
    long = select(tracks.c.id).where(tracks.c.note_count >= fewest_notes)
    wanted = select(track_splits.c.parent_id, track_splits.c.track_id)
    return _streamed(connection, wanted.where(track_splits.c.track_id.in_(long)))


def songs(connection: Connection) -> Iterator[SongFacts]:
    """All songs, in the order of their numbers."""
    parent, path = parents.c, parent_paths.c
    wanted = (
        select(
            parent.id,
            parent.digest,
            path.path,
            path.root_length,
            parent.size,
            parent.outcome,
            parent.format,
            parent.num_tracks,
            parent.division,
            parent.duration_ticks,
            parent.duration_seconds,
            parent.splits,
        )
        .select_from(parents.outerjoin(parent_paths, path.parent_id == parent.id))
        .where(parent.digest.is_not(None))
        .order_by(parent.id, path.path)
    )
    last = None
    for row in _streamed(connection, wanted):
        if row[0] != last:
            last = row[0]
            yield SongFacts(*row)


def _streamed(connection: Connection, wanted: Select[Any]) -> Iterator[Any]:
    result = connection.execute(wanted.execution_options(yield_per=_FETCHED))
    try:
        for rows in result.partitions():
            yield from rows
    finally:
        result.close()
