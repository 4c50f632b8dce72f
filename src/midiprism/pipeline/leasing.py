"""Sharing the songs of one catalog between runs: a run leases what it has planned before it hands it out."""

import time
from collections.abc import Iterator

from midiprism.catalog import BatchLeases
from midiprism.pipeline.batch import Batch, PlannedBatch
from midiprism.pipeline.planner import BatchPlanner

_POLL_SECONDS = 0.2


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

    def batches(self, planned: Iterator[PlannedBatch]) -> Iterator[PlannedBatch | None]:
        """Yield batches with their leases; None while there is nothing to do but to wait for other runs."""
        batches = planned
        while True:
            self._songs_left_to_others = 0
            for planned_batch in batches:
                leased = self._lease(planned_batch.batch)
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
        """Note that the run has committed so many songs."""
        self._songs_committed += songs

    def add_discarded(self, batch: Batch) -> None:
        """Note that a batch was not committed, since its lease was lost."""
        self._songs_left_to_others += len(batch)

    def _lease(self, batch: Batch) -> PlannedBatch | None:
        wanted = {song_ref.path: (song_ref.size, song_ref.mtime_ns) for song_ref in batch}
        leased = self._leases.acquire(wanted)
        self._songs_left_to_others += leased.held_elsewhere
        self._planner.add_skipped(leased.already_committed)
        if leased.lease is None:
            self._planner.mark_committed(batch)
            return None
        ours = tuple(song_ref for song_ref in batch if song_ref.path in leased.paths)
        self._planner.mark_committed(tuple(ref for ref in batch if ref.path not in leased.paths))
        return PlannedBatch(ours, leased.lease)
