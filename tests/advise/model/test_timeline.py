"""Tests of the typical window and the timeline of a run."""

from midiprism.advise.model.timeline import timeline_points, typical_window
from midiprism.metrics.snapshot import DeviceIo, RunSample, StageTime


def sample(at: float, songs: int, workers: int = 2, **values: object) -> RunSample:
    return RunSample(elapsed_seconds=at, songs=songs, workers=workers, **values)  # type: ignore[arg-type]


def test_the_start_and_the_end_of_a_run_are_not_typical() -> None:
    samples = [sample(0, 0), sample(5, 0)]
    samples += [sample(5 + second, 100 * second) for second in range(1, 101)]
    samples += [sample(110, 10_000), sample(120, 10_000)]
    window = typical_window(samples, running=False)
    assert window is not None
    assert (window.first.elapsed_seconds, window.last.elapsed_seconds) == (6, 103)
    assert window.rate == 100


def test_the_last_minute_of_a_running_run_is_typical() -> None:
    samples = [sample(second, 50 * second) for second in range(101)]
    samples += [sample(100 + second, 5_000 + 200 * second) for second in range(1, 101)]
    window = typical_window(samples, running=True)
    assert window is not None
    assert (window.first.elapsed_seconds, window.last.elapsed_seconds, window.rate) == (140, 200, 200)


def test_only_the_time_with_the_last_settings_is_typical() -> None:
    samples = [sample(second, 10 * second) for second in range(30)]
    samples += [sample(30 + second, 300 + 100 * second, workers=8) for second in range(20)]
    window = typical_window(samples, running=True)
    assert window is not None
    assert window.first.elapsed_seconds == 30
    assert window.rate == 100


def test_the_time_in_which_workers_load_the_splitter_is_not_typical() -> None:
    samples = [sample(second, 10 * second, workers_ready=1) for second in range(10)]
    samples += [sample(10 + second, 100 + 50 * second, workers_ready=2) for second in range(10)]
    window = typical_window(samples, running=True)
    assert window is not None
    assert (window.first.elapsed_seconds, window.rate) == (10, 50)


def test_a_run_without_songs_has_no_typical_window() -> None:
    assert typical_window([], running=True) is None
    assert typical_window([sample(0, 0), sample(9, 0)], running=False) is None


def test_all_of_a_very_short_run_is_typical() -> None:
    window = typical_window([sample(0, 0), sample(0.3, 40)], running=False)
    assert window is not None
    assert window.songs == 40


def test_a_timeline_has_few_points_and_covers_the_whole_run() -> None:
    samples = [
        sample(
            at,
            10 * at,
            core_busy_seconds=(at * 0.5, at * 1.0),
            devices={"sda": DeviceIo(busy_seconds=at * 0.25)},
            stages={"read": StageTime(at * 1.0), "split": StageTime(at * 3.0)},
        )
        for at in range(1_001)
    ]
    points = timeline_points(samples, max_points=100)
    assert 90 <= len(points) <= 101
    assert points[-1].elapsed_seconds == 1_000
    assert all(abs(point.rate - 10) < 1e-6 for point in points)
    assert all(abs(point.cpu - 0.75) < 1e-6 for point in points)
    assert all(abs(point.device_busy["sda"] - 0.25) < 1e-6 for point in points)
    assert all(abs(point.stages["split"] - 0.75) < 1e-6 for point in points)


def test_counters_that_rise_once_per_batch_are_smoothed() -> None:
    samples = [sample(at, 200 * (at // 4)) for at in range(101)]
    points = timeline_points(samples)
    assert len(points) == 20
    assert all(40 <= point.rate <= 80 for point in points[1:])
    assert len(timeline_points(samples[:11])) == 10


def test_a_short_run_with_two_samples_close_together_has_a_timeline() -> None:
    samples = [sample(1.0, 0), sample(1.4, 100), sample(1.4001, 100)]
    assert [point.elapsed_seconds for point in timeline_points(samples)] == [1.4, 1.4001]


def test_one_sample_has_no_timeline() -> None:
    assert timeline_points([]) == []
    assert timeline_points([sample(0, 0)]) == []
    assert len(timeline_points([sample(0, 0), sample(1, 5)])) == 1
