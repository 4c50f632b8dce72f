"""What was found damaged, remembered while it is mended, and the few corrections that no commit makes."""

import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from sqlalchemy import Select, delete, exists, func, select, tuple_, update

from midiprism.catalog.catalog import MAX_QUERY_VALUES, Catalog
from midiprism.catalog.queries.integrity import SongPath, TrackFile
from midiprism.catalog.schema import links, song_paths, songs, tracks

_PAGE_ROWS = 500
_LINKS_PER_PAGE = 10_000
_CACHE_KIB = 16 << 10


class RepairQueue:
    """Keeps what is to be mended beside the catalogue, in a database that spills to the disk and vanishes.

    So it is the same wherever the catalogue is, and one that is opened only to be read will do.

    Args:
        catalog: open for writing; for a dry run, open to read.
    """

    def __init__(self, catalog: Catalog) -> None:
        self._catalog = catalog
        # An unnamed database is private, spills to a file only when it outgrows its cache, and then vanishes.
        self._database = sqlite3.connect("", isolation_level=None)
        self._database.execute("PRAGMA journal_mode = OFF")
        self._database.execute(f"PRAGMA cache_size = -{_CACHE_KIB}")
        for table in ("files", "songs"):
            self._database.execute(f"CREATE TABLE {table} (key INTEGER PRIMARY KEY)")
        self._database.execute("CREATE TABLE paths (key BLOB PRIMARY KEY) WITHOUT ROWID")

    def close(self) -> None:
        self._database.close()

    def add_damaged_tracks(self, track_ids: Iterable[int]) -> None:
        """Remember tracks whose files are to be restored."""
        self._add("files", track_ids)

    def add_damaged_songs(self, song_ids: Iterable[int]) -> None:
        """Remember songs that are to be split again."""
        self._add("songs", song_ids)

    def add_lost_paths(self, paths: Iterable[bytes]) -> None:
        """Remember paths that are to be split again, since their songs are lost."""
        self._add("paths", paths)

    def remaining(self) -> tuple[int, int, int]:
        """How many tracks, songs and paths are left to be mended."""
        return self._count("files"), self._count("songs"), self._count("paths")

    def songs_with_damaged_tracks(self) -> Iterator[int]:
        """Numbers of the songs that link to files to be restored; one pass over all links.

        Those whose files were all restored meanwhile are left out.
        """
        last = None
        for page in self._link_pages():
            there = self._damaged_among(track_id for _, _, track_id in page)
            for song_id in dict.fromkeys(number for number, _, track_id in page if track_id in there):
                if song_id != last and self.damaged_tracks_of(song_id):
                    last = song_id
                    yield song_id

    def damaged_tracks_of(self, song_id: int) -> list[TrackFile]:
        """The files of a song that are to be restored."""
        wanted = (
            _select_track()
            .distinct()
            .join(links, links.c.track_id == tracks.c.id)
            .where(links.c.song_id == song_id)
        )
        found = [TrackFile(*row) for row in self._fetch_all(wanted)]
        there = self._damaged_among(track.id for track in found)
        return [track for track in found if track.id in there]

    def damaged_tracks(self) -> Iterator[Sequence[TrackFile]]:
        """The tracks whose files are to be restored still, page by page."""
        for numbers in self._pages("files"):
            wanted = _select_track().where(tracks.c.id.in_(numbers)).order_by(tracks.c.id)
            yield [TrackFile(*row) for row in self._fetch_all(wanted)]

    def damaged_songs(self) -> Iterator[int]:
        """Numbers of the songs that are to be split again."""
        for numbers in self._pages("songs"):
            yield from numbers

    def lost_paths(self) -> Iterator[SongPath]:
        """Paths whose songs are lost."""
        path = song_paths.c
        for paths in self._pages("paths"):
            wanted = select(path.path, path.song_id, path.root_length).where(path.path.in_(paths))
            for row in self._fetch_all(wanted.order_by(path.path)):
                yield SongPath(*row)

    def remove_repaired_tracks(self, track_ids: Iterable[int]) -> int:
        """Forget tracks whose files are whole again; how many of them were remembered."""
        return self._database.executemany(
            "DELETE FROM files WHERE key = ?", [(number,) for number in track_ids]
        ).rowcount

    def remove_unlinked_tracks(self) -> None:
        """Forget tracks that no song has: they are not to be restored."""
        if not self._count("files"):
            return
        self._database.execute("CREATE TABLE linked (key INTEGER PRIMARY KEY)")
        for page in self._link_pages():
            self._add("linked", self._damaged_among(track_id for _, _, track_id in page))
        self._database.execute("DELETE FROM files WHERE key NOT IN (SELECT key FROM linked)")
        self._database.execute("DROP TABLE linked")

    def correct_row(self, track: TrackFile) -> None:
        """Make a track's row speak of its file as it is."""
        values = {
            "size": track.size,
            "family": track.family,
            "stem": track.stem,
            "digest_digits": track.digest_digits,
        }
        changed = update(tracks).where(tracks.c.id == track.id).values(values)
        self._catalog.run_in_transaction(lambda: self._catalog.connection.execute(changed))

    def reserve_lost_ids(self) -> None:
        """Never give a new song or track a number that rows of a lost one still speak of."""
        pairs = {
            songs.c.id: (songs.c.id, links.c.song_id, song_paths.c.song_id),
            tracks.c.id: (tracks.c.id, links.c.track_id),
        }
        for column, speaking in pairs.items():
            highest = max(self._fetch_all(select(func.max(it)))[0][0] or 0 for it in speaking)
            self._catalog.reserve_ids(column.table.name, highest)

    def delete_lost_links(self) -> int:
        """Delete links of songs of which neither row nor path is left; how many songs."""
        number = links.c.song_id
        gone = ~exists().where(songs.c.id == number) & ~exists().where(song_paths.c.song_id == number)

        def work() -> int:
            connection = self._catalog.connection
            count = connection.scalar(select(func.count(number.distinct())).where(gone)) or 0
            connection.execute(delete(links).where(gone))
            return int(count)

        return self._catalog.run_in_transaction(work)

    def _link_pages(self) -> Iterator[list[tuple[int, int, int]]]:
        """Song, position and track of all links, in that order, as long as there are files to restore."""
        link = links.c
        wanted = select(link.song_id, link.position, link.track_id)
        wanted = wanted.order_by(link.song_id, link.position).limit(_LINKS_PER_PAGE)
        after: Any = link.position >= 0
        while self._count("files") and (page := self._fetch_all(wanted.where(after))):
            yield [(row[0], row[1], row[2]) for row in page]
            last, position, _ = page[-1]
            after = tuple_(link.song_id, link.position) > (last, position)

    def _damaged_among(self, track_ids: Iterable[int]) -> set[int]:
        """Those of these tracks that are remembered."""
        asked = sorted(set(track_ids))
        found: set[int] = set()
        for start in range(0, len(asked), MAX_QUERY_VALUES):
            part = asked[start : start + MAX_QUERY_VALUES]
            marks = ", ".join("?" * len(part))
            rows = self._database.execute(f"SELECT key FROM files WHERE key IN ({marks})", part)  # noqa: S608
            found.update(row[0] for row in rows)
        return found

    def _add(self, table: str, keys: Iterable[Any]) -> None:
        statement = f"INSERT OR IGNORE INTO {table} VALUES (?)"  # noqa: S608 - a name of ours
        self._database.executemany(statement, [(key,) for key in keys])

    def _count(self, table: str) -> int:
        number: int = self._database.execute(f"SELECT count(*) FROM {table}").fetchone()[0]  # noqa: S608
        return number

    def _pages(self, table: str) -> Iterator[list[Any]]:
        """The keys of a table in their order; what is taken from it or added behind is seen."""
        page = self._database.execute(f"SELECT key FROM {table} ORDER BY key LIMIT {_PAGE_ROWS}").fetchall()  # noqa: S608
        following = f"SELECT key FROM {table} WHERE key > ? ORDER BY key LIMIT {_PAGE_ROWS}"  # noqa: S608
        while page:
            yield [row[0] for row in page]
            page = self._database.execute(following, page[-1]).fetchall()

    def _fetch_all(self, wanted: Select[Any]) -> Sequence[Any]:
        return self._catalog.run_in_transaction(lambda: self._catalog.connection.execute(wanted).fetchall())


def _select_track() -> Select[Any]:
    track = tracks.c
    return select(track.id, track.digest, track.size, track.family, track.stem, track.digest_digits)
