"""The search index of a result that is served for hours while runs commit to it."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from threading import Lock

from midiprism.catalog import Address
from midiprism.catalog.queries.index_rows import CatalogState, catalog_state
from midiprism.catalog.reader import CatalogReader
from midiprism.search.index.search_index import SearchIndex
from midiprism.search.index.update import index_in_memory, open_index

_REFRESH_SECONDS = 2.0
"""An index may be so much older than the catalog while commits follow each other."""

_REFRESH_FACTOR = 5.0  # refreshing takes a fifth of the time at most


@dataclass(frozen=True, slots=True)
class LiveIndexState:
    """An index and the state of the catalog that it stands for."""

    state: CatalogState
    index: SearchIndex


class LiveIndex:
    """Keeps an index until its catalog changes, and brings it up to date then. Any thread may use it.

    Args:
        out: folder of the result.
        address: of its catalog.
        on_build: called before the index of many songs is made from nothing, which takes a while.
        follows_at_once: refresh after every commit, however long that takes.
    """

    def __init__(
        self,
        out: str,
        address: Address,
        on_build: Callable[[], None] = lambda: None,
        *,
        follows_at_once: bool = False,
    ) -> None:
        self._out = out
        self._address = address
        self._on_build = on_build
        self._follows_at_once = follows_at_once
        self._lock = Lock()
        self._current: LiveIndexState | None = None
        self._refresh_at = 0.0

    def current(self, reader: CatalogReader) -> LiveIndexState:
        """Return the index of a snapshot, or one that is a few seconds older while a run commits.

        Args:
            reader: of the newest snapshot.

        Raises:
            CatalogError: the catalog cannot be read.
        """
        state = catalog_state(reader)
        current = self._current
        if current is not None and self._may_be_used(current, state):
            return current
        # One thread refreshes; others go on with the index that they have, if there is any.
        if not self._lock.acquire(blocking=current is None):
            assert current is not None, "the lock is waited for without one"
            return current
        try:
            if self._current is None or self._current.state != state:
                self._refresh(reader, state)
            assert self._current is not None, "it was set above"
            return self._current
        finally:
            self._lock.release()

    def at_hand(self, reader: CatalogReader) -> LiveIndexState | None:
        """Return what ``current`` returns if it need not refresh the index for that, else None.

        Args:
            reader: of the newest snapshot.

        Raises:
            CatalogError: the catalog cannot be read.
        """
        current = self._current
        return current if current is not None and self._may_be_used(current, catalog_state(reader)) else None

    def _may_be_used(self, current: LiveIndexState, state: CatalogState) -> bool:
        """Return whether an index is of a state, or of an earlier one of the same catalog a little before."""
        return current.state == state or (
            not self._follows_at_once
            and state.commits > current.state.commits
            and time.monotonic() < self._refresh_at
        )

    def _refresh(self, reader: CatalogReader, state: CatalogState) -> None:
        started = time.monotonic()
        generation = open_index(self._out, self._address, reader, self._on_build).generation
        index = SearchIndex(generation or index_in_memory(reader))
        self._current = LiveIndexState(state, index)
        ended = time.monotonic()
        self._refresh_at = ended + max(_REFRESH_SECONDS, _REFRESH_FACTOR * (ended - started))
