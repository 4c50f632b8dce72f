"""Open the catalog's file of SQLite, set its pragmas, and create its tables."""

import os
import sqlite3
from urllib.parse import quote

from sqlalchemy import Connection, Engine, NullPool, create_engine, event

from midiprism.catalog.errors import translate_errors
from midiprism.catalog.migrate import create_tables, is_empty, require_current_version
from midiprism.errors import CatalogError

_CHECKPOINT_PAGES = 65_536
"""Pages of log, 256 MB, before a checkpoint. In a large catalog most commits change most pages of an index of
digests, and a late checkpoint writes each of them once for many commits."""

PROGRESS_STEPS = 100_000
"""Steps of SQLite's virtual machine between two checks whether to stop."""

_CACHE_MEMORY_DIVISOR = 16
_CACHE_KIB_BOUNDS = (16 << 10, 128 << 10)
_LOCK_TIMEOUT_SECONDS = 30.0


def open_for_writing(path: str) -> Connection:
    """Open a catalog, and create it where there is none.

    Raises:
        CatalogError: it is not a catalog, is of another version, or cannot be written.
    """
    with translate_errors(path):
        connection = _engine(path, "rwc", "BEGIN IMMEDIATE").connect()
        try:
            _prepare_tables(connection, path)
        except BaseException:
            connection.close()
            raise
        return connection


def open_for_upgrade(path: str) -> Connection:
    """Open a catalog that exists, of any version, for writing.

    Raises:
        CatalogError: there is none, or it cannot be opened.
    """
    _require_file(path)
    with translate_errors(path):
        return _engine(path, "rw", "BEGIN IMMEDIATE").connect()


def open_for_reading(path: str) -> Connection:
    """Open a catalog that exists for reading only.

    Raises:
        CatalogError: there is none, it is not a catalog, or it is of another version.
    """
    _require_file(path)
    with translate_errors(path):
        connection = _engine(path, _reading_mode(path), "BEGIN").connect()
        try:
            connection.exec_driver_sql("PRAGMA query_only = ON")
            connection.rollback()
            with connection.begin():
                require_current_version(connection, None, path)
        except BaseException:
            connection.close()
            raise
        return connection


def _require_file(path: str) -> None:
    if not os.path.isfile(path):
        raise CatalogError(f"{path} does not exist: name a folder that `midiprism split` has made.")


def _engine(path: str, mode: str, begin_statement: str) -> Engine:
    uri = f"file:{quote(os.fsencode(os.path.abspath(path)))}?mode={mode}"

    def open_connection() -> sqlite3.Connection:
        # Without the driver's own transactions, which begin too late, and never for a SELECT.
        return sqlite3.connect(uri, uri=True, isolation_level=None, timeout=_LOCK_TIMEOUT_SECONDS)

    engine = create_engine("sqlite://", creator=open_connection, poolclass=NullPool)

    @event.listens_for(engine, "connect")
    def set_up(connection: sqlite3.Connection, _record: object) -> None:
        # NORMAL: a power cut may undo the last commits, but never a part of one. Their batches are then done
        # again. No row names a file that is not there: files are durable before their row is committed.
        connection.execute("PRAGMA synchronous = NORMAL")
        connection.execute(f"PRAGMA cache_size = -{_cache_kib()}")
        connection.execute("PRAGMA temp_store = FILE")
        connection.create_function("lower", 1, _casefold, deterministic=True)

    @event.listens_for(engine, "begin")
    def begin_transaction(connection: Connection) -> None:
        connection.exec_driver_sql(begin_statement)

    return engine


def _prepare_tables(connection: Connection, path: str) -> None:
    driver = connection.connection.dbapi_connection
    assert isinstance(driver, sqlite3.Connection)
    with connection.begin():
        empty = is_empty(connection, None)
        if not empty:
            require_current_version(connection, None, path)
    driver.execute("PRAGMA journal_mode = WAL")
    driver.execute(f"PRAGMA wal_autocheckpoint = {_CHECKPOINT_PAGES}")
    if empty:
        with connection.begin():
            create_tables(connection)


def _reading_mode(path: str) -> str:
    """Return the mode of SQLite in which to open a catalog for reading.

    SQLite keeps a log and an index next to the file while it is open. Only a connection that may write
    removes them at the end; and on a read-only disk, where there is no log, it must not try to create one.
    """
    folder = os.path.dirname(path) or "."
    if os.access(folder, os.W_OK) and os.access(path, os.W_OK):
        return "rw"
    return "ro" if os.path.exists(path + "-wal") else "ro&immutable=1"


def _cache_kib() -> int:
    """Return a sixteenth of the machine's memory, within bounds."""
    try:
        memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") >> 10
    except (AttributeError, ValueError, OSError):
        memory = 0
    return max(_CACHE_KIB_BOUNDS[0], min(_CACHE_KIB_BOUNDS[1], memory // _CACHE_MEMORY_DIVISOR))


def _casefold(text: str | float | bytes | None) -> str | float | bytes | None:
    """Fold the case of text; SQLite's own ``lower`` knows no letters beyond ASCII."""
    return text.casefold() if isinstance(text, str) else text
