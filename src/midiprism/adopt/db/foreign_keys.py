"""Deleting rows of another program's tables only where no row refers to them."""

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import Connection, text
from sqlalchemy.exc import ProgrammingError

from midiprism.adopt.db.foreign_schema import quote_identifier

_TEMPORARY_INDEX = "midiprism_parent_file_id"
_INSUFFICIENT_PRIVILEGE = "42501"


def lock_against_writes(connection: Connection, *tables: str) -> None:
    """Block writes to these tables, and new references to their rows, until the transaction ends.

    So a row that a statement finds unreferenced is still unreferenced when it is deleted. Reads are not
    blocked. Row locks would need the privilege to update the rows.

    Args:
        connection: in an open transaction.
        tables: qualified and quoted names.
    """
    connection.execute(text(f"LOCK TABLE {_escape_colons(', '.join(tables))} IN EXCLUSIVE MODE"))


def unreferenced_condition(connection: Connection, table: str, alias: str) -> str:
    """Return the SQL condition that no foreign key refers to the id of a row of a table.

    Percent signs in it are doubled, as the driver needs them in a statement with parameters.

    Args:
        connection: in an open transaction.
        table: qualified and quoted name.
        alias: name of the table in the statement.
    """
    conditions = [
        f"NOT EXISTS (SELECT FROM {quote_identifier(schema)}.{quote_identifier(name)} r "
        f"WHERE r.{quote_identifier(column)} = {alias}.id)"
        for schema, name, column in connection.execute(_FOREIGN_KEYS, {"table": table})
    ]
    return " AND ".join(conditions).replace("%", "%%") or "TRUE"


@contextmanager
def temporary_parent_index(connection: Connection, files_table: str) -> Iterator[None]:
    """Index ``parent_file_id`` of ``files`` while the context is active, unless it has an index.

    For each deleted row, the database searches for rows that refer to it; without an index it reads the whole
    table. The index is dropped before the transaction ends, so no other session sees it. If the role does not
    own the table, the index cannot be made, and deletions are slow.
    """
    if connection.scalar(_HAS_PARENT_INDEX, {"table": files_table}):
        yield
        return
    is_created = True
    try:
        with connection.begin_nested():
            connection.execute(
                text(f"CREATE INDEX {_TEMPORARY_INDEX} ON {_escape_colons(files_table)} (parent_file_id)")
            )
    except ProgrammingError as error:
        if getattr(error.orig, "sqlstate", None) != _INSUFFICIENT_PRIVILEGE:
            raise
        is_created = False
    yield
    if is_created:
        # The index cannot be dropped while checks of constraints are pending.
        connection.execute(text("SET CONSTRAINTS ALL IMMEDIATE"))
        schema = files_table.rpartition(".")[0]
        connection.execute(text(f"DROP INDEX {_escape_colons(schema)}.{_TEMPORARY_INDEX}"))


def _escape_colons(name: str) -> str:
    """Return a name in which no colon begins a parameter."""
    return name.replace(":", "\\:")


_FOREIGN_KEYS = text("""
SELECT n.nspname, c.relname, a.attname
FROM pg_catalog.pg_constraint k
JOIN pg_catalog.pg_class c ON c.oid = k.conrelid
JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
JOIN pg_catalog.pg_attribute f ON f.attrelid = k.confrelid AND f.attnum = k.confkey[1] AND f.attname = 'id'
JOIN pg_catalog.pg_attribute a ON a.attrelid = k.conrelid AND a.attnum = k.conkey[1]
WHERE k.contype = 'f' AND k.confrelid = CAST(:table AS regclass) AND k.conparentid = 0
ORDER BY 1, 2, 3
""")

_HAS_PARENT_INDEX = text("""
SELECT EXISTS (
    SELECT FROM pg_catalog.pg_index i
    JOIN pg_catalog.pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = i.indkey[0]
    WHERE i.indrelid = CAST(:table AS regclass) AND a.attname = 'parent_file_id'
        AND i.indisvalid AND i.indpred IS NULL
)
""")
