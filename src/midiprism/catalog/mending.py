"""What was found damaged, remembered while it is mended, and the few corrections that no commit makes."""

import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from sqlalchemy import Select, delete, exists, func, select, tuple_, update

from midiprism.catalog.audit import PathRow, TrackFile
from midiprism.catalog.catalog import LOOKED_UP, Catalog
from midiprism.catalog.schema import parent_paths, parents, track_splits, tracks

_PAGE = 500
_LINKS = 10_000
_CACHE_KIB = 16 << 10


class Mending:
    """Keeps what is to be mended beside the catalogue, in a database that spills to the disk and vanishes.

    So it is the same wherever the catalogue is, and one that is opened only to be read will do.

    Args:
        catalog: open for writing; for a dry run, open to read.
    """

    def __init__(self, catalog: Catalog) -> None:
        self._catalog = catalog
        # An unnamed database is private, spills to a file only when it outgrows its cache, and then vanishes.
        self._noted = sqlite3.connect("", isolation_level=None)
        self._noted.execute("PRAGMA journal_mode = OFF")
        self._noted.execute(f"PRAGMA cache_size = -{_CACHE_KIB}")
        for table in ("files", "parents"):
            self._noted.execute(f"CREATE TABLE {table} (key INTEGER PRIMARY KEY)")
        self._noted.execute("CREATE TABLE paths (key BLOB PRIMARY KEY) WITHOUT ROWID")

    def close(self) -> None:
        self._noted.close()

    def note_files(self, numbers: Iterable[int]) -> None:
        """Remember tracks whose files are to be restored."""
        self._note("files", numbers)

    def note_parents(self, numbers: Iterable[int]) -> None:
        """Remember parents that are to be split again."""
        self._note("parents", numbers)

    def note_paths(self, paths: Iterable[bytes]) -> None:
        """Remember paths that are to be split again, since their parents are lost."""
        self._note("paths", paths)

    def counts(self) -> tuple[int, int, int]:
        """How many tracks, parents and paths are left to be mended."""
        return self._count("files"), self._count("parents"), self._count("paths")

    def needed(self) -> Iterator[int]:
        """Numbers of the parents that link to files to be restored; one pass over all links.

        Those whose files were all restored meanwhile are left out.
        """
        last = None
        for page in self._links():
            there = self._among_files(track_id for _, _, track_id in page)
            for parent_id in dict.fromkeys(number for number, _, track_id in page if track_id in there):
                if parent_id != last and self.files_of(parent_id):
                    last = parent_id
                    yield parent_id

    def files_of(self, parent_id: int) -> list[TrackFile]:
        """The files of a parent that are to be restored."""
        wanted = (
            _track()
            .distinct()
            .join(track_splits, track_splits.c.track_id == tracks.c.id)
            .where(track_splits.c.parent_id == parent_id)
        )
        found = [TrackFile(*row) for row in self._all(wanted)]
        there = self._among_files(track.id for track in found)
        return [track for track in found if track.id in there]

    def files(self) -> Iterator[Sequence[TrackFile]]:
        """The tracks whose files are to be restored still, page by page."""
        for numbers in self._pages("files"):
            wanted = _track().where(tracks.c.id.in_(numbers)).order_by(tracks.c.id)
            yield [TrackFile(*row) for row in self._all(wanted)]

    def broken(self) -> Iterator[int]:
        """Numbers of the parents that are to be split again."""
        for numbers in self._pages("parents"):
            yield from numbers

    def lost_paths(self) -> Iterator[PathRow]:
        """Paths whose parents are lost."""
        path = parent_paths.c
        for paths in self._pages("paths"):
            wanted = select(path.path, path.parent_id, path.root_length).where(path.path.in_(paths))
            for row in self._all(wanted.order_by(path.path)):
                yield PathRow(*row)

    def mended_files(self, numbers: Iterable[int]) -> int:
        """Forget tracks whose files are whole again; how many of them were remembered."""
        return self._noted.executemany(
            "DELETE FROM files WHERE key = ?", [(number,) for number in numbers]
        ).rowcount

    def forget_unlinked(self) -> None:
        """Forget tracks that no song has: they are not to be restored."""
        if not self._count("files"):
            return
        self._noted.execute("CREATE TABLE linked (key INTEGER PRIMARY KEY)")
        for page in self._links():
            self._note("linked", self._among_files(track_id for _, _, track_id in page))
        self._noted.execute("DELETE FROM files WHERE key NOT IN (SELECT key FROM linked)")
        self._noted.execute("DROP TABLE linked")

    def correct(self, track: TrackFile) -> None:
        """Make a track's row speak of its file as it is."""
        values = {"size": track.size, "family": track.family, "stem": track.stem, "digits": track.digits}
        changed = update(tracks).where(tracks.c.id == track.id).values(values)
        self._catalog.do(lambda: self._catalog.connection.execute(changed))

    def spare_lost_numbers(self) -> None:
        """Never give a new parent or track a number that rows of a lost one still speak of."""
        pairs = {
            parents.c.id: (parents.c.id, track_splits.c.parent_id, parent_paths.c.parent_id),
            tracks.c.id: (tracks.c.id, track_splits.c.track_id),
        }
        for column, speaking in pairs.items():
            highest = max(self._all(select(func.max(it)))[0][0] or 0 for it in speaking)
            self._catalog.spare_numbers(column.table.name, highest)

    def drop_lost_links(self) -> int:
        """Delete links of parents of which neither row nor path is left; how many parents."""
        number = track_splits.c.parent_id
        gone = ~exists().where(parents.c.id == number) & ~exists().where(parent_paths.c.parent_id == number)

        def work() -> int:
            connection = self._catalog.connection
            count = connection.scalar(select(func.count(number.distinct())).where(gone)) or 0
            connection.execute(delete(track_splits).where(gone))
            return int(count)

        return self._catalog.do(work)

    def _links(self) -> Iterator[list[tuple[int, int, int]]]:
        """Parent, position and track of all links, in that order, as long as there are files to restore."""
        link = track_splits.c
        wanted = select(link.parent_id, link.position, link.track_id)
        wanted = wanted.order_by(link.parent_id, link.position).limit(_LINKS)
        after: Any = link.position >= 0
        while self._count("files") and (page := self._all(wanted.where(after))):
            yield [(row[0], row[1], row[2]) for row in page]
            last, position, _ = page[-1]
            after = tuple_(link.parent_id, link.position) > (last, position)

    def _among_files(self, numbers: Iterable[int]) -> set[int]:
        """Those of these tracks that are remembered."""
        asked = sorted(set(numbers))
        found: set[int] = set()
        for start in range(0, len(asked), LOOKED_UP):
            part = asked[start : start + LOOKED_UP]
            marks = ", ".join("?" * len(part))
            rows = self._noted.execute(f"SELECT key FROM files WHERE key IN ({marks})", part)  # noqa: S608
            found.update(row[0] for row in rows)
        return found

    def _note(self, table: str, keys: Iterable[Any]) -> None:
        statement = f"INSERT OR IGNORE INTO {table} VALUES (?)"  # noqa: S608 - a name of ours
        self._noted.executemany(statement, [(key,) for key in keys])

    def _count(self, table: str) -> int:
        number: int = self._noted.execute(f"SELECT count(*) FROM {table}").fetchone()[0]  # noqa: S608
        return number

    def _pages(self, table: str) -> Iterator[list[Any]]:
        """The keys of a table in their order; what is taken from it or added behind is seen."""
        page = self._noted.execute(f"SELECT key FROM {table} ORDER BY key LIMIT {_PAGE}").fetchall()  # noqa: S608
        following = f"SELECT key FROM {table} WHERE key > ? ORDER BY key LIMIT {_PAGE}"  # noqa: S608
        while page:
            yield [row[0] for row in page]
            page = self._noted.execute(following, page[-1]).fetchall()

    def _all(self, wanted: Select[Any]) -> Sequence[Any]:
        return self._catalog.do(lambda: self._catalog.connection.execute(wanted).fetchall())


def _track() -> Select[Any]:
    track = tracks.c
    return select(track.id, track.digest, track.size, track.family, track.stem, track.digits)
