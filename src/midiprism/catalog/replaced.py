"""Rows of another program's tables that ``--replace`` took out, and how they come back."""

from collections.abc import Sequence
from typing import Any, Literal

from sqlalchemy import text

from midiprism.catalog.bridge import Bridge
from midiprism.catalog.postgres import PostgresCatalog
from midiprism.catalog.postgres_server import driver
from midiprism.catalog.references import children_found, keep_others_out, unreferenced
from midiprism.catalog.shape import identifier, look_past


def drop_replaced_files(catalog: PostgresCatalog, bridge: Bridge, run_id: int) -> int:
    """Take the rows of ``files`` out to which only links led that were taken out; how many.

    Those that runs added stay, and so do all to which anything else refers. What an earlier run took links
    out of and could not end is dropped too.
    """

    def work() -> int:
        connection, schema = catalog.connection, f'"{catalog.address.schema}"'
        look_past(connection, catalog.address.schema)
        raw = driver(connection)
        raw.execute("DROP TABLE IF EXISTS pg_temp.unlinked")
        raw.execute(
            "CREATE TEMPORARY TABLE unlinked ON COMMIT DROP AS "  # noqa: S608 - names of ours, and quoted
            f"SELECT f.id FROM {bridge.files} f WHERE f.is_multi_track AND f.id IN ("
            f"SELECT (row ->> 'split_file_id')::bigint FROM {schema}.replaced_rows "
            "WHERE table_name = 'track_splits') "
            f"AND NOT EXISTS (SELECT FROM {bridge.links} l WHERE l.split_file_id = f.id) "
            f"AND NOT EXISTS (SELECT FROM {schema}.added_files a WHERE a.file_id = f.id)"
        )
        if not raw.execute("SELECT EXISTS (SELECT FROM unlinked)").fetchone()[0]:
            return 0
        keep_others_out(connection, bridge.files)
        with children_found(connection, bridge.files):
            gone = raw.execute(
                f"WITH gone AS (DELETE FROM {bridge.files} f WHERE f.id IN (SELECT id FROM unlinked) "  # noqa: S608
                f"AND {unreferenced(connection, bridge.files, 'f')} RETURNING f.*) "
                f"INSERT INTO {schema}.replaced_rows (run_id, table_name, row_id, row) "
                "SELECT %s, 'files', gone.id, to_json(gone) FROM gone",
                (run_id,),
            )
            return int(gone.rowcount)

    return catalog.do(work)


def put_back(
    catalog: PostgresCatalog, run_id: int, name: Literal["files", "track_splits"], table: str
) -> tuple[int, int]:
    """Put the rows back that a run took out, inside a transaction that is open; how many, and how many not.

    Args:
        table: its full name, quoted.
    """
    schema = f'"{catalog.address.schema}"'
    found: Sequence[Any] = catalog.connection.execute(_COLUMNS, {"table": table}).scalars().all()
    columns = ", ".join(map(identifier, found)).replace("%", "%%")
    raw = driver(catalog.connection)
    done = raw.execute(
        f"INSERT INTO {table} ({columns}) OVERRIDING SYSTEM VALUE "  # noqa: S608 - quoted
        f"SELECT {columns} FROM ("
        f"SELECT (json_populate_record(NULL::{table}, r.row)).* FROM {schema}.replaced_rows r "
        "WHERE r.run_id = %s AND r.table_name = %s ORDER BY r.row_id) back ON CONFLICT DO NOTHING",
        (run_id, name),
    ).rowcount
    taken = raw.execute(
        f"DELETE FROM {schema}.replaced_rows WHERE run_id = %s AND table_name = %s",  # noqa: S608
        (run_id, name),
    ).rowcount
    return done, taken - done


_COLUMNS = text("""
SELECT attname FROM pg_catalog.pg_attribute
WHERE attrelid = CAST(:table AS regclass) AND attnum > 0 AND NOT attisdropped AND attgenerated = ''
ORDER BY attnum
""")
