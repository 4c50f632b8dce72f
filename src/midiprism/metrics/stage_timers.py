"""Stage timers: integers that one process writes and another may read at any moment."""

import os
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from enum import IntEnum
from typing import NamedTuple, Protocol

from midiprism.metrics.snapshot import STAGES, StageTime

_NANOSECONDS_PER_SECOND = 1e9


class Stage(IntEnum):
    """The stages of a run, by their positions in ``STAGES``.

    Each has two counters: nanoseconds of wall-clock time, and those of them in which it waited.
    """

    READ = 0
    SPLIT = 1
    HASH = 2
    STORE = 3
    FLUSH = 4
    COMMIT = 5


class Counter(IntEnum):
    """The other counters, by their positions after those of the stages.

    ``IDLE_NANOSECONDS`` counts time without a batch, ``QUEUED_NANOSECONDS`` time that a thread was ready and
    had no processor, ``POLLING_NANOSECONDS`` processor time that passes whether songs come or not, and
    ``FACTS_NANOSECONDS`` the part of splitting in which facts of tracks were computed.
    """

    IDLE_NANOSECONDS = 12
    QUEUED_NANOSECONDS = 13
    COMMITS = 14
    ROWS = 15
    FLUSHES = 16
    POLLING_NANOSECONDS = 17
    FACTS_NANOSECONDS = 18


COUNTER_COUNT = 2 * len(Stage) + len(Counter)


class CounterArray(Protocol):
    """A list of integers, or shared memory that behaves like one."""

    def __getitem__(self, position: int, /) -> int: ...
    def __setitem__(self, position: int, value: int, /) -> None: ...


class TimerTotals(NamedTuple):
    """The counters in seconds and counts; see ``Counter``. ``stages`` has the keys ``STAGES``."""

    stages: Mapping[str, StageTime]
    idle_seconds: float
    queued_seconds: float
    polling_seconds: float
    commits: int
    rows: int
    flushes: int


class StageTimers:
    """Adds to ``COUNTER_COUNT`` counters of an array, from position ``offset`` on.

    Each stage is timed by one thread at a time.
    """

    def __init__(self, counters: CounterArray | None = None, offset: int = 0) -> None:
        self._counters: CounterArray = [0] * COUNTER_COUNT if counters is None else counters
        self._offset = offset

    def add_time(self, stage: Stage, nanoseconds: int, waited_nanoseconds: int = 0) -> None:
        """Add wall-clock time to a stage, and the part of it that was waiting."""
        position = self._offset + 2 * stage
        self._counters[position] += nanoseconds
        self._counters[position + 1] += max(0, min(waited_nanoseconds, nanoseconds))

    def count(self, counter: Counter, amount: int = 1) -> None:
        """Add to a counter."""
        self._counters[self._offset + counter] += amount

    @contextmanager
    def measure(self, stage: Stage) -> Iterator[None]:
        """Add the time that this thread spends in the block to a stage."""
        queue = RunQueueClock()
        start = ThreadTimes.now(queue)
        try:
            yield
        finally:
            end = ThreadTimes.now(queue)
            self.add_time(stage, end.wall_ns - start.wall_ns, end.waited_ns_since(start))
            queue.close()

    def values(self) -> tuple[int, ...]:
        """Return the present counters, for ``sum_counters`` and ``timer_totals``."""
        return tuple(self._counters[self._offset + position] for position in range(COUNTER_COUNT))


class RunQueueClock:
    """Measures how long this thread was ready and had no processor, on Linux; elsewhere it stays 0."""

    def __init__(self) -> None:
        try:
            self._file = os.open(f"/proc/self/task/{threading.get_native_id()}/schedstat", os.O_RDONLY)
        except OSError:
            self._file = -1

    def nanoseconds(self) -> int:
        """Return the time since the thread began."""
        if self._file < 0:
            return 0
        try:
            return int(os.pread(self._file, 100, 0).split()[1])
        except (OSError, ValueError, IndexError):
            return 0

    def close(self) -> None:
        """Close the file of the kernel that the times come from."""
        if self._file >= 0:
            os.close(self._file)
            self._file = -1


class ThreadTimes(NamedTuple):
    """A moment of a thread, in nanoseconds: wall clock, processor time, and time in the run queue."""

    wall_ns: int
    cpu_ns: int
    queued_ns: int

    @classmethod
    def now(cls, queue: RunQueueClock) -> "ThreadTimes":
        """Return the present times of this thread, to which ``queue`` belongs."""
        return cls(time.perf_counter_ns(), time.thread_time_ns(), queue.nanoseconds())

    def waited_ns_since(self, earlier: "ThreadTimes") -> int:
        """Return how long the thread waited for anything but a processor."""
        computed, queued = self.cpu_ns - earlier.cpu_ns, self.queued_ns - earlier.queued_ns
        return max(0, self.wall_ns - earlier.wall_ns - computed - queued)


def sum_counters(values: Sequence[Sequence[int]]) -> tuple[int, ...]:
    """Return the sums of the counters of several processes."""
    return tuple(map(sum, zip((0,) * COUNTER_COUNT, *values, strict=True)))


def timer_totals(values: Sequence[int]) -> TimerTotals:
    """Return counters in seconds and counts."""
    return TimerTotals(
        stages={
            name: StageTime(
                values[2 * stage] / _NANOSECONDS_PER_SECOND, values[2 * stage + 1] / _NANOSECONDS_PER_SECOND
            )
            for stage, name in zip(Stage, STAGES, strict=True)
        },
        idle_seconds=values[Counter.IDLE_NANOSECONDS] / _NANOSECONDS_PER_SECOND,
        queued_seconds=values[Counter.QUEUED_NANOSECONDS] / _NANOSECONDS_PER_SECOND,
        polling_seconds=values[Counter.POLLING_NANOSECONDS] / _NANOSECONDS_PER_SECOND,
        commits=values[Counter.COMMITS],
        rows=values[Counter.ROWS],
        flushes=values[Counter.FLUSHES],
    )
