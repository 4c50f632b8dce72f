"""Finds what a store holds and the catalog does not know."""

from collections.abc import Callable, Iterator
from typing import NamedTuple

from midiprism.catalog import Catalog, IntegrityQueries, TrackFile, VerifyScope
from midiprism.catalog.queries.shards import ShardIndex
from midiprism.fs.path_text import path_bytes
from midiprism.stores import ScannedEntry, TrackLocation, TrackStore


class FoundEntry(NamedTuple):
    """Something that a store holds.

    Attributes:
        damage_kind: one of ``DAMAGE_KINDS``; None for a file that the catalog knows.
    """

    entry: ScannedEntry
    damage_kind: str | None


def find_orphans(
    store: TrackStore, catalog: Catalog, scope: VerifyScope, stop: Callable[[], bool]
) -> Iterator[FoundEntry]:
    """Return everything in the store that is in the scope, and what is wrong with it."""
    queries = IntegrityQueries(catalog, scope)
    ranges = scope.digest_ranges()
    first_bytes = {first for low, high in ranges for first in range(low >> 24, (high >> 24) + 1)}
    shard_names = ShardIndex(catalog).shard_names() if store.shards is not None else frozenset()
    for entries in store.scan(first_bytes.__contains__):
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
                store.path_of(track_location(track)) == entry.path
                for track in tracks.get(entry.digest_prefix, ())
            )
            yield FoundEntry(entry, _damage_kind(entry, known=known))


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
