"""Sharing the work of one catalogue between runs: what is planned is leased before it is handed out."""

import time
from collections.abc import Iterator

from midiprism.catalog import Lease, UpToDate
from midiprism.catalog.postgres.catalog import PostgresCatalog
from midiprism.pipeline.planner import Batch, BatchPlanner

LeasedBatch = tuple[Batch, Lease | None]

_POLL_SECONDS = 0.2


def without_leases(batches: Iterator[Batch]) -> Iterator[LeasedBatch | None]:
    """Batches of a run that has its catalogue for itself."""
    return ((batch, None) for batch in batches)


class BatchLeaser:
    """Batches of a run that shares its catalogue, as far as no other run holds their songs.

    What others hold is passed over. When all is walked by, and they have let go of it, the library is walked
    again: what they have committed is known then, and what they have not is planned here.

    Args:
        catalog: knows who holds what.
        plan: of this run.
        run_id: of this run.
        settled: see ``Catalog.known_paths``.
        redo: do also what is known.
    """

    def __init__(
        self,
        catalog: PostgresCatalog,
        planner: BatchPlanner,
        run_id: int,
        up_to_date: UpToDate | None,
        *,
        redo: bool,
    ) -> None:
        self._catalog = catalog
        self._planner = planner
        self._run_id = run_id
        self._up_to_date = up_to_date
        self._redo = redo
        self._songs_not_ours = 0
        self._last_poll = 0.0
        self.songs_committed = 0

    def batches(self, planned_batches: Iterator[Batch]) -> Iterator[LeasedBatch | None]:
        """Batches with their leases; None while there is nothing to do but to wait for others."""
        batches = planned_batches
        while True:
            self._songs_not_ours = 0
            for batch in batches:
                planned = self._lease(batch)
                if planned is not None:
                    yield planned
            if not self._songs_not_ours:
                return
            others = self._catalog.leases_of_other_runs(self._run_id)
            while others:
                yield None
                if time.monotonic() - self._last_poll > _POLL_SECONDS:
                    self._last_poll = time.monotonic()
                    others &= self._catalog.leases_of_other_runs(self._run_id)
            self._planner.restart(self.songs_committed)
            batches = self._planner.batches()

    def add_discarded(self, batch: Batch) -> None:
        """A batch was not committed, since its lease was lost."""
        self._songs_not_ours += len(batch)

    def _lease(self, batch: Batch) -> LeasedBatch | None:
        wanted = {found.path: (found.size, found.mtime_ns) for found in batch}
        leased = self._catalog.lease(self._run_id, wanted, self._up_to_date, redo=self._redo)
        self._songs_not_ours += leased.held_elsewhere
        self._planner.songs_skipped += leased.already_committed
        if leased.lease is None:
            self._planner.mark_committed(batch)
            return None
        mine = tuple(found for found in batch if found.path in leased.paths)
        self._planner.mark_committed(tuple(found for found in batch if found.path not in leased.paths))
        return mine, leased.lease
