"""The interface of executors, which work on batches: in this process, in worker processes, or elsewhere."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple, Protocol

from midiprism.catalog import Lease
from midiprism.metrics.stage_timers import COUNTER_COUNT
from midiprism.pipeline.batch import Batch, FinishedBatch
from midiprism.pipeline.worker_config import WorkerConfig


class ProgressCounts(NamedTuple):
    """Counts of all workers since they began.

    Attributes:
        songs: songs that were processed; ``songs_failed`` are among them.
        tracks: tracks stored or found in the store; ``tracks_written`` are among them.
    """

    songs: int = 0
    songs_failed: int = 0
    tracks: int = 0
    tracks_written: int = 0


@dataclass(frozen=True, slots=True)
class Telemetry:
    """The state of an executor at one moment.

    Attributes:
        counts: counts of all workers, those that have ended included.
        timer_values: values of all workers' stage timers, added up; see ``midiprism.metrics.stage_timers``.
        worker_pids: process ids of the workers that are alive, without this process.
        workers_ready: worker processes that have loaded the splitter.
        batches_queued: batches that no worker has received yet.
        in_flight: batches handed out and not returned; a batch that is retried in pieces
            counts as its pieces.
        loading_seconds: time until all workers had loaded the splitter; until now while they are loading.
        is_idle: whether the coordinator had to wait for the batches that came back.
    """

    counts: ProgressCounts = field(default_factory=ProgressCounts)
    timer_values: tuple[int, ...] = (0,) * COUNTER_COUNT
    worker_pids: tuple[int, ...] = ()
    workers_ready: int = 0
    batches_queued: int = 0
    in_flight: int = 0
    loading_seconds: float = 0.0
    is_idle: bool = True


class Completed(NamedTuple):
    """Batches that came back, in any order, and the executor's telemetry."""

    batches: Sequence[FinishedBatch]
    telemetry: Telemetry


@dataclass(frozen=True, slots=True)
class ExecutorContext:
    """The parts and settings of a run that its executor uses.

    Attributes:
        worker_config: makes a worker, in this process or another.
        workers: worker processes to begin with.
        timeout: seconds that a worker may spend on one song, not counting the time to store its tracks; None
            for no limit. Only an executor that can end its workers can keep it.
        stop: once true, batches end after the song in hand; while the splitter is still being loaded or
            compiled, at once.
        on_compile: called while the splitter is being compiled, with the seconds so far; first with 0.
        on_progress: called now and then while ``completed`` takes long.
    """

    worker_config: WorkerConfig
    workers: int
    timeout: float | None
    stop: Callable[[], bool]
    on_compile: Callable[[float], None]
    on_progress: Callable[[Telemetry], None]


class Executor(Protocol):
    """Works on batches. Nothing is started before the first batch is submitted.

    Batches come back as finished when their tracks are stored. The run makes them durable and commits them,
    unless ``FinishedBatch.committed`` says that the worker has committed the batch. If the store's ``flush``
    does not cover what other processes stored, workers in other processes flush before they answer.
    """

    def submit(self, batch: Batch, lease: Lease | None = None) -> None:
        """Hand out a batch, with the lease that the run holds on it."""

    def completed(self) -> Completed:
        """Return the batches that are finished. Waits a moment for one, and may return none.

        Raises:
            MidiprismError: a track cannot be written, or no worker can be started. What is in flight is lost,
                and a later run does it again.
        """

    def resize(self, workers: int) -> None:
        """Work with so many workers from now on; surplus workers end after their batches."""

    def close(self) -> None:
        """End the workers. Batches in flight are lost."""
