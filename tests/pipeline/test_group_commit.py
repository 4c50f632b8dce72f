"""Tests of groups of batches that are flushed and committed together."""

import threading
from collections.abc import Callable, Sequence

import pytest

from midiprism.catalog import BatchRecord, CommitResult, SongRecord
from midiprism.errors import CatalogError, StoreError
from midiprism.metrics.stage_timers import StageTimers
from midiprism.pipeline.batch import FinishedBatch
from midiprism.pipeline.group_commit import GroupCommit, GroupLimits

TIMEOUT_SECONDS = 60.0
LIMITS = GroupLimits(max_songs=20, min_songs=20, max_seconds=TIMEOUT_SECONDS)


class GatedCommitPolicy:
    """A commit policy whose flushes wait until ``allowed`` is released.

    Attributes:
        begun: for each flush that began, the seconds that its batches state; likewise ``ended``.
        flush_error: raised by the flush itself.
        prepare_error: raised before the flush.
    """

    def __init__(self) -> None:
        self.begun: list[list[float]] = []
        self.ended: list[list[float]] = []
        self.allowed = threading.Semaphore(0)
        self.flush_error: Exception | None = None
        self.prepare_error: Exception | None = None

    def prepare(self, records: Sequence[BatchRecord]) -> Callable[[], None]:
        if self.prepare_error is not None:
            raise self.prepare_error
        seconds = [record.seconds for record in records]
        self.begun.append(seconds)

        def flush() -> None:
            if self.flush_error is not None:
                raise self.flush_error
            assert self.allowed.acquire(timeout=TIMEOUT_SECONDS)
            self.ended.append(seconds)

        return flush

    def commit(self, records: Sequence[BatchRecord]) -> list[CommitResult]:
        raise NotImplementedError


def batch(number: int) -> FinishedBatch:
    songs = (SongRecord(b"/%d" % it, 1, "", 1, 1, None, "unreadable") for it in range(10))
    return FinishedBatch((), BatchRecord.from_songs(songs, seconds=float(number)))


def numbers(finished: list[FinishedBatch]) -> list[float]:
    return [batch.record.seconds for batch in finished]


def take_when_flushed(group: GroupCommit) -> list[FinishedBatch]:
    for thread in threading.enumerate():
        if thread.name == "midiprism-flush":
            thread.join(TIMEOUT_SECONDS)
    return group.take_durable(flush_now=False)


@pytest.fixture
def policy() -> GatedCommitPolicy:
    return GatedCommitPolicy()


def test_one_group_is_flushed_after_the_other_is_committed(policy: GatedCommitPolicy) -> None:
    group = GroupCommit(policy, StageTimers(), in_thread=True, limits=LIMITS)
    group.add([batch(1), batch(2)])
    assert group.take_durable(flush_now=False) == []
    group.add([batch(3), batch(4)])
    assert group.take_durable(flush_now=False) == []
    assert policy.begun == [[1, 2]]
    policy.allowed.release()
    assert numbers(take_when_flushed(group)) == [1, 2]
    assert (policy.begun, policy.ended) == ([[1, 2]], [[1, 2]])
    assert group.batch_count == 2
    assert group.take_durable(flush_now=False) == []
    policy.allowed.release()
    assert numbers(take_when_flushed(group)) == [3, 4]
    assert group.batch_count == 0


def test_a_group_that_is_too_small_waits_for_more_unless_it_is_flushed_now(
    policy: GatedCommitPolicy,
) -> None:
    group = GroupCommit(policy, StageTimers(), in_thread=True, limits=LIMITS)
    group.add([batch(1), batch(2)])
    group.take_durable(flush_now=False)
    group.add([batch(3)])
    policy.allowed.release()
    assert numbers(take_when_flushed(group)) == [1, 2]
    assert policy.begun == [[1, 2]]
    policy.allowed.release()
    assert numbers(group.take_durable(flush_now=True)) == [3]


def test_a_group_whose_flush_cannot_begin_raises_the_error(policy: GatedCommitPolicy) -> None:
    group = GroupCommit(policy, StageTimers(), in_thread=True, limits=LIMITS)
    group.add([batch(1), batch(2)])
    policy.prepare_error = CatalogError("It cannot be read.")
    for _ in range(2):
        with pytest.raises(CatalogError, match="cannot be read"):
            group.take_durable(flush_now=True)


def test_a_flush_that_fails_returns_no_batch(policy: GatedCommitPolicy) -> None:
    policy.flush_error = StoreError("The disk is full.")
    group = GroupCommit(policy, StageTimers(), in_thread=True, limits=LIMITS)
    group.add([batch(1), batch(2)])
    with pytest.raises(StoreError, match="disk is full"):
        group.take_durable(flush_now=True)
    group.close()


def test_without_threads_a_group_is_returned_at_once(policy: GatedCommitPolicy) -> None:
    group = GroupCommit(policy, StageTimers(), in_thread=False, limits=LIMITS)
    for _ in range(2):
        policy.allowed.release()
    group.add([batch(1), batch(2), batch(3)])
    assert numbers(group.take_durable(flush_now=False)) == [1, 2, 3]
    group.add([batch(4)])
    assert group.take_durable(flush_now=False) == []
    assert numbers(group.take_durable(flush_now=True)) == [4]
    assert policy.ended == [[1, 2, 3], [4]]
