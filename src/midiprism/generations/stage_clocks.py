"""Clocks of a process that does tasks: where the time of tasks and of its workers goes."""

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple

from midiprism.metrics.stage_timers import Counter, Stage

_NANOSECONDS_PER_SECOND = 1e9


class ClockSeconds(NamedTuple):
    """Times of tasks and of their workers, in seconds. A task and its workers go on at the same time.

    Attributes:
        reads: a task waited for what it reads: in pass A for songs of the source.
        workers: a task waited for its workers to split songs; without worker processes, it split them.
        writes: a task waited for object storage to take what it writes.
        reading: workers read songs from the local disk.
        splitting: workers split songs.
        facts: workers computed facts of tracks.
        hashing: workers computed digests of tracks; in pass A, that is a part of splitting.
        storing: workers chose and packed tracks.
        idle: workers waited for songs.
        queued: workers waited for a processor, which is a part of the other times of workers.
    """

    reads: float = 0.0
    workers: float = 0.0
    writes: float = 0.0
    reading: float = 0.0
    splitting: float = 0.0
    facts: float = 0.0
    hashing: float = 0.0
    storing: float = 0.0
    idle: float = 0.0
    queued: float = 0.0

    def plus(self, other: "ClockSeconds") -> "ClockSeconds":
        """Return the sum of both."""
        return ClockSeconds(*(mine + theirs for mine, theirs in zip(self, other, strict=True)))

    def as_json(self) -> dict[str, float]:
        return {name: round(seconds, 6) for name, seconds in self._asdict().items()}

    @classmethod
    def from_json(cls, value: Any) -> "ClockSeconds":
        """Return the times that a record states; earlier versions stated none.

        Raises:
            TypeError: it states something else.
            ValueError: likewise.
        """
        if not isinstance(value, Mapping):
            return cls()
        return cls(*(float(value.get(name, 0.0)) for name in cls._fields))

    @classmethod
    def of_workers(cls, timers: Sequence[int]) -> "ClockSeconds":
        """Return what stage timers of workers say; see ``midiprism.metrics.stage_timers``."""

        def seconds(position: int) -> float:
            return timers[position] / _NANOSECONDS_PER_SECOND

        facts = seconds(Counter.FACTS_NANOSECONDS)
        return cls(
            reading=seconds(2 * Stage.READ),
            splitting=max(0.0, seconds(2 * Stage.SPLIT) - facts),
            facts=facts,
            hashing=seconds(2 * Stage.HASH),
            storing=seconds(2 * Stage.STORE),
            idle=seconds(Counter.IDLE_NANOSECONDS),
            queued=seconds(Counter.QUEUED_NANOSECONDS),
        )


class StageClocks:
    """Adds up where the time of this process and its workers goes. It is used by one thread."""

    def __init__(self) -> None:
        self._seconds = ClockSeconds()

    def add(self, seconds: ClockSeconds) -> None:
        """Add times."""
        self._seconds = self._seconds.plus(seconds)

    @contextmanager
    def measure(self, name: str) -> Iterator[None]:
        """Add the time that the block takes to a field of ``ClockSeconds``."""
        started = time.perf_counter()
        try:
            yield
        finally:
            self.add(ClockSeconds()._replace(**{name: time.perf_counter() - started}))

    def take(self) -> ClockSeconds:
        """Return the times since this was called last."""
        seconds, self._seconds = self._seconds, ClockSeconds()
        return seconds


CLOCKS = StageClocks()
"""The clocks of this process, which does one task at a time."""
