"""Batches on their way through worker processes, and the retry of those on which workers die."""

from dataclasses import dataclass

from midiprism.catalog import BatchRecord, Lease, ProblemRecord
from midiprism.pipeline.batch import Batch, FinishedBatch
from midiprism.pipeline.record_builder import failed_record

MAX_WORKER_FAILURES = 2


@dataclass(slots=True)
class SubmittedBatch:
    """A batch that was handed out.

    Attributes:
        number: of the batch, from 1.
        lease: held on it, where several runs share a catalog.
        worker_failures: number of workers that died on it.
        is_requeued: whether later ones may have been begun: it is handed out again, or the rest of a batch.
    """

    number: int
    batch: Batch
    lease: Lease | None = None
    worker_failures: int = 0
    is_requeued: bool = False

    def add_failure(self) -> bool:
        """Note that a worker died on it, and return whether it may be tried again as a whole."""
        self.worker_failures += 1
        return self.worker_failures < MAX_WORKER_FAILURES


@dataclass(frozen=True, slots=True)
class WorkerFailure:
    """The end of a worker.

    Attributes:
        code: ``timeout`` where it was ended for taking too long, else ``crash``.
        message: one sentence.
        suspect: index of the song that it was working on; None where that is not known.
        is_in_facts: whether it was computing the facts of tracks of several songs.
    """

    code: str
    message: str
    suspect: int | None
    is_in_facts: bool = False


def bisect(batch: Batch, suspect: int | None) -> list[Batch]:
    """Return a batch of several songs in pieces: around the suspect, or else in halves."""
    if suspect is None or not 0 <= suspect < len(batch):
        middle = len(batch) // 2
        pieces = [batch[:middle], batch[middle:]]
    else:
        pieces = [batch[:suspect], batch[suspect : suspect + 1], batch[suspect + 1 :]]
    return [piece for piece in pieces if piece]


def failed_batch(
    submitted: SubmittedBatch, failure: WorkerFailure, contract: int, *, replaces: bool
) -> FinishedBatch:
    """Return the record that is committed for a song that kills its worker whenever it is tried."""
    (song_ref,) = submitted.batch
    record = failed_record(song_ref, ProblemRecord(failure.code, failure.message))
    return FinishedBatch(
        submitted.batch,
        BatchRecord.from_songs(
            [record],
            has_files=False,
            contract_version=contract,
            replaces_outcomes=replaces,
            lease=submitted.lease,
        ),
    )
