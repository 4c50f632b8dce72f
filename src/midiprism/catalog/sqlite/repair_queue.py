"""The queue of a repair: damaged tracks and songs, and the few corrections that no commit makes."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, NamedTuple

from sqlalchemy import delete, exists, func, select, tuple_, update

from midiprism.catalog.catalog import Catalog
from midiprism.catalog.commit_result import utc_now
from midiprism.catalog.path_lookup import is_path_in
from midiprism.catalog.queries.gone_songs import record_change
from midiprism.catalog.queries.integrity import SongPath, TrackFile, select_track_files
from midiprism.catalog.rows import query_chunks
from midiprism.catalog.schema import links, song_paths, songs, tracks
from midiprism.catalog.sqlite.temporary_database import open_temporary_database

_PAGE_ROWS = 500
_LINKS_PER_PAGE = 10_000


class RemainingRepairs(NamedTuple):
    """Counts of what is left to be repaired."""

    tracks: int
    songs: int
    paths: int


class _LinkKey(NamedTuple):
    """A link by its song and its position, and the track that it leads to."""

    song_id: int
    position: int
    track_id: int


class RepairQueue:
    """Remembers what is to be repaired, in a temporary database outside the catalog.

    So it is the same for every kind of catalog, and works for one that is open for reading only.

    Args:
        catalog: open for writing; for a dry run, open for reading.
    """

    def __init__(self, catalog: Catalog) -> None:
        self._catalog = catalog
        self._database = open_temporary_database(
            "CREATE TABLE tracks (key INTEGER PRIMARY KEY)",
            "CREATE TABLE songs (key INTEGER PRIMARY KEY)",
            "CREATE TABLE paths (key BLOB PRIMARY KEY) WITHOUT ROWID",
        )

    def close(self) -> None:
        """Forget everything."""
        self._database.close()

    def add_damaged_tracks(self, track_ids: Iterable[int]) -> None:
        """Remember tracks that are to be restored."""
        self._add("tracks", track_ids)

    def add_damaged_songs(self, song_ids: Iterable[int]) -> None:
        """Remember songs that are to be split again."""
        self._add("songs", song_ids)

    def add_lost_paths(self, paths: Iterable[bytes]) -> None:
        """Remember paths whose songs are lost, so that they are split again."""
        self._add("paths", paths)

    def remaining(self) -> RemainingRepairs:
        """Return how many tracks, songs and paths are left to be repaired."""
        return RemainingRepairs(self._count("tracks"), self._count("songs"), self._count("paths"))

    def songs_with_damaged_tracks(self) -> Iterator[int]:
        """Return the ids of the songs that link to damaged tracks; it takes one pass over all links.

        Songs whose tracks were all restored meanwhile are left out.
        """
        last_id = None
        for page in self._link_pages():
            damaged = self._damaged_among(link.track_id for link in page)
            for song_id in dict.fromkeys(link.song_id for link in page if link.track_id in damaged):
                if song_id != last_id and self.damaged_tracks_of(song_id):
                    last_id = song_id
                    yield song_id

    def damaged_tracks_of(self, song_id: int) -> list[TrackFile]:
        """Return the damaged tracks of a song."""
        query = select_track_files().distinct().join(links, links.c.track_id == tracks.c.id)
        found = [TrackFile(*row) for row in self._catalog.fetch_all(query.where(links.c.song_id == song_id))]
        damaged = self._damaged_among(track.id for track in found)
        return [track for track in found if track.id in damaged]

    def damaged_tracks(self) -> Iterator[Sequence[TrackFile]]:
        """Return the tracks that are still to be restored, page by page."""
        for track_ids in self._pages("tracks"):
            query = select_track_files().where(tracks.c.id.in_(track_ids)).order_by(tracks.c.id)
            yield [TrackFile(*row) for row in self._catalog.fetch_all(query)]

    def damaged_songs(self) -> Iterator[int]:
        """Return the ids of the songs that are to be split again."""
        for song_ids in self._pages("songs"):
            yield from song_ids

    def lost_paths(self) -> Iterator[SongPath]:
        """Return the paths whose songs are lost."""
        columns = [song_paths.c[name] for name in SongPath._fields]
        for paths in self._pages("paths"):
            query = (
                select(*columns)
                .where(is_path_in(self._catalog.connection, paths))
                .order_by(song_paths.c.path)
            )
            for row in self._catalog.fetch_all(query):
                yield SongPath(*row)

    def remove_repaired_tracks(self, track_ids: Iterable[int]) -> int:
        """Forget tracks that are whole again. Return how many of them were remembered."""
        return self._database.executemany(
            "DELETE FROM tracks WHERE key = ?", [(track_id,) for track_id in track_ids]
        ).rowcount

    def is_damaged(self, track_id: int) -> bool:
        """Return whether a track is still to be restored."""
        return bool(self._damaged_among([track_id]))

    def remove_unlinked_tracks(self) -> None:
        """Forget tracks that no song has: they are not to be restored."""
        if not self._count("tracks"):
            return
        self._database.execute("CREATE TABLE linked (key INTEGER PRIMARY KEY)")
        for page in self._link_pages():
            self._add("linked", self._damaged_among(link.track_id for link in page))
        self._database.execute("DELETE FROM tracks WHERE key NOT IN (SELECT key FROM linked)")
        self._database.execute("DROP TABLE linked")

    def correct_row(self, track: TrackFile) -> None:
        """Write to a track's row what its file is."""
        statement = update(tracks).where(tracks.c.id == track.id)
        statement = statement.values(
            size=track.size, family=track.family, stem=track.stem, digest_digits=track.digest_digits
        )

        def work() -> None:
            self._catalog.connection.execute(statement)
            record_change(self._catalog, self._catalog.newest_run() or 0, utc_now())

        self._catalog.run_in_transaction(work)

    def reserve_lost_ids(self) -> None:
        """Let no new song or track get an id that rows of a lost one still have."""
        id_columns = {
            songs: (songs.c.id, links.c.song_id, song_paths.c.song_id),
            tracks: (tracks.c.id, links.c.track_id),
        }
        for table, columns in id_columns.items():
            highest = max(self._catalog.fetch_value(select(func.max(column))) or 0 for column in columns)
            self._catalog.reserve_ids(table, highest)

    def delete_lost_links(self) -> int:
        """Delete links of songs that have neither a row nor a path. Return how many songs these were."""
        song_id = links.c.song_id
        is_lost = ~exists().where(songs.c.id == song_id) & ~exists().where(song_paths.c.song_id == song_id)

        def work() -> int:
            connection = self._catalog.connection
            song_count = connection.scalar(select(func.count(song_id.distinct())).where(is_lost)) or 0
            connection.execute(delete(links).where(is_lost))
            return int(song_count)

        return self._catalog.run_in_transaction(work)

    def _link_pages(self) -> Iterator[list[_LinkKey]]:
        """Return all links in their order, as long as there are tracks to be restored."""
        link = links.c
        query = select(link.song_id, link.position, link.track_id)
        query = query.order_by(link.song_id, link.position).limit(_LINKS_PER_PAGE)
        is_next: Any = link.position >= 0
        while self._count("tracks") and (rows := self._catalog.fetch_all(query.where(is_next))):
            page = [_LinkKey(*row) for row in rows]
            yield page
            is_next = tuple_(link.song_id, link.position) > (page[-1].song_id, page[-1].position)

    def _damaged_among(self, track_ids: Iterable[int]) -> set[int]:
        """Return those of these tracks that are remembered."""
        damaged: set[int] = set()
        for part in query_chunks(sorted(set(track_ids))):
            marks = ", ".join("?" * len(part))
            rows = self._database.execute(f"SELECT key FROM tracks WHERE key IN ({marks})", part)  # noqa: S608
            damaged.update(key for (key,) in rows)
        return damaged

    def _add(self, table: str, keys: Iterable[Any]) -> None:
        statement = f"INSERT OR IGNORE INTO {table} VALUES (?)"  # noqa: S608 - a name of ours
        self._database.executemany(statement, [(key,) for key in keys])

    def _count(self, table: str) -> int:
        count: int = self._database.execute(f"SELECT count(*) FROM {table}").fetchone()[0]  # noqa: S608
        return count

    def _pages(self, table: str) -> Iterator[list[Any]]:
        """Return the keys of a table in their order; keys that are appended or deleted are noticed."""
        page = self._database.execute(f"SELECT key FROM {table} ORDER BY key LIMIT {_PAGE_ROWS}").fetchall()  # noqa: S608
        following = f"SELECT key FROM {table} WHERE key > ? ORDER BY key LIMIT {_PAGE_ROWS}"  # noqa: S608
        while page:
            yield [key for (key,) in page]
            page = self._database.execute(following, page[-1]).fetchall()
