"""Counts of the whole library, which are kept until its index changes."""

from threading import Lock

from midiprism.search.index.facets import Facet
from midiprism.search.query import Query
from midiprism.web.served_result import Snapshot

_MAX_KEPT = 64


class LibraryCounts:
    """Counts of all links by the values of fields. Any thread may use it."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._index: object = None
        self._facets: dict[str, Facet] = {}

    def facet(self, snapshot: Snapshot, name: str) -> Facet:
        """Return the counts of a field.

        Args:
            snapshot: of the library.
            name: of the field.

        Raises:
            UsageError: it cannot be counted.
        """
        with self._lock:
            if self._index is not snapshot.index or len(self._facets) > _MAX_KEPT:
                self._index, self._facets = snapshot.index, {}
            found = self._facets.get(name)
        if found is None:
            (found,) = snapshot.index.search(Query()).facets([name])
            with self._lock:
                if self._index is snapshot.index:
                    self._facets[name] = found
        return found
