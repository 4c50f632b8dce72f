"""Group commit: batches are made durable and committed together.

A flush of many files costs little more than a flush of few, and so does a commit: folders, inodes and pages
of an index are written once for all of them. First the tracks of a group are made durable, then one
transaction records its batches, so that no row names a track that is not there.
"""

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from midiprism.catalog import BatchRecord, CommitResult, utc_now
from midiprism.metrics.stage_timers import Counter, Stage, StageTimers
from midiprism.pipeline.batch import FinishedBatch, PlannedBatch
from midiprism.pipeline.commit_order import CommitOrder
from midiprism.pipeline.planner import RunCatalog
from midiprism.stores import TrackStore
from midiprism.stores.shard_sink import ShardSink

MAX_GROUP_SONGS = 4_000
MAX_GROUP_SECONDS = 2.0
PLANNED_GROUP_SONGS = 2_000
"""Songs of a group where commits follow the plan."""
PLANNED_GROUP_BYTES_FACTOR = 4
"""Such a group may have so many times the bytes of tracks: its size is that of its songs."""


@dataclass(frozen=True, slots=True)
class GroupLimits:
    """Limits of the groups of batches that are flushed and committed as one.

    Attributes:
        max_songs: size of a group.
        min_songs: size of the first group and the last. Groups double in between, so commits start early
            and end quickly.
        max_seconds: longest time that a batch waits for others.
        max_bytes: most bytes of tracks that are written with the commit, times
            ``PLANNED_GROUP_BYTES_FACTOR`` where commits follow the plan.
    """

    max_songs: int = MAX_GROUP_SONGS
    min_songs: int = 1_000
    max_seconds: float = MAX_GROUP_SECONDS
    max_bytes: int = 96 << 20


GROUP_LIMITS = GroupLimits()
"""The limits of groups, unless others are given."""


class GroupCommit:
    """Collects batches, makes the tracks of a group durable, and commits the group.

    Args:
        catalog: records batches.
        store: holds their tracks.
        run_id: of the run that commits.
        timers: count the time of flushes and commits.
        in_thread: whether to flush in a thread, during other work.
        order: lets commits follow the plan; None to commit batches as they come back.
        before_commit: called with the records of a group before they are committed; its error is raised, and
            nothing of the group is recorded.
        limits: None for ``GROUP_LIMITS``.
    """

    def __init__(
        self,
        catalog: RunCatalog,
        store: TrackStore,
        run_id: int,
        timers: StageTimers,
        *,
        in_thread: bool,
        order: CommitOrder | None = None,
        before_commit: Callable[[Sequence[BatchRecord]], None] = lambda _records: None,
        limits: GroupLimits | None = None,
    ) -> None:
        self._catalog = catalog
        self._store = store
        self._run_id = run_id
        self._timers = timers
        self._in_thread = in_thread
        self._order = order
        self._before_commit = before_commit
        self._limits = limits or GROUP_LIMITS
        self._collected: list[FinishedBatch] = []
        self._collected_songs = 0
        self._collected_bytes = 0
        self._target_songs = min(self._limits.min_songs, self._limits.max_songs)
        self._collecting_since = 0.0
        self._flushing: list[FinishedBatch] = []
        self._shard_sink: ShardSink | None = None
        self._thread: threading.Thread | None = None
        self._error: BaseException | None = None

    @property
    def batch_count(self) -> int:
        """Number of batches collected or being flushed."""
        held = self._order.batch_count if self._order else 0
        return held + len(self._collected) + len(self._flushing)

    def expect(self, planned: PlannedBatch) -> None:
        """Note that a batch is the next one in the plan."""
        if self._order:
            self._order.expect(planned)

    def add(self, finished: Sequence[FinishedBatch]) -> None:
        """Collect batches."""
        if self._order:
            self._order.add(finished)
            return
        if finished and not self._collected:
            self._collecting_since = time.monotonic()
        self._collected += finished
        self._collected_songs += sum(len(batch.record.songs) for batch in finished)
        self._collected_bytes += sum(batch.record.packed_tracks.size for batch in finished)

    def commit_durable(
        self, *, flush_now: bool, more_comes: bool = False, songs_left: int | None = None
    ) -> list[FinishedBatch]:
        """Commit a group whose tracks are durable, and return its batches; flush the next group if it is due.

        Args:
            flush_now: flush what was collected, and wait for it, since there is no other work.
            more_comes: whether further batches will be added, so that a group of the plan can still be
                completed.
            songs_left: number of songs in work when no more will be handed out; a group is then flushed once
                it has as many, so that groups become smaller towards the end. None before that.

        Raises:
            StoreError: the disk reports that the tracks would not survive a power cut.
            MidiprismError: nothing of the group was recorded.
        """
        if self._thread is None:
            group = self._next_group(flush_now, more_comes, songs_left)
            if group:
                self._start_flush(group)
        if self._thread is not None:
            if flush_now or self._bytes_waiting >= self._limits.max_bytes:  # no room for more before
                self._thread.join()
            if self._thread.is_alive():
                return []
            self._thread = None
        if self._error is not None:
            raise self._error
        flushed, self._flushing = self._flushing, []
        return self._commit(flushed) if flushed else []

    def close(self) -> None:
        """Wait for a flush that is under way."""
        if self._thread is not None:
            self._thread.join()

    @property
    def _bytes_waiting(self) -> int:
        """Bytes of the tracks of all batches that are not being flushed yet."""
        return self._order.track_bytes if self._order else self._collected_bytes

    def _next_group(self, flush_now: bool, more_comes: bool, songs_left: int | None) -> list[FinishedBatch]:
        """Take the batches that are to be flushed now; none if it is too early."""
        if self._order:
            group = self._order.take_group()
            if not group and (
                not more_comes
                or self._order.track_bytes >= PLANNED_GROUP_BYTES_FACTOR * self._limits.max_bytes
            ):
                group = self._order.take_all()
            return group
        if not self._collected or not (flush_now or self._is_due(songs_left)):
            return []
        group, self._collected = self._collected, []
        self._collected_songs = self._collected_bytes = 0
        self._target_songs = min(2 * self._target_songs, self._limits.max_songs)
        return group

    def _is_due(self, songs_left: int | None) -> bool:
        """Return whether the group is large enough, or has waited long enough."""
        limits, target = self._limits, self._target_songs
        if songs_left is not None:
            target = min(max(songs_left, limits.min_songs), limits.max_songs)
        return (
            self._collected_songs >= target
            or self._collected_bytes >= limits.max_bytes
            or time.monotonic() - self._collecting_since > limits.max_seconds
        )

    def _start_flush(self, group: list[FinishedBatch]) -> None:
        self._flushing = group
        try:
            flush = self._prepare_flush(_records_of(self._flushing))
        except BaseException as error:
            self._error = error
            raise
        if flush is None:
            return
        if self._in_thread:
            self._thread = threading.Thread(target=self._flush, args=(flush,), name="midiprism-flush")
            self._thread.start()
        else:
            self._flush(flush)

    def _prepare_flush(self, records: Sequence[BatchRecord]) -> Callable[[], None] | None:
        """Return the work that makes tracks durable; None if there is none before the transaction."""
        self._shard_sink = self._store.commit_sink(self._run_id, records)
        if self._shard_sink is not None:
            return self._catalog.prepare_commit(self._run_id, records, self._shard_sink)
        return self._store.flush if any(record.has_files for record in records) else None

    def _flush(self, flush: Callable[[], None]) -> None:
        try:
            with self._timers.measure(Stage.FLUSH):
                flush()
            self._timers.count(Counter.FLUSHES)
        except BaseException as error:  # noqa: BLE001 - it is raised where it can be handled
            self._error = error

    def _commit(self, flushed: Sequence[FinishedBatch]) -> list[FinishedBatch]:
        """Commit batches whose tracks are durable, and return them with the results."""
        records = _records_of(flushed)
        results: list[CommitResult] = []
        if records:
            self._before_commit(records)
            with self._timers.measure(Stage.COMMIT):
                results = self._catalog.commit(self._run_id, records, utc_now(), self._shard_sink)
            self._timers.count(Counter.COMMITS)
            self._timers.count(Counter.ROWS, sum(result.row_count for result in results))
        remaining = iter(results)
        return [
            replace(batch, committed=next(remaining) if len(batch.record.songs) else CommitResult())
            for batch in flushed
        ]


def _records_of(finished: Sequence[FinishedBatch]) -> list[BatchRecord]:
    """Return the records of those batches that have something to commit."""
    return [batch.record for batch in finished if len(batch.record.songs)]
