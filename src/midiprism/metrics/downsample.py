"""Which samples are worth keeping: the older, the fewer."""

from collections.abc import Iterable

SAMPLE_INTERVALS = ((120.0, 0.0), (3_600.0, 10.0), (36_000.0, 60.0))
"""Up to which age, in seconds, there is one sample for how many seconds; 0: all of them."""

OLDEST_INTERVAL = 600.0


def samples_to_drop(times: Iterable[float], now: float) -> list[float]:
    """Those of some moments, in their order, whose samples can go. The first one stays.

    Args:
        moments: seconds since the run began, rising.
        now: on the same clock.
    """
    gone = []
    last: float | None = None
    for at in times:
        width = _interval(now - at)
        if last is not None and width and at // width == last // width:
            gone.append(at)
        else:
            last = at
    return gone


def _interval(age: float) -> float:
    for limit, width in SAMPLE_INTERVALS:
        if age < limit:
            return width
    return OLDEST_INTERVAL
