"""Deleting rows of another program's tables without touching a row that refers to them."""

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import Connection, text
from sqlalchemy.exc import ProgrammingError

from midiprism.adopt.db.foreign_schema import quote_identifier

_TEMPORARY_INDEX = "midiprism_parent_file_id"


def lock_against_writes(connection: Connection, *tables: str) -> None:
    """Let nobody write to these tables, nor refer to their rows, until the transaction ends; reading goes on.

    What the next statement finds unreferenced is so still when it deletes it. Locks on rows would ask for the
    right to change them.

    Args:
        tables: full names, quoted.
    """
    connection.execute(text(f"LOCK TABLE {_escape_colons(', '.join(tables))} IN EXCLUSIVE MODE"))


def unreferenced_condition(connection: Connection, table: str, alias: str) -> str:
    """The condition that no row of any table refers to a row of ``table`` by a foreign key on its id, as the
    driver takes it beside values.

    Args:
        table: its full name, quoted.
        alias: its name in the statement.
    """
    conditions = [
        f"NOT EXISTS (SELECT FROM {quote_identifier(schema)}.{quote_identifier(name)} r "
        f"WHERE r.{quote_identifier(column)} = {alias}.id)"
        for schema, name, column in connection.execute(_FOREIGN_KEYS, {"table": table})
    ]
    return " AND ".join(conditions).replace("%", "%%") or "TRUE"


@contextmanager
def temporary_parent_index(connection: Connection, files_table: str) -> Iterator[None]:
    """Let the database find by an index which files have a song, as it must for each one it deletes.

    Without it, each deletion reads all of ``files``. The index is gone before the transaction ends, so nobody
    else sees it; only the owner of the table may make it.
    """
    if connection.scalar(_HAS_PARENT_INDEX, {"table": files_table}):
        yield
        return
    made = True
    try:
        with connection.begin_nested():
            connection.execute(
                text(f"CREATE INDEX {_TEMPORARY_INDEX} ON {_escape_colons(files_table)} (parent_file_id)")
            )
    except ProgrammingError as error:
        if getattr(error.orig, "sqlstate", None) != "42501":
            raise
        made = False
    yield
    if made:
        connection.execute(text("SET CONSTRAINTS ALL IMMEDIATE"))  # nothing may be left to be checked
        schema = files_table.rpartition(".")[0]
        connection.execute(text(f"DROP INDEX {_escape_colons(schema)}.{_TEMPORARY_INDEX}"))


def _escape_colons(name: str) -> str:
    """A name in which a colon begins no parameter."""
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
