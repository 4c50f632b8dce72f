"""Sharing the work of one catalogue between runs: what is planned is leased before it is handed out."""

import time
from collections.abc import Iterator

from midiprism.catalog import Lease, Settled
from midiprism.catalog.postgres import PostgresCatalog
from midiprism.run.plan import Batch, Plan

Planned = tuple[Batch, Lease | None]

_LOOK_SECONDS = 0.2


def unshared(batches: Iterator[Batch]) -> Iterator[Planned | None]:
    """Batches of a run that has its catalogue for itself."""
    return ((batch, None) for batch in batches)


class Leasing:
    """Batches of a run that shares its catalogue, as far as no other run holds their parents.

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
        self, catalog: PostgresCatalog, plan: Plan, run_id: int, settled: Settled | None, *, redo: bool
    ) -> None:
        self._catalog = catalog
        self._plan = plan
        self._run_id = run_id
        self._settled = settled
        self._redo = redo
        self._held = 0
        self._looked = 0.0
        self.committed = 0

    def batches(self, first: Iterator[Batch]) -> Iterator[Planned | None]:
        """Batches with their leases; None while there is nothing to do but to wait for others."""
        batches = first
        while True:
            self._held = 0
            for batch in batches:
                planned = self._leased(batch)
                if planned is not None:
                    yield planned
            if not self._held:
                return
            others = self._catalog.held_by_others(self._run_id)
            while others:
                yield None
                if time.monotonic() - self._looked > _LOOK_SECONDS:
                    self._looked = time.monotonic()
                    others &= self._catalog.held_by_others(self._run_id)
            self._plan.begin_again(self.committed)
            batches = self._plan.batches()

    def discarded(self, batch: Batch) -> None:
        """A batch was not committed, since its lease was lost."""
        self._held += len(batch)

    def _leased(self, batch: Batch) -> Planned | None:
        wanted = {found.path: (found.size, found.mtime_ns) for found in batch}
        leased = self._catalog.lease(self._run_id, wanted, self._settled, redo=self._redo)
        self._held += leased.held
        self._plan.skipped += leased.done
        if leased.lease is None:
            self._plan.committed(batch)
            return None
        mine = tuple(found for found in batch if found.path in leased.paths)
        self._plan.committed(tuple(found for found in batch if found.path not in leased.paths))
        return mine, leased.lease
