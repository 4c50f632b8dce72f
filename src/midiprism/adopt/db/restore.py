"""Rows of another program's tables that ``--replace`` took out, and how they come back."""

from collections.abc import Sequence
from typing import Any, Literal

from sqlalchemy import text

from midiprism.adopt.db.foreign_keys import (
    lock_against_writes,
    temporary_parent_index,
    unreferenced_condition,
)
from midiprism.adopt.db.foreign_schema import hide_schema, quote_identifier
from midiprism.adopt.db.foreign_writer import ForeignWriterConfig
from midiprism.catalog.postgres.catalog import PostgresCatalog
from midiprism.catalog.postgres.server import driver_connection


def delete_replaced_files(catalog: PostgresCatalog, config: ForeignWriterConfig, run_id: int) -> int:
    """Take the rows of ``files`` out to which only links led that were taken out; how many.

    Those that runs added stay, and so do all to which anything else refers. What an earlier run took links
    out of and could not end is dropped too.
    """

    def work() -> int:
        connection, schema = catalog.connection, f'"{catalog.address.schema}"'
        hide_schema(connection, catalog.address.schema)
        raw = driver_connection(connection)
        raw.execute("DROP TABLE IF EXISTS pg_temp.unlinked")
        raw.execute(
            "CREATE TEMPORARY TABLE unlinked ON COMMIT DROP AS "  # noqa: S608 - names of ours, and quoted
            f"SELECT f.id FROM {config.files_table} f WHERE f.is_multi_track AND f.id IN ("
            f"SELECT (row ->> 'split_file_id')::bigint FROM {schema}.foreign_rows_replaced "
            "WHERE table_name = 'track_splits') "
            f"AND NOT EXISTS (SELECT FROM {config.links_table} l WHERE l.split_file_id = f.id) "
            f"AND NOT EXISTS (SELECT FROM {schema}.foreign_files_added a WHERE a.file_id = f.id)"
        )
        if not raw.execute("SELECT EXISTS (SELECT FROM unlinked)").fetchone()[0]:
            return 0
        lock_against_writes(connection, config.files_table)
        with temporary_parent_index(connection, config.files_table):
            gone = raw.execute(
                f"WITH gone AS (DELETE FROM {config.files_table} f WHERE f.id IN (SELECT id FROM unlinked) "  # noqa: S608
                f"AND {unreferenced_condition(connection, config.files_table, 'f')} RETURNING f.*) "
                f"INSERT INTO {schema}.foreign_rows_replaced (run_id, table_name, row_id, row) "
                "SELECT %s, 'files', gone.id, to_json(gone) FROM gone",
                (run_id,),
            )
            return int(gone.rowcount)

    return catalog.run_in_transaction(work)


def restore_rows(
    catalog: PostgresCatalog, run_id: int, table_name: Literal["files", "track_splits"], qualified_table: str
) -> tuple[int, int]:
    """Put the rows back that a run took out, inside a transaction that is open; how many, and how many not.

    Args:
        table: its full name, quoted.
    """
    schema = f'"{catalog.address.schema}"'
    found: Sequence[Any] = catalog.connection.execute(_COLUMNS, {"table": qualified_table}).scalars().all()
    columns = ", ".join(map(quote_identifier, found)).replace("%", "%%")
    raw = driver_connection(catalog.connection)
    done = raw.execute(
        f"INSERT INTO {qualified_table} ({columns}) OVERRIDING SYSTEM VALUE "  # noqa: S608 - quoted
        f"SELECT {columns} FROM ("
        f"SELECT (json_populate_record(NULL::{qualified_table}, r.row)).* FROM {schema}.foreign_rows_replaced r "
        "WHERE r.run_id = %s AND r.table_name = %s ORDER BY r.row_id) back ON CONFLICT DO NOTHING",
        (run_id, table_name),
    ).rowcount
    taken = raw.execute(
        f"DELETE FROM {schema}.foreign_rows_replaced WHERE run_id = %s AND table_name = %s",  # noqa: S608
        (run_id, table_name),
    ).rowcount
    return done, taken - done


_COLUMNS = text("""
SELECT attname FROM pg_catalog.pg_attribute
WHERE attrelid = CAST(:table AS regclass) AND attnum > 0 AND NOT attisdropped AND attgenerated = ''
ORDER BY attnum
""")
