"""Connections to a catalog in PostgreSQL that stay open between requests: to open one takes milliseconds."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from threading import Lock
from typing import NamedTuple

from midiprism.catalog import Catalog, PostgresAddress, open_read_only
from midiprism.catalog.queries.index_rows import catalog_state
from midiprism.catalog.reader import CatalogReader, reader_of
from midiprism.errors import CatalogError
from midiprism.results.result_dir import require_own_catalog

_MAX_IDLE = 4


class _Snapshot(NamedTuple):
    """A catalog with a transaction that reads one snapshot."""

    catalog: Catalog
    transaction: ExitStack
    reader: CatalogReader


class CatalogPool:
    """Connections to the catalog of a result. Any thread may use it.

    Args:
        folder: of the result.
        address: of its catalog.
    """

    def __init__(self, folder: str, address: PostgresAddress) -> None:
        self._folder = folder
        self._address = address
        self._lock = Lock()
        self._idle: list[Catalog] = []

    @contextmanager
    def reader(self) -> Iterator[CatalogReader]:
        """Open a snapshot of the catalog, on a connection that was used before if it still works.

        Raises:
            CatalogError: the catalog cannot be read, or belongs to another result.
        """
        snapshot = self._begin()
        try:
            with snapshot.transaction:
                yield snapshot.reader
        except BaseException:
            snapshot.catalog.close()
            raise
        with self._lock:
            is_kept = len(self._idle) < _MAX_IDLE
            if is_kept:
                self._idle.append(snapshot.catalog)
        if not is_kept:
            snapshot.catalog.close()

    def close(self) -> None:
        """Close the connections that nobody uses."""
        with self._lock:
            idle, self._idle = self._idle, []
        for catalog in idle:
            catalog.close()

    def _begin(self) -> _Snapshot:
        while True:
            with self._lock:
                idle = self._idle.pop() if self._idle else None
            if idle is None:
                break
            transaction = ExitStack()
            try:
                reader = transaction.enter_context(reader_of(idle))
                catalog_state(reader)  # fails if the server has restarted meanwhile
            except CatalogError:
                with suppress(CatalogError):
                    transaction.close()
                idle.close()
            else:
                return _Snapshot(idle, transaction, reader)
        catalog = open_read_only(self._address)
        transaction = ExitStack()
        try:
            require_own_catalog(catalog, self._folder)
            return _Snapshot(catalog, transaction, transaction.enter_context(reader_of(catalog)))
        except BaseException:
            catalog.close()
            raise
