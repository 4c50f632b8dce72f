"""Reading the parents of a batch: one by one, or several at once and ahead where the disk is slow."""

import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress

from midiprism.library import Approaching, Content, Found, Library, UnreadableError
from midiprism.run.gauges import PARENT, READING, STAGE, Gauges
from midiprism.run.plan import Batch

AT_ONCE = 32
"""Parents read before they are split, while the processor has them at hand."""

THREADS = 8
SLOW_SECONDS = 0.000_2
"""From memory a small file takes a tenth of this, from a disk many times as much."""

ASKED_AGAIN = 16

Contents = list[Content | UnreadableError]
Part = tuple[int, Batch, Contents]
"""Where a part of a batch begins, its parents, and what is in them."""


class Reader:
    """Gives the contents of a batch, a few parents at a time.

    How long reads take decides how they are made: a disk serves several at once faster than one after the
    other, while what is in memory already would only wait for threads.

    Args:
        library: reads parents.
        limit: parents of more bytes are not loaded.
    """

    def __init__(self, library: Library, limit: int) -> None:
        self._library = library
        self._limit = limit
        self._slow = 0
        self._threads: ThreadPoolExecutor | None = None

    def parts(self, batch: Batch, stop: Callable[[], bool], gauges: Gauges) -> Iterator[Part]:
        """Parts of a batch; fewer once ``stop()``."""
        if isinstance(self._library, Approaching) and batch:
            self._library.approach(batch[0])  # not timed: it is no fault of that parent
        ahead: list[Future[Content | UnreadableError]] | None = None
        for first in range(0, len(batch), AT_ONCE):
            part = batch[first : first + AT_ONCE]
            gauges[STAGE] = READING
            gauges[PARENT] = first
            if ahead is None:
                contents = self._one_by_one(part, first, stop, gauges)
            else:
                contents = [future.result() for future in ahead]
            if stop():
                return
            following = batch[first + AT_ONCE : first + 2 * AT_ONCE]
            ahead = self._begin(following) if self._slow and following else None
            yield first, part, contents

    def _one_by_one(self, part: Batch, first: int, stop: Callable[[], bool], gauges: Gauges) -> Contents:
        began = time.perf_counter()
        contents: Contents = []
        for number, found in enumerate(part, first):
            if stop():
                break
            gauges[PARENT] = number
            contents.append(self._read(found))
        slow = time.perf_counter() - began > SLOW_SECONDS * len(part)
        self._slow = ASKED_AGAIN if slow else 0
        return contents

    def _begin(self, part: Batch) -> list[Future[Content | UnreadableError]]:
        """Let threads read a part while another is split; now and then it is measured again."""
        self._slow -= 1
        if self._threads is None:
            self._threads = ThreadPoolExecutor(THREADS, "midiprism-read")
        return [self._threads.submit(self._read, found) for found in part]

    def _read(self, found: Found) -> Content | UnreadableError:
        try:
            return self._library.read(found, self._limit)
        except UnreadableError as error:
            return error

    def close(self) -> None:
        """End the threads; a read that hangs is not waited for."""
        if self._threads is not None:
            with suppress(RuntimeError):
                self._threads.shutdown(wait=False, cancel_futures=True)
