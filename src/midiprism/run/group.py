"""Batches that are made durable and committed together.

A flush of many files costs little more than one of a few, and so does a commit: folders, inodes and pages of
an index are written once for all of them.
"""

import threading
import time
from collections.abc import Callable, Sequence

from midiprism.catalog import BatchRecord
from midiprism.meter.clocks import FLUSH, FLUSHES, Clocks
from midiprism.run.committing import Committing
from midiprism.run.jobs import Done

PARENTS = 4_000
LEAST_PARENTS = 1_000
"""Of a run's first group, from which on they grow twofold, and of its last: who commits has something to do
early, and little left when the last batch is done."""

SECONDS = 2.0
BYTES = 96 << 20
"""Of contents that are written with the commit."""


class Group:
    """Collects batches, and gives them back once their tracks are durable.

    Args:
        committing: says what that takes.
        clocks: count the time that it takes.
        beside: do it in a thread beside other work.
    """

    def __init__(self, committing: Committing, clocks: Clocks, *, beside: bool) -> None:
        self._committing = committing
        self._clocks = clocks
        self._beside = beside
        self._collected: list[Done] = []
        self._parents = 0
        self._bytes = 0
        self._enough = min(LEAST_PARENTS, PARENTS)
        self._since = 0.0
        self._flushed: list[Done] = []
        self._thread: threading.Thread | None = None
        self._error: BaseException | None = None

    @property
    def batches(self) -> int:
        """Batches collected or being flushed."""
        return len(self._collected) + len(self._flushed)

    def add(self, done: Sequence[Done]) -> None:
        """Collect batches."""
        if done and not self._collected:
            self._since = time.monotonic()
        self._collected += done
        self._parents += sum(len(one.record.parents) for one in done)
        self._bytes += sum(one.record.contents.size for one in done)

    def durable(self, *, hurry: bool, left: int | None = None) -> list[Done]:
        """Batches that can be committed now.

        Args:
            hurry: nothing else can go on before: flush what there is, and wait for it.
            left: so many parents are still being done, and no more will be handed out; then as many are
                flushed as are left, so that groups become smaller towards the end. None before that.

        Raises:
            StoreError: the disk says that they would not survive a power cut.
        """
        waited = self._collected and time.monotonic() - self._since > SECONDS
        full = self._bytes >= BYTES
        enough = self._enough if left is None else min(max(left, LEAST_PARENTS), PARENTS)
        due = self._parents >= enough or full or waited
        if self._thread is None and self._collected and (due or hurry):
            self._start()
        if self._thread is not None:
            if hurry or self._bytes >= BYTES:  # there is no room for more before some are written
                self._thread.join()
            if not self._thread.is_alive():
                self._thread = None
        if self._thread is not None:
            return []
        if self._error is not None:
            raise self._error
        flushed, self._flushed = self._flushed, []
        return flushed

    def close(self) -> None:
        """Wait for a flush that is under way."""
        if self._thread is not None:
            self._thread.join()

    def _start(self) -> None:
        self._flushed, self._collected, self._parents, self._bytes = self._collected, [], 0, 0
        self._enough = min(2 * self._enough, PARENTS)
        try:
            work = self._committing.durable(records_of(self._flushed))
        except BaseException as error:
            self._error = error
            raise
        if work is None:
            return
        if self._beside:
            self._thread = threading.Thread(target=self._flush, args=(work,), name="midiprism-flush")
            self._thread.start()
        else:
            self._flush(work)

    def _flush(self, work: Callable[[], None]) -> None:
        try:
            with self._clocks.timed(FLUSH):
                work()
            self._clocks.count(FLUSHES)
        except BaseException as error:  # noqa: BLE001 - it is raised where it can be dealt with
            self._error = error


def records_of(done: Sequence[Done]) -> list[BatchRecord]:
    """What there is to commit of these batches."""
    return [one.record for one in done if one.record.parents]
