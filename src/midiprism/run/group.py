"""Batches that are made durable and committed together.

A flush of many files costs little more than one of a few, and so does a commit: folders, inodes and pages of
an index are written once for all of them.
"""

import threading
import time
from collections.abc import Sequence

from midiprism.run.jobs import Done
from midiprism.store import Store

PARENTS = 4_000
SECONDS = 2.0


class Group:
    """Collects batches whose files were put, and gives them back once those are durable.

    Args:
        store: its ``flush`` covers what the workers put, unless they flush themselves.
        beside: flush in a thread beside other work.
    """

    def __init__(self, store: Store, *, beside: bool) -> None:
        self._store = store
        self._beside = beside
        self._collected: list[Done] = []
        self._parents = 0
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

    def durable(self, *, hurry: bool) -> list[Done]:
        """Batches that can be committed now.

        Args:
            hurry: nothing else can go on before: flush what there is, and wait for it.

        Raises:
            StoreError: the disk says that they would not survive a power cut.
        """
        due = self._parents >= PARENTS or (self._collected and time.monotonic() - self._since > SECONDS)
        if self._thread is None and self._collected and (due or hurry):
            self._start()
        if self._thread is not None:
            if hurry:
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
        self._flushed, self._collected, self._parents = self._collected, [], 0
        if not any(done.record.files_present for done in self._flushed):
            return
        if self._beside:
            self._thread = threading.Thread(target=self._flush, name="midiprism-flush")
            self._thread.start()
        else:
            self._flush()

    def _flush(self) -> None:
        try:
            self._store.flush()
        except BaseException as error:  # noqa: BLE001 - it is raised where it can be dealt with
            self._error = error
