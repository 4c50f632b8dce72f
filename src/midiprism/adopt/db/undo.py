"""Undoing a run: in midiprism's tables, and in those of a library that was adopted."""

from typing import NamedTuple

from sqlalchemy import ColumnElement, delete, func, select, update

from midiprism.adopt.db.foreign_keys import (
    lock_against_writes,
    temporary_parent_index,
    unreferenced_condition,
)
from midiprism.adopt.db.foreign_schema import ForeignSchema, read_foreign_schema
from midiprism.adopt.db.restore import restore_rows
from midiprism.adopt.errors import (
    AlreadyUndoneError,
    NotAdoptableError,
    NothingAddedError,
    RunActiveError,
    UnknownRunError,
)
from midiprism.adopt.options import ADOPTION_HOOK_NAME
from midiprism.catalog.address import PostgresAddress
from midiprism.catalog.catalog import Catalog
from midiprism.catalog.commit_result import utc_now
from midiprism.catalog.postgres.catalog import PostgresCatalog
from midiprism.catalog.postgres.server import driver_connection
from midiprism.catalog.queries.gone_songs import record_change
from midiprism.catalog.queries.run_history import last_setting
from midiprism.catalog.reader import reader_in
from midiprism.catalog.rows import track_is_unlinked
from midiprism.catalog.schema import (
    foreign_files_added,
    foreign_links_added,
    foreign_rows_replaced,
    links,
    removed_songs,
    runs,
    song_paths,
    songs,
    tracks,
)

UNDONE = "undone"
"""State of a run that was undone."""


class RunAdditions(NamedTuple):
    """Numbers of rows that a run added, and that undoing it takes back.

    Attributes:
        songs: that got their outcome from it.
        tracks: that it was the first to record.
        foreign_links: rows that it added to ``track_splits``.
        foreign_files: rows that it added to ``files``.
        foreign_rows_replaced: rows of both that it removed.
        songs_removed: songs that it removed from the result; they stay removed.
    """

    songs: int
    tracks: int
    foreign_links: int
    foreign_files: int
    foreign_rows_replaced: int
    songs_removed: int = 0

    @property
    def is_empty(self) -> bool:
        """True if there is nothing to take back."""
        return not any(self._replace(songs_removed=0))


class UndoResult(NamedTuple):
    """Numbers of rows that undoing a run changed.

    Attributes:
        songs: that have no outcome any more.
        tracks: that belong to no song any more.
        foreign_links: rows that were deleted from ``track_splits``.
        foreign_files: rows that were deleted from ``files``.
        foreign_rows_restored: rows of both that were put back.
        foreign_rows_kept: rows of both that the run added and that stay because others refer to them.
        foreign_rows_not_restored: rows that could not be put back because others have taken their place.
        songs_removed: songs that the run had removed from the result; they stay removed.
    """

    songs: int
    tracks: int
    foreign_links: int = 0
    foreign_files: int = 0
    foreign_rows_restored: int = 0
    foreign_rows_kept: int = 0
    foreign_rows_not_restored: int = 0
    songs_removed: int = 0


class _DeletedRows(NamedTuple):
    """Numbers of rows of a table that a run added.

    Attributes:
        deleted: rows that were deleted.
        kept: rows that stay because others refer to them.
    """

    deleted: int
    kept: int


def count_additions(address: PostgresAddress, run_id: int) -> RunAdditions:
    """Count what undoing a run would take back.

    Raises:
        UnknownRunError: there is no such run.
        AlreadyUndoneError: it was undone before.
        NothingAddedError: there is nothing to take back.
        CatalogError: the catalog cannot be opened.
    """
    with PostgresCatalog.open(address, writable=False) as catalog:
        return catalog.run_in_transaction(lambda: _count_additions(catalog, address, run_id))


def _count_additions(catalog: Catalog, address: PostgresAddress, run_id: int) -> RunAdditions:
    """Count what undoing a run takes back, inside a transaction; raise unless there is something."""
    query = select(runs.c.state, runs.c.settings, runs.c.totals).where(runs.c.id == run_id)
    run = catalog.connection.execute(query).one_or_none()
    if run is None:
        raise UnknownRunError(catalog.path, run_id)
    if run.state == UNDONE:
        raise AlreadyUndoneError(run_id)
    tables = (songs, tracks, foreign_links_added, foreign_files_added, foreign_rows_replaced)
    counts = [_count_rows(catalog, table.c.run_id == run_id) for table in tables]
    additions = RunAdditions(*counts)._replace(songs_removed=int(run.totals.get("songs_removed") or 0))
    if additions.is_empty:
        is_removed = _count_rows(catalog, removed_songs.c.removal_id == run_id) > 0
        raise NothingAddedError(
            run_id,
            run.settings.get("command", "split"),
            removed=is_removed or additions.songs_removed > 0,
            out=last_setting(reader_in(catalog), "out") if is_removed else None,
            options=address.cli_options,
        )
    return additions


def _count_rows(catalog: Catalog, condition: ColumnElement[bool]) -> int:
    return catalog.connection.scalar(select(func.count()).where(condition)) or 0


def undo_run(address: PostgresAddress, run_id: int) -> UndoResult:
    """Take back what a run added, in one transaction.

    Raises:
        UnknownRunError: there is no such run.
        AlreadyUndoneError: it was undone before.
        NothingAddedError: there is nothing to take back.
        RunActiveError: a run is active.
        CatalogError: the catalog cannot be opened, or the database refuses it. Nothing was changed.
    """
    with PostgresCatalog.open(address, writable=True) as catalog:
        return catalog.run_in_transaction(lambda: _RunUndo(address, catalog, run_id).execute())


class _RunUndo:
    """The undoing of one run, inside a transaction."""

    def __init__(self, address: PostgresAddress, catalog: Catalog, run_id: int) -> None:
        self._catalog = catalog
        self._address = address
        self._connection = catalog.connection
        self._driver_connection = driver_connection(catalog.connection)
        self._own_schema = address.schema
        self._schema = f'"{address.schema}"'
        self._run_id = run_id

    def execute(self) -> UndoResult:
        if not self._catalog.is_only_active_run(None):
            raise RunActiveError
        additions = _count_additions(self._catalog, self._address, self._run_id)
        result = UndoResult(0, 0, songs_removed=additions.songs_removed)
        if ADOPTION_HOOK_NAME in self._catalog.select_hook_names():
            foreign_schema = read_foreign_schema(self._connection, self._own_schema)
            if not foreign_schema.recognised:
                raise NotAdoptableError(self._catalog.path, foreign_schema.faults[0])
            result = self._undo_foreign_rows(foreign_schema)._replace(songs_removed=additions.songs_removed)
        result = self._undo_own_rows(result)
        self._connection.execute(update(runs).where(runs.c.id == self._run_id).values(state=UNDONE))
        record_change(self._catalog, self._run_id, utc_now())
        return result

    def _undo_foreign_rows(self, foreign_schema: ForeignSchema) -> UndoResult:
        files_table = foreign_schema.qualified_name("files")
        links_table = foreign_schema.qualified_name("track_splits")
        lock_against_writes(self._connection, links_table, files_table)
        with temporary_parent_index(self._connection, files_table):
            links = self._delete_added("foreign_links_added", "link_id", links_table)
            # Links are put back after the files that they lead to.
            restored_files = restore_rows(
                self._connection, self._own_schema, self._run_id, "files", files_table
            )
            restored_links = restore_rows(
                self._connection, self._own_schema, self._run_id, "track_splits", links_table
            )
            reassigned_count = self._reassign_shared_files(links_table)
            files = self._delete_added("foreign_files_added", "file_id", files_table)
        return UndoResult(
            songs=0,
            tracks=0,
            foreign_links=links.deleted,
            foreign_files=files.deleted,
            foreign_rows_restored=restored_files.restored + restored_links.restored,
            foreign_rows_kept=links.kept + reassigned_count + files.kept,
            foreign_rows_not_restored=restored_files.not_restored + restored_links.not_restored,
        )

    def _reassign_shared_files(self, links_table: str) -> int:
        """Assign files of this run to other runs whose links lead to them, and return their number."""
        reassigned = self._driver_connection.execute(
            f"UPDATE {self._schema}.foreign_files_added a SET run_id = other.run_id FROM ("  # noqa: S608
            f"SELECT l.split_file_id AS file_id, min(b.run_id) AS run_id FROM {links_table} l "
            f"JOIN {self._schema}.foreign_links_added b ON b.link_id = l.id "
            "WHERE l.split_file_id IN "
            f"(SELECT file_id FROM {self._schema}.foreign_files_added WHERE run_id = %s) "
            "GROUP BY l.split_file_id) other WHERE a.file_id = other.file_id",
            (self._run_id,),
        )
        return int(reassigned.rowcount)

    def _delete_added(self, log_table: str, column: str, table: str) -> _DeletedRows:
        """Delete the rows that this run added to a table, unless others refer to them."""
        added = f"SELECT {column} FROM {self._schema}.{log_table} WHERE run_id = %s"  # noqa: S608
        (existing_count,) = self._driver_connection.execute(
            f"SELECT count(*) FROM {table} WHERE id IN ({added})",  # noqa: S608
            (self._run_id,),
        ).fetchone()
        deleted_count = self._driver_connection.execute(
            f"DELETE FROM {table} t WHERE t.id IN ({added}) "  # noqa: S608
            f"AND {unreferenced_condition(self._connection, table, 't')}",
            (self._run_id,),
        ).rowcount
        self._driver_connection.execute(
            f"DELETE FROM {self._schema}.{log_table} WHERE run_id = %s",  # noqa: S608
            (self._run_id,),
        )
        return _DeletedRows(deleted_count, existing_count - deleted_count)

    def _undo_own_rows(self, result: UndoResult) -> UndoResult:
        """Delete the songs that got their outcome from this run, and the tracks that no song has any more."""
        song_ids = select(songs.c.id).where(songs.c.run_id == self._run_id)
        self._connection.execute(delete(links).where(links.c.song_id.in_(song_ids)))
        self._connection.execute(delete(song_paths).where(song_paths.c.song_id.in_(song_ids)))
        songs_deleted = self._connection.execute(delete(songs).where(songs.c.run_id == self._run_id)).rowcount
        tracks_deleted = self._connection.execute(delete(tracks).where(track_is_unlinked())).rowcount
        return result._replace(songs=songs_deleted, tracks=tracks_deleted)
