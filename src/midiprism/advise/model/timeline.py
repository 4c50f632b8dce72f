"""The samples of a run as a course of time: the part that is typical of it, and points for plots."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from midiprism.metrics.snapshot import STAGES, RunSample, SampleWindow

TYPICAL_SECONDS = 60.0
_MIN_SECONDS = 2.0
_END_SHARE = 0.98
_SMOOTH_SECONDS = 5.0
_MIN_POINTS = 20


@dataclass(frozen=True, slots=True)
class TimelinePoint:
    """Some seconds of a run.

    Attributes:
        at: seconds since it began, at their end.
        rate: songs a second.
        cpu: how busy all processors together were: 0 to 1.
        busy: the same of each device that tells.
        stages: share of each stage in the time of all stages: 0 to 1.
        workers: processes that split, at their end; ``in_flight_adjustable`` and ``memory`` likewise.
    """

    at: float
    rate: float
    cpu: float
    device_busy: dict[str, float]
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
            "busy": {name: round(share, 4) for name, share in self.device_busy.items()},
            "stages": {name: round(share, 4) for name, share in self.stages.items()},
            "workers": self.workers,
            "in_flight": self.in_flight,
            "memory": self.memory,
        }


def typical_window(samples: Sequence[RunSample], *, running: bool) -> SampleWindow | None:
    """The part of a run that says how it goes: without its beginning, its end, and other settings.

    Of a run that is on that is the last minute, or what there is since the settings changed last. None where
    nothing was split for long enough.
    """
    at_work = [sample for sample in samples if sample.songs > 0]
    if not running and at_work:
        end = at_work[-1].songs
        at_work = [sample for sample in at_work if sample.songs <= _END_SHARE * end] or at_work
    if not at_work:
        return None
    last = at_work[-1]
    same = [one for one in at_work if _settings_of(one) == _settings_of(last)]
    if running:
        same = [one for one in same if last.elapsed_seconds - one.elapsed_seconds <= TYPICAL_SECONDS]
    # What workers take to load the splitter is no cost of songs.
    complete = [one for one in same if one.workers_ready >= one.workers]
    for first in (*complete[:1], same[0], at_work[0], samples[0]):
        if last.elapsed_seconds - first.elapsed_seconds >= _MIN_SECONDS and last.songs > first.songs:
            return SampleWindow(first, last)
    return (
        SampleWindow(samples[0], last)
        if last.elapsed_seconds > samples[0].elapsed_seconds and last.songs > samples[0].songs
        else None
    )


def timeline_points(samples: Sequence[RunSample], max_points: int = 150) -> list[TimelinePoint]:
    """A run from its beginning in at most so many points, each the average of what lies before it."""
    if len(samples) < 2:
        return []
    span = samples[-1].elapsed_seconds - samples[0].elapsed_seconds
    step = max(span / max_points, 1e-9)
    if len(samples) > _MIN_POINTS:
        # What is counted once a batch would come and go from one second to the next.
        step = max(step, min(_SMOOTH_SECONDS, span / _MIN_POINTS))
    chosen = [samples[0]]
    for sample in samples[1:]:
        if sample.elapsed_seconds - chosen[-1].elapsed_seconds >= step:
            chosen.append(sample)
    if chosen[-1] is not samples[-1]:
        chosen[-1 if len(chosen) > 2 else len(chosen) :] = [samples[-1]]
    return [_point(SampleWindow(before, after)) for before, after in pairwise(chosen)]


def _point(window: SampleWindow) -> TimelinePoint:
    times = {name: window.stage(name).seconds for name in STAGES}
    whole = sum(times.values())
    cores = window.core_utilization
    last = window.last
    return TimelinePoint(
        last.elapsed_seconds,
        max(0.0, window.rate),
        sum(cores) / len(cores) if cores else 0.0,
        {name: share for name in last.devices if (share := window.device_utilization(name)) is not None},
        {name: seconds / whole for name, seconds in times.items()} if whole else {},
        last.workers,
        last.in_flight,
        last.memory_bytes,
    )


def _settings_of(sample: RunSample) -> tuple[int, int, int]:
    return sample.workers, sample.batch_size, sample.in_flight_limit
