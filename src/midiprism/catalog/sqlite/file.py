"""Open the catalog's file of SQLite for writing, set its pragmas, and create its tables."""

import os
import shutil
import sqlite3
from collections.abc import Callable
from urllib.parse import quote

from sqlalchemy import Connection, Engine, NullPool, create_engine, event
from sqlalchemy.exc import DBAPIError

from midiprism.catalog.errors import translate_errors
from midiprism.catalog.folding import fold_text
from midiprism.catalog.migrate import create_tables, is_empty, require_current_version
from midiprism.errors import CatalogError

_CHECKPOINT_PAGES = 65_536
"""Pages of log, 256 MB, before a checkpoint. In a large catalog most commits change most pages of an index of
digests, and a late checkpoint writes each of them once for many commits."""

PROGRESS_STEPS = 100_000
"""Steps of SQLite's virtual machine between two checks whether to stop."""

_NULLS: dict[None, None] = {}
"""Its ``get`` returns None for None, and takes less time than a function in Python."""

_CACHE_MEMORY_DIVISOR = 16
_CACHE_KIB_BOUNDS = (16 << 10, 64 << 10)
_LOCK_TIMEOUT_SECONDS = 30.0
_MIN_TEMPORARY_BYTES = 64 << 20
_NO_SHARED_MEMORY_CODES = (sqlite3.SQLITE_IOERR_SHMMAP, sqlite3.SQLITE_IOERR_SHMOPEN)


def open_for_writing(path: str) -> Connection:
    """Open a catalog, and create it where there is none.

    Raises:
        CatalogError: it is not a catalog, is of another version, or cannot be written.
    """
    with translate_errors(path):
        try:
            return _open_with_journal(path, "WAL")
        except (sqlite3.Error, DBAPIError) as error:
            if error_code(error) not in _NO_SHARED_MEMORY_CODES:
                raise
        # Without shared memory, only a process that holds the file exclusively can read the log of WAL.
        return _open_with_journal(path, "DELETE", "PRAGMA locking_mode = EXCLUSIVE")


def error_code(error: BaseException | None) -> int | None:
    """Return SQLite's extended code of an error, or of the one that it wraps; None for another error."""
    code: int | None = getattr(getattr(error, "orig", error), "sqlite_errorcode", None)
    return code


def _open_with_journal(path: str, journal: str, *first_pragmas: str) -> Connection:
    engine = make_engine(path, "rwc", "BEGIN IMMEDIATE", *first_pragmas)
    return connect(engine, lambda connection: _prepare_tables(connection, path, journal))


def connect(engine: Engine, prepare: Callable[[Connection], None]) -> Connection:
    """Return a connection that is prepared; it is closed again if that fails."""
    connection = engine.connect()
    try:
        prepare(connection)
    except BaseException:
        connection.close()
        raise
    return connection


def open_for_upgrade(path: str) -> Connection:
    """Open a catalog that exists, of any version, for writing.

    Raises:
        CatalogError: there is none, or it cannot be opened.
    """
    require_file(path)
    with translate_errors(path):
        return make_engine(path, "rw", "BEGIN IMMEDIATE").connect()


def require_file(path: str) -> None:
    """Raise CatalogError unless the file is there."""
    if not os.path.isfile(path):
        raise CatalogError(f"{path} does not exist: name a folder that `midiprism split` has made.")


def make_engine(path: str, mode: str, begin_statement: str, *first_pragmas: str) -> Engine:
    """Return an engine for a file, whose connections are set up alike.

    Args:
        mode: mode of SQLite, and further parameters of the address after `&`.
        begin_statement: begins a transaction.
        first_pragmas: statements before all others.
    """
    uri = f"file:{quote(os.fsencode(os.path.abspath(path)))}?mode={mode}"

    # Without an adapter, Python 3.11 raises and catches an error for each NULL that it binds.
    sqlite3.register_adapter(type(None), _NULLS.get)

    def open_connection() -> sqlite3.Connection:
        # Without the driver's own transactions, which begin too late, and never for a SELECT.
        return sqlite3.connect(uri, uri=True, isolation_level=None, timeout=_LOCK_TIMEOUT_SECONDS)

    engine = create_engine("sqlite://", creator=open_connection, poolclass=NullPool)

    @event.listens_for(engine, "connect")
    def set_up(connection: sqlite3.Connection, _record: object) -> None:
        # NORMAL: a power cut may undo the last commits, but never a part of one. Their batches are then done
        # again. No row names a file that is not there: files are durable before their row is committed.
        for pragma in first_pragmas:
            connection.execute(pragma)
        connection.execute("PRAGMA synchronous = NORMAL")
        connection.execute(f"PRAGMA cache_size = -{_cache_kib()}")
        connection.execute(f"PRAGMA temp_store = {_temporary_store()}")
        connection.create_function("lower", 1, _fold, deterministic=True)

    @event.listens_for(engine, "begin")
    def begin_transaction(connection: Connection) -> None:
        connection.exec_driver_sql(begin_statement)

    return engine


def release_cache(connection: sqlite3.Connection) -> None:
    """Give up pages that are cached for further commits, and cache few from now on."""
    connection.execute(f"PRAGMA cache_size = -{_CACHE_KIB_BOUNDS[0]}")
    connection.execute("PRAGMA shrink_memory")


def _prepare_tables(connection: Connection, path: str, journal: str) -> None:
    driver = connection.connection.dbapi_connection
    assert isinstance(driver, sqlite3.Connection)
    with connection.begin():
        empty = is_empty(connection, None)
        if not empty:
            require_current_version(connection, None, path)
    driver.execute(f"PRAGMA journal_mode = {journal}")
    driver.execute(f"PRAGMA wal_autocheckpoint = {_CHECKPOINT_PAGES}")
    if journal != "WAL":
        driver.execute("PRAGMA locking_mode = NORMAL")
        driver.execute("PRAGMA synchronous = FULL")  # without WAL, NORMAL may tear a commit in a power cut
    driver.execute("SELECT count(*) FROM sqlite_master").fetchone()  # fails here without shared memory
    if empty:
        with connection.begin():
            create_tables(connection)


def _temporary_store() -> str:
    """Return where SQLite keeps what outgrows its cache: in memory only where no file can be written."""
    if os.name != "posix":
        return "FILE"
    named = (os.environ.get(name, "") for name in ("SQLITE_TMPDIR", "TMPDIR"))
    for folder in (*named, "/var/tmp", "/usr/tmp", "/tmp"):  # noqa: S108 - the folders in which SQLite looks
        if os.path.isdir(folder) and os.access(folder, os.W_OK | os.X_OK):
            return "FILE" if shutil.disk_usage(folder).free >= _MIN_TEMPORARY_BYTES else "MEMORY"
    return "MEMORY"


def _cache_kib() -> int:
    """Return a sixteenth of the machine's memory, within bounds."""
    try:
        memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") >> 10
    except (AttributeError, ValueError, OSError):
        memory = 0
    return max(_CACHE_KIB_BOUNDS[0], min(_CACHE_KIB_BOUNDS[1], memory // _CACHE_MEMORY_DIVISOR))


def _fold(value: str | float | bytes | None) -> str | float | bytes | None:
    """Fold text for comparison; SQLite's own ``lower`` knows no letters beyond ASCII."""
    return fold_text(value) if isinstance(value, str) else value
