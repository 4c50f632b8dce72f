"""Conditions that find rows of ``song_paths`` by their paths through an index.

SQLite indexes whole paths. PostgreSQL indexes the start of a path, which therefore needs a condition too.
"""

from collections.abc import Sequence

from sqlalchemy import ColumnElement, Connection, LargeBinary, and_, literal_column

from midiprism.catalog.schema import MAX_INDEXED_PATH_BYTES, PATH_START_SQL, song_paths

PATH_START: ColumnElement[bytes] = literal_column(PATH_START_SQL, LargeBinary())
"""The start of a path, by which PostgreSQL orders and finds paths."""

IS_THERE: ColumnElement[bool] = song_paths.c.gone_at.is_(None)
"""The condition that a path is there, as far as scans have seen."""


def path_starts(paths: Sequence[bytes]) -> list[bytes]:
    """Return the parts of paths that ``PATH_START_SQL`` is compared with."""
    return [path[:MAX_INDEXED_PATH_BYTES] for path in paths]


def is_path_in(connection: Connection, paths: Sequence[bytes]) -> ColumnElement[bool]:
    """Return the condition that a path is one of a few."""
    condition = song_paths.c.path.in_(paths)
    if connection.dialect.name != "postgresql":
        return condition
    return condition & PATH_START.in_(path_starts(paths))


def is_path_in_range(
    connection: Connection, first: bytes, end: bytes | None, *, after: bytes = b""
) -> ColumnElement[bool]:
    """Return the condition that a path is in a range.

    Args:
        first: of the range.
        end: comes after the last path; None without an end.
        after: only paths beyond this one.
    """
    path = song_paths.c.path
    conditions = [path > after if after >= first else path >= first]
    if end is not None:
        conditions.append(path < end)
    if connection.dialect.name == "postgresql":
        conditions.append(max(first, after)[:MAX_INDEXED_PATH_BYTES] <= PATH_START)
        if end is not None:
            conditions.append(end[:MAX_INDEXED_PATH_BYTES] >= PATH_START)
    return and_(*conditions)


def path_order(connection: Connection) -> tuple[ColumnElement[bytes], ...]:
    """Return the columns by which paths are in the order of their bytes, through an index."""
    path = song_paths.c.path
    return (PATH_START, path) if connection.dialect.name == "postgresql" else (path,)
