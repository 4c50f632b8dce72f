"""Conditions that find rows of ``song_paths`` by their paths through an index.

SQLite indexes whole paths. PostgreSQL indexes the start of a path, which therefore needs a condition too.
"""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import ColumnElement, Connection, LargeBinary, Select, literal_column, select

from midiprism.catalog.schema import MAX_INDEXED_PATH_BYTES, PATH_START_SQL, song_paths

_PATH_START: ColumnElement[bytes] = literal_column(PATH_START_SQL, LargeBinary())


def path_starts(paths: Sequence[bytes]) -> list[bytes]:
    """Return the parts of paths that ``PATH_START_SQL`` is compared with."""
    return [path[:MAX_INDEXED_PATH_BYTES] for path in paths]


def known_paths_query(connection: Connection, first_path: bytes) -> Select[Any]:
    """Return a query of path, size and time from ``first_path`` on, in the order of the paths' bytes."""
    path = song_paths.c.path
    query = select(path, song_paths.c.size, song_paths.c.mtime_ns).where(path >= first_path)
    if connection.dialect.name != "postgresql":
        return query.order_by(path)
    return query.where(first_path[:MAX_INDEXED_PATH_BYTES] <= _PATH_START).order_by(_PATH_START, path)


def is_path_in(connection: Connection, paths: Sequence[bytes]) -> ColumnElement[bool]:
    """Return the condition that a path is one of a few."""
    condition = song_paths.c.path.in_(paths)
    if connection.dialect.name != "postgresql":
        return condition
    return condition & _PATH_START.in_(path_starts(paths))
