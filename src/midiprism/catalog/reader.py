"""Reads a catalog by the driver of its database alone.

A search has to answer before SQLAlchemy would be loaded, and reads columns of millions of rows.
"""

import json
import os
import shutil
import sqlite3
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import AbstractContextManager, closing, contextmanager, suppress
from functools import partial
from itertools import count
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from midiprism.catalog.address import Address, PostgresAddress
from midiprism.catalog.version import CURRENT_VERSION

if TYPE_CHECKING:  # which loads SQLAlchemy
    from midiprism.catalog.catalog import Catalog

_FETCH_ROWS = 2_000
_LOCK_TIMEOUT_SECONDS = 60.0
_ROOM_BYTES = 1 << 20  # for the log and its index; without room, SQLite leaves empty files


class CatalogReader:
    """Statements on one snapshot of a catalog. Tables are written ``{tracks}``, values are marked ``?``.

    Args:
        connection: of the driver, in a transaction that reads one snapshot.
        name: of the catalog, for errors.
        schema: that holds the tables in PostgreSQL; None in SQLite.
    """

    def __init__(self, connection: Any, name: str, schema: str | None) -> None:
        self._connection = connection
        self._name = name
        self._tables = _Tables(schema)
        self._has_server = schema is not None
        self._numbers = count()

    def fetch(self, statement: str, values: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """Return all rows of a statement.

        Raises:
            CatalogError: it cannot be read.
        """
        options: dict[str, Any] = {"binary": True} if self._has_server else {}
        return [row for rows in self._run(statement, values, options) for row in rows]

    def stream(
        self, statement: str, values: Sequence[Any] = ()
    ) -> Generator[list[tuple[Any, ...]], None, None]:
        """Return the rows of a statement, many at a time; memory does not grow with their number.

        Raises:
            CatalogError: it cannot be read.
        """
        # A cursor with a name stays on the server, so that the answer is not held in memory here.
        name = f"midiprism_{next(self._numbers)}"
        return self._run(statement, values, {"name": name, "binary": True} if self._has_server else {})

    def from_json(self, value: Any) -> Any:
        """Return a value of a column of JSON that a statement has returned: SQLite has no type for it."""
        return value if self._has_server else json.loads(value)

    def first_item(self, column: str, key: str) -> str:
        """Return an expression for a text of the first object in a column of JSON lists."""
        if self._has_server:
            return f"json_extract_path_text({column}, '0', '{key}')"
        return f"json_extract({column}, '$[0].{key}')"

    def _run(
        self, statement: str, values: Sequence[Any], options: dict[str, Any]
    ) -> Generator[list[tuple[Any, ...]], None, None]:
        text = statement.format_map(self._tables)
        if self._has_server:
            text = text.replace("?", "%s")
        try:
            with closing(self._connection.cursor(**options)) as cursor:
                cursor.execute(text, tuple(values))
                while rows := cursor.fetchmany(_FETCH_ROWS):
                    yield rows
        except GeneratorExit:
            raise
        except Exception:
            from midiprism.catalog.errors import translate_errors

            with translate_errors(self._name):
                raise


class _Tables(dict[str, str]):
    """The names of tables as a statement has to write them."""

    def __init__(self, schema: str | None) -> None:
        super().__init__()
        self._prefix = "" if schema is None else f'"{schema}".'

    def __missing__(self, name: str) -> str:
        return self._prefix + name


Snapshots = Callable[[], AbstractContextManager[CatalogReader]]
"""Opens one snapshot of a catalog for reading, which no commit changes, each time that it is called."""


@contextmanager
def open_reader(address: Address) -> Iterator[CatalogReader]:
    """Open one snapshot of a catalog for reading, which no commit changes.

    Raises:
        CatalogError: there is none, it is not a catalog, or it is of another version.
    """
    with open_snapshots(address) as snapshots, snapshots() as reader:
        yield reader


@contextmanager
def open_snapshots(address: Address) -> Iterator[Snapshots]:
    """Open a catalog to read snapshots of it.

    Raises:
        CatalogError: there is none, it is not a catalog, or it is of another version.
    """
    connection = None if isinstance(address, PostgresAddress) else _open_quickly(address)
    if connection is not None:
        assert isinstance(address, str)
        with closing(connection):
            yield partial(_read_snapshot, connection, address)
        return
    from midiprism.catalog.open import open_read_only

    with open_read_only(address) as catalog:
        yield partial(reader_of, catalog)


@contextmanager
def _read_snapshot(connection: sqlite3.Connection, path: str) -> Iterator[CatalogReader]:
    connection.execute("BEGIN")
    try:
        yield CatalogReader(connection, path, None)
    finally:
        connection.rollback()


@contextmanager
def reader_of(catalog: "Catalog") -> Iterator[CatalogReader]:
    """Read one snapshot of a catalog that is open, which has no transaction.

    Raises:
        CatalogError: it cannot be read.
    """
    with catalog.read_transaction():
        yield reader_in(catalog)


def reader_in(catalog: "Catalog") -> CatalogReader:
    """Return a reader in the transaction that a catalog has opened."""
    address = catalog.address
    schema = address.schema if isinstance(address, PostgresAddress) else None
    return CatalogReader(catalog.connection.connection.dbapi_connection, catalog.path, schema)


def _open_quickly(path: str) -> sqlite3.Connection | None:
    """Return a connection to a catalog that is as usual: it is there, current, and could be written.

    Any other one takes longer to open, or to refuse.
    """
    if not (os.access(path, os.W_OK) and os.access(os.path.dirname(path) or ".", os.W_OK)):
        return None
    if (
        not os.path.exists(path + "-shm")
        and shutil.disk_usage(os.path.dirname(path) or ".").free < _ROOM_BYTES
    ):
        return None
    uri = f"file:{quote(os.fsencode(os.path.abspath(path)))}?mode=rw"
    try:
        connection = sqlite3.connect(uri, uri=True, isolation_level=None, timeout=_LOCK_TIMEOUT_SECONDS)
    except sqlite3.Error:
        return None
    with suppress(sqlite3.Error):
        connection.execute("PRAGMA query_only = ON")
        if connection.execute("SELECT version_num FROM alembic_version").fetchall() == [(CURRENT_VERSION,)]:
            return connection
    connection.close()
    return None
