"""Compare the entries of a store with the catalog, and prove that an unknown one can be removed."""

from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple

from midiprism.catalog import Catalog, IntegrityQueries, TrackFile, VerifyScope
from midiprism.catalog.queries.shards import ShardIndex
from midiprism.fs.path_text import path_bytes
from midiprism.stores import FileStatus, ScannedEntry, TrackLocation, TrackStore

_ENTRIES_PER_QUERY = 1_000
"""Fewest entries that are looked up at once: each query is a round trip to a server."""


class FoundEntry(NamedTuple):
    """Something that a store holds.

    Attributes:
        damage_kind: one of ``DAMAGE_KINDS``; None for a file that the catalog knows.
    """

    entry: ScannedEntry
    damage_kind: str | None


def classify_entries(
    store: TrackStore, catalog: Catalog, scope: VerifyScope, stop: Callable[[], bool]
) -> Iterator[FoundEntry]:
    """Yield each entry of the store that is in the scope, with its damage; None if the catalog knows it."""
    queries = IntegrityQueries(catalog, scope)
    ranges = scope.digest_ranges()
    first_bytes = {first for low, high in ranges for first in range(low >> 24, (high >> 24) + 1)}
    shard_names = ShardIndex(catalog).shard_names() if store.shards is not None else frozenset()
    for entries in _gather(store.scan(first_bytes.__contains__), _ENTRIES_PER_QUERY):
        if stop():
            return
        prefixes = [entry.digest_prefix for entry in entries if entry.digest_prefix]
        tracks = queries.tracks_by_digest_prefix(prefixes)
        for entry in entries:
            if entry.digest_prefix:
                number = int(entry.digest_prefix[:8], 16)
                if not any(low <= number <= high for low, high in ranges):
                    continue
            known = entry.path in shard_names or any(
                _is_file_of(store, entry, track) for track in tracks.get(entry.digest_prefix, ())
            )
            yield FoundEntry(entry, _damage_kind(entry, known=known))


def _gather(parts: Iterable[list[ScannedEntry]], size: int) -> Iterator[list[ScannedEntry]]:
    """Yield the entries of several parts together, so that each has at least ``size``, but for the last."""
    gathered: list[ScannedEntry] = []
    for part in parts:
        gathered += part
        if len(gathered) >= size:
            yield gathered
            gathered = []
    if gathered:
        yield gathered


class RemovalGuard:
    """Proves that an entry of a store is not needed before it is removed.

    Its name is no proof, since a file system may list names in another spelling. So its content is read: an
    entry with the bytes of a track or a shard that the catalog names is kept, unless the file of that track
    or shard is whole too.

    Args:
        store: that holds the entries.
        catalog: of the same result.
        is_whole: returns whether a track is whole at its own place; by default its file is read.
    """

    def __init__(
        self, store: TrackStore, catalog: Catalog, is_whole: Callable[[TrackFile], bool] | None = None
    ) -> None:
        self._store = store
        self._queries = IntegrityQueries(catalog, VerifyScope())
        self._shards = ShardIndex(catalog)
        self._is_whole = is_whole or self._is_track_whole

    def reason_to_keep(self, entry: ScannedEntry) -> str | None:
        """Return why an entry must not be removed, as a sentence; None if it is not needed."""
        status = self._store.entry_status(entry.path)
        if status.state == "unreadable":
            return f"{status.reason} It is kept, since it may hold the bytes of a track."
        if status.state != "present":
            return None
        if self._store.shards is not None:
            return self._reason_to_keep_shard(entry, status)
        number = status.digest.hex()
        for track in self._queries.tracks_by_digest_prefix([number])[number]:
            if _is_file_of(self._store, entry, track):
                return "It is the file of a track, listed under another name."
            if not self._is_whole(track):
                return "It is kept, since it has the bytes of a track whose own file is lost or damaged."
        return None

    def may_remove(self, entry: ScannedEntry) -> bool:
        """Return whether an entry is not needed."""
        return self.reason_to_keep(entry) is None

    def _reason_to_keep_shard(self, entry: ScannedEntry, status: FileStatus) -> str | None:
        assert self._store.shards is not None
        for shard in self._shards.all_shards():
            if shard.digest != status.digest:
                continue
            if self._store.is_same_file(entry.path, shard.name):
                return "It is a shard that the catalog knows, listed under another name."
            if self._store.shards.shard_status(shard.name).digest != shard.digest:
                return "It is kept, since it has the bytes of a shard that is lost or damaged."
        return None

    def _is_track_whole(self, track: TrackFile) -> bool:
        return self._store.status_of(track_location(track)).digest == track.digest


def _is_file_of(store: TrackStore, entry: ScannedEntry, track: TrackFile) -> bool:
    """Return whether an entry is the file of a track, under any spelling of its path."""
    path = store.path_of(track_location(track))
    return path is not None and store.is_same_file(entry.path, path)


def track_location(track: TrackFile) -> TrackLocation:
    """Return what a row of the catalog states about the place of its track."""
    return TrackLocation(track.family, track.stem, track.digest, track.digest_digits)


def track_label(store: TrackStore, track: TrackFile) -> bytes:
    """Return the name of a track for people: the path of its file, or its digest if it has no file."""
    path = store.path_of(track_location(track))
    return path_bytes(path) if path is not None else f"track {track.digest.hex()}".encode()


def _damage_kind(entry: ScannedEntry, *, known: bool) -> str | None:
    if entry.kind == "folder":
        return "unreadable"
    if entry.kind == "temporary":
        return "temporary"
    return None if known else "orphan"
