"""The use of a generation: requests, bytes and processor time, which the records of tasks state.

Each process says in the record of a task what it has used since its last one. So the sum over all records
is the use of all processes, whichever engine ran them; the use of processes that were killed is lost.
"""

import time
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

import psutil

from midiprism.generations.errors import GenerationError
from midiprism.generations.stage_clocks import CLOCKS, ClockSeconds
from midiprism.objects import REQUESTS, RequestCounts

USAGE = "usage"
"""Key of the use in a record."""


class Usage(NamedTuple):
    """Requests and processor time.

    Attributes:
        tasks: number of tasks.
        seconds: that they took, added up.
        longest: seconds of the longest of them.
        core_seconds: processor time.
        requests: to object storage.
        worker_seconds: seconds times the workers of the machines that did the tasks.
        clocks: where the time of tasks and workers went.
    """

    tasks: int = 0
    seconds: float = 0.0
    longest: float = 0.0
    core_seconds: float = 0.0
    requests: RequestCounts = RequestCounts()
    worker_seconds: float = 0.0
    clocks: ClockSeconds = ClockSeconds()

    def plus(self, other: "Usage") -> "Usage":
        """Return the use of both."""
        return Usage(
            self.tasks + other.tasks,
            self.seconds + other.seconds,
            max(self.longest, other.longest),
            self.core_seconds + other.core_seconds,
            self.requests.plus(other.requests),
            self.worker_seconds + other.worker_seconds,
            self.clocks.plus(other.clocks),
        )

    def as_json(self) -> dict[str, Any]:
        return {
            "tasks": self.tasks,
            "seconds": round(self.seconds, 3),
            "longest_seconds": round(self.longest, 3),
            "core_seconds": round(self.core_seconds, 3),
            "worker_seconds": round(self.worker_seconds, 3),
            **self.requests._asdict(),
            "clocks": self.clocks.as_json(),
        }

    @classmethod
    def from_json(cls, value: Any) -> "Usage":
        """Return the use that a record or a manifest states.

        Raises:
            GenerationError: it states none.
        """
        try:
            return cls(
                int(value["tasks"]),
                float(value["seconds"]),
                float(value["longest_seconds"]),
                float(value["core_seconds"]),
                RequestCounts(*(int(value[name]) for name in RequestCounts._fields)),
                float(value["worker_seconds"]),
                ClockSeconds.from_json(value.get("clocks")),
            )
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise GenerationError("A record does not state what its task has used.") from error


def total_usage(parts: Iterable[Usage]) -> Usage:
    """Return the sum."""
    total = Usage()
    for part in parts:
        total = total.plus(part)
    return total


def usage_of_records(records: Iterable[Mapping[str, Any]]) -> Usage:
    """Return the sum of what the records of tasks state."""
    return total_usage(Usage.from_json(record.get(USAGE)) for record in records)


def tree_core_seconds() -> float:
    """Return the processor time of this process and of all that it started, also of those that ended."""
    own = psutil.Process()
    total = 0.0
    for process in (own, *own.children(recursive=True)):
        try:
            times = process.cpu_times()
        except psutil.Error:  # it has just ended: its parent has its time
            continue
        total += times.user + times.system
        total += getattr(times, "children_user", 0.0) + getattr(times, "children_system", 0.0)
    return total


class UsageMeter:
    """Measures what this process and those that it started use."""

    def __init__(self) -> None:
        self._tree_seconds = tree_core_seconds()
        self._own_seconds = time.process_time()
        self._returned = Usage()

    def take(self, tasks: int = 0, seconds: float = 0.0, *, children: bool = True) -> Usage:
        """Return the use since this was called last.

        Args:
            tasks: done since then.
            seconds: that they took.
            children: whether processes that this one started count. Those of an engine do tasks, and say
                themselves what they use.
        """
        tree, own = tree_core_seconds(), time.process_time()
        used = tree - self._tree_seconds if children else own - self._own_seconds
        self._tree_seconds, self._own_seconds = tree, own
        returned, self._returned = self._returned, Usage()
        taken = Usage(tasks, seconds, seconds, max(0.0, used), REQUESTS.take(), clocks=CLOCKS.take())
        return taken.plus(returned)

    def give_back(self, usage: Usage) -> None:
        """Let the next call of ``take`` return this use too: another process was faster with the task."""
        self._returned = self._returned.plus(
            usage._replace(tasks=0, seconds=0.0, longest=0.0, worker_seconds=0.0, clocks=ClockSeconds())
        )


METER = UsageMeter()
"""The meter of this process, which does one task at a time."""
