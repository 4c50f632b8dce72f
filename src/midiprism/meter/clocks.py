"""Clocks of the stages, as numbers that a process writes and another reads at any moment."""

import os
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import NamedTuple, Protocol

from midiprism.meter.sample import STAGES, Stage

READ, SPLIT, HASH, STORE, FLUSH, COMMIT = range(6)
"""Stages by their places in ``STAGES``. Each has two numbers: nanoseconds by the clock, and those of them
that it waited."""

IDLE, QUEUED, COMMITS, ROWS, FLUSHES, POLLING = range(2 * len(STAGES), 2 * len(STAGES) + 6)
"""Places of the other numbers: nanoseconds without work, nanoseconds ready without a processor, how often or
how many, and nanoseconds of work that time asks for and no song."""

CLOCKS = 2 * len(STAGES) + 6

_SECOND = 1e9


class Numbers(Protocol):
    """A list of integers, or shared memory that looks like one."""

    def __getitem__(self, place: int, /) -> int: ...
    def __setitem__(self, place: int, value: int, /) -> None: ...


class Clocks:
    """Adds to ``CLOCKS`` numbers, from place ``first`` on. Each stage is timed by one thread at a time."""

    def __init__(self, numbers: Numbers | None = None, first: int = 0) -> None:
        self._numbers: Numbers = [0] * CLOCKS if numbers is None else numbers
        self._first = first

    def add(self, stage: int, nanoseconds: int, waited: int = 0) -> None:
        """Count time of a stage, and how much of it was waiting."""
        place = self._first + 2 * stage
        self._numbers[place] += nanoseconds
        self._numbers[place + 1] += max(0, min(waited, nanoseconds))

    def count(self, place: int, number: int = 1) -> None:
        """Count what is not the time of a stage."""
        self._numbers[self._first + place] += number

    @contextmanager
    def timed(self, stage: int) -> Iterator[None]:
        """Count the time of what is done meanwhile by this thread."""
        queue = Queue()
        began = Moment.now(queue)
        try:
            yield
        finally:
            done = Moment.now(queue)
            self.add(stage, done.clock - began.clock, done.waited_since(began))
            queue.close()

    def values(self) -> tuple[int, ...]:
        """The numbers at this moment."""
        return tuple(self._numbers[self._first + place] for place in range(CLOCKS))


class Queue:
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


class Moment(NamedTuple):
    """A moment of a thread, in nanoseconds: by the clock, at work so far, ready to work so far."""

    clock: int
    worked: int
    queued: int

    @classmethod
    def now(cls, queue: Queue) -> "Moment":
        """This one, of the thread that ``queue`` is of."""
        return cls(time.perf_counter_ns(), time.thread_time_ns(), queue.nanoseconds())

    def waited_since(self, before: "Moment") -> int:
        """How long it waited for something else than a processor."""
        worked, queued = self.worked - before.worked, self.queued - before.queued
        return max(0, self.clock - before.clock - worked - queued)


def added(values: Sequence[Sequence[int]]) -> tuple[int, ...]:
    """The sums of the numbers of several processes."""
    return tuple(map(sum, zip((0,) * CLOCKS, *values, strict=True)))


def stages(values: Sequence[int]) -> dict[str, Stage]:
    """The times in those numbers, in seconds."""
    return {
        name: Stage(values[2 * place] / _SECOND, values[2 * place + 1] / _SECOND)
        for place, name in enumerate(STAGES)
    }


def seconds(values: Sequence[int], place: int) -> float:
    """One of the other times in those numbers."""
    return values[place] / _SECOND
