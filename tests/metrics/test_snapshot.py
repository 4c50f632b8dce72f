"""Tests of samples and windows."""

import json

from hypothesis import given
from hypothesis import strategies as st

from midiprism.metrics.snapshot import STAGES, DeviceIo, RunSample, SampleWindow, StageTime

seconds = st.floats(0, 1e6)
stage = st.builds(StageTime, seconds, seconds)
traffic = st.builds(DeviceIo, seconds, seconds, *[st.integers(0, 10**12)] * 4)
samples = st.builds(
    RunSample,
    elapsed_seconds=seconds,
    songs=st.integers(0, 10**9),
    stages=st.dictionaries(st.sampled_from(STAGES), stage),
    core_busy_seconds=st.lists(seconds, max_size=4).map(tuple),
    devices=st.dictionaries(st.text(max_size=5), traffic, max_size=3),
    connections=st.dictionaries(st.text(max_size=5), st.integers(0, 100), max_size=3),
    songs_total=st.none() | st.integers(0, 10**9),
)


@given(samples)
def test_a_sample_survives_json(sample: RunSample) -> None:
    assert RunSample.from_dict(json.loads(json.dumps(sample.as_dict()))) == sample


def test_unknown_keys_of_another_version_are_ignored() -> None:
    assert RunSample.from_dict({"elapsed_seconds": 2.0, "of_the_future": 1}) == RunSample(elapsed_seconds=2.0)


@given(samples, samples)
def test_shares_of_any_window_are_between_zero_and_one(one: RunSample, other: RunSample) -> None:
    first, last = sorted((one, other), key=lambda sample: sample.elapsed_seconds)
    window = SampleWindow(first, last)
    assert window.seconds > 0
    assert all(0 <= core <= 1 for core in window.core_utilization)
    assert window.other_cores_busy >= 0
    for name in STAGES:
        assert 0 <= window.stage(name).waited <= window.stage(name).seconds
    for name in last.devices:
        busy = window.device_utilization(name)
        assert busy is None or 0 <= busy <= 1


def test_a_window_is_the_difference_of_its_samples() -> None:
    first = RunSample(
        10.0, songs=100, tracks=300, worker_cpu=5.0, coordinator_cpu=1.0, core_busy_seconds=(6.0, 4.0)
    )
    last = RunSample(
        20.0, songs=600, tracks=1_800, worker_cpu=15.0, coordinator_cpu=2.0, core_busy_seconds=(16.0, 9.0)
    )
    window = SampleWindow(first, last)
    assert window.rate == 50
    assert window.tracks == 1_500
    assert window.core_utilization == (1.0, 0.5)
    assert abs(window.other_cores_busy - 0.4) < 1e-9  # 15 s in 10 s, 11 s of them used by the run


def test_a_device_that_is_not_counted_has_no_traffic() -> None:
    first, last = RunSample(1.0, devices={"sda": DeviceIo(1.0)}), RunSample(2.0)
    assert SampleWindow(first, last).device("sda") is None
    assert SampleWindow(first, last).device_utilization("sda") is None
