"""Batches on their way through workers, and what becomes of those that kill."""

from dataclasses import dataclass

from midiprism.catalog import BatchRecord, CommitResult, Lease, ProblemRecord, SongRecord
from midiprism.pipeline.planner import Batch
from midiprism.pipeline.record_builder import song_name_of

MAX_WORKER_FAILURES = 2


@dataclass(slots=True)
class SubmittedBatch:
    """A batch that was handed out.

    Attributes:
        number: of the job, from 1.
        batch: its songs.
        lease: held on it, where several runs work on one catalogue.
        kills: how many workers died on it.
    """

    number: int
    batch: Batch
    lease: Lease | None = None
    worker_failures: int = 0


@dataclass(frozen=True, slots=True)
class WorkerFailure:
    """How a worker ended.

    Attributes:
        code: ``timeout`` where it was ended for taking too long, else ``crash``.
        message: one sentence.
        suspect: the song of the batch that it was at; None where that is not known.
    """

    code: str
    message: str
    suspect: int | None


@dataclass(frozen=True, slots=True)
class FinishedBatch:
    """A batch whose files were put.

    Attributes:
        committed: what its commit added, where the worker has committed it; its record then holds only the
            songs with problems.
    """

    batch: Batch
    record: BatchRecord
    committed: CommitResult | None = None


def bisect(batch: Batch, suspect: int | None) -> list[Batch]:
    """A batch of several songs in pieces: around the one that is suspected, or else in halves."""
    if suspect is None or not 0 <= suspect < len(batch):
        middle = len(batch) // 2
        pieces = [batch[:middle], batch[middle:]]
    else:
        pieces = [batch[:suspect], batch[suspect : suspect + 1], batch[suspect + 1 :]]
    return [piece for piece in pieces if piece]


def failed_batch(
    submitted: SubmittedBatch, failure: WorkerFailure, contract: int, *, replaces: bool
) -> FinishedBatch:
    """What is committed for a song that kills its worker whenever it is tried."""
    (found,) = submitted.batch
    problem = ProblemRecord(failure.code, failure.message)
    record = SongRecord(
        found.path,
        found.root_length,
        song_name_of(found),
        found.size,
        found.mtime_ns,
        None,
        "failed",
        problems=(problem,),
    )
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
