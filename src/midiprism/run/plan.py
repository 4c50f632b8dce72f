"""What is to be done: parents in batches, without those that the catalogue knows."""

import os
from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from typing import Protocol

from midiprism.catalog import BatchRecord, Committed, KnownPaths, Settled
from midiprism.library import Found, Library, Notice

Batch = tuple[Found, ...]

_READ_AHEAD = 4_000
_SEPARATOR = os.fsencode(os.sep)


class Memory(Protocol):
    """What is known, and learns: a catalogue, or the stand-in of a dry run."""

    def known_paths(self, first: bytes, limit: int, settled: Settled | None = None) -> KnownPaths: ...
    def oldest_contract(self) -> int | None: ...
    def commit(self, run_id: int, batches: Sequence[BatchRecord], now: str) -> list[Committed]: ...


class KnownBeside:
    """Known paths, read in stretches beside a walk in the order of the paths' bytes.

    Of an archive that is walked in another order, all that is known is read at once.

    Args:
        memory: what is known.
        settled: the parents with which there is nothing to do; None for all.
    """

    def __init__(self, memory: Memory, settled: Settled | None) -> None:
        self._memory = memory
        self._settled = settled
        self._first = self._last = b""
        self._stretch: KnownPaths | None = None
        self._whole = False
        self._archive = b""
        self._inside: KnownPaths = {}

    def holds(self, found: Found) -> bool:
        """Whether a parent is known as it was found, with the same size and time."""
        path, member = found.path, found.member
        if member is not None and not member.ordered:
            return _same(self._known_inside(path[: member.file_length]).get(path), found)
        stretch = self._stretch
        if stretch is None or path < self._first or (path > self._last and not self._whole):
            self._stretch = stretch = self._memory.known_paths(path, _READ_AHEAD, self._settled)
            self._whole = len(stretch) < _READ_AHEAD
            self._first = path
            self._last = next(reversed(stretch), path)
        return _same(stretch.get(path), found)

    def forget(self, *, archives: bool = False) -> None:
        """What was read may not be all any more; nor of ``archives``, which take longer to read."""
        self._stretch = None
        if archives:
            self._archive = b""

    def _known_inside(self, archive: bytes) -> KnownPaths:
        """What is known of an archive. It is read once: under a second source, what this run learnt of it is
        recognised by content."""
        if archive != self._archive:
            self._archive, self._inside = archive, {}
            first = inside = archive + _SEPARATOR
            while True:
                stretch = self._memory.known_paths(first, _READ_AHEAD, self._settled)
                found = {path: known for path, known in stretch.items() if path.startswith(inside)}
                self._inside.update(found)
                if len(found) < _READ_AHEAD:
                    break
                first = next(reversed(found)) + b"\0"
        return self._inside


def _same(known: tuple[int | None, int | None] | None, found: Found) -> bool:
    """Whether what is known of a path is what was found there."""
    if known is None:
        return False
    sized = found.member is None or found.member.sized
    return known == (found.size, found.mtime_ns) if sized else known[1] == found.mtime_ns


class Plan:
    """The batches of a run.

    A parent whose path is known with the same size and time is skipped unopened. One that was found twice,
    under two sources, is planned once.

    Args:
        library: where parents come from.
        known: the parents with which there is nothing to do; None to do all again.
        batch_parents: most parents of a batch.
        batch_bytes: most bytes of them together, unless one alone has more.
        limit: look at so many parents only, in the library's order.
        notice: is told what is no parent.
        stop: once true, there is nothing more to do.

    Attributes:
        batch_parents: most parents of a batch.
        skipped: parents skipped so far.
        seen: parents walked by so far.
    """

    def __init__(
        self,
        library: Library,
        known: KnownBeside | None,
        *,
        batch_parents: int,
        batch_bytes: int,
        limit: int | None,
        notice: Callable[[Notice], None],
        stop: Callable[[], bool],
    ) -> None:
        self.skipped = 0
        self.seen = 0
        self._library = library
        self._known = known
        self.batch_parents = batch_parents
        self._batch_bytes = batch_bytes
        self._limit = limit
        self._notice = notice
        self._stop = stop
        self._in_flight: set[bytes] = set()

    def batches(self) -> Iterator[Batch]:
        """Batches of what is to be opened, none of them empty."""
        batch: list[Found] = []
        size = 0
        for found in self._unknown():
            if batch and (len(batch) >= self.batch_parents or size + found.size > self._batch_bytes):
                yield tuple(batch)
                batch, size = [], 0
            batch.append(found)
            size += found.size
        if batch and not self._stop():
            yield tuple(batch)

    def begin_again(self, committed: int) -> None:
        """Walk again: what this run has committed, or has in flight, is met once more and counts once."""
        self.seen = 0
        self.skipped = -committed - len(self._in_flight)
        if self._known:
            self._known.forget(archives=True)

    def committed(self, batch: Batch) -> None:
        """From here on the memory knows of this batch."""
        self._in_flight.difference_update(found.path for found in batch)
        if self._known and len(self._library.sources) > 1:  # a later source may hold the same files
            self._known.forget()

    def _unknown(self) -> Iterator[Found]:
        for found in islice(self._parents(), self._limit):
            if self._stop():
                return
            self.seen += 1
            if (self._known and self._known.holds(found)) or found.path in self._in_flight:
                self.skipped += 1
            else:
                self._in_flight.add(found.path)
                yield found

    def _parents(self) -> Iterator[Found]:
        for item in self._library.walk():
            if isinstance(item, Notice):
                self._notice(item)
            else:
                yield item
