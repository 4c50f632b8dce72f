"""Access to the catalogs of a test's results: SQLite files, or schemas of one PostgreSQL database.

Tests that hold for both use the fixture ``catalog_backend``, which runs them once for each. The helpers get
the address of the catalog of a result from this module.
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
"""Gives PostgreSQL the function that SQLite has."""

DROP_SCHEMAS_SQL = """
SELECT format('DROP SCHEMA %I CASCADE', nspname) FROM pg_namespace WHERE nspname LIKE 'result\\_%'
"""

_server: PostgresServer | None = None
_url = ""


def use_server(server: PostgresServer | None, url: str = "") -> None:
    """Put new catalogs into a database of this server, or into files if there is none."""
    global _server, _url
    _server, _url = server, url


def reset() -> None:
    """Drop all catalogs in the database, and put new ones into files."""
    if _server is not None:
        # One transaction for all of them would need more locks than a server grants.
        options = "-c client_min_messages=error"
        with psycopg.connect(_url, autocommit=True, options=options) as connection:
            for (drop,) in connection.execute(DROP_SCHEMAS_SQL).fetchall():
                connection.execute(drop)
    use_server(None)


def postgres_address(out: Path) -> PostgresAddress | None:
    """Return the schema that holds the catalog of the result in ``out``; None if a file does."""
    if _server is None:
        return None
    name = hashlib.blake2b(bytes(Path(out).absolute()), digest_size=8).hexdigest()
    return PostgresAddress(_url, f"result_{name}")


def catalog_address(out: Path) -> Address:
    """Return the address of the catalog of the result in ``out``."""
    return postgres_address(out) or catalog_path(str(out))


def connect(address: PostgresAddress) -> "psycopg.Connection[tuple[Any, ...]]":
    """Return a connection that finds the tables by their names and checks no foreign keys."""
    options = f"-c search_path={address.schema},public -c session_replication_role=replica"
    connection = psycopg.connect(address.url, options=options)
    connection.adapters.register_loader("json", TextLoader)
    return connection


def query(out: Path, statement: str, *values: object) -> list[tuple[Any, ...]]:
    """Return the rows that a statement selects from the catalog; ``?`` marks a value."""
    address = postgres_address(out)
    if address is not None:
        with connect(address) as server:
            return server.execute(statement.replace("?", "%s"), values or None).fetchall()
    file = sqlite3.connect(catalog_path(str(out)))
    rows = file.execute(statement, values).fetchall()
    file.close()
    return rows


def execute(out: Path, statement: str, *values: object) -> None:
    """Change the catalog; ``?`` marks a value."""
    address = postgres_address(out)
    if address is not None:
        with connect(address) as server:
            server.execute(statement.replace("?", "%s"), values or None)
        return
    file = sqlite3.connect(catalog_path(str(out)))
    with file:
        file.execute(statement, values)
    file.close()
