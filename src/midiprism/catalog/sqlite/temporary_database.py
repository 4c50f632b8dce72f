"""A temporary SQLite database that is private to its connection."""

import sqlite3

CACHE_KIB = 16 << 10


def open_temporary_database(*create_statements: str) -> sqlite3.Connection:
    """Open a temporary database with some tables.

    It spills to a file only when it outgrows its cache, and vanishes when it is closed.
    """
    database = sqlite3.connect("", isolation_level=None)
    database.execute("PRAGMA journal_mode = OFF")
    database.execute(f"PRAGMA cache_size = -{CACHE_KIB}")
    for statement in create_statements:
        database.execute(statement)
    return database
