"""Tests of groups of batches that are flushed and committed together."""

import threading
from collections.abc import Sequence

import pytest

from midiprism.catalog import BatchRecord, CommitResult, NullCatalog, SongRecord
from midiprism.errors import SourceError, StoreError
from midiprism.metrics.stage_timers import StageTimers
from midiprism.pipeline.batch import FinishedBatch
from midiprism.pipeline.group_commit import GroupCommit, GroupLimits
from midiprism.stores import NullStore
from midiprism.stores.shard_sink import ShardSink

TIMEOUT_SECONDS = 60.0
LIMITS = GroupLimits(max_songs=20, min_songs=20, max_seconds=TIMEOUT_SECONDS)


class GatedStore(NullStore):
    """A store whose flushes wait until ``allowed`` is released.

    Attributes:
        begun: for each flush that began, the seconds that its batches state; likewise ``ended``.
        flush_error: raised by the flush itself.
        sink_error: raised before the flush.
    """

    def __init__(self) -> None:
        self.begun: list[list[float]] = []
        self.ended: list[list[float]] = []
        self.allowed = threading.Semaphore(0)
        self.flush_error: Exception | None = None
        self.sink_error: Exception | None = None

    def commit_sink(self, run_id: int, batches: Sequence[BatchRecord]) -> None:
        if self.sink_error is not None:
            raise self.sink_error
        self.begun.append([record.seconds for record in batches])

    def flush(self) -> None:
        if self.flush_error is not None:
            raise self.flush_error
        assert self.allowed.acquire(timeout=TIMEOUT_SECONDS)
        self.ended.append(self.begun[-1])


class RecordingCatalog(NullCatalog):
    """A catalog that notes the seconds that each commit's batches state."""

    def __init__(self) -> None:
        self.commits: list[list[float]] = []

    def commit(
        self, run_id: int, batches: Sequence[BatchRecord], now: str, shard_sink: ShardSink | None = None
    ) -> list[CommitResult]:
        self.commits.append([record.seconds for record in batches])
        return super().commit(run_id, batches, now, shard_sink)


def batch(number: int, *, has_files: bool = True) -> FinishedBatch:
    songs = (SongRecord(b"/%d" % it, 1, "", 1, 1, None, "unreadable") for it in range(10))
    return FinishedBatch((), BatchRecord.from_songs(songs, seconds=float(number), has_files=has_files))


def numbers(finished: list[FinishedBatch]) -> list[float]:
    assert all(batch.committed is not None for batch in finished)
    return [batch.record.seconds for batch in finished]


def commit_when_flushed(group: GroupCommit) -> list[FinishedBatch]:
    for thread in threading.enumerate():
        if thread.name == "midiprism-flush":
            thread.join(TIMEOUT_SECONDS)
    return group.commit_durable(flush_now=False)


@pytest.fixture
def store() -> GatedStore:
    return GatedStore()


@pytest.fixture
def catalog() -> RecordingCatalog:
    return RecordingCatalog()


@pytest.fixture
def group(catalog: RecordingCatalog, store: GatedStore) -> GroupCommit:
    return GroupCommit(catalog, store, 1, StageTimers(), in_thread=True, limits=LIMITS)


def test_one_group_is_flushed_after_the_other_is_committed(group: GroupCommit, store: GatedStore) -> None:
    group.add([batch(1), batch(2)])
    assert group.commit_durable(flush_now=False) == []
    group.add([batch(3), batch(4)])
    assert group.commit_durable(flush_now=False) == []
    assert store.begun == [[1, 2]]
    store.allowed.release()
    assert numbers(commit_when_flushed(group)) == [1, 2]
    assert (store.begun, store.ended) == ([[1, 2]], [[1, 2]])
    assert group.batch_count == 2
    assert group.commit_durable(flush_now=False) == []
    store.allowed.release()
    assert numbers(commit_when_flushed(group)) == [3, 4]
    assert group.batch_count == 0


def test_nothing_is_committed_before_its_tracks_are_durable(
    group: GroupCommit, store: GatedStore, catalog: RecordingCatalog
) -> None:
    group.add([batch(1), batch(2)])
    group.commit_durable(flush_now=False)
    assert catalog.commits == []
    store.allowed.release()
    commit_when_flushed(group)
    assert catalog.commits == store.ended == [[1, 2]]


def test_batches_without_files_are_committed_without_a_flush(
    group: GroupCommit, store: GatedStore, catalog: RecordingCatalog
) -> None:
    group.add([batch(1, has_files=False)])
    assert numbers(group.commit_durable(flush_now=True)) == [1]
    assert (store.ended, catalog.commits) == ([], [[1]])


def test_a_group_that_is_too_small_waits_for_more_unless_it_is_flushed_now(
    group: GroupCommit, store: GatedStore
) -> None:
    group.add([batch(1), batch(2)])
    group.commit_durable(flush_now=False)
    group.add([batch(3)])
    store.allowed.release()
    assert numbers(commit_when_flushed(group)) == [1, 2]
    assert store.begun == [[1, 2]]
    store.allowed.release()
    assert numbers(group.commit_durable(flush_now=True)) == [3]


def test_a_group_whose_flush_cannot_begin_raises_the_error(group: GroupCommit, store: GatedStore) -> None:
    group.add([batch(1), batch(2)])
    store.sink_error = StoreError("It cannot be written.")
    for _ in range(2):
        with pytest.raises(StoreError, match="cannot be written"):
            group.commit_durable(flush_now=True)


def test_a_flush_that_fails_commits_no_batch(
    group: GroupCommit, store: GatedStore, catalog: RecordingCatalog
) -> None:
    store.flush_error = StoreError("The disk is full.")
    group.add([batch(1), batch(2)])
    with pytest.raises(StoreError, match="disk is full"):
        group.commit_durable(flush_now=True)
    group.close()
    assert catalog.commits == []


def test_a_group_that_is_refused_is_not_committed(catalog: RecordingCatalog) -> None:
    def refuse(records: Sequence[BatchRecord]) -> None:
        raise SourceError(f"The source of {len(records)} batches is gone.")

    group = GroupCommit(catalog, NullStore(), 1, StageTimers(), in_thread=False, before_commit=refuse)
    group.add([batch(1), batch(2)])
    with pytest.raises(SourceError, match="of 2 batches is gone"):
        group.commit_durable(flush_now=True)
    assert catalog.commits == []


def test_without_threads_a_group_is_committed_at_once(catalog: RecordingCatalog, store: GatedStore) -> None:
    group = GroupCommit(catalog, store, 1, StageTimers(), in_thread=False, limits=LIMITS)
    for _ in range(2):
        store.allowed.release()
    group.add([batch(1), batch(2), batch(3)])
    assert numbers(group.commit_durable(flush_now=False)) == [1, 2, 3]
    group.add([batch(4)])
    assert group.commit_durable(flush_now=False) == []
    assert numbers(group.commit_durable(flush_now=True)) == [4]
    assert store.ended == [[1, 2, 3], [4]]
