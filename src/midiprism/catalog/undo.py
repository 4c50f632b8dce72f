"""What a run added, taken back: out of our tables, and out of those of a library that was taken over."""

from typing import NamedTuple

from sqlalchemy import delete, func, select, update

from midiprism.catalog.adopting import is_adopted
from midiprism.catalog.catalog import unlinked
from midiprism.catalog.postgres import PostgresCatalog
from midiprism.catalog.postgres_server import driver
from midiprism.catalog.references import children_found, keep_others_out, unreferenced
from midiprism.catalog.replaced import put_back
from midiprism.catalog.schema import (
    added_files,
    added_links,
    parent_paths,
    parents,
    replaced_rows,
    runs,
    track_splits,
    tracks,
)
from midiprism.catalog.shape import Shape, read_shape
from midiprism.errors import CatalogError, UsageError

UNDONE = "undone"


class Added(NamedTuple):
    """What a run added, and what is to be taken back.

    Attributes:
        songs: that got an outcome by it.
        tracks: contents that it was the first to record.
        their_links: rows of ``track_splits``; ``their_files`` of ``files``.
        replaced: rows of both that it took out.
    """

    songs: int
    tracks: int
    their_links: int
    their_files: int
    replaced: int


class Undone(NamedTuple):
    """What was taken back.

    Attributes:
        songs: that have no outcome any more.
        tracks: that no song has any more.
        their_links: rows deleted of ``track_splits``; ``their_files`` of ``files``.
        restored: rows of both put back.
        kept: rows of both that stay, since others refer to them.
        not_restored: rows that could not be put back, since others have their place.
    """

    songs: int
    tracks: int
    their_links: int
    their_files: int
    restored: int
    kept: int
    not_restored: int


def added_by(catalog: PostgresCatalog, run_id: int) -> Added:
    """What there is to take back.

    Raises:
        UsageError: there is no such run, or nothing of it any more.
    """

    def work() -> Added:
        _require_run(catalog, run_id)
        counts = [
            catalog.connection.scalar(select(func.count()).select_from(table).where(table.c.run_id == run_id))
            for table in (parents, tracks, added_links, added_files, replaced_rows)
        ]
        return Added(*(count or 0 for count in counts))

    return catalog.do(work)


def undo_run(catalog: PostgresCatalog, run_id: int) -> Undone:
    """Take back what a run added, in one transaction.

    Raises:
        UsageError: there is no such run, or nothing of it any more.
        CatalogError: a run is on, or the database refuses it. Nothing was changed.
    """
    return catalog.do(lambda: _Undoing(catalog, run_id).all())


def _require_run(catalog: PostgresCatalog, run_id: int) -> None:
    state = catalog.connection.scalar(select(runs.c.state).where(runs.c.id == run_id))
    if state is None:
        raise UsageError(f"{catalog.path} knows no run {run_id}: `midiprism status` lists them.")
    if state == UNDONE:
        raise UsageError(f"Run {run_id} has been undone already.")


class _Undoing:
    """One run, inside a transaction."""

    def __init__(self, catalog: PostgresCatalog, run_id: int) -> None:
        self._catalog = catalog
        self._connection = catalog.connection
        self._driver = driver(catalog.connection)
        self._schema = f'"{catalog.address.schema}"'
        self._run_id = run_id

    def all(self) -> Undone:
        if not self._catalog.only_run(None):
            raise CatalogError("A run is on: wait until it has ended, or stop it.")
        _require_run(self._catalog, self._run_id)
        links = files = restored = kept = not_restored = 0
        if is_adopted(self._catalog):
            shape = read_shape(self._connection, self._catalog.address.schema)
            if not shape.recognised:
                raise CatalogError(f"{self._catalog.path}: {shape.faults[0]}")
            links, files, restored, kept, not_restored = self._theirs(shape)
        songs, gone = self._ours()
        self._connection.execute(update(runs).where(runs.c.id == self._run_id).values(state=UNDONE))
        return Undone(songs, gone, links, files, restored, kept, not_restored)

    def _theirs(self, shape: Shape) -> tuple[int, int, int, int, int]:
        files, links = shape.table("files"), shape.table("track_splits")
        keep_others_out(self._connection, links, files)
        with children_found(self._connection, files):
            links_gone, links_kept = self._take_back("added_links", "link_id", links)
            # Links are put back after the files that they lead to.
            files_back, files_not = put_back(self._catalog, self._run_id, "files", files)
            links_back, links_not = put_back(self._catalog, self._run_id, "track_splits", links)
            left = self._leave_to_later_runs(links)
            files_gone, files_kept = self._take_back("added_files", "file_id", files)
        return (
            links_gone,
            files_gone,
            files_back + links_back,
            links_kept + left + files_kept,
            files_not + links_not,
        )

    def _leave_to_later_runs(self, links: str) -> int:
        """Files of this run to which another one's links lead are that one's from now on; how many."""
        left = self._driver.execute(
            f"UPDATE {self._schema}.added_files a SET run_id = other.run_id FROM ("  # noqa: S608
            f"SELECT l.split_file_id AS file_id, min(b.run_id) AS run_id FROM {links} l "
            f"JOIN {self._schema}.added_links b ON b.link_id = l.id "
            f"WHERE l.split_file_id IN (SELECT file_id FROM {self._schema}.added_files WHERE run_id = %s) "
            "GROUP BY l.split_file_id) other WHERE a.file_id = other.file_id",
            (self._run_id,),
        )
        return int(left.rowcount)

    def _take_back(self, ours: str, column: str, table: str) -> tuple[int, int]:
        """Delete the rows that this run added; how many, and how many stay since others refer to them."""
        mine = f"SELECT {column} FROM {self._schema}.{ours} WHERE run_id = %s"  # noqa: S608
        (there,) = self._driver.execute(
            f"SELECT count(*) FROM {table} WHERE id IN ({mine})",  # noqa: S608
            (self._run_id,),
        ).fetchone()
        gone = self._driver.execute(
            f"DELETE FROM {table} t WHERE t.id IN ({mine}) "  # noqa: S608
            f"AND {unreferenced(self._connection, table, 't')}",
            (self._run_id,),
        ).rowcount
        self._driver.execute(f"DELETE FROM {self._schema}.{ours} WHERE run_id = %s", (self._run_id,))  # noqa: S608
        return gone, there - gone

    def _ours(self) -> tuple[int, int]:
        """Songs and tracks that are known no more."""
        mine = select(parents.c.id).where(parents.c.run_id == self._run_id)
        self._connection.execute(delete(track_splits).where(track_splits.c.parent_id.in_(mine)))
        self._connection.execute(delete(parent_paths).where(parent_paths.c.parent_id.in_(mine)))
        songs = self._connection.execute(delete(parents).where(parents.c.run_id == self._run_id)).rowcount
        gone = self._connection.execute(delete(tracks).where(unlinked())).rowcount
        return songs, gone
