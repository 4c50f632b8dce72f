"""Exact copies of songs and of tracks: the same bytes at several paths, or in several songs."""

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, Connection, Join, Select, Subquery, func, select

from midiprism.catalog.path_lookup import IS_THERE
from midiprism.catalog.rows import query_chunks
from midiprism.catalog.schema import links, song_paths, songs, tracks

MAX_PATHS = 100
"""Most paths that are named of one content."""


class CopyCounts(NamedTuple):
    """Counts of contents that are there several times.

    Attributes:
        contents: that are there more than once.
        copies: further times that they are there.
        bytes: of these copies.
    """

    contents: int
    copies: int
    bytes: int


class CopiedSong(NamedTuple):
    """A song that is at several paths.

    Attributes:
        digest: BLAKE3 of its bytes.
        size: in bytes.
        occurrences: number of its paths.
        paths: the first of them, in the order of their bytes.
    """

    digest: bytes
    size: int
    occurrences: int
    paths: Sequence[bytes]


class CopiedTrack(NamedTuple):
    """A track that several songs have, or that a song has several times.

    Attributes:
        digest: BLAKE3 of its bytes.
        size: in bytes.
        occurrences: number of links to it.
        name: that the track states.
        instrument: that the track states.
    """

    digest: bytes
    size: int
    occurrences: int
    name: str | None
    instrument: str


def count_song_copies(connection: Connection) -> CopyCounts:
    """Count the songs that are at several paths."""
    per_song = _paths_per_song().subquery()
    return _count(connection, per_song, songs.join(per_song, per_song.c.id == songs.c.id), songs.c.size)


def count_track_copies(connection: Connection) -> CopyCounts:
    """Count the tracks to which several links lead. It reads all links."""
    per_track = _links_per_track().subquery()
    return _count(connection, per_track, tracks.join(per_track, per_track.c.id == tracks.c.id), tracks.c.size)


def copied_songs(connection: Connection, limit: int | None) -> Iterator[CopiedSong]:
    """Return the songs that are at several paths, those with the most copies first."""
    per_song = _paths_per_song().subquery()
    query = (
        select(songs.c.id, songs.c.digest, songs.c.size, per_song.c.count)
        .select_from(songs.join(per_song, per_song.c.id == songs.c.id))
        .where(songs.c.digest.is_not(None))
        .order_by(per_song.c.count.desc(), songs.c.digest)
        .limit(limit)
    )
    rows = connection.execute(query).fetchall()
    for part in query_chunks(rows):
        paths: dict[int, list[bytes]] = {row.id: [] for row in part}
        place = song_paths.c
        of_part = select(place.song_id, place.path).where(place.song_id.in_(list(paths)), IS_THERE)
        for song_id, path in connection.execute(of_part.order_by(place.path)):
            if len(paths[song_id]) < MAX_PATHS:
                paths[song_id].append(path)
        for song_id, digest, size, count in part:
            yield CopiedSong(digest, size or 0, count, paths[song_id])


def copied_tracks(connection: Connection, limit: int | None) -> Iterator[CopiedTrack]:
    """Return the tracks to which several links lead, those with the most links first."""
    per_track = _links_per_track().subquery()
    query = (
        select(tracks.c.digest, tracks.c.size, per_track.c.count, tracks.c.name, tracks.c.instrument)
        .select_from(tracks.join(per_track, per_track.c.id == tracks.c.id))
        .order_by(per_track.c.count.desc(), tracks.c.digest)
        .limit(limit)
    )
    for row in connection.execute(query):
        yield CopiedTrack(*row)


def _paths_per_song() -> Select[Any]:
    path = song_paths.c
    count = func.count().label("count")
    query = select(path.song_id.label("id"), count).where(IS_THERE)
    return query.group_by(path.song_id).having(count > 1)


def _links_per_track() -> Select[Any]:
    count = func.count().label("count")
    return select(links.c.track_id.label("id"), count).group_by(links.c.track_id).having(count > 1)


def _count(connection: Connection, counted: Subquery, joined: Join, size: ColumnElement[Any]) -> CopyCounts:
    further = counted.c.count - 1
    sums = (func.count(), func.sum(further), func.sum(further * func.coalesce(size, 0)))
    contents, copies, size_of_copies = connection.execute(select(*sums).select_from(joined)).one()
    return CopyCounts(contents, int(copies or 0), int(size_of_copies or 0))
