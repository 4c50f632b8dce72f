"""Opening the catalogue's SQLite file: its pragmas, its schema version, its errors."""

import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import quote

from sqlalchemy import Connection, Engine, NullPool, create_engine, event, insert, inspect, select
from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from midiprism.catalog.schema import metadata, properties
from midiprism.errors import CatalogError

SCHEMA_VERSION = 2
"""Raised whenever a table changes; a catalogue of another version is refused."""

_CHECKPOINT_PAGES = 16_384  # 64 MB of log before it is folded in: late checkpoints write a busy page once
_CACHE_SHARE = 16
_CACHE_KIB = (16 << 10, 128 << 10)
_WAIT_SECONDS = 30.0


class NoCatalogError(CatalogError):
    """A file that is no catalogue of midiprism."""


def open_for_writing(path: str) -> Connection:
    """Open the catalogue, making it where there is none.

    Raises:
        CatalogError: it is not one, is of a later version, or cannot be written.
    """
    with translated(path):
        connection = _engine(path, "rwc", "BEGIN IMMEDIATE").connect()
        try:
            _prepare(connection, path)
        except BaseException:
            connection.close()
            raise
        return connection


def open_for_reading(path: str) -> Connection:
    """Open a catalogue that exists, so that nothing can be written.

    Raises:
        CatalogError: there is none, it is not one, or it is of a later version.
    """
    if not os.path.isfile(path):
        raise CatalogError(f"{path} does not exist: name a folder that `midiprism split` has made.")
    with translated(path):
        connection = _engine(path, _reading_mode(path), "BEGIN").connect()
        try:
            connection.exec_driver_sql("PRAGMA query_only = ON")
            connection.rollback()
            with connection.begin():
                _check_version(connection, path)
        except BaseException:
            connection.close()
            raise
        return connection


@contextmanager
def translated(path: str) -> Iterator[None]:
    """Turn the database's exceptions into one that says which catalogue it is about."""
    try:
        yield
    except (SQLAlchemyError, sqlite3.Error) as error:
        cause = error.orig if isinstance(error, DBAPIError) else error
        raise CatalogError(f"The catalogue {path} cannot be used: {cause}.") from error


def _engine(path: str, mode: str, begin: str) -> Engine:
    uri = f"file:{quote(os.fsencode(os.path.abspath(path)))}?mode={mode}"

    def connect() -> sqlite3.Connection:
        # Without the driver's own transactions: it would begin them too late, and never for a SELECT.
        return sqlite3.connect(uri, uri=True, isolation_level=None, timeout=_WAIT_SECONDS)

    engine = create_engine("sqlite://", creator=connect, poolclass=NullPool)

    @event.listens_for(engine, "connect")
    def set_up(connection: sqlite3.Connection, _record: object) -> None:
        # NORMAL: a power cut may undo the last commits, never tear one. Their batches are then done again,
        # and no row speaks of a file that is not there: files are flushed before their row is committed.
        connection.execute("PRAGMA synchronous = NORMAL")
        connection.execute(f"PRAGMA cache_size = -{_cache_kib()}")
        connection.execute("PRAGMA temp_store = FILE")
        connection.create_function("lower", 1, _casefold, deterministic=True)

    @event.listens_for(engine, "begin")
    def begin_transaction(connection: Connection) -> None:
        connection.exec_driver_sql(begin)

    return engine


def _prepare(connection: Connection, path: str) -> None:
    driver = connection.connection.dbapi_connection
    assert isinstance(driver, sqlite3.Connection)
    with connection.begin():
        empty = not inspect(connection).get_table_names()
        if not empty:
            _check_version(connection, path)
    driver.execute("PRAGMA journal_mode = WAL")
    driver.execute(f"PRAGMA wal_autocheckpoint = {_CHECKPOINT_PAGES}")
    if empty:
        with connection.begin():
            metadata.create_all(connection)
            connection.execute(insert(properties).values(key="schema_version", value=str(SCHEMA_VERSION)))


def _check_version(connection: Connection, path: str) -> None:
    if not inspect(connection).has_table(properties.name):
        raise NoCatalogError(f"{path} is not a catalogue of midiprism.")
    version = connection.scalar(select(properties.c.value).where(properties.c.key == "schema_version"))
    if version is None or not version.isdecimal() or int(version) != SCHEMA_VERSION:
        raise CatalogError(
            f"{path} is a catalogue of version {version}, and this midiprism reads version {SCHEMA_VERSION}: "
            "use the midiprism that made it, or choose a new folder for the result."
        )


def _reading_mode(path: str) -> str:
    """How to open a catalogue in which nothing will be written.

    SQLite keeps a log and an index beside the file while it is open. Only a connection that may write removes
    them at the end; and on a read-only disk, where there is no log, it must not try to make one.
    """
    folder = os.path.dirname(path) or "."
    if os.access(folder, os.W_OK) and os.access(path, os.W_OK):
        return "rw"
    return "ro" if os.path.exists(path + "-wal") else "ro&immutable=1"


def _cache_kib() -> int:
    """A sixteenth of the machine's memory, within bounds."""
    try:
        memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") >> 10
    except (AttributeError, ValueError, OSError):
        memory = 0
    return max(_CACHE_KIB[0], min(_CACHE_KIB[1], memory // _CACHE_SHARE))


def _casefold(text: str | float | bytes | None) -> str | float | bytes | None:
    """SQLite's own ``lower`` knows no letters beyond ASCII."""
    return text.casefold() if isinstance(text, str) else text
