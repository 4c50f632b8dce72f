"""Open the catalog's file of SQLite for reading, also where nothing can be written.

SQLite keeps a log and an index in shared memory next to the file while it is open. On a full or read-only
disk it cannot make them, and some file systems share no memory. Then SQLite keeps the index in the memory of
this process; where there is neither a log nor a journal, the file is opened as one that does not change. If
that fails, a copy is opened in the temporary folder. A log is never ignored: the last commits may be in it
only.
"""

import os
import shutil
import sqlite3
import tempfile
from collections.abc import Iterator
from typing import NamedTuple

from sqlalchemy import Connection, event

from midiprism.catalog.errors import translate_errors
from midiprism.catalog.migrate import require_current_version
from midiprism.catalog.sqlite.file import connect, error_code, make_engine, require_file
from midiprism.errors import CatalogError

_LOG_SUFFIX = "-wal"
_INDEX_SUFFIX = "-shm"
_JOURNAL_SUFFIX = "-journal"
_INDEX_BYTES = 64 << 10
_CANNOT_WRITE_CODES = (
    sqlite3.SQLITE_CANTOPEN,
    sqlite3.SQLITE_READONLY,
    sqlite3.SQLITE_IOERR,
    sqlite3.SQLITE_FULL,
)


_CACHE_KIB = 16 << 10
"""Less than for writing: the system keeps the file, and a server may have several connections."""


class _Way(NamedTuple):
    """A way to open a file: its mode and other parameters of the address, and the first statements."""

    mode: str
    first_pragmas: tuple[str, ...] = ()


_PRIVATE_WAY = _Way("ro&vfs=unix-none", ("PRAGMA locking_mode = EXCLUSIVE",))
"""Keeps the index of the log in the memory of this process."""


def open_for_reading(path: str) -> Connection:
    """Open a catalog that exists for reading only.

    Raises:
        CatalogError: there is none, it is not a catalog, or it is of another version.
    """
    require_file(path)
    first_error: CatalogError | None = None
    for way in _ways(path):
        try:
            return _open(path, way)
        except CatalogError as error:
            if not _is_for_lack_of_writing(error):
                raise
            first_error = first_error or error
    try:
        return _open_copy(path)
    except (OSError, CatalogError) as error:
        assert first_error is not None, "there is at least one way"
        raise first_error from error


def _ways(path: str) -> Iterator[_Way]:
    """Return ways to open a file in place, the best first."""
    folder = os.path.dirname(path) or "."
    is_private_tried = False
    if os.access(folder, os.W_OK) and os.access(path, os.W_OK):
        if os.name == "posix" and not os.path.exists(path + _INDEX_SUFFIX) and not _has_room(folder):
            is_private_tried = True
            yield _PRIVATE_WAY
        # Only a connection that may write removes the log and the index at the end.
        yield _Way("rw")
    elif _has_content(path + _LOG_SUFFIX):
        yield _Way("ro")
    elif not _has_content(path + _JOURNAL_SUFFIX):
        yield _Way("ro&immutable=1")
    if os.name == "posix" and not is_private_tried:
        # No process can be writing: it would have the log and the index open, which could then be read.
        yield _PRIVATE_WAY


def _open(path: str, way: _Way) -> Connection:
    def prepare(connection: Connection) -> None:
        connection.exec_driver_sql("PRAGMA query_only = ON")
        connection.exec_driver_sql(f"PRAGMA cache_size = -{_CACHE_KIB}")
        connection.rollback()
        with connection.begin():
            require_current_version(connection, None, path)

    with translate_errors(path):
        return connect(make_engine(path, way.mode, "BEGIN", *way.first_pragmas), prepare)


def _open_copy(path: str) -> Connection:
    """Open a copy of a file and its log, which is removed when the connection is closed.

    Raises:
        OSError: it cannot be made; likewise CatalogError.
    """
    folder = tempfile.mkdtemp(prefix="midiprism-catalog-")
    try:
        copy = os.path.join(folder, os.path.basename(path))
        for suffix in ("", _LOG_SUFFIX, _JOURNAL_SUFFIX):
            if not suffix or os.path.exists(path + suffix):
                shutil.copyfile(path + suffix, copy + suffix)
        connection = _open(copy, _Way("rw"))
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise

    @event.listens_for(connection.engine, "close")
    def remove_copy(_connection: object, _record: object) -> None:
        shutil.rmtree(folder, ignore_errors=True)

    return connection


def _is_for_lack_of_writing(error: CatalogError) -> bool:
    code = error_code(error.__cause__)
    return code is not None and (code & 0xFF) in _CANNOT_WRITE_CODES


def _has_room(folder: str) -> bool:
    """Return whether SQLite can make its log and its index; if it cannot, it leaves empty files."""
    return shutil.disk_usage(folder).free >= _INDEX_BYTES


def _has_content(path: str) -> bool:
    try:
        return os.stat(path).st_size > 0
    except OSError:
        return False
