"""Clocks of the stages, as numbers that a process writes and another reads at any moment."""

import os
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import NamedTuple, Protocol

from midiprism.metrics.snapshot import STAGES, StageTime

READ, SPLIT, HASH, STORE, FLUSH, COMMIT = range(6)
"""Stages by their places in ``STAGES``. Each has two numbers: nanoseconds by the clock, and those of them
that it waited."""

IDLE, QUEUED, COMMITS, ROWS, FLUSHES, POLLING = range(2 * len(STAGES), 2 * len(STAGES) + 6)
"""Places of the other numbers: nanoseconds without work, nanoseconds ready without a processor, how often or
how many, and nanoseconds of work that time asks for and no song."""

COUNTER_COUNT = 2 * len(STAGES) + 6

_NANOSECONDS_PER_SECOND = 1e9


class CounterArray(Protocol):
    """A list of integers, or shared memory that looks like one."""

    def __getitem__(self, place: int, /) -> int: ...
    def __setitem__(self, place: int, value: int, /) -> None: ...


class StageTimers:
    """Adds to ``COUNTER_COUNT`` numbers, from place ``first`` on. Each stage is timed by one thread at a time."""

    def __init__(self, counters: CounterArray | None = None, offset: int = 0) -> None:
        self._counters: CounterArray = [0] * COUNTER_COUNT if counters is None else counters
        self._offset = offset

    def add_time(self, stage: int, nanoseconds: int, waited: int = 0) -> None:
        """Count time of a stage, and how much of it was waiting."""
        place = self._offset + 2 * stage
        self._counters[place] += nanoseconds
        self._counters[place + 1] += max(0, min(waited, nanoseconds))

    def count(self, counter: int, amount: int = 1) -> None:
        """Count what is not the time of a stage."""
        self._counters[self._offset + counter] += amount

    @contextmanager
    def measure(self, stage: int) -> Iterator[None]:
        """Count the time of what is done meanwhile by this thread."""
        queue = RunQueueClock()
        began = ThreadTimes.now(queue)
        try:
            yield
        finally:
            done = ThreadTimes.now(queue)
            self.add_time(stage, done.wall - began.wall, done.waited_since(began))
            queue.close()

    def values(self) -> tuple[int, ...]:
        """The numbers at this moment."""
        return tuple(self._counters[self._offset + place] for place in range(COUNTER_COUNT))


class RunQueueClock:
    """How long this thread was ready and had no processor, as Linux tells; elsewhere it is always 0."""

    def __init__(self) -> None:
        try:
            self._file = os.open(f"/proc/self/task/{threading.get_native_id()}/schedstat", os.O_RDONLY)
        except OSError:
            self._file = -1

    def nanoseconds(self) -> int:
        """Since the thread began."""
        if self._file < 0:
            return 0
        try:
            return int(os.pread(self._file, 100, 0).split()[1])
        except (OSError, ValueError, IndexError):
            return 0

    def close(self) -> None:
        """Let go of the file."""
        if self._file >= 0:
            os.close(self._file)
            self._file = -1


class ThreadTimes(NamedTuple):
    """A moment of a thread, in nanoseconds: by the clock, at work so far, ready to work so far."""

    wall: int
    cpu: int
    queued: int

    @classmethod
    def now(cls, queue: RunQueueClock) -> "ThreadTimes":
        """This one, of the thread that ``queue`` is of."""
        return cls(time.perf_counter_ns(), time.thread_time_ns(), queue.nanoseconds())

    def waited_since(self, before: "ThreadTimes") -> int:
        """How long it waited for something else than a processor."""
        worked, queued = self.cpu - before.cpu, self.queued - before.queued
        return max(0, self.wall - before.wall - worked - queued)


def sum_counters(values: Sequence[Sequence[int]]) -> tuple[int, ...]:
    """The sums of the numbers of several processes."""
    return tuple(map(sum, zip((0,) * COUNTER_COUNT, *values, strict=True)))


def stage_times(values: Sequence[int]) -> dict[str, StageTime]:
    """The times in those numbers, in seconds."""
    return {
        name: StageTime(
            values[2 * place] / _NANOSECONDS_PER_SECOND, values[2 * place + 1] / _NANOSECONDS_PER_SECOND
        )
        for place, name in enumerate(STAGES)
    }


def counter_seconds(values: Sequence[int], counter: int) -> float:
    """One of the other times in those numbers."""
    return values[counter] / _NANOSECONDS_PER_SECOND
