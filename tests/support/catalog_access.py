"""Where the results of a test have their catalogues: in files of SQLite, or in schemas of PostgreSQL.

Tests that hold for both ask for the fixture ``catalogs``, which runs them once for each. What they share asks
here where the catalogue of a result is, so that they need not say it themselves.
"""

import hashlib
import sqlite3
from pathlib import Path
from typing import Any

import psycopg
from psycopg.types.string import TextLoader

from midiprism.catalog import Address, PostgresAddress
from midiprism.results.result_dir import catalog_path
from support.postgres import PostgresServer

RANDOMBLOB_SQL = """
CREATE FUNCTION randomblob(integer) RETURNS bytea LANGUAGE sql
AS $$ SELECT decode(md5(random()::text) || md5(random()::text), 'hex') $$
"""
"""As SQLite has it."""

DROP_SCHEMAS_SQL = """
SELECT format('DROP SCHEMA %I CASCADE', nspname) FROM pg_namespace WHERE nspname LIKE 'result\\_%'
"""

_server: PostgresServer | None = None
_url = ""


def use_server(server: PostgresServer | None, url: str = "") -> None:
    """Keep catalogues in a database of this server from now on; in files where there is none."""
    global _server, _url
    _server, _url = server, url


def reset() -> None:
    """Drop all that was made, and keep catalogues in files again."""
    if _server is not None:
        with psycopg.connect(_url, options="-c client_min_messages=error") as connection:
            for (drop,) in connection.execute(DROP_SCHEMAS_SQL).fetchall():
                connection.execute(drop)
    use_server(None)


def postgres_address(out: Path) -> PostgresAddress | None:
    """Where the catalogue of the result in ``out`` is, if it is in PostgreSQL: a schema of its own."""
    if _server is None:
        return None
    place = hashlib.blake2b(bytes(Path(out).absolute()), digest_size=8).hexdigest()
    return PostgresAddress(_url, f"result_{place}")


def catalog_address(out: Path) -> Address:
    """Where it is in either case."""
    return postgres_address(out) or catalog_path(str(out))


def connect(address: PostgresAddress) -> "psycopg.Connection[tuple[Any, ...]]":
    """A connection whose statements find the tables, and that checks no foreign keys."""
    options = f"-c search_path={address.schema},public -c session_replication_role=replica"
    connection = psycopg.connect(address.url, options=options)
    connection.adapters.register_loader("json", TextLoader)
    return connection


def query(out: Path, statement: str, *values: object) -> list[tuple[Any, ...]]:
    """The rows that a statement finds in the catalogue; ``?`` stands for a value."""
    place = postgres_address(out)
    if place is not None:
        with connect(place) as server:
            return server.execute(statement.replace("?", "%s"), values or None).fetchall()
    file = sqlite3.connect(catalog_path(str(out)))
    found = file.execute(statement, values).fetchall()
    file.close()
    return found


def execute(out: Path, statement: str, *values: object) -> None:
    """Change the catalogue; ``?`` stands for a value."""
    place = postgres_address(out)
    if place is not None:
        with connect(place) as server:
            server.execute(statement.replace("?", "%s"), values or None)
        return
    file = sqlite3.connect(catalog_path(str(out)))
    with file:
        file.execute(statement, values)
    file.close()
