"""What a dry run remembers instead of writing it into a catalogue."""

from collections.abc import Iterable, Mapping

from midiprism.catalog import BatchRecord, Catalog, Committed, KnownParent, KnownPath


class Rehearsal:
    """Knows what a catalogue knows, and what the dry run came across; forgets it at the end.

    Args:
        catalog: the catalogue of the result so far, open for reading; None for a new result.
    """

    def __init__(self, catalog: Catalog | None) -> None:
        self._catalog = catalog
        self._parents: dict[bytes, KnownParent] = {}
        self._tracks: set[bytes] = set()

    def known_paths(self, paths: Iterable[bytes]) -> Mapping[bytes, KnownPath]:
        return self._catalog.known_paths(paths) if self._catalog else {}

    def known_parents(self, digests: Iterable[bytes]) -> Mapping[bytes, KnownParent]:
        wanted = list(digests)
        known = self._catalog.known_parents(wanted) if self._catalog else {}
        return {**known, **{digest: self._parents[digest] for digest in wanted if digest in self._parents}}

    def commit(self, run_id: int, batch: BatchRecord, now: str) -> Committed:  # noqa: ARG002
        committed = Committed()
        digests: set[bytes] = set()
        for record in batch.parents:
            if record.outcome is None:
                committed.paths += 1
                continue
            committed.outcomes[record.outcome] += 1
            committed.links += len(record.links)
            digests.update(link.track.digest for link in record.links)
            if record.digest is not None:
                self._parents[record.digest] = KnownParent(0, record.outcome)
        known = self._catalog.known_tracks(digests) if self._catalog else set()
        new = digests - known - self._tracks
        self._tracks |= new
        committed.tracks_new = len(new)
        return committed
