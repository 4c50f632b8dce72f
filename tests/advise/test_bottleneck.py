"""What limits a run, named by the model."""

from dataclasses import replace
from typing import Any

import pytest

from midiprism.advise.bottleneck import FREED, find
from midiprism.advise.costs import COMMIT_TRIPS, Costs
from midiprism.advise.model import Setup
from midiprism.meter.sample import Sample, Window
from support.pipeline import simulated
from support.runs_measured import DISK, OTHER, settings, window

MS = 0.001
EVEN = Costs(
    worker_cpu=1 * MS,
    source_wait=0.1 * MS,
    output_wait=0.1 * MS,
    coordinator_cpu=0.02 * MS,
    commit_cpu=0.04 * MS,
    cores=2,
    flush_each=0.02 * MS,
    commit_fixed=5 * MS,
    commit_each=0.05 * MS,
)
ENOUGH = Setup(2, 250, 36)
SERVER: dict[str, Any] = {"database": "--database postgresql://h/d"}


@pytest.mark.parametrize("variation", ["deterministic", "exponential"])
@pytest.mark.parametrize(
    ("costs", "setup", "resource"),
    [
        (EVEN, ENOUGH, "cpu"),
        (replace(EVEN, others=1.0), ENOUGH, "cpu"),
        (replace(EVEN, output_wait=5 * MS, output_width=1), ENOUGH, "output"),
        (replace(EVEN, output_wait=5 * MS, output_width=1), Setup(8, 250, 48), "output"),
        (replace(EVEN, flush_each=4 * MS), ENOUGH, "output"),
        (replace(EVEN, source_wait=5 * MS, source_width=1), ENOUGH, "source"),
        (replace(EVEN, commit_each=3 * MS, commit_cpu=0.1 * MS), ENOUGH, "catalogue"),
        (
            replace(EVEN, commit_cpu=0, round_trip=0.18, commit_fixed=COMMIT_TRIPS * 0.18),
            Setup(2, 1_000, 8, shared=True),
            "catalogue",
        ),
        (replace(EVEN, cores=8, coordinator_cpu=1 * MS), Setup(8, 250, 48), "coordinator"),
        (replace(EVEN, cores=4, output_wait=4 * MS), Setup(4, 100, 1), "settings"),
        (replace(EVEN, cores=8), Setup(2, 250, 36), "settings"),
    ],
)
def test_what_is_slow_is_named(costs: Costs, setup: Setup, resource: str, variation: str) -> None:
    facts = settings(OTHER, cpus=round(costs.cores), **(SERVER if setup.shared else {}))
    measured = simulated(costs, setup, variation, groups=6).window()
    found = find(measured, facts)
    assert found.resource == resource, found
    assert found.gain_if_free > 1.05


def test_words_name_the_device_and_how_busy_it_is() -> None:
    found = find(window(store=8.0, songs=3_000, device={"sda1": 8.4}), settings())
    assert found.words == "limited by creating files on /dev/sda1: 84% busy"
    assert found.title == "/dev/sda1"
    assert ("output /dev/sda1", "84% busy") in found.evidence


def test_words_say_how_busy_the_processors_are() -> None:
    found = find(window(cpu=9.65, store_cpu=0.5, coordinator=0.01, commit=(0.01, 0.001)), settings(OTHER))
    assert found.words == "limited by the processors: 97% busy"


def test_a_processor_that_is_waited_for_is_in_use_where_another_that_may_not_be_used_is_idle() -> None:
    measured = window(songs=1_500, cpu=1.0, cores=2, others=0.85, queued=17.0, workers=2)
    found = find(measured, settings(OTHER, cpus=1))
    assert found.words == "limited by the processors: 100% busy"


def test_words_say_how_long_answers_take() -> None:
    measured = window(
        songs=1_000,
        commit=(0.1, COMMIT_TRIPS * 0.18),
        commits=7,
        round_trip=0.18,
        batch_size=140,
        in_flight_most=14,
    )
    found = find(measured, settings(**SERVER))
    assert found.words == "limited by the catalogue's answers: 180 ms each"


def test_words_say_what_is_set_too_low() -> None:
    found = find(window(songs=400, store=2.0, batch_size=100, in_flight_most=1), settings(OTHER))
    assert found.words.startswith("limited by the settings: 1 batch in flight for 4 workers; processors ")


def test_files_that_are_made_durable_slowly_are_named_as_such() -> None:
    found = find(window(flush=9.0, songs=1_000, commits=1), settings(DISK))
    assert found.words.startswith("limited by making files durable on /dev/sda1")


@pytest.mark.parametrize(
    "measured",
    [
        Window(Sample(), Sample(at=1.0)),
        Window(Sample(), Sample(at=1.0, parents=5)),
        Window(Sample(), Sample(at=1.0, parents=5, workers=3, batch_size=10, in_flight_most=1)),
        window(workers=0, worker_cpu=0.0),
        window(workers=500, in_flight_most=1_100),
    ],
)
def test_little_to_go_by_is_no_reason_to_fail(measured: Window) -> None:
    for facts in ({}, settings(), settings(**SERVER)):
        found = find(measured, facts)
        assert found.words
        assert found.gain_if_free >= 1
        assert all(found.gains[name] >= 1 - 1e-9 for name in FREED if found.gains)
