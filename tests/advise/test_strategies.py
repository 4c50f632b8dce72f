"""Strategies and plans: which help, by how much, and what to type."""

import shlex
from typing import Any

import pytest

from midiprism.advise.model.costs import Costs
from midiprism.advise.model.optimizer import best_tunables
from midiprism.advise.report.strategies import Strategy, plans_for, strategies_for
from midiprism.advise.model.throughput import Tunables, predicted_rate
from midiprism.advise.probe.disk_results import DiskSpeed
from midiprism.advise.report.explanations import STRATEGY_INFO
from midiprism.metrics.snapshot import RunSample, SampleWindow
from support.disk_figures import figures
from support.metrics_samples import DISK, OTHER_DISK, metrics_window, run_settings

SLOW_DISK: dict[str, Any] = {"songs": 800, "store": 9.0, "device": {"sda1": 9.5}}
SERVER: dict[str, Any] = {"database": "--database postgresql://me@far/songs"}
HERE = figures(DISK, create_us=900.0, flush_ms=400.0, commit_ms=30.0)
THERE = figures(OTHER_DISK, create_us=60.0)


def by_id(
    measured: SampleWindow, facts: dict[str, Any] | None = None, known: list[DiskSpeed] | None = None
) -> dict[str, Strategy]:
    return {one.id: one for one in strategies_for(measured, facts or run_settings(), known or [])}


def test_every_strategy_is_told_with_a_reason() -> None:
    for measured in (metrics_window(**SLOW_DISK), metrics_window()):
        found = strategies_for(measured, run_settings())
        assert {one.id for one in found} == set(STRATEGY_INFO)
        assert all(one.reason.endswith(".") and one.risk.endswith(".") for one in found)
        assert all(one.helps == (one.gain is not None and one.gain >= 1.05) for one in found)
        gains = [one.gain for one in found if one.helps and one.gain is not None]
        assert gains == sorted(gains, reverse=True)


def test_without_songs_nothing_is_predicted() -> None:
    nothing = SampleWindow(RunSample(), RunSample(elapsed_seconds=1.0))
    assert strategies_for(nothing, run_settings()) == []
    assert plans_for(nothing, run_settings()) == []


def test_a_place_that_nobody_measured_may_help_at_most() -> None:
    found = by_id(metrics_window(**SLOW_DISK))["output-device"]
    assert found.helps
    assert found.at_most
    assert found.probe == "midiprism probe"
    assert found.changes == {"output": "NEW"}
    assert found.commands[0] == "midiprism relocate /disk/out NEW"


def test_a_place_that_was_measured_is_named() -> None:
    found = by_id(metrics_window(**SLOW_DISK), known=[HERE, THERE])["output-device"]
    assert found.helps
    assert not found.at_most
    assert found.gain is not None
    assert found.gain > 2
    assert found.commands == (
        "midiprism relocate /disk/out /other/out",
        "midiprism split '/my songs' -o /other/out",
    )


def test_a_place_that_is_no_faster_does_not_help() -> None:
    slower = figures(OTHER_DISK, create_us=2_000.0, flush_ms=900.0, commit_ms=60.0)
    found = by_id(metrics_window(**SLOW_DISK), known=[HERE, slower])["output-device"]
    assert not found.helps
    assert found.reason.startswith("It would change little")


def test_a_run_that_computes_gains_nothing_from_disks() -> None:
    found = by_id(metrics_window(cpu_ms=9.5, commit=(0.05, 0.001)))
    assert not any(
        found[name].helps for name in ("output-device", "catalog-device", "in-flight", "batches")
    )


def test_one_batch_at_a_time_is_too_little() -> None:
    naive = metrics_window(songs=700, store_ms=6.0, batch_size=100, in_flight_most=1)
    found = by_id(naive, run_settings(OTHER_DISK, workers=4, batch_size=100, in_flight=1))
    assert found["in-flight"].helps
    command = found["in-flight"].commands[0]
    assert shlex.split(command)[:5] == ["midiprism", "split", "/my songs", "-o", "/other"]
    assert f"--in-flight={found['in-flight'].changes['in_flight']}" in command
    assert "--batch-size=100" in command


def test_more_workers_at_a_disk_of_unknown_width_help_at_most() -> None:
    waiting = metrics_window(songs=1_000, store_ms=14.0)
    assert by_id(waiting, run_settings(OTHER_DISK))["workers"].at_most
    wide = figures(OTHER_DISK, create_us=100.0)
    assert not by_id(waiting, run_settings(OTHER_DISK), [wide])["workers"].at_most


def test_answers_that_take_long_are_shared_by_more_songs() -> None:
    distant = metrics_window(
        songs=700,
        commit=(0.1, 5.0),
        commits=7,
        round_trip=0.18,
        batch_size=100,
        in_flight_most=14,
    )
    found = by_id(distant, run_settings(OTHER_DISK, **SERVER))
    assert found["batches"].helps
    assert found["batches"].changes["batch_size"] > 100
    assert found["batches"].commands[0].endswith("--database postgresql://me@far/songs")
    assert found["sqlite"].helps
    assert found["sqlite"].changes == {"database": ""}
    assert found["sqlite"].commands == (
        "midiprism split '/my songs' -o /other-sqlite --by=auto --context=conductor",
    )
    assert found["catalog-device"].gain is None
    assert found["postgresql"].reason == "The catalog is in PostgreSQL already."


def test_shards_need_a_result_of_their_own() -> None:
    measured = by_id(metrics_window(**SLOW_DISK), known=[HERE])["parquet"]
    assert measured.helps
    assert not measured.at_most
    assert by_id(metrics_window(**SLOW_DISK))["parquet"].at_most
    assert measured.commands == (
        "midiprism split '/my songs' -o /disk/out-parquet --by=auto --context=conductor --store=parquet",
    )
    assert by_id(metrics_window(**SLOW_DISK), run_settings(store="parquet"))["parquet"].gain is None


def test_source_and_output_on_one_disk_are_better_apart() -> None:
    both = metrics_window(songs=1_000, read_ms=4.0, store_ms=4.0, device_busy_seconds={"sda1": 9.8})
    assert by_id(both, run_settings(source=DISK))["separate-devices"].helps
    assert by_id(both, run_settings(source=OTHER_DISK))["separate-devices"].gain is None


def test_commands_keep_what_was_asked_for() -> None:
    facts = run_settings(reading=["--archives", "--column=mu sic"], redo=True, workers=3)
    command = by_id(metrics_window(**SLOW_DISK), facts)["parquet"].commands[0]
    words = shlex.split(command)
    assert {"--archives", "--column=mu sic", "--redo", "--workers=3"} <= set(words)


@pytest.mark.parametrize("facts", [run_settings(), run_settings(**SERVER), run_settings(store="parquet")])
@pytest.mark.parametrize("known", [[], [HERE, THERE]])
def test_plans_build_on_each_other(facts: dict[str, Any], known: list[DiskSpeed]) -> None:
    measured = metrics_window(songs=500, store_ms=12.0, batch_size=100, in_flight_most=1, round_trip=0.02)
    first, second, third = plans_for(measured, facts, known)
    assert [it.name for it in (first, second, third)] == ["A", "B", "C"]
    assert set(first.strategies) <= {"workers", "batches", "in-flight"}
    assert 1 < first.gain <= second.gain * 1.02 <= third.gain * 1.03
    for plan in (first, second, third):
        assert plan.commands
        assert plan.rate == pytest.approx(measured.rate * plan.gain)
        assert plan.sentences[1].endswith(".")
        assert set(plan.changes) <= {
            *("workers", "batch_size", "in_flight", "output", "catalog", "store", "database"),
        }


def test_what_was_measured_goes_into_a_plan_before_what_was_not() -> None:
    plan = plans_for(metrics_window(**SLOW_DISK), run_settings(), [HERE, THERE])[1]
    assert not plan.at_most
    assert not plan.changes.get("output", "").startswith("NEW")


def test_a_plan_with_nothing_to_gain_says_so() -> None:
    plan = plans_for(metrics_window(cpu_ms=9.5, commit=(0.05, 0.001)), run_settings())[0]
    assert plan.strategies == ()
    assert plan.commands == ()
    assert plan.gain == pytest.approx(1)
    assert plan.sentences == ("There is nothing of the kind to gain.",)


def test_no_workers_are_added_to_take_processors_from_other_programs() -> None:
    costs = Costs(worker_cpu=0.001, cores=2, other_programs_cpu=2.0)
    beside, more = Tunables(2, 250, 36), Tunables(8, 250, 48)
    assert predicted_rate(costs, more) > 1.2 * predicted_rate(costs, beside)
    assert best_tunables(costs, beside, "workers", "in_flight") == beside
