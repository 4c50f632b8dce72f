"""New rows of a catalog in SQLite: their ids, and the statements that insert them."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import chain, count, islice
from typing import Any

from sqlalchemy import Connection, Table, func, select

from midiprism.catalog import rows
from midiprism.catalog.schema import links, removed_songs, removed_tracks, song_paths, songs, tracks

_REMOVED_ROWS = {songs: removed_songs, tracks: removed_tracks}
_TABLES_WITHOUT_ROWID = frozenset({links, song_paths})
_ROWS_AT_ONCE = 16
"""Rows that one statement inserts into them, which takes a quarter less time than a statement for each row;
other tables do not gain by it."""


class NewRows:
    """Assigns ids to new rows, and inserts rows by the driver: SQLAlchemy's work for each row would take
    longer than the database's.

    Args:
        connection: to the catalog, which nobody else writes.
    """

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._ids: dict[Table, Iterator[int]] = {}

    def free_ids(self, table: Table) -> Iterator[int]:
        """Return the ids of a table that no row has, inside a transaction that is open."""
        if table not in self._ids:
            self.reserve_ids(table, 0)
        return self._ids[table]

    def next_ids(self, table: Table, number: int) -> list[int]:
        """Return so many ids of a table that no row has, inside a transaction that is open."""
        return [*islice(self.free_ids(table), number)]

    def reserve_ids(self, table: Table, highest_id: int) -> None:
        """Give no new row of a table an id up to ``highest_id``, inside a transaction that is open."""
        # Rows that were removed may be put back.
        tables = [table, *([_REMOVED_ROWS[table]] if table in _REMOVED_ROWS else [])]
        highest = [self._connection.scalar(select(func.max(it.c.id))) or 0 for it in tables]
        self._ids[table] = count(max(highest_id, *highest) + 1)

    def forget_ids(self) -> None:
        """Assign the ids again of rows that were rolled back."""
        self._ids.clear()

    def insert(self, table: Table, columns: rows.TableColumns, **constants: int | None) -> None:
        """Insert rows.

        Args:
            constants: values that are the same in all rows.
        """
        row_count = len(next(iter(columns.values())))
        if not row_count:
            return
        filled = rows.filled_columns(table, columns)
        values = zip(*filled.values(), strict=True)
        if table in _TABLES_WITHOUT_ROWID:
            cells = chain.from_iterable(islice(values, row_count - row_count % _ROWS_AT_ONCE))
            several = zip(*[cells] * (_ROWS_AT_ONCE * len(filled)), strict=True)
            self._insert_many(table, tuple(filled), several, _ROWS_AT_ONCE, constants)
        self._insert_many(table, tuple(filled), values, 1, constants)

    def _insert_many(
        self,
        table: Table,
        names: tuple[str, ...],
        values: Iterable[Sequence[Any]],
        row_count: int,
        constants: Mapping[str, int | None],
    ) -> None:
        """Insert rows, so many by each statement and item of ``values``."""
        statement = rows.insert_statement(table, self._connection.dialect, names, row_count, **constants)
        driver_connection: Any = self._connection.connection.dbapi_connection
        driver_connection.executemany(statement, values)
