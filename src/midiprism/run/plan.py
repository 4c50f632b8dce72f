"""What is to be done: parents in batches, without those that the catalogue knows."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import islice
from typing import Protocol

from midiprism.catalog import BatchRecord, Committed, KnownParent, KnownPath
from midiprism.library import Found, Library, Notice
from midiprism.run.settings import Settings

Batch = tuple[Found, ...]


class Memory(Protocol):
    """What is known, and learns: a catalogue, or the stand-in of a dry run."""

    def known_paths(self, paths: Iterable[bytes]) -> Mapping[bytes, KnownPath]: ...
    def known_parents(self, digests: Iterable[bytes]) -> Mapping[bytes, KnownParent]: ...
    def commit(self, run_id: int, batch: BatchRecord, now: str) -> Committed: ...


class Plan:
    """The batches of a run.

    A parent whose path is known with the same size and time is skipped unopened. One that was found twice,
    under two sources, is planned once.

    Args:
        library: where parents come from.
        memory: what is known.
        settings: sizes of batches.
        limit: look at so many parents only, in the library's order.
        notice: is told what is no parent.
        stop: once true, there is nothing more to do.

    Attributes:
        skipped: parents skipped so far.
    """

    def __init__(
        self,
        library: Library,
        memory: Memory,
        settings: Settings,
        *,
        limit: int | None,
        notice: Callable[[Notice], None],
        stop: Callable[[], bool],
    ) -> None:
        self.skipped = 0
        self._library = library
        self._memory = memory
        self._settings = settings
        self._limit = limit
        self._notice = notice
        self._stop = stop
        self._in_flight: set[bytes] = set()

    def batches(self) -> Iterator[Batch]:
        """Batches of what is to be opened, none of them empty."""
        batch: list[Found] = []
        size = 0
        for found in self._unknown():
            if batch and (
                len(batch) >= self._settings.batch_parents or size + found.size > self._settings.batch_bytes
            ):
                yield tuple(batch)
                batch, size = [], 0
            batch.append(found)
            size += found.size
        if batch:
            yield tuple(batch)

    def committed(self, batch: Batch) -> None:
        """From here on the memory knows of this batch."""
        self._in_flight.difference_update(found.path for found in batch)

    def _unknown(self) -> Iterator[Found]:
        parents = islice(self._parents(), self._limit)
        while not self._stop() and (chunk := list(islice(parents, self._settings.batch_parents))):
            known = self._memory.known_paths(found.path for found in chunk)
            for found in chunk:
                there = known.get(found.path)
                if found.path in self._in_flight or (
                    there is not None and (there.size, there.mtime_ns) == (found.size, found.mtime_ns)
                ):
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
