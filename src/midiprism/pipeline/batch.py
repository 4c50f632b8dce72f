"""A batch of songs, and a batch whose tracks are stored."""

from dataclasses import dataclass

from midiprism.catalog import BatchRecord, CommitResult
from midiprism.sources import SongRef

Batch = tuple[SongRef, ...]


@dataclass(frozen=True, slots=True)
class FinishedBatch:
    """A batch whose tracks are stored.

    Attributes:
        record: what the worker learned of its songs.
        committed: what its commit added, where the worker has committed it; the record then has only the
            songs with problems.
    """

    batch: Batch
    record: BatchRecord
    committed: CommitResult | None = None
