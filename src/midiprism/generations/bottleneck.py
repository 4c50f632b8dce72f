"""Finds what limited a generation, and how many machines would pay, by what its manifest states."""

from collections.abc import Mapping
from typing import NamedTuple

from midiprism.generations.layout import PASSES_OF_REDO
from midiprism.generations.result import open_result
from midiprism.generations.usage import Usage
from midiprism.objects import open_storage

BUSY_SHARE = 0.8
"""Share of the workers' time from which on processors limit a pass."""

QUEUED_SHARE = 0.25
"""Share of the workers' time without a processor from which on that is the limit."""

STRAGGLER_FACTOR = 2.0
"""A pass has stragglers if its longest task took so many times as long as the mean."""

WORTHWHILE_GAIN = 1.25
"""Twice as many machines pay if they make a run at least so many times as fast."""

READS_PER_SECOND = 5_500
"""Reads a second that Amazon S3 allows below one prefix at least; it divides busy prefixes after a while."""

_MAX_DOUBLINGS = 12


TASK_CLOCKS = ("reads", "workers", "writes")
WORKER_CLOCKS = ("reading", "splitting", "facts", "hashing", "storing", "idle")
"""Fields of ``ClockSeconds`` about tasks, and about their workers."""


class PassLimits(NamedTuple):
    """A pass of a generation.

    Attributes:
        name: one of ``PASSES_OF_REDO``.
        usage: of all its tasks.
        limit: ``processors`` that were busy; ``storage`` that tasks waited for; ``queue``: workers waited for
            a processor; ``workers`` that tasks waited for; or ``task``, the own work of tasks.
        has_stragglers: whether single tasks took much longer than others.
    """

    name: str
    usage: Usage
    limit: str
    has_stragglers: bool

    @property
    def mean_seconds(self) -> float:
        """Seconds of a task."""
        return self.usage.seconds / max(1, self.usage.tasks)

    @property
    def busy_share(self) -> float:
        """Share of the workers' time in which processors were busy, 0 to 1."""
        return (
            min(1.0, self.usage.core_seconds / self.usage.worker_seconds)
            if self.usage.worker_seconds
            else 0.0
        )

    @property
    def reads_per_second(self) -> float:
        """Reads a second of one machine."""
        return self.usage.requests.gets / self.usage.seconds if self.usage.seconds else 0.0

    @property
    def task_shares(self) -> dict[str, float]:
        """Shares of the tasks' time, by ``TASK_CLOCKS``, and of their ``own`` work."""
        clocks, seconds = self.usage.clocks, self.usage.seconds
        parts = {name: getattr(clocks, name) for name in TASK_CLOCKS}
        return _shares({**parts, "own": max(0.0, seconds - sum(parts.values()))})

    @property
    def worker_shares(self) -> dict[str, float]:
        """Shares of the workers' time, by ``WORKER_CLOCKS``; none where no workers were used."""
        return _shares({name: getattr(self.usage.clocks, name) for name in WORKER_CLOCKS})

    @property
    def queued_share(self) -> float:
        """Share of the workers' time in which they were ready and had no processor, 0 to 1."""
        total = sum(getattr(self.usage.clocks, name) for name in WORKER_CLOCKS)
        return min(1.0, self.usage.clocks.queued / total) if total else 0.0

    def seconds_with(self, machines: int) -> float:
        """Return the time of the pass with so many machines like those that did it."""
        rounds = -(-self.usage.tasks // machines)
        return max(self.usage.longest, rounds * self.mean_seconds) if self.usage.tasks else 0.0


class Forecast(NamedTuple):
    """The time of the same generation with so many machines, in seconds."""

    machines: int
    seconds: float


class GenerationLimits(NamedTuple):
    """The limits of a generation.

    Attributes:
        url: of the result.
        generation: its number; 0 if none is committed.
        passes: those with tasks.
        forecasts: for 1, 2, 4 and more machines, as far as more of them have tasks.
    """

    url: str
    generation: int
    passes: tuple[PassLimits, ...]
    forecasts: tuple[Forecast, ...]

    @property
    def slowest(self) -> PassLimits | None:
        """The pass that took most of the time; None without any."""
        return max(self.passes, key=lambda it: it.usage.seconds, default=None)

    @property
    def worthwhile_machines(self) -> int:
        """Most machines of which each doubling pays."""
        machines = 1
        for before, after in zip(self.forecasts, self.forecasts[1:], strict=False):
            if before.seconds < WORTHWHILE_GAIN * after.seconds:
                break
            machines = after.machines
        return machines

    @property
    def machines_at_request_limit(self) -> int | None:
        """Machines whose reads reach ``READS_PER_SECOND`` in the slowest pass; None if it reads nothing."""
        rate = self.slowest.reads_per_second if self.slowest else 0.0
        return max(1, int(READS_PER_SECOND / rate)) if rate > 0 else None


def analyze_generation(url: str) -> GenerationLimits:
    """Return what limited the newest generation of a result.

    Args:
        url: of the result.

    Raises:
        UsageError: there is no result.
        ObjectStorageError: it cannot be read.
    """
    result = open_result(open_storage(url))
    manifest = result.newest_manifest()
    return limits_of(result.storage.url, manifest.number, manifest.usage)


def limits_of(url: str, generation: int, usage: Mapping[str, Usage]) -> GenerationLimits:
    """Return what limited a generation, by its use in each pass."""
    passes = tuple(
        _pass_limits(name, usage[name]) for name in PASSES_OF_REDO if name in usage and usage[name].tasks
    )
    forecasts: list[Forecast] = []
    most_tasks = max((it.usage.tasks for it in passes), default=0)
    for doubling in range(_MAX_DOUBLINGS):
        machines = 1 << doubling
        if not passes or (machines > 1 and machines // 2 >= most_tasks):
            break
        forecasts.append(Forecast(machines, sum(it.seconds_with(machines) for it in passes)))
    return GenerationLimits(url, generation, passes, tuple(forecasts))


def _pass_limits(name: str, usage: Usage) -> PassLimits:
    found = PassLimits(name, usage, "", has_stragglers=False)
    return found._replace(
        limit=_limit_of(found),
        has_stragglers=usage.tasks > 1 and usage.longest > STRAGGLER_FACTOR * found.mean_seconds,
    )


def _limit_of(found: PassLimits) -> str:
    shares = found.task_shares
    if found.busy_share >= BUSY_SHARE:
        return "processors"
    if not any(found.usage.clocks):  # an earlier version, which had none
        return "storage"
    waits = {
        "storage": shares["reads"] + shares["writes"],
        "workers": shares["workers"],
        "task": shares["own"],
    }
    limit = max(waits, key=waits.__getitem__)
    if limit == "workers" and found.queued_share >= QUEUED_SHARE:
        return "queue"
    return limit


def _shares(parts: Mapping[str, float]) -> dict[str, float]:
    """Return each part as a share of their sum; nothing if that is 0."""
    total = sum(parts.values())
    return {name: part / total for name, part in parts.items()} if total > 0 else {}
