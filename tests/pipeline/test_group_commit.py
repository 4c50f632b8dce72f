"""Batches that are flushed and committed together."""

import threading
from collections.abc import Callable, Sequence

import pytest

from midiprism.catalog import BatchRecord, CommitResult, SongRecord
from midiprism.errors import CatalogError, StoreError
from midiprism.metrics.stage_timers import StageTimers
from midiprism.pipeline import group_commit as groups
from midiprism.pipeline.batch import FinishedBatch
from midiprism.pipeline.group_commit import GroupCommit

PATIENCE = 60.0


class Committing:
    """Tells which batches are flushed, by the seconds they say they took; a flush waits to be allowed."""

    def __init__(self) -> None:
        self.begun: list[list[float]] = []
        self.ended: list[list[float]] = []
        self.allowed = threading.Semaphore(0)
        self.refused: Exception | None = None

    def prepare(self, records: Sequence[BatchRecord]) -> Callable[[], None]:
        if self.refused is not None:
            raise self.refused
        told = [record.seconds for record in records]
        self.begun.append(told)

        def flush() -> None:
            assert self.allowed.acquire(timeout=PATIENCE)
            self.ended.append(told)

        return flush

    def commit(self, records: Sequence[BatchRecord]) -> list[CommitResult]:
        raise NotImplementedError


def batch(number: int) -> FinishedBatch:
    songs = tuple(SongRecord(b"/%d" % it, 1, "", 1, 1, None, "unreadable") for it in range(10))
    return FinishedBatch((), BatchRecord(songs, 0, float(number)))


def numbers(done: list[FinishedBatch]) -> list[float]:
    return [one.record.seconds for one in done]


def until_ready(group: GroupCommit) -> list[FinishedBatch]:
    for thread in threading.enumerate():
        if thread.name == "midiprism-flush":
            thread.join(PATIENCE)
    return group.take_durable(flush_now=False)


@pytest.fixture
def flusher(monkeypatch: pytest.MonkeyPatch) -> Committing:
    monkeypatch.setattr(groups, "MAX_GROUP_SONGS", 20)
    monkeypatch.setattr(groups, "MIN_GROUP_SONGS", 20)
    monkeypatch.setattr(groups, "MAX_GROUP_SECONDS", PATIENCE)
    return Committing()


def test_one_group_is_flushed_after_the_other_is_committed(flusher: Committing) -> None:
    group = GroupCommit(flusher, StageTimers(), in_thread=True)
    group.add([batch(1), batch(2)])
    assert group.take_durable(flush_now=False) == []
    group.add([batch(3), batch(4)])
    assert group.take_durable(flush_now=False) == []
    assert flusher.begun == [[1, 2]]
    flusher.allowed.release()
    assert numbers(until_ready(group)) == [1, 2]
    assert (flusher.begun, flusher.ended) == ([[1, 2]], [[1, 2]])
    assert group.batch_count == 2
    assert group.take_durable(flush_now=False) == []
    flusher.allowed.release()
    assert numbers(until_ready(group)) == [3, 4]
    assert group.batch_count == 0


def test_a_group_that_is_too_small_waits_for_more_unless_nothing_else_goes_on(flusher: Committing) -> None:
    group = GroupCommit(flusher, StageTimers(), in_thread=True)
    group.add([batch(1), batch(2)])
    group.take_durable(flush_now=False)
    group.add([batch(3)])
    flusher.allowed.release()
    assert numbers(until_ready(group)) == [1, 2]
    assert flusher.begun == [[1, 2]]
    flusher.allowed.release()
    assert numbers(group.take_durable(flush_now=True)) == [3]


def test_a_group_that_cannot_be_flushed_is_told_of(flusher: Committing) -> None:
    group = GroupCommit(flusher, StageTimers(), in_thread=True)
    group.add([batch(1), batch(2)])
    flusher.refused = CatalogError("It cannot be read.")
    for _ in range(2):
        with pytest.raises(CatalogError, match="cannot be read"):
            group.take_durable(flush_now=True)


def test_a_flush_that_fails_gives_nothing_back(flusher: Committing, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail() -> None:
        raise StoreError("The disk is full.")

    monkeypatch.setattr(flusher, "prepare", lambda _records: fail)
    group = GroupCommit(flusher, StageTimers(), in_thread=True)
    group.add([batch(1), batch(2)])
    with pytest.raises(StoreError, match="disk is full"):
        group.take_durable(flush_now=True)
    group.close()


def test_without_threads_a_group_is_given_back_at_once(flusher: Committing) -> None:
    group = GroupCommit(flusher, StageTimers(), in_thread=False)
    for _ in range(2):
        flusher.allowed.release()
    group.add([batch(1), batch(2), batch(3)])
    assert numbers(group.take_durable(flush_now=False)) == [1, 2, 3]
    group.add([batch(4)])
    assert group.take_durable(flush_now=False) == []
    assert numbers(group.take_durable(flush_now=True)) == [4]
    assert flusher.ended == [[1, 2, 3], [4]]
