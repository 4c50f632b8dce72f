"""Thin out the samples of a run: the older they are, the fewer are kept."""

from collections.abc import Iterable

SAMPLE_INTERVALS = ((120.0, 0.0), (3_600.0, 10.0), (36_000.0, 60.0))
"""Pairs of an age, and the seconds between the samples that are kept up to that age; 0 keeps all."""

OLDEST_INTERVAL = 600.0
"""Seconds between the samples that are older than all of these ages."""


def samples_to_drop(times: Iterable[float], now: float) -> list[float]:
    """Return the times whose samples are no longer needed, in their order. The first time is always kept.

    Args:
        times: seconds since the run began, ascending.
        now: the present, on the same clock.
    """
    dropped = []
    last_kept: float | None = None
    for time in times:
        interval = _interval(now - time)
        if last_kept is not None and interval and time // interval == last_kept // interval:
            dropped.append(time)
        else:
            last_kept = time
    return dropped


def _interval(age: float) -> float:
    for limit, interval in SAMPLE_INTERVALS:
        if age < limit:
            return interval
    return OLDEST_INTERVAL
