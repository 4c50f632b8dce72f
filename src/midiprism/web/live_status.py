"""The status of the served result, whose contents are counted only now and then."""

import time
from threading import Lock

from midiprism.results.status import NOT_COUNTED, Inventory, ResultStatus, read_status
from midiprism.web.served_result import ServedResult, Snapshot

_COUNT_SECONDS = 5.0
_COUNT_FACTOR = 20.0  # counting takes a twentieth of the time at most


class LiveStatus:
    """Reads the status of a result. Any thread may use it.

    Args:
        result: that is served.
    """

    def __init__(self, result: ServedResult) -> None:
        self._result = result
        self._lock = Lock()
        self._inventory: Inventory | None = None
        self._index: object = None

    def read_runs(self, limit: int) -> ResultStatus:
        """Return the status with the last runs, without contents.

        Args:
            limit: number of runs.

        Raises:
            UsageError: there is no result any more.
            CatalogError: its catalog cannot be read.
        """
        return read_status(self._result.folder, limit, NOT_COUNTED, self._result.database)

    def read(self, snapshot: Snapshot) -> ResultStatus:
        """Return the status with the contents, which may have been counted a few seconds ago.

        Args:
            snapshot: of the catalog; contents are counted again only after it has changed.

        Raises:
            UsageError: there is no result any more.
            CatalogError: its catalog cannot be read.
        """
        with self._lock:  # one thread counts
            known = self._inventory
            if known is not None and self._index is not snapshot.index and self._is_old(known):
                known = None
            status = read_status(self._result.folder, 1, known, self._result.database)
            if known is None:
                self._inventory, self._index = status.inventory, snapshot.index
            return status

    def _is_old(self, inventory: Inventory) -> bool:
        seconds = max(_COUNT_SECONDS, _COUNT_FACTOR * inventory.count_seconds)
        return self._result.follows_at_once or time.monotonic() - inventory.counted_at > seconds
