"""Keeps the last searches: a page asks for one window after the other of the same one."""

from collections import OrderedDict
from collections.abc import Sequence
from threading import Lock
from typing import TypeVar

from midiprism.search.index.facets import DEFAULT_FACETS, Facet
from midiprism.search.index.search_index import Matches, SearchIndex
from midiprism.search.query import Query
from midiprism.web.served_result import Snapshot

_MAX_KEPT = 2  # each may take some bytes for every link
_MAX_FACETS_KEPT = 64
_Key = TypeVar("_Key")
_Value = TypeVar("_Value")


class RecentSearches:
    """The last searches in the current index, with their counts. Any thread may use it."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._index: SearchIndex | None = None
        self._found: OrderedDict[str, Matches] = OrderedDict()
        self._facets: OrderedDict[tuple[str, str], Facet] = OrderedDict()

    def search(self, snapshot: Snapshot, query: Query) -> Matches:
        """Return what a query finds.

        Args:
            snapshot: of the catalog.
            query: its terms and its order.
        """
        text = repr(query)
        with self._lock:
            self._follow(snapshot)
            matches = self._found.get(text)
        if matches is None:
            matches = snapshot.search(query)
        with self._lock:
            if self._index is snapshot.index:
                _keep(self._found, text, matches, _MAX_KEPT)
        return matches

    def facets(self, snapshot: Snapshot, query: Query, names: Sequence[str] = DEFAULT_FACETS) -> list[Facet]:
        """Return how many of the tracks that a query finds have each value of some fields.

        Args:
            snapshot: of the catalog.
            query: its terms; its order does not matter.
            names: of the fields.

        Raises:
            UsageError: one of them cannot be counted.
        """
        terms = Query(query.groups)
        text = "" if self.search(snapshot, query).are_all else repr(terms)
        with self._lock:
            self._follow(snapshot)
            known = {name: self._facets[text, name] for name in names if (text, name) in self._facets}
        missing = [name for name in names if name not in known]
        if missing:
            counted = self.search(snapshot, query).facets(missing)
            known |= dict(zip(missing, counted, strict=True))
        with self._lock:
            if self._index is snapshot.index:
                for name, facet in known.items():
                    _keep(self._facets, (text, name), facet, _MAX_FACETS_KEPT)
        return [known[name] for name in names]

    def _follow(self, snapshot: Snapshot) -> None:
        """Forget what was found in another index."""
        if self._index is not snapshot.index:
            self._index = snapshot.index
            self._found.clear()
            self._facets.clear()


def _keep(kept: OrderedDict[_Key, _Value], key: _Key, value: _Value, most: int) -> None:
    kept[key] = value
    kept.move_to_end(key)
    while len(kept) > most:
        kept.popitem(last=False)
