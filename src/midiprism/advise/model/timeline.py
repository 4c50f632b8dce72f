"""Reduce the samples of a run to a typical window and to points for plots."""

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
    """Averages over some seconds of a run; the counts are those at their end.

    Attributes:
        elapsed_seconds: from the start of the run to the end of these seconds.
        rate: songs per second.
        cpu: utilization of all processors together: 0 to 1.
        device_busy: utilization of each device that is counted: 0 to 1.
        stages: share of each stage in the time of all stages: 0 to 1.
    """

    elapsed_seconds: float
    rate: float
    cpu: float
    device_busy: dict[str, float]
    stages: dict[str, float]
    workers: int
    in_flight: int
    memory_bytes: int

    def as_dict(self) -> dict[str, Any]:
        """Return the point in terms of JSON, rounded."""
        return {
            "elapsed_seconds": round(self.elapsed_seconds, 2),
            "rate": round(self.rate, 1),
            "cpu": round(self.cpu, 4),
            "device_busy": {name: round(share, 4) for name, share in self.device_busy.items()},
            "stages": {name: round(share, 4) for name, share in self.stages.items()},
            "workers": self.workers,
            "in_flight": self.in_flight,
            "memory_bytes": self.memory_bytes,
        }


def typical_window(samples: Sequence[RunSample], *, running: bool) -> SampleWindow | None:
    """Return the typical part of a run: without its start, its end, and the time with other settings.

    For a running run, that is the last minute, or the time since the settings changed last. None if no songs
    were split for long enough.
    """
    active = [sample for sample in samples if sample.songs > 0]
    if not running and active:
        limit = _END_SHARE * active[-1].songs
        active = [sample for sample in active if sample.songs <= limit] or active
    if not active:
        return None
    last = active[-1]
    same_settings = [sample for sample in active if _settings_of(sample) == _settings_of(last)]
    if running:
        oldest = last.elapsed_seconds - TYPICAL_SECONDS
        same_settings = [sample for sample in same_settings if sample.elapsed_seconds >= oldest]
    # Loading the splitter is not a cost of songs.
    loaded = [sample for sample in same_settings if sample.workers_ready >= sample.workers]
    for first in (*loaded[:1], same_settings[0], active[0], samples[0]):
        if last.elapsed_seconds - first.elapsed_seconds >= _MIN_SECONDS and last.songs > first.songs:
            return SampleWindow(first, last)
    first = samples[0]
    if last.elapsed_seconds > first.elapsed_seconds and last.songs > first.songs:
        return SampleWindow(first, last)
    return None


def timeline_points(samples: Sequence[RunSample], max_points: int = 150) -> list[TimelinePoint]:
    """Return a run as at most ``max_points`` points, each averaging the time since the previous point."""
    if len(samples) < 2:
        return []
    span = samples[-1].elapsed_seconds - samples[0].elapsed_seconds
    step = max(span / max_points, 1e-9)
    if len(samples) > _MIN_POINTS:
        # Some counters rise only once per batch, so rates over a single second would jump.
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
    total = sum(times.values())
    cores = window.core_utilization
    last = window.last
    return TimelinePoint(
        elapsed_seconds=last.elapsed_seconds,
        rate=max(0.0, window.rate),
        cpu=sum(cores) / len(cores) if cores else 0.0,
        device_busy={
            name: share for name in last.devices if (share := window.device_utilization(name)) is not None
        },
        stages={name: seconds / total for name, seconds in times.items()} if total else {},
        workers=last.workers,
        in_flight=last.in_flight,
        memory_bytes=last.memory_bytes,
    )


def _settings_of(sample: RunSample) -> tuple[int, int, int]:
    return sample.workers, sample.batch_size, sample.in_flight_limit
