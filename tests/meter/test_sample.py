import json

from hypothesis import given
from hypothesis import strategies as st

from midiprism.meter.sample import STAGES, Sample, Stage, Traffic, Window

seconds = st.floats(0, 1e6)
stage = st.builds(Stage, seconds, seconds)
traffic = st.builds(Traffic, seconds, seconds, *[st.integers(0, 10**12)] * 4)
samples = st.builds(
    Sample,
    at=seconds,
    parents=st.integers(0, 10**9),
    stages=st.dictionaries(st.sampled_from(STAGES), stage),
    cores=st.lists(seconds, max_size=4).map(tuple),
    devices=st.dictionaries(st.text(max_size=5), traffic, max_size=3),
    connections=st.dictionaries(st.text(max_size=5), st.integers(0, 100), max_size=3),
    total=st.none() | st.integers(0, 10**9),
)


@given(samples)
def test_a_sample_comes_back_from_json_as_it_went(sample: Sample) -> None:
    assert Sample.from_dict(json.loads(json.dumps(sample.as_dict()))) == sample


def test_what_another_version_told_beside_is_left_out() -> None:
    assert Sample.from_dict({"at": 2.0, "of_tomorrow": 1}) == Sample(at=2.0)


@given(samples, samples)
def test_any_two_samples_give_shares_between_nothing_and_all(one: Sample, other: Sample) -> None:
    first, last = sorted((one, other), key=lambda sample: sample.at)
    window = Window(first, last)
    assert window.seconds > 0
    assert all(0 <= core <= 1 for core in window.cores)
    assert window.others >= 0
    for name in STAGES:
        assert 0 <= window.stage(name).waited <= window.stage(name).seconds
    for name in last.devices:
        busy = window.busy(name)
        assert busy is None or 0 <= busy <= 1


def test_a_window_tells_what_went_on_between_its_samples() -> None:
    first = Sample(10.0, parents=100, tracks=300, worker_cpu=5.0, coordinator_cpu=1.0, cores=(6.0, 4.0))
    last = Sample(20.0, parents=600, tracks=1_800, worker_cpu=15.0, coordinator_cpu=2.0, cores=(16.0, 9.0))
    window = Window(first, last)
    assert window.rate == 50
    assert window.tracks == 1_500
    assert window.cores == (1.0, 0.5)
    assert abs(window.others - 0.4) < 1e-9  # 15 s in 10 s, of which 11 s were ours


def test_a_device_that_is_not_counted_tells_nothing() -> None:
    first, last = Sample(1.0, devices={"sda": Traffic(1.0)}), Sample(2.0)
    assert Window(first, last).device("sda") is None
    assert Window(first, last).busy("sda") is None
