"""Delete rows of another program's tables that replaced links leave behind, and restore removed rows."""

from collections.abc import Sequence
from typing import Any, Literal, NamedTuple

from sqlalchemy import Connection, func, select, text

from midiprism.adopt.db.foreign_keys import (
    lock_against_writes,
    temporary_parent_index,
    unreferenced_condition,
)
from midiprism.adopt.db.foreign_schema import hide_schema, quote_identifier
from midiprism.adopt.db.foreign_tables import ForeignTables
from midiprism.catalog.catalog import Catalog
from midiprism.catalog.postgres.server import driver_connection
from midiprism.catalog.schema import foreign_rows_replaced


class RestoreResult(NamedTuple):
    """Numbers of rows that a run removed.

    Attributes:
        restored: rows that were put back.
        not_restored: rows that could not be put back because others have taken their place.
    """

    restored: int
    not_restored: int


def delete_replaced_files(catalog: Catalog, tables: ForeignTables, run_id: int) -> int:
    """Delete the rows of ``files`` to which only removed links led, and return their number.

    Rows that runs added stay, and so does every row to which another one refers. Rows whose links an earlier
    run removed are included, since that run may have ended before it deleted them.
    """

    def work() -> int:
        connection, schema = catalog.connection, f'"{tables.own_schema}"'
        hide_schema(connection, tables.own_schema)
        driver = driver_connection(connection)
        driver.execute("DROP TABLE IF EXISTS pg_temp.unlinked")
        driver.execute(
            "CREATE TEMPORARY TABLE unlinked ON COMMIT DROP AS "  # noqa: S608 - names of ours, and quoted
            f"SELECT f.id FROM {tables.files} f WHERE f.is_multi_track AND f.id IN ("
            f"SELECT (row ->> 'split_file_id')::bigint FROM {schema}.foreign_rows_replaced "
            "WHERE table_name = 'track_splits') "
            f"AND NOT EXISTS (SELECT FROM {tables.links} l WHERE l.split_file_id = f.id) "
            f"AND NOT EXISTS (SELECT FROM {schema}.foreign_files_added a WHERE a.file_id = f.id)"
        )
        (has_unlinked,) = driver.execute("SELECT EXISTS (SELECT FROM unlinked)").fetchone()
        if not has_unlinked:
            return 0
        lock_against_writes(connection, tables.files)
        with temporary_parent_index(connection, tables.files):
            deleted = driver.execute(
                f"WITH deleted AS (DELETE FROM {tables.files} f "  # noqa: S608 - as above
                "WHERE f.id IN (SELECT id FROM unlinked) "
                f"AND {unreferenced_condition(connection, tables.files, 'f')} RETURNING f.*) "
                f"INSERT INTO {schema}.foreign_rows_replaced (run_id, table_name, row_id, row) "
                "SELECT %s, 'files', deleted.id, to_json(deleted) FROM deleted",
                (run_id,),
            )
            return int(deleted.rowcount)

    return catalog.run_in_transaction(work)


def count_replaced_rows(catalog: Catalog, run_id: int) -> int:
    """Return how many rows of the library a run has taken out."""
    table = foreign_rows_replaced
    query = select(func.count()).select_from(table).where(table.c.run_id == run_id)
    return int(catalog.fetch_value(query) or 0)


def restore_rows(
    connection: Connection,
    own_schema: str,
    run_id: int,
    table_name: Literal["files", "track_splits"],
    qualified_table: str,
) -> RestoreResult:
    """Put back the rows that a run removed from a table, inside an open transaction.

    Args:
        connection: in an open transaction.
        own_schema: schema of midiprism's own tables, which have a copy of the rows.
        run_id: of the run.
        table_name: name of the table.
        qualified_table: its qualified and quoted name.
    """
    schema = f'"{own_schema}"'
    names: Sequence[Any] = connection.execute(_COLUMNS, {"table": qualified_table}).scalars().all()
    columns = ", ".join(map(quote_identifier, names)).replace("%", "%%")
    driver = driver_connection(connection)
    restored_count = driver.execute(
        f"INSERT INTO {qualified_table} ({columns}) OVERRIDING SYSTEM VALUE "  # noqa: S608 - quoted
        f"SELECT {columns} FROM ("
        f"SELECT (json_populate_record(NULL::{qualified_table}, r.row)).* "
        f"FROM {schema}.foreign_rows_replaced r "
        "WHERE r.run_id = %s AND r.table_name = %s ORDER BY r.row_id) removed ON CONFLICT DO NOTHING",
        (run_id, table_name),
    ).rowcount
    removed_count = driver.execute(
        f"DELETE FROM {schema}.foreign_rows_replaced WHERE run_id = %s AND table_name = %s",  # noqa: S608
        (run_id, table_name),
    ).rowcount
    return RestoreResult(restored_count, removed_count - restored_count)


_COLUMNS = text("""
SELECT attname FROM pg_catalog.pg_attribute
WHERE attrelid = CAST(:table AS regclass) AND attnum > 0 AND NOT attisdropped AND attgenerated = ''
ORDER BY attnum
""")
