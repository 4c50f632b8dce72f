"""Batches on their way through workers, and what becomes of those that kill."""

from dataclasses import dataclass

from midiprism.catalog import BatchRecord, Committed, Lease, ParentRecord, ProblemRecord
from midiprism.run.plan import Batch
from midiprism.run.telling import song_of

KILLS = 2


@dataclass(slots=True)
class Job:
    """A batch that was handed out.

    Attributes:
        number: of the job, from 1.
        batch: its parents.
        lease: held on it, where several runs work on one catalogue.
        kills: how many workers died on it.
    """

    number: int
    batch: Batch
    lease: Lease | None = None
    kills: int = 0


@dataclass(frozen=True, slots=True)
class Death:
    """How a worker ended.

    Attributes:
        code: ``timeout`` where it was ended for taking too long, else ``crash``.
        message: one sentence.
        suspect: the parent of the batch that it was at; None where that is not known.
    """

    code: str
    message: str
    suspect: int | None


@dataclass(frozen=True, slots=True)
class Done:
    """A batch whose files were put.

    Attributes:
        committed: what its commit added, where the worker has committed it; its record then holds only the
            parents with problems.
    """

    batch: Batch
    record: BatchRecord
    committed: Committed | None = None


def take_apart(batch: Batch, suspect: int | None) -> list[Batch]:
    """A batch of several parents in pieces: around the one that is suspected, or else in halves."""
    if suspect is None or not 0 <= suspect < len(batch):
        middle = len(batch) // 2
        pieces = [batch[:middle], batch[middle:]]
    else:
        pieces = [batch[:suspect], batch[suspect : suspect + 1], batch[suspect + 1 :]]
    return [piece for piece in pieces if piece]


def given_up(job: Job, death: Death, contract: int, *, replaces: bool) -> Done:
    """What is committed for a parent that kills its worker whenever it is tried."""
    (found,) = job.batch
    problem = ProblemRecord(death.code, death.message)
    record = ParentRecord(
        found.path,
        found.root_length,
        song_of(found),
        found.size,
        found.mtime_ns,
        None,
        "failed",
        problems=(problem,),
    )
    return Done(
        job.batch,
        BatchRecord(
            [record],
            0,
            0.0,
            files_present=False,
            contract=contract,
            replaces=replaces,
            lease=job.lease,
        ),
    )
