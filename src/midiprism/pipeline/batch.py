"""A batch of songs: as it is planned, and after its tracks are stored."""

from dataclasses import dataclass
from typing import NamedTuple

from midiprism.catalog import BatchRecord, CommitResult, Lease
from midiprism.sources import SongRef

Batch = tuple[SongRef, ...]


class PlannedBatch(NamedTuple):
    """A batch to hand out.

    Attributes:
        lease: on the batch; None in a run that has its catalog to itself.
        ends_group: whether a commit ends with it, where commits follow the plan.
    """

    batch: Batch
    lease: Lease | None = None
    ends_group: bool = False


@dataclass(frozen=True, slots=True)
class FinishedBatch:
    """A batch whose tracks are stored.

    Attributes:
        record: the result of splitting its songs.
        committed: the result of its commit, if there was one; where a worker has committed the batch, the
            record has only the songs with problems.
    """

    batch: Batch
    record: BatchRecord
    committed: CommitResult | None = None
