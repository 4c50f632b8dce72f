"""What a run added, taken back: out of our tables, and out of those of a library that was taken over."""

from typing import NamedTuple

from sqlalchemy import delete, func, select, update

from midiprism.adopt.db.foreign_keys import (
    lock_against_writes,
    temporary_parent_index,
    unreferenced_condition,
)
from midiprism.adopt.db.foreign_schema import ForeignSchema, read_foreign_schema
from midiprism.adopt.db.foreign_songs import is_adopted
from midiprism.adopt.db.restore import restore_rows
from midiprism.catalog.catalog import track_is_unlinked
from midiprism.catalog.postgres.catalog import PostgresCatalog
from midiprism.catalog.postgres.server import driver_connection
from midiprism.catalog.schema import (
    foreign_files_added,
    foreign_links_added,
    foreign_rows_replaced,
    links,
    runs,
    song_paths,
    songs,
    tracks,
)
from midiprism.errors import CatalogError, UsageError

UNDONE = "undone"


class RunAdditions(NamedTuple):
    """What a run added, and what is to be taken back.

    Attributes:
        songs: that got an outcome by it.
        tracks: contents that it was the first to record.
        their_links: rows of ``links``; ``foreign_files`` of ``files``.
        replaced: rows of both that it took out.
    """

    songs: int
    tracks: int
    foreign_links: int
    foreign_files: int
    foreign_rows_replaced: int


class UndoResult(NamedTuple):
    """What was taken back.

    Attributes:
        songs: that have no outcome any more.
        tracks: that no song has any more.
        their_links: rows deleted of ``links``; ``foreign_files`` of ``files``.
        restored: rows of both put back.
        kept: rows of both that stay, since others refer to them.
        not_restored: rows that could not be put back, since others have their place.
    """

    songs: int
    tracks: int
    foreign_links: int
    foreign_files: int
    foreign_rows_restored: int
    foreign_rows_kept: int
    foreign_rows_not_restored: int


def count_additions(catalog: PostgresCatalog, run_id: int) -> RunAdditions:
    """What there is to take back.

    Raises:
        UsageError: there is no such run, or nothing of it any more.
    """

    def work() -> RunAdditions:
        _require_run(catalog, run_id)
        counts = [
            catalog.connection.scalar(select(func.count()).select_from(table).where(table.c.run_id == run_id))
            for table in (songs, tracks, foreign_links_added, foreign_files_added, foreign_rows_replaced)
        ]
        return RunAdditions(*(count or 0 for count in counts))

    return catalog.run_in_transaction(work)


def undo_run(catalog: PostgresCatalog, run_id: int) -> UndoResult:
    """Take back what a run added, in one transaction.

    Raises:
        UsageError: there is no such run, or nothing of it any more.
        CatalogError: a run is on, or the database refuses it. Nothing was changed.
    """
    return catalog.run_in_transaction(lambda: _RunUndo(catalog, run_id).execute())


def _require_run(catalog: PostgresCatalog, run_id: int) -> None:
    state = catalog.connection.scalar(select(runs.c.state).where(runs.c.id == run_id))
    if state is None:
        raise UsageError(f"{catalog.path} knows no run {run_id}: `midiprism status` lists them.")
    if state == UNDONE:
        raise UsageError(f"Run {run_id} has been undone already.")


class _RunUndo:
    """One run, inside a transaction."""

    def __init__(self, catalog: PostgresCatalog, run_id: int) -> None:
        self._catalog = catalog
        self._connection = catalog.connection
        self._driver_connection = driver_connection(catalog.connection)
        self._schema = f'"{catalog.address.schema}"'
        self._run_id = run_id

    def execute(self) -> UndoResult:
        if not self._catalog.is_only_active_run(None):
            raise CatalogError("A run is on: wait until it has ended, or stop it.")
        _require_run(self._catalog, self._run_id)
        links = files = restored = kept = not_restored = 0
        if is_adopted(self._catalog):
            shape = read_foreign_schema(self._connection, self._catalog.address.schema)
            if not shape.recognised:
                raise CatalogError(f"{self._catalog.path}: {shape.faults[0]}")
            links, files, restored, kept, not_restored = self._undo_foreign_rows(shape)
        songs, gone = self._undo_own_rows()
        self._connection.execute(update(runs).where(runs.c.id == self._run_id).values(state=UNDONE))
        return UndoResult(songs, gone, links, files, restored, kept, not_restored)

    def _undo_foreign_rows(self, foreign_schema: ForeignSchema) -> tuple[int, int, int, int, int]:
        files, links = foreign_schema.qualified_name("files"), foreign_schema.qualified_name("track_splits")
        lock_against_writes(self._connection, links, files)
        with temporary_parent_index(self._connection, files):
            links_gone, links_kept = self._delete_added("foreign_links_added", "link_id", links)
            # Links are put back after the files that they lead to.
            files_back, files_not = restore_rows(self._catalog, self._run_id, "files", files)
            links_back, links_not = restore_rows(self._catalog, self._run_id, "track_splits", links)
            left = self._reassign_shared_files(links)
            files_gone, files_kept = self._delete_added("foreign_files_added", "file_id", files)
        return (
            links_gone,
            files_gone,
            files_back + links_back,
            links_kept + left + files_kept,
            files_not + links_not,
        )

    def _reassign_shared_files(self, links_table: str) -> int:
        """Files of this run to which another one's links lead are that one's from now on; how many."""
        left = self._driver_connection.execute(
            f"UPDATE {self._schema}.foreign_files_added a SET run_id = other.run_id FROM ("  # noqa: S608
            f"SELECT l.split_file_id AS file_id, min(b.run_id) AS run_id FROM {links_table} l "
            f"JOIN {self._schema}.foreign_links_added b ON b.link_id = l.id "
            f"WHERE l.split_file_id IN (SELECT file_id FROM {self._schema}.foreign_files_added WHERE run_id = %s) "
            "GROUP BY l.split_file_id) other WHERE a.file_id = other.file_id",
            (self._run_id,),
        )
        return int(left.rowcount)

    def _delete_added(self, log_table: str, column: str, table: str) -> tuple[int, int]:
        """Delete the rows that this run added; how many, and how many stay since others refer to them."""
        mine = f"SELECT {column} FROM {self._schema}.{log_table} WHERE run_id = %s"  # noqa: S608
        (there,) = self._driver_connection.execute(
            f"SELECT count(*) FROM {table} WHERE id IN ({mine})",  # noqa: S608
            (self._run_id,),
        ).fetchone()
        gone = self._driver_connection.execute(
            f"DELETE FROM {table} t WHERE t.id IN ({mine}) "  # noqa: S608
            f"AND {unreferenced_condition(self._connection, table, 't')}",
            (self._run_id,),
        ).rowcount
        self._driver_connection.execute(
            f"DELETE FROM {self._schema}.{log_table} WHERE run_id = %s",  # noqa: S608
            (self._run_id,),
        )
        return gone, there - gone

    def _undo_own_rows(self) -> tuple[int, int]:
        """Songs and tracks that are known no more."""
        mine = select(songs.c.id).where(songs.c.run_id == self._run_id)
        self._connection.execute(delete(links).where(links.c.song_id.in_(mine)))
        self._connection.execute(delete(song_paths).where(song_paths.c.song_id.in_(mine)))
        songs_deleted = self._connection.execute(delete(songs).where(songs.c.run_id == self._run_id)).rowcount
        gone = self._connection.execute(delete(tracks).where(track_is_unlinked())).rowcount
        return songs_deleted, gone
