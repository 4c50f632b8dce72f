"""The samples of a run as a course of time: the part that is typical of it, and points for plots."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from midiprism.meter.sample import STAGES, Sample, Window

TYPICAL_SECONDS = 60.0
_LEAST_SECONDS = 2.0
_TAIL = 0.98
_SMOOTH_SECONDS = 5.0
_FEWEST_POINTS = 20


@dataclass(frozen=True, slots=True)
class Point:
    """Some seconds of a run.

    Attributes:
        at: seconds since it began, at their end.
        rate: songs a second.
        cpu: how busy all processors together were: 0 to 1.
        busy: the same of each device that tells.
        stages: share of each stage in the time of all stages: 0 to 1.
        workers: processes that split, at their end; ``in_flight`` and ``memory`` likewise.
    """

    at: float
    rate: float
    cpu: float
    busy: dict[str, float]
    stages: dict[str, float]
    workers: int
    in_flight: int
    memory: int

    def as_dict(self) -> dict[str, Any]:
        """In terms of JSON."""
        return {
            "at": round(self.at, 2),
            "rate": round(self.rate, 1),
            "cpu": round(self.cpu, 4),
            "busy": {name: round(share, 4) for name, share in self.busy.items()},
            "stages": {name: round(share, 4) for name, share in self.stages.items()},
            "workers": self.workers,
            "in_flight": self.in_flight,
            "memory": self.memory,
        }


def typical(samples: Sequence[Sample], *, running: bool) -> Window | None:
    """The part of a run that says how it goes: without its beginning, its end, and other settings.

    Of a run that is on that is the last minute, or what there is since the settings changed last. None where
    nothing was split for long enough.
    """
    at_work = [sample for sample in samples if sample.parents > 0]
    if not running and at_work:
        end = at_work[-1].parents
        at_work = [sample for sample in at_work if sample.parents <= _TAIL * end] or at_work
    if not at_work:
        return None
    last = at_work[-1]
    same = [one for one in at_work if _settings(one) == _settings(last)]
    if running:
        same = [one for one in same if last.at - one.at <= TYPICAL_SECONDS]
    # What workers take to load the splitter is no cost of songs.
    complete = [one for one in same if one.ready >= one.workers]
    for first in (*complete[:1], same[0], at_work[0], samples[0]):
        if last.at - first.at >= _LEAST_SECONDS and last.parents > first.parents:
            return Window(first, last)
    return Window(samples[0], last) if last.at > samples[0].at and last.parents > samples[0].parents else None


def course(samples: Sequence[Sample], points: int = 150) -> list[Point]:
    """A run from its beginning in at most so many points, each the average of what lies before it."""
    if len(samples) < 2:
        return []
    span = samples[-1].at - samples[0].at
    step = max(span / points, 1e-9)
    if len(samples) > _FEWEST_POINTS:
        # What is counted once a batch would come and go from one second to the next.
        step = max(step, min(_SMOOTH_SECONDS, span / _FEWEST_POINTS))
    chosen = [samples[0]]
    for sample in samples[1:]:
        if sample.at - chosen[-1].at >= step:
            chosen.append(sample)
    if chosen[-1] is not samples[-1]:
        chosen[-1 if len(chosen) > 2 else len(chosen) :] = [samples[-1]]
    return [_point(Window(before, after)) for before, after in pairwise(chosen)]


def _point(window: Window) -> Point:
    times = {name: window.stage(name).seconds for name in STAGES}
    whole = sum(times.values())
    cores = window.cores
    last = window.last
    return Point(
        last.at,
        max(0.0, window.rate),
        sum(cores) / len(cores) if cores else 0.0,
        {name: share for name in last.devices if (share := window.busy(name)) is not None},
        {name: seconds / whole for name, seconds in times.items()} if whole else {},
        last.workers,
        last.in_flight,
        last.memory,
    )


def _settings(sample: Sample) -> tuple[int, int, int]:
    return sample.workers, sample.batch_size, sample.in_flight_most
