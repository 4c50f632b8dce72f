"""Committing the batches that came back, and keeping what depends on commits up to date."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import chain

from midiprism.catalog import CommitPolicy, CommitResult
from midiprism.errors import SourceError
from midiprism.fs.path_text import path_text
from midiprism.metrics.stage_timers import Counter, Stage, StageTimers
from midiprism.pipeline.batch import FinishedBatch
from midiprism.pipeline.disk_space import DiskUsage
from midiprism.pipeline.group_commit import records_of
from midiprism.pipeline.leasing import BatchSource
from midiprism.pipeline.planner import BatchPlanner
from midiprism.pipeline.summary import Summary
from midiprism.sources import Source

_SOURCE_GONE_CODES = ("vanished", "io")


def require_sources(source: Source) -> None:
    """Raise SourceError if a folder or an archive of the source is gone."""
    missing = source.missing_paths()
    if missing:
        raise SourceError(
            f"{path_text(missing[0])} is gone: bring it back, and run the same command again. "
            "What was committed before is kept."
        )


@dataclass(frozen=True, slots=True)
class CommitObservers:
    """What is kept up to date with each commit."""

    summary: Summary
    planner: BatchPlanner
    batch_source: BatchSource
    disk_usage: DiskUsage


class BatchCommitter:
    """Commits durable batches.

    Args:
        source: of the songs; a batch is not committed where a whole source has gone.
        commit_policy: records batches in the catalog.
        observers: are told of each commit.
        timers: count the time that it takes.
    """

    def __init__(
        self, source: Source, commit_policy: CommitPolicy, observers: CommitObservers, timers: StageTimers
    ) -> None:
        self._source = source
        self._commit_policy = commit_policy
        self._observers = observers
        self._timers = timers
        self._songs_replaced = 0

    @property
    def songs_replaced(self) -> int:
        """Songs whose outcome of an earlier run was replaced."""
        return self._songs_replaced

    def commit(self, durable_batches: Sequence[FinishedBatch]) -> None:
        """Commit batches whose tracks are durable: only now does the catalog learn of them.

        Raises:
            SourceError: a source is gone. Its songs would be recorded as unreadable, so nothing is.
            MidiprismError: nothing of them was recorded.
        """
        records = records_of(durable_batches)
        song_problems = chain.from_iterable(record.songs["problems"] for record in records)
        if any(problem.code in _SOURCE_GONE_CODES for problems in song_problems for problem in problems[:1]):
            require_sources(self._source)
        with self._timers.measure(Stage.COMMIT):
            results = self._commit_policy.commit(records)
        self._timers.count(Counter.COMMITS, bool(records))
        self._timers.count(Counter.ROWS, sum(result.row_count for result in results))
        remaining = iter(results)
        self.add_committed(
            [
                replace(batch, committed=next(remaining) if batch.record.songs else CommitResult())
                for batch in durable_batches
            ]
        )

    def add_committed(self, committed_batches: Sequence[FinishedBatch]) -> None:
        """Note that batches are in the catalog."""
        observers = self._observers
        for batch in committed_batches:
            committed, record = batch.committed, batch.record
            assert committed is not None
            observers.planner.mark_committed(batch.batch)
            if committed.discarded:
                observers.batch_source.add_discarded(batch.batch)
                continue
            observers.summary.add_commit(record, committed)
            self._songs_replaced += committed.outcomes_replaced
            files = record.files_written + len(committed.shards)
            disk_bytes = record.disk_bytes + committed.shard_bytes
            observers.disk_usage.add(committed.outcomes.total(), files, disk_bytes)
            observers.batch_source.add_committed(committed.outcomes.total() + committed.paths_of_known_songs)
