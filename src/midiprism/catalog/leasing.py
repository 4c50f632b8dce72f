"""Leases on batches, where several runs work on one catalog."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import NamedTuple

from midiprism.records.batches import Lease

LEASE_SECONDS = 60.0
"""Seconds that a lease lasts unless it is renewed; a run renews its leases every second."""


class LeaseResult(NamedTuple):
    """The requested paths that a run may work on.

    Attributes:
        lease: None where nothing is left to do.
        paths: that the lease covers.
        already_committed: number of paths that were committed meanwhile.
        held_elsewhere: number of paths that another run has leased.
    """

    lease: Lease | None
    paths: frozenset[bytes]
    already_committed: int
    held_elsewhere: int


@dataclass(frozen=True, slots=True)
class BatchLeases:
    """The leases of one run.

    Attributes:
        acquire: leases those of some paths, with their sizes and times, that are still to be done and that no
            other run holds.
        held_by_other_runs: returns the ids of the leases that other runs hold.
    """

    acquire: Callable[[Mapping[bytes, tuple[int, int]]], LeaseResult]
    held_by_other_runs: Callable[[], set[int]]
