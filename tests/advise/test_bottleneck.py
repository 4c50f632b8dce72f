"""What limits a run, named by the model."""

from dataclasses import replace
from typing import Any

import pytest

from midiprism.advise.bottleneck import REMOVABLE_RESOURCES, find_bottleneck
from midiprism.advise.model.costs import COMMIT_ROUND_TRIPS, Costs
from midiprism.advise.model.throughput import Tunables
from midiprism.metrics.snapshot import RunSample, SampleWindow
from support.metrics_samples import DISK, OTHER_DISK, metrics_window, run_settings
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
ENOUGH = Tunables(2, 250, 36)
SERVER: dict[str, Any] = {"database": "--database postgresql://h/d"}


@pytest.mark.parametrize("variation", ["deterministic", "exponential"])
@pytest.mark.parametrize(
    ("costs", "tunables", "resource"),
    [
        (EVEN, ENOUGH, "cpu"),
        (replace(EVEN, other_programs_cpu=1.0), ENOUGH, "cpu"),
        (replace(EVEN, output_wait=5 * MS, output_concurrency=1), ENOUGH, "output"),
        (replace(EVEN, output_wait=5 * MS, output_concurrency=1), Tunables(8, 250, 48), "output"),
        (replace(EVEN, flush_per_song=4 * MS), ENOUGH, "output"),
        (replace(EVEN, source_wait=5 * MS, source_concurrency=1), ENOUGH, "source"),
        (replace(EVEN, commit_per_song=3 * MS, commit_cpu=0.1 * MS), ENOUGH, "catalog"),
        (
            replace(EVEN, commit_cpu=0, round_trip=0.18, commit_fixed=COMMIT_ROUND_TRIPS * 0.18),
            Tunables(2, 1_000, 8, shared=True),
            "catalog",
        ),
        (replace(EVEN, cores=8, coordinator_cpu=1 * MS), Tunables(8, 250, 48), "coordinator"),
        (replace(EVEN, cores=4, output_wait=4 * MS), Tunables(4, 100, 1), "settings"),
        (replace(EVEN, cores=8), Tunables(2, 250, 36), "settings"),
    ],
)
def test_what_is_slow_is_named(costs: Costs, tunables: Tunables, resource: str, variation: str) -> None:
    facts = run_settings(OTHER_DISK, cpus=round(costs.cores), **(SERVER if tunables.shared else {}))
    measured = simulate_run(costs, tunables, variation, groups=6).window()
    found = find_bottleneck(measured, facts)
    assert found.resource == resource, found
    assert found.gain_if_free > 1.05


def test_words_name_the_device_and_how_busy_it_is() -> None:
    found = find_bottleneck(
        metrics_window(store_ms=8.0, songs=3_000, device_busy_seconds={"sda1": 8.4}), run_settings()
    )
    assert found.words == "limited by creating files on /dev/sda1: 84% busy"
    assert found.title == "/dev/sda1"
    assert ("output /dev/sda1", "84% busy") in found.evidence


def test_words_say_how_busy_the_processors_are() -> None:
    found = find_bottleneck(
        metrics_window(cpu_ms=9.65, store_cpu_ms=0.5, coordinator_ms=0.01, commit=(0.01, 0.001)),
        run_settings(OTHER_DISK),
    )
    assert found.words == "limited by the processors: 97% busy"


def test_a_processor_that_is_waited_for_is_in_use_where_another_that_may_not_be_used_is_idle() -> None:
    measured = metrics_window(songs=1_500, cpu_ms=1.0, cores=2, other_cores=0.85, queued=17.0, workers=2)
    found = find_bottleneck(measured, run_settings(OTHER_DISK, cpus=1))
    assert found.words == "limited by the processors: 100% busy"


def test_words_say_how_long_answers_take() -> None:
    measured = metrics_window(
        songs=1_000,
        commit=(0.1, COMMIT_ROUND_TRIPS * 0.18),
        commits=7,
        round_trip=0.18,
        batch_size=140,
        in_flight_most=14,
    )
    found = find_bottleneck(measured, run_settings(**SERVER))
    assert found.words == "limited by the catalog's answers: 180 ms each"


def test_words_say_what_is_set_too_low() -> None:
    found = find_bottleneck(
        metrics_window(songs=400, store_ms=2.0, batch_size=100, in_flight_most=1), run_settings(OTHER_DISK)
    )
    assert found.words.startswith("limited by the settings: 1 batch in flight for 4 workers; processors ")


def test_files_that_are_made_durable_slowly_are_named_as_such() -> None:
    found = find_bottleneck(metrics_window(flush_ms=9.0, songs=1_000, commits=1), run_settings(DISK))
    assert found.words.startswith("limited by making files durable on /dev/sda1")


@pytest.mark.parametrize(
    "measured",
    [
        SampleWindow(RunSample(), RunSample(elapsed_seconds=1.0)),
        SampleWindow(RunSample(), RunSample(elapsed_seconds=1.0, songs=5)),
        SampleWindow(
            RunSample(), RunSample(elapsed_seconds=1.0, songs=5, workers=3, batch_size=10, in_flight_limit=1)
        ),
        metrics_window(workers=0, worker_cpu=0.0),
        metrics_window(workers=500, in_flight_most=1_100),
    ],
)
def test_little_to_go_by_is_no_reason_to_fail(measured: SampleWindow) -> None:
    for facts in ({}, run_settings(), run_settings(**SERVER)):
        found = find_bottleneck(measured, facts)
        assert found.words
        assert found.gain_if_free >= 1
        assert all(found.gains[name] >= 1 - 1e-9 for name in REMOVABLE_RESOURCES if found.gains)
