"""What was found damaged, remembered while it is mended, and the few corrections that no commit makes."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from sqlalchemy import (
    Column,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    bindparam,
    delete,
    exists,
    func,
    select,
    update,
)
from sqlalchemy.dialects.sqlite import insert

from midiprism.catalog.audit import PathRow, TrackFile
from midiprism.catalog.catalog import Catalog
from midiprism.catalog.errors import translated
from midiprism.catalog.schema import parent_paths, parents, track_splits, tracks

_PAGE = 500
_temporary = MetaData()
_files = Table(
    "damaged_files",
    _temporary,
    Column("id", Integer, primary_key=True, autoincrement=False),
    prefixes=["TEMPORARY"],
    comment="Tracks whose files are missing or damaged.",
)
_songs = Table(
    "damaged_parents",
    _temporary,
    Column("id", Integer, primary_key=True, autoincrement=False),
    prefixes=["TEMPORARY"],
    comment="Parents whose links are not what they should be.",
)
_paths = Table(
    "damaged_paths",
    _temporary,
    Column("path", LargeBinary, primary_key=True),
    prefixes=["TEMPORARY"],
    comment="Paths whose parents are lost.",
)


class Mending:
    """Keeps what is to be mended in tables of the connection's own, which spill to the disk and vanish.

    Args:
        catalog: open for writing; for a dry run, open to read.
    """

    def __init__(self, catalog: Catalog) -> None:
        self._catalog = catalog
        self._connection = catalog.connection
        # Temporary tables are no part of the catalogue, which a file opened to read protects by itself.
        self._connection.exec_driver_sql("PRAGMA query_only = OFF")
        self._connection.rollback()
        with translated(catalog.path), self._connection.begin():
            for table in (_files, _songs, _paths):
                self._connection.exec_driver_sql(f"DROP TABLE IF EXISTS temp.{table.name}")
                table.create(self._connection)

    def note_files(self, numbers: Iterable[int]) -> None:
        """Remember tracks whose files are to be restored."""
        self._note(_files, [{"id": number} for number in numbers])

    def note_parents(self, numbers: Iterable[int]) -> None:
        """Remember parents that are to be split again."""
        self._note(_songs, [{"id": number} for number in numbers])

    def note_paths(self, paths: Iterable[bytes]) -> None:
        """Remember paths that are to be split again, since their parents are lost."""
        self._note(_paths, [{"path": path} for path in paths])

    def counts(self) -> tuple[int, int, int]:
        """How many tracks, parents and paths are left to be mended."""
        tables = (_files, _songs, _paths)
        found = [self._all(select(func.count()).select_from(table))[0][0] for table in tables]
        return found[0], found[1], found[2]

    def needed(self) -> Iterator[int]:
        """Numbers of the parents that link to files to be restored; one pass over all links.

        Those whose files were all restored meanwhile are left out.
        """
        link = track_splits.c
        last = -1
        while True:
            page = self._all(
                select(link.parent_id)
                .distinct()
                .where(link.parent_id > last, link.track_id.in_(select(_files.c.id)))
                .order_by(link.parent_id)
                .limit(_PAGE)
            )
            for (last,) in page:
                if self.files_of(last):
                    yield last
            if len(page) < _PAGE:
                return

    def files_of(self, parent_id: int) -> list[TrackFile]:
        """The files of a parent that are to be restored."""
        wanted = (
            _track()
            .distinct()
            .join(track_splits, track_splits.c.track_id == tracks.c.id)
            .where(track_splits.c.parent_id == parent_id, tracks.c.id.in_(select(_files.c.id)))
        )
        return [TrackFile(*row) for row in self._all(wanted)]

    def files(self) -> Iterator[Sequence[TrackFile]]:
        """The tracks whose files are to be restored still, page by page."""
        last = -1
        while True:
            page = self._all(
                _track()
                .join(_files, _files.c.id == tracks.c.id)
                .where(tracks.c.id > last)
                .order_by(tracks.c.id)
                .limit(_PAGE)
            )
            if not page:
                return
            last = page[-1].id
            yield [TrackFile(*row) for row in page]

    def broken(self) -> Iterator[int]:
        """Numbers of the parents that are to be split again."""
        last = -1
        while page := self._all(
            select(_songs.c.id).where(_songs.c.id > last).order_by(_songs.c.id).limit(_PAGE)
        ):
            for (last,) in page:
                yield last

    def lost_paths(self) -> Iterator[PathRow]:
        """Paths whose parents are lost."""
        last = b""
        path = parent_paths.c
        while page := self._all(
            select(path.path, path.parent_id, path.root_length)
            .join(_paths, _paths.c.path == path.path)
            .where(path.path > last)
            .order_by(path.path)
            .limit(_PAGE)
        ):
            for row in page:
                last = row.path
                yield PathRow(*row)

    def mended_files(self, numbers: Iterable[int]) -> int:
        """Forget tracks whose files are whole again; how many of them were remembered."""
        return self._forget(_files.c.id, numbers)

    def forget_unlinked(self) -> None:
        """Forget tracks that no song has: they are not to be restored."""
        unlinked = _files.c.id.not_in(select(track_splits.c.track_id))
        with translated(self._catalog.path), self._connection.begin():
            self._connection.execute(delete(_files).where(unlinked))

    def correct(self, track: TrackFile) -> None:
        """Make a track's row speak of its file as it is."""
        with translated(self._catalog.path), self._connection.begin():
            self._connection.execute(
                update(tracks)
                .where(tracks.c.id == track.id)
                .values(size=track.size, family=track.family, stem=track.stem, digits=track.digits)
            )

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
        with translated(self._catalog.path), self._connection.begin():
            count = self._connection.scalar(select(func.count(number.distinct())).where(gone)) or 0
            self._connection.execute(delete(track_splits).where(gone))
            return int(count)

    def _note(self, table: Table, values: list[dict[str, Any]]) -> None:
        if values:
            with translated(self._catalog.path), self._connection.begin():
                self._connection.execute(insert(table).on_conflict_do_nothing(), values)

    def _forget(self, column: Column[Any], values: Iterable[Any]) -> int:
        keys = [{"key": value} for value in values]
        if not keys:
            return 0
        with translated(self._catalog.path), self._connection.begin():
            return self._connection.execute(
                delete(column.table).where(column == bindparam("key")), keys
            ).rowcount

    def _all(self, wanted: Any) -> Sequence[Any]:
        with translated(self._catalog.path), self._connection.begin():
            return self._connection.execute(wanted).fetchall()


def _track() -> Any:
    track = tracks.c
    return select(track.id, track.digest, track.size, track.family, track.stem, track.digits)
