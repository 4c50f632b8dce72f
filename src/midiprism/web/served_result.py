"""The result that is served: snapshots of its catalog, its search index, and the bytes of its tracks."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from functools import partial
from threading import Lock

from midiprism.catalog import Address, PostgresAddress
from midiprism.catalog.queries.found_rows import LinkKey, found_rows
from midiprism.catalog.queries.track_lookup import FoundTrack, find_tracks_by_digest
from midiprism.catalog.reader import CatalogReader, open_reader
from midiprism.catalog.track_row import TrackRow
from midiprism.errors import StoreError
from midiprism.results.identity import Identity
from midiprism.results.result_dir import (
    catalog_address,
    locate_result,
    marker_facts,
    require_result,
)
from midiprism.results.result_store import open_result_store, require_identity
from midiprism.search.index.search_index import Matches, SearchIndex
from midiprism.search.like_terms import with_like_tracks
from midiprism.search.live_index import LiveIndex
from midiprism.search.query import Query
from midiprism.similarity.types import FoundTrack as FoundMatch
from midiprism.stores import TrackLocation, TrackStore
from midiprism.web.catalog_pool import CatalogPool
from midiprism.web.errors import NotFoundError


@dataclass(frozen=True, slots=True)
class Snapshot:
    """One snapshot of the catalog, for one request.

    Attributes:
        folder: of the result.
        reader: of the catalog.
        index: of the same snapshot, or of one a few seconds before.
    """

    folder: str
    reader: CatalogReader
    index: SearchIndex

    def search(self, query: Query) -> Matches:
        """Return what a query finds; errors as for ``with_like_tracks``."""
        return self.index.search(self.with_like_tracks(query))

    def with_like_tracks(self, query: Query) -> Query:
        """Return a query that knows which tracks its ``like:`` terms find, by what fingerprints there are.

        Raises:
            UsageError: the query asks for what is like a track that is not there.
            StoreError: the same, and that track cannot be read.
        """
        return with_like_tracks(query, self.folder, self.reader, stop=lambda: True)

    def similar(self, digest: bytes, limit: int) -> list[tuple[FoundMatch, TrackRow]]:
        """Return the tracks that have the music of a track, the best first, each with a link of it.

        Args:
            digest: of the track.
            limit: most tracks to return.

        Raises:
            UsageError: there is no such track.
            StoreError: it cannot be read.
        """
        from midiprism.similarity.by_example import MIN_LIKE_SCORE, open_finder  # which loads the compiler

        finder = open_finder(self.folder, self.reader, retry=False, stop=lambda: True)
        found = finder.find([finder.track(digest.hex())], limit, min_score=MIN_LIKE_SCORE)
        links = self.index.first_links([match.id for match in found])
        rows = {(row.song_id, row.position): row for row in self.rows(links.values())}
        places = {match.id: links[match.id][:2] for match in found if match.id in links}
        return [(match, rows[places[match.id]]) for match in found if places.get(match.id) in rows]

    def rows(self, links: Iterable[LinkKey]) -> list[TrackRow]:
        """Return the rows of links, without those that are gone."""
        return [*found_rows(self.reader, iter(links))]

    def track(self, digest: bytes) -> FoundTrack:
        """Return a track.

        Raises:
            NotFoundError: the catalog has none with this digest.
        """
        found = find_tracks_by_digest(self.reader, [digest]).get(digest)
        if found is None:
            raise NotFoundError("There is no such track in this result.")
        return found


class ServedResult:
    """The result that is served. Any thread may use it.

    Args:
        out: folder of the result.
        database: where its catalog is; None for a file in the result.
        on_build: called before the search index of many songs is made from nothing.
        follows_at_once: show every commit at once, instead of within seconds.
    """

    def __init__(
        self,
        out: str,
        database: PostgresAddress | None = None,
        on_build: Callable[[], None] = lambda: None,
        *,
        follows_at_once: bool = False,
    ) -> None:
        self.database = database
        self.follows_at_once = follows_at_once
        self._out = out
        self._on_build = on_build
        self._lock = Lock()
        self._store_lock = Lock()
        self._opened: _OpenedResult | None = None

    @property
    def folder(self) -> str:
        """The folder of the result, also after it was relocated."""
        return self._current().folder

    @property
    def identity(self) -> Identity:
        """What its tracks are made with."""
        return self._current().identity

    @contextmanager
    def snapshot(self) -> Iterator[Snapshot]:
        """Open a snapshot of the catalog with its index.

        Raises:
            UsageError: the result is gone.
            CatalogError: the catalog cannot be read.
        """
        opened = self._current()
        with opened.open_reader() as reader:
            current = opened.live_index.current(reader)
            yield Snapshot(opened.folder, reader, current.index)

    @contextmanager
    def snapshot_at_hand(self) -> Iterator[Snapshot | None]:
        """Open a snapshot as ``snapshot`` does, or None if its index would have to be refreshed first."""
        opened = self._current()
        with opened.open_reader() as reader:
            current = opened.live_index.at_hand(reader)
            yield None if current is None else Snapshot(opened.folder, reader, current.index)

    @contextmanager
    def store(self) -> Iterator[TrackStore]:
        """Hold the store of the tracks for one thread."""
        store = self._current().store
        with self._store_lock:  # a store of shards is for one thread
            yield store

    def read(self, digest: bytes) -> tuple[FoundTrack, bytes]:
        """Return a track and its bytes.

        Raises:
            NotFoundError: the catalog has none with this digest.
            StoreError: it is missing, or cannot be read.
        """
        for is_last in (False, True):
            with self.snapshot() as snapshot:
                found = snapshot.track(digest)
            try:
                return found, self.read_many([found.location])[0]
            except StoreError:  # a run may have moved it to another shard meanwhile
                if is_last:
                    raise
        raise AssertionError("the last attempt returns or raises")

    def read_many(self, locations: Sequence[TrackLocation]) -> list[bytes]:
        """Return the bytes of some tracks, in their order; those of one shard are read together.

        Raises:
            StoreError: one of them is missing, or cannot be read.
        """
        places = [(location.shard or "", location.row or 0) for location in locations]
        order = sorted(range(len(locations)), key=places.__getitem__)
        found = [b""] * len(locations)
        with self.store() as store:
            for at in order:
                found[at] = store.read(locations[at])
        return found

    def read_if_there(self, locations: Sequence[TrackLocation]) -> list[bytes]:
        """Return the bytes of some tracks, in their order; none for those that are missing or damaged."""
        try:
            return self.read_many(locations)
        except StoreError:
            half = len(locations) // 2
            if not half:
                return [b""] * len(locations)
            return self.read_if_there(locations[:half]) + self.read_if_there(locations[half:])

    def local_path(self, location: TrackLocation) -> str | None:
        """Return the path of a track's own file; None where it has none, or the file is missing."""
        try:
            return self._current().store.local_path(location)
        except StoreError:
            return None

    def _current(self) -> "_OpenedResult":
        """Return the result as its marker describes it now."""
        with self._lock:
            opened = self._opened
            folder = locate_result(self._out)
            require_result(folder)
            marker = marker_facts(folder)
            if opened is None or opened.folder != folder or opened.marker != marker:
                identity = require_identity(folder)
                address = catalog_address(folder, self.database)
                opened = self._opened = _OpenedResult(
                    folder,
                    marker,
                    identity,
                    open_result_store(folder, identity),
                    LiveIndex(folder, address, self._on_build, follows_at_once=self.follows_at_once),
                    _reader_opener(folder, address),
                )
            return opened


@dataclass(frozen=True, slots=True)
class _OpenedResult:
    """The result as its marker described it."""

    folder: str
    marker: dict[str, object]
    identity: Identity
    store: TrackStore
    live_index: LiveIndex
    open_reader: Callable[[], AbstractContextManager[CatalogReader]]


def _reader_opener(folder: str, address: Address) -> Callable[[], AbstractContextManager[CatalogReader]]:
    """Return the function that opens a snapshot of a catalog."""
    if isinstance(address, PostgresAddress):
        return CatalogPool(folder, address).reader
    return partial(open_reader, address)
