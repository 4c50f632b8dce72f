"""Tests of downsampling the samples of long runs."""

from itertools import pairwise

from midiprism.metrics.downsample import samples_to_drop


def kept_times(seconds: int, every: int = 60) -> list[float]:
    """Return the times that are kept of one sample per second, downsampled every some seconds."""
    times: list[float] = []
    for at in range(seconds):
        times.append(float(at))
        if at % every == 0:
            dropped = set(samples_to_drop(times, at))
            times = [time for time in times if time not in dropped]
    return times


def test_a_run_of_fourteen_hours_keeps_about_a_thousand_samples() -> None:
    times = kept_times(14 * 3_600)
    assert times[0] == 0
    assert 500 < len(times) < 1_500


def test_recent_samples_are_kept_and_gaps_grow_with_age() -> None:
    end = 14 * 3_600
    times = kept_times(end)
    assert times[-100:] == [float(at) for at in range(end - 100, end)]
    for earlier, later in pairwise(times):
        age = end - earlier
        assert later - earlier <= (1 if age < 120 else 20 if age < 3_600 else 120 if age < 36_000 else 1_200)


def test_downsampling_again_drops_nothing() -> None:
    times = kept_times(5_000, every=5_000 - 1)
    assert samples_to_drop(times, 4_999.0) == []


def test_a_short_run_keeps_all_samples() -> None:
    assert samples_to_drop([float(at) for at in range(100)], 100.0) == []
