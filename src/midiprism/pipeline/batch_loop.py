"""The loop of a run: hand out batches, commit those that come back, until nothing is left."""

import contextlib
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from midiprism.errors import MidiprismError
from midiprism.metrics.stage_timers import Counter
from midiprism.pipeline.batch import FinishedBatch, PlannedBatch
from midiprism.pipeline.disk_space import DiskUsage
from midiprism.pipeline.executor import Executor
from midiprism.pipeline.group_commit import GroupCommit
from midiprism.pipeline.leasing import LeasedBatches
from midiprism.pipeline.planner import BatchPlanner
from midiprism.pipeline.progress import SongCounter
from midiprism.pipeline.run_metrics import RunMetrics
from midiprism.pipeline.run_reports import ProgressReporter, RunRecorder
from midiprism.pipeline.summary import Summary
from midiprism.pipeline.tuner import Tunables

_COUNT_SECONDS = 0.05
_WAIT_SECONDS = 0.05


@dataclass(frozen=True, slots=True)
class LoopObservers:
    """The parts of a run that are kept up to date in every round of its loop.

    Attributes:
        metrics: the samples of the run.
        recorder: records progress in the catalog.
        reporter: reports progress to a person.
        summary: counts what is committed.
        disk_usage: counts the space that it takes.
        song_counter: counts songs while this process has nothing else to do; None where nobody counts them.
        leases: on the batches of the run; None where it has its catalog to itself.
    """

    metrics: RunMetrics
    recorder: RunRecorder
    reporter: ProgressReporter
    summary: Summary
    disk_usage: DiskUsage
    song_counter: SongCounter | None = None
    leases: LeasedBatches | None = None


class BatchLoop:
    """Keeps an executor busy, and commits the batches that it returns.

    Args:
        executor: works on batches.
        group_commit: makes the tracks of batches durable, and commits the batches.
        planner: plans batches, of a size that may change.
        observers: follow the loop.
        stop: once true, no batch is handed out any more.
    """

    def __init__(
        self,
        executor: Executor,
        group_commit: GroupCommit,
        planner: BatchPlanner,
        observers: LoopObservers,
        stop: Callable[[], bool],
    ) -> None:
        self._executor = executor
        self._group_commit = group_commit
        self._planner = planner
        self._observers = observers
        self._stop = stop
        self._in_flight = 0
        self._has_more = True
        self._is_waiting = False
        self._songs_replaced = 0

    @property
    def songs_replaced(self) -> int:
        """Songs whose outcome of an earlier run was replaced."""
        return self._songs_replaced

    def run(self, batches: Iterator[PlannedBatch | None], tunables: Tunables) -> None:
        """Work until everything is committed.

        Raises:
            MidiprismError: the run cannot go on. What was durable is committed.
        """
        self._observers.metrics.begin(tunables)
        try:
            while self._has_more or self._in_flight or self._group_commit.batch_count:
                tunables = self._round(batches, tunables)
            self._observers.metrics.take_sample()
        except MidiprismError:
            with contextlib.suppress(MidiprismError):
                self._add_committed(self._group_commit.commit_durable(flush_now=True, more_comes=False))
            raise

    def _round(self, batches: Iterator[PlannedBatch | None], tunables: Tunables) -> Tunables:
        """Hand out, receive and commit batches, and return the tunables of the next round."""
        metrics = self._observers.metrics
        started = time.thread_time_ns()
        had_work = self._submit(batches, tunables.in_flight)
        had_work |= self._receive()
        had_work |= self._commit(tunables)
        if self._observers.song_counter and metrics.telemetry.is_idle:
            self._observers.song_counter.advance(_COUNT_SECONDS)
        polling_since = time.thread_time_ns() if had_work else started
        self._observers.recorder.record()
        self._observers.reporter.report()
        metrics.timers.count(Counter.POLLING_NANOSECONDS, time.thread_time_ns() - polling_since)
        changed = metrics.decide() if tunables.workers else None
        if changed is None:
            return tunables
        self._executor.resize(changed.workers)
        self._planner.resize_batches(changed.batch_size)
        return changed

    def _submit(self, batches: Iterator[PlannedBatch | None], max_in_flight: int) -> bool:
        """Hand out batches as far as there is room, and return whether there were any."""
        if self._stop():
            self._has_more = False
        self._is_waiting = False
        submitted = False
        while (
            self._has_more
            and not self._is_waiting
            and self._in_flight + self._group_commit.batch_count < max_in_flight
        ):
            try:
                planned = next(batches)
            except StopIteration:
                self._has_more = False
                break
            self._is_waiting = planned is None
            if planned is not None:
                submitted = True
                self._group_commit.expect(planned)
                self._executor.submit(planned.batch, planned.lease)
                self._in_flight += 1
        return submitted

    def _receive(self) -> bool:
        """Take finished batches from the executor, and return whether there were any."""
        if not self._in_flight:
            if self._is_waiting and not self._group_commit.batch_count:
                time.sleep(_WAIT_SECONDS)
            return False
        batches, telemetry = self._executor.completed()
        self._observers.metrics.observe(telemetry)
        self._in_flight = telemetry.in_flight
        self._group_commit.add([batch for batch in batches if batch.committed is None])
        self._add_committed([batch for batch in batches if batch.committed is not None])
        return bool(batches)

    def _commit(self, tunables: Tunables) -> bool:
        """Commit the batches that are durable, and return whether there were any."""
        songs_left = None if self._has_more else self._in_flight * tunables.batch_size
        has_room = self._group_commit.batch_count < tunables.in_flight
        committed = self._group_commit.commit_durable(
            flush_now=not self._in_flight,
            more_comes=self._in_flight > 0 or (self._has_more and has_room and not self._is_waiting),
            songs_left=songs_left,
        )
        self._add_committed(committed)
        self._observers.metrics.observe_collected(self._group_commit.batch_count)
        return bool(committed)

    def _add_committed(self, committed_batches: Sequence[FinishedBatch]) -> None:
        """Count batches that are in the catalog."""
        observers = self._observers
        for batch in committed_batches:
            committed, record = batch.committed, batch.record
            assert committed is not None
            self._planner.mark_committed(batch.batch)
            if committed.discarded:
                assert observers.leases is not None, "only a batch with a lease is discarded"
                observers.leases.add_discarded(batch.batch)
                continue
            observers.summary.add_commit(committed, record.bytes_written)
            if failed := [*record.failed_songs(), *committed.refused_songs]:
                observers.summary.add_failed_songs(failed)
            self._songs_replaced += committed.outcomes_replaced
            files = record.files_written + len(committed.shards)
            disk_bytes = record.disk_bytes + committed.shard_bytes
            observers.disk_usage.add(committed.outcomes.total(), files, disk_bytes)
            if observers.leases is not None:
                observers.leases.add_committed(committed.outcomes.total() + committed.paths_of_known_songs)
