"""Bulk copies of rows into temporary tables of PostgreSQL, from which one statement takes them."""

from collections.abc import Iterable, Sequence
from typing import Any


def create_staging_table(driver_connection: Any, name: str, table: str, columns: Sequence[str]) -> None:
    """Create a temporary table with some columns of ``table``; it is dropped with the transaction."""
    driver_connection.execute(f"DROP TABLE IF EXISTS pg_temp.{name}")
    driver_connection.execute(
        f"CREATE TEMPORARY TABLE {name} ON COMMIT DROP AS SELECT {', '.join(columns)} "  # noqa: S608 - ours
        f"FROM {table} WITH NO DATA"
    )


def copy_rows(
    driver_connection: Any, name: str, rows: Iterable[tuple[Any, ...]], columns: Sequence[str] | None = None
) -> None:
    """Copy rows into a table."""
    listed = f" ({', '.join(columns)})" if columns else ""
    with driver_connection.cursor() as cursor, cursor.copy(f"COPY {name}{listed} FROM STDIN") as target:
        for row in rows:
            target.write_row(row)
