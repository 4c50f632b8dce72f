"""Batches that are made durable and committed together.

A flush of many files costs little more than one of a few, and so does a commit: folders, inodes and pages of
an index are written once for all of them.
"""

import threading
import time
from collections.abc import Callable, Sequence

from midiprism.catalog import BatchRecord
from midiprism.metrics.stage_timers import FLUSH, FLUSHES, StageTimers
from midiprism.pipeline.batch import FinishedBatch
from midiprism.pipeline.commit_policies import CommitPolicy

MAX_GROUP_SONGS = 4_000
MIN_GROUP_SONGS = 1_000
"""Of a run's first group, from which on they grow twofold, and of its last: who commits has something to do
early, and little left when the last batch is done."""

MAX_GROUP_SECONDS = 2.0
MAX_GROUP_BYTES = 96 << 20
"""Of contents that are written with the commit."""


class GroupCommit:
    """Collects batches, and gives them back once their tracks are durable.

    Args:
        committing: says what that takes.
        clocks: count the time that it takes.
        beside: do it in a thread beside other work.
    """

    def __init__(self, commit_policy: CommitPolicy, timers: StageTimers, *, in_thread: bool) -> None:
        self._commit_policy = commit_policy
        self._timers = timers
        self._in_thread = in_thread
        self._collected: list[FinishedBatch] = []
        self._collected_songs = 0
        self._collected_bytes = 0
        self._target_songs = min(MIN_GROUP_SONGS, MAX_GROUP_SONGS)
        self._collecting_since = 0.0
        self._flushing: list[FinishedBatch] = []
        self._thread: threading.Thread | None = None
        self._error: BaseException | None = None

    @property
    def batch_count(self) -> int:
        """Batches collected or being flushed."""
        return len(self._collected) + len(self._flushing)

    def add(self, finished: Sequence[FinishedBatch]) -> None:
        """Collect batches."""
        if finished and not self._collected:
            self._collecting_since = time.monotonic()
        self._collected += finished
        self._collected_songs += sum(len(one.record.songs) for one in finished)
        self._collected_bytes += sum(one.record.packed_tracks.size for one in finished)

    def take_durable(self, *, flush_now: bool, songs_left: int | None = None) -> list[FinishedBatch]:
        """Batches that can be committed now.

        Args:
            hurry: nothing else can go on before: flush what there is, and wait for it.
            left: so many songs are still being done, and no more will be handed out; then as many are
                flushed as are left, so that groups become smaller towards the end. None before that.

        Raises:
            StoreError: the disk says that they would not survive a power cut.
        """
        waited = self._collected and time.monotonic() - self._collecting_since > MAX_GROUP_SECONDS
        full = self._collected_bytes >= MAX_GROUP_BYTES
        enough = (
            self._target_songs
            if songs_left is None
            else min(max(songs_left, MIN_GROUP_SONGS), MAX_GROUP_SONGS)
        )
        due = self._collected_songs >= enough or full or waited
        if self._thread is None and self._collected and (due or flush_now):
            self._start_flush()
        if self._thread is not None:
            if (
                flush_now or self._collected_bytes >= MAX_GROUP_BYTES
            ):  # there is no room for more before some are written
                self._thread.join()
            if not self._thread.is_alive():
                self._thread = None
        if self._thread is not None:
            return []
        if self._error is not None:
            raise self._error
        flushed, self._flushing = self._flushing, []
        return flushed

    def close(self) -> None:
        """Wait for a flush that is under way."""
        if self._thread is not None:
            self._thread.join()

    def _start_flush(self) -> None:
        self._flushing, self._collected, self._collected_songs, self._collected_bytes = (
            self._collected,
            [],
            0,
            0,
        )
        self._target_songs = min(2 * self._target_songs, MAX_GROUP_SONGS)
        try:
            work = self._commit_policy.prepare(records_of(self._flushing))
        except BaseException as error:
            self._error = error
            raise
        if work is None:
            return
        if self._in_thread:
            self._thread = threading.Thread(target=self._flush, args=(work,), name="midiprism-flush")
            self._thread.start()
        else:
            self._flush(work)

    def _flush(self, flush: Callable[[], None]) -> None:
        try:
            with self._timers.measure(FLUSH):
                flush()
            self._timers.count(FLUSHES)
        except BaseException as error:  # noqa: BLE001 - it is raised where it can be dealt with
            self._error = error


def records_of(finished: Sequence[FinishedBatch]) -> list[BatchRecord]:
    """What there is to commit of these batches."""
    return [one.record for one in finished if one.record.songs]
