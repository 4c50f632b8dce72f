"""Sharing the songs of one catalog between runs: a run leases what it has planned before it hands it out."""

import time
from collections.abc import Iterator
from typing import Protocol

from midiprism.catalog import BatchLeases, Catalog, Lease, UpToDate
from midiprism.pipeline.batch import Batch
from midiprism.pipeline.planner import BatchPlanner

LeasedBatch = tuple[Batch, Lease | None]

_POLL_SECONDS = 0.2


class BatchSource(Protocol):
    """Gives a run the batches that it is to work on."""

    def batches(self, planned: Iterator[Batch]) -> Iterator[LeasedBatch | None]:
        """Yield batches with their leases; None while there is nothing to do but to wait for other runs."""

    def add_committed(self, songs: int) -> None:
        """Note that the run has committed so many songs."""

    def add_discarded(self, batch: Batch) -> None:
        """Note that a batch was not committed, since its lease was lost."""


class UnleasedBatches:
    """The batches of a run that has its catalog for itself."""

    def batches(self, planned: Iterator[Batch]) -> Iterator[LeasedBatch | None]:
        return ((batch, None) for batch in planned)

    def add_committed(self, songs: int) -> None:
        pass

    def add_discarded(self, batch: Batch) -> None:
        raise AssertionError(f"a batch of {len(batch)} songs was discarded without a lease")


class LeasedBatches:
    """The batches of a run that shares its catalog, as far as no other run holds their songs.

    What others hold is passed over. When the whole source is walked and they have released their leases, the
    source is walked again: what they have committed is known then, and what they have not is planned here.

    Args:
        leases: of this run.
        planner: of this run.
    """

    def __init__(self, leases: BatchLeases, planner: BatchPlanner) -> None:
        self._leases = leases
        self._planner = planner
        self._songs_left_to_others = 0
        self._songs_committed = 0
        self._last_poll = 0.0

    def batches(self, planned: Iterator[Batch]) -> Iterator[LeasedBatch | None]:
        batches = planned
        while True:
            self._songs_left_to_others = 0
            for batch in batches:
                leased = self._lease(batch)
                if leased is not None:
                    yield leased
            if not self._songs_left_to_others:
                return
            others = self._leases.held_by_other_runs()
            while others:
                yield None
                if time.monotonic() - self._last_poll > _POLL_SECONDS:
                    self._last_poll = time.monotonic()
                    others &= self._leases.held_by_other_runs()
            self._planner.restart(self._songs_committed)
            batches = self._planner.batches()

    def add_committed(self, songs: int) -> None:
        self._songs_committed += songs

    def add_discarded(self, batch: Batch) -> None:
        self._songs_left_to_others += len(batch)

    def _lease(self, batch: Batch) -> LeasedBatch | None:
        wanted = {song_ref.path: (song_ref.size, song_ref.mtime_ns) for song_ref in batch}
        leased = self._leases.acquire(wanted)
        self._songs_left_to_others += leased.held_elsewhere
        self._planner.add_skipped(leased.already_committed)
        if leased.lease is None:
            self._planner.mark_committed(batch)
            return None
        ours = tuple(song_ref for song_ref in batch if song_ref.path in leased.paths)
        self._planner.mark_committed(tuple(ref for ref in batch if ref.path not in leased.paths))
        return ours, leased.lease


def make_batch_source(
    catalog: Catalog | None, planner: BatchPlanner, run_id: int, up_to_date: UpToDate | None, *, redo: bool
) -> BatchSource:
    """Return the batches of a run: leased where several runs may write the catalog at once."""
    leases = catalog.batch_leases(run_id, up_to_date, redo=redo) if catalog is not None else None
    return UnleasedBatches() if leases is None else LeasedBatches(leases, planner)
