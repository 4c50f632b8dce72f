"""Recorded paths that a scan has not seen, and the songs that are at none of the others.

A song is gone if the last complete scan of its source saw none of its paths. A song without any path is an
earlier content of paths that hold other songs now.
"""

from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from sqlalchemy import and_, delete, exists, func, insert, not_, select, update

from midiprism.catalog.catalog import Catalog
from midiprism.catalog.changed_ids import format_ids
from midiprism.catalog.path_lookup import IS_THERE, is_path_in, is_path_in_range, path_order
from midiprism.catalog.rows import query_chunks
from midiprism.catalog.schema import batches, song_paths, songs

_PAGE_ROWS = 4_000


class RecordedPlace(NamedTuple):
    """A recorded path.

    Attributes:
        is_gone: whether an earlier scan did not see it.
    """

    path: bytes
    song_id: int
    is_gone: bool


class PlaceCounts(NamedTuple):
    """Numbers of recorded paths, and of those that are gone."""

    paths: int
    gone: int


def recorded_places(catalog: Catalog, first: bytes, end: bytes | None) -> Iterator[list[RecordedPlace]]:
    """Return the recorded paths from ``first`` up to ``end``, page by page in the order of their bytes."""
    path = song_paths.c
    query = select(path.path, path.song_id, path.gone_at.is_not(None)).limit(_PAGE_ROWS)
    after = b""
    while True:
        connection = catalog.connection
        condition = is_path_in_range(connection, first, end, after=after)
        page = catalog.fetch_all(query.where(condition).order_by(*path_order(connection)))
        if not page:
            return
        yield [RecordedPlace(*row) for row in page]
        after = page[-1].path


def count_places(catalog: Catalog, first: bytes, end: bytes | None) -> PlaceCounts:
    """Count the recorded paths from ``first`` up to ``end``."""
    condition = is_path_in_range(catalog.connection, first, end)
    query = select(func.count(), func.count(song_paths.c.gone_at)).select_from(song_paths).where(condition)
    return PlaceCounts(*catalog.fetch_all(query)[0])


def count_songs_at(catalog: Catalog, first: bytes, end: bytes | None, last_song_id: int) -> int:
    """Count the songs with ids up to ``last_song_id`` at paths from ``first`` up to ``end``."""
    condition = is_path_in_range(catalog.connection, first, end)
    song_id = song_paths.c.song_id
    query = select(func.count(song_id.distinct())).where(condition, IS_THERE, song_id <= last_song_id)
    return int(catalog.fetch_value(query) or 0)


def highest_song_id(catalog: Catalog) -> int:
    """Return the highest id of a song; 0 without any."""
    return int(catalog.fetch_value(select(func.max(songs.c.id))) or 0)


def songs_elsewhere(catalog: Catalog, song_ids: Iterable[int], missing: Iterable[bytes]) -> set[int]:
    """Return those of some songs that are, or were last read, at a path that is there.

    Args:
        missing: paths that are not there, besides those that are recorded as gone.
    """
    path, missing_paths = song_paths.c, frozenset(missing)
    found: set[int] = set()
    for column in (path.song_id, path.last_song_id):
        for part in query_chunks(sorted(song_ids)):
            query = select(column, path.path).where(column.in_(part), IS_THERE)
            found.update(song_id for song_id, place in catalog.fetch_all(query) if place not in missing_paths)
    return found


def song_digests(catalog: Catalog, song_ids: Iterable[int]) -> dict[int, bytes]:
    """Return the digests of those of some songs that were read, by song id."""
    digests: dict[int, bytes] = {}
    for part in query_chunks(sorted(song_ids)):
        query = select(songs.c.id, songs.c.digest).where(songs.c.id.in_(part), songs.c.digest.is_not(None))
        digests.update((song_id, digest) for song_id, digest in catalog.fetch_all(query))
    return digests


def replaced_songs(catalog: Catalog) -> list[int]:
    """Return the ids of the songs at whose paths other songs were found."""
    path = song_paths.c
    was_last = exists().where(path.last_song_id == songs.c.id, IS_THERE)
    query = select(songs.c.id).where(not_(exists().where(path.song_id == songs.c.id)), not_(was_last))
    return [song_id for (song_id,) in catalog.fetch_all(query.order_by(songs.c.id))]


def record_scan(
    catalog: Catalog, gone: Sequence[bytes], found_again: Sequence[bytes], run_id: int, now: str
) -> None:
    """Record which paths are gone, and which are there again, inside a transaction that is open.

    A path at which a song was found meanwhile is not gone.

    Args:
        run_id: of the run that scanned.
        now: UTC, ISO 8601.
    """
    connection = catalog.connection
    changed_songs = set[int]()
    for paths, value in ((gone, now), (found_again, None)):
        for part in query_chunks(sorted(paths)):
            condition = and_(is_path_in(connection, part), IS_THERE if value else not_(IS_THERE))
            changed_songs.update(connection.scalars(select(song_paths.c.song_id).where(condition)))
            connection.execute(update(song_paths).where(condition).values(gone_at=value))
    record_change(catalog, run_id, now, changed_songs)


def delete_gone_places(catalog: Catalog, first: bytes, end: bytes | None) -> int:
    """Delete the paths from ``first`` up to ``end`` that are gone, and return how many."""

    def work() -> int:
        condition = is_path_in_range(catalog.connection, first, end)
        return catalog.connection.execute(delete(song_paths).where(condition, not_(IS_THERE))).rowcount

    return catalog.run_in_transaction(work)


def record_change(
    catalog: Catalog,
    run_id: int,
    now: str,
    changed_songs: Iterable[int] | None = None,
    *,
    changed_tracks: Iterable[int] = (),
    seconds: float = 0.0,
) -> None:
    """Record a commit without songs, inside a transaction that is open.

    What derives from the catalog, such as the search index, is then out of date.

    Args:
        run_id: of the run that changes something.
        now: UTC, ISO 8601.
        changed_songs: ids of the songs whose paths, links or facts differ from before; None for any song.
        changed_tracks: ids of the tracks whose facts differ from before.
        seconds: spent on it, by the run that recorded these songs; 0 for a change by which the table of songs
            is out of date too.
    """
    values = dict.fromkeys(
        ("songs", "links", "tracks_new", "files_written", "bytes_written", "disk_bytes"), 0
    )
    changed = None if changed_songs is None else format_ids(changed_songs)
    catalog.connection.execute(
        insert(batches).values(
            run_id=run_id,
            committed_at=now,
            seconds=seconds,
            changed_songs=changed,
            changed_tracks=format_ids(changed_tracks) or None,
            **values,
        )
    )
