"""Tests of finding the bottleneck of simulated and imaginary runs."""

from dataclasses import replace
from typing import Any

import pytest

from midiprism.advise.bottleneck import find_bottleneck
from midiprism.advise.model.costs import COMMIT_ROUND_TRIPS, RESOURCES, Costs
from midiprism.advise.model.run_facts import RunFacts
from midiprism.metrics.snapshot import RunSample, SampleWindow
from midiprism.pipeline.tuner import Tunables
from support.metrics_samples import DISK, OTHER_DISK, metrics_window, run_facts
from support.pipeline_simulation import simulate_run

MS = 0.001
EVEN = Costs(
    worker_cpu=1 * MS,
    source_wait=0.1 * MS,
    output_wait=0.1 * MS,
    coordinator_cpu=0.02 * MS,
    commit_cpu=0.04 * MS,
    cores=2,
    flush_per_song=0.02 * MS,
    commit_fixed=5 * MS,
    commit_per_song=0.05 * MS,
)
ENOUGH_IN_FLIGHT = Tunables(2, 250, 36)
ON_SERVER: dict[str, Any] = {"database": "--database postgresql://h/d"}


@pytest.mark.parametrize("variation", ["deterministic", "exponential"])
@pytest.mark.parametrize(
    ("costs", "tunables", "resource"),
    [
        (EVEN, ENOUGH_IN_FLIGHT, "cpu"),
        (replace(EVEN, other_programs_cpu=1.0), ENOUGH_IN_FLIGHT, "cpu"),
        (replace(EVEN, output_wait=5 * MS, output_concurrency=1), ENOUGH_IN_FLIGHT, "output"),
        (replace(EVEN, output_wait=5 * MS, output_concurrency=1), Tunables(8, 250, 48), "output"),
        (replace(EVEN, flush_per_song=4 * MS), ENOUGH_IN_FLIGHT, "output"),
        (replace(EVEN, source_wait=5 * MS, source_concurrency=1), ENOUGH_IN_FLIGHT, "source"),
        (replace(EVEN, commit_per_song=3 * MS, commit_cpu=0.1 * MS), ENOUGH_IN_FLIGHT, "catalog"),
        (
            replace(
                EVEN,
                commit_cpu=0,
                round_trip=0.18,
                commit_fixed=COMMIT_ROUND_TRIPS * 0.18,
                workers_commit=True,
            ),
            Tunables(2, 1_000, 8),
            "catalog",
        ),
        (replace(EVEN, cores=8, coordinator_cpu=1 * MS), Tunables(8, 250, 48), "coordinator"),
        (replace(EVEN, cores=4, output_wait=4 * MS), Tunables(4, 100, 1), "settings"),
        (replace(EVEN, cores=8), Tunables(2, 250, 36), "settings"),
    ],
)
def test_the_slow_part_of_a_simulated_run_is_found(
    costs: Costs, tunables: Tunables, resource: str, variation: str
) -> None:
    facts = run_facts(OTHER_DISK, cpus=round(costs.cores), **(ON_SERVER if costs.workers_commit else {}))
    window = simulate_run(costs, tunables, variation, groups=6).window()
    bottleneck = find_bottleneck(window, facts)
    assert bottleneck.resource == resource, bottleneck
    assert bottleneck.gain_if_free > 1.05


def test_the_summary_names_the_device_and_its_utilization() -> None:
    bottleneck = find_bottleneck(
        metrics_window(store_ms=8.0, songs=3_000, device_busy_seconds={"sda1": 8.4}), run_facts()
    )
    assert bottleneck.summary == "limited by creating files on /dev/sda1: 84% busy"
    assert bottleneck.title == "/dev/sda1"
    assert ("output /dev/sda1", "84% busy") in bottleneck.evidence


def test_the_summary_states_the_utilization_of_the_processors() -> None:
    bottleneck = find_bottleneck(
        metrics_window(
            cpu_ms=9.65, store_cpu_ms=0.5, coordinator_ms=0.01, commit_cpu_ms=0.01, commit_wait=0.001
        ),
        run_facts(OTHER_DISK),
    )
    assert bottleneck.summary == "limited by the processors: 97% busy"


def test_processors_that_the_run_may_not_use_do_not_count_as_idle() -> None:
    window = metrics_window(songs=1_500, cpu_ms=1.0, cores=2, other_cores=0.85, queued=17.0, workers=2)
    bottleneck = find_bottleneck(window, run_facts(OTHER_DISK, cpus=1))
    assert bottleneck.summary == "limited by the processors: 100% busy"


def test_the_summary_states_the_response_time_of_the_server() -> None:
    window = metrics_window(
        songs=1_000,
        commit_cpu_ms=0.1,
        commit_wait=COMMIT_ROUND_TRIPS * 0.18,
        commits=7,
        round_trip=0.18,
        batch_size=140,
        in_flight_limit=14,
    )
    bottleneck = find_bottleneck(window, run_facts(**ON_SERVER))
    assert bottleneck.summary == "limited by the catalog's answers: 180 ms each"


def test_the_summary_names_the_settings_that_are_too_low() -> None:
    bottleneck = find_bottleneck(
        metrics_window(songs=400, store_ms=2.0, batch_size=100, in_flight_limit=1), run_facts(OTHER_DISK)
    )
    assert bottleneck.summary.startswith(
        "limited by the settings: 1 batch in flight for 4 workers; processors "
    )


def test_the_summary_distinguishes_slow_flushes_from_slow_creates() -> None:
    bottleneck = find_bottleneck(metrics_window(flush_ms=9.0, songs=1_000, commits=1), run_facts(DISK))
    assert bottleneck.summary.startswith("limited by making files durable on /dev/sda1")


@pytest.mark.parametrize(
    "window",
    [
        SampleWindow(RunSample(), RunSample(elapsed_seconds=1.0)),
        SampleWindow(RunSample(), RunSample(elapsed_seconds=1.0, songs=5)),
        SampleWindow(
            RunSample(), RunSample(elapsed_seconds=1.0, songs=5, workers=3, batch_size=10, in_flight_limit=1)
        ),
        metrics_window(workers=0, worker_cpu=0.0),
        metrics_window(workers=500, in_flight_limit=1_100),
    ],
)
def test_windows_and_settings_with_few_facts_do_not_fail(window: SampleWindow) -> None:
    for facts in (RunFacts(), run_facts(), run_facts(**ON_SERVER)):
        bottleneck = find_bottleneck(window, facts)
        assert bottleneck.summary
        assert bottleneck.gain_if_free >= 1
        assert all(bottleneck.gains[name] >= 1 - 1e-9 for name in RESOURCES if bottleneck.gains)
