"""Tests of strategies and plans: their gains and their commands."""

import shlex
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest

from midiprism.advise.model.costs import Costs
from midiprism.advise.model.optimizer import best_tunables
from midiprism.advise.model.run_facts import RunFacts
from midiprism.advise.model.throughput import predicted_rate
from midiprism.advise.probe.disk_results import DiskSpeed
from midiprism.advise.report.explanations import (
    DEVICE_STRATEGIES,
    RESTART_RISK,
    STRATEGY_INFO,
    join_risks,
)
from midiprism.advise.report.strategies import RunModel, Strategy, model_run, plans_for, strategies_for
from midiprism.metrics.snapshot import RunSample, SampleWindow
from midiprism.pipeline.tuner import Tunables
from support.disk_speeds import make_disk_speed
from support.metrics_samples import DISK, OTHER_DISK, metrics_window, run_facts

SLOW_DISK: dict[str, Any] = {"songs": 800, "store_ms": 9.0, "device_busy_seconds": {"sda1": 9.5}}
ON_SERVER: dict[str, Any] = {"database": "--database postgresql://me@far/songs"}
SLOW_SPEED = make_disk_speed(DISK, create_us=900.0, flush_ms=400.0, commit_ms=30.0)
FAST_SPEED = make_disk_speed(OTHER_DISK, create_us=60.0)


def model_of(
    window: SampleWindow, facts: RunFacts | None = None, disk_speeds: Sequence[DiskSpeed] = ()
) -> RunModel:
    model = model_run(window, facts or run_facts(), disk_speeds)
    assert model is not None
    return model


def strategies_by_id(
    window: SampleWindow, facts: RunFacts | None = None, disk_speeds: Sequence[DiskSpeed] = ()
) -> dict[str, Strategy]:
    return {strategy.id: strategy for strategy in strategies_for(model_of(window, facts, disk_speeds))}


def test_every_strategy_has_a_reason() -> None:
    for window in (metrics_window(**SLOW_DISK), metrics_window()):
        strategies = strategies_for(model_of(window))
        assert {it.id for it in strategies} == set(STRATEGY_INFO)
        assert all(it.reason.endswith(".") and it.risk.endswith(".") for it in strategies)
        assert all(it.helps == (it.gain is not None and it.gain >= 1.05) for it in strategies)
        gains = [it.gain for it in strategies if it.helps and it.gain is not None]
        assert gains == sorted(gains, reverse=True)


def test_other_programs_that_keep_processors_busy_come_first_with_the_gain_without_them() -> None:
    window = metrics_window(other_cores=1.4, cores=2)
    first = strategies_for(model_of(window, run_facts(cpus=2)))[0]
    assert (first.id, first.helps, first.commands) == ("other-programs", True, ())
    assert first.gain is not None
    assert 1.2 < first.gain < 4
    assert first.reason == "Other programs kept 1.4 of the 2 processors busy."


def test_without_songs_nothing_is_predicted() -> None:
    nothing = SampleWindow(RunSample(), RunSample(elapsed_seconds=1.0))
    assert model_run(nothing, run_facts()) is None


def test_the_gain_of_an_unmeasured_disk_is_an_upper_bound() -> None:
    strategy = strategies_by_id(metrics_window(**SLOW_DISK))["output-device"]
    assert strategy.helps
    assert strategy.upper_bound
    assert strategy.probe_command == "midiprism probe"
    assert strategy.changes == {"output": "NEW"}
    assert strategy.commands[0] == "midiprism relocate /disk/out NEW"


def test_a_measured_disk_is_named() -> None:
    strategy = strategies_by_id(metrics_window(**SLOW_DISK), disk_speeds=[SLOW_SPEED, FAST_SPEED])[
        "output-device"
    ]
    assert strategy.helps
    assert not strategy.upper_bound
    assert strategy.gain is not None
    assert strategy.gain > 2
    assert strategy.commands == (
        "midiprism relocate /disk/out /other/out",
        "midiprism split '/my songs' -o /other/out",
    )


def test_a_slower_disk_does_not_help() -> None:
    slower = make_disk_speed(OTHER_DISK, create_us=2_000.0, flush_ms=900.0, commit_ms=60.0)
    strategy = strategies_by_id(metrics_window(**SLOW_DISK), disk_speeds=[SLOW_SPEED, slower])[
        "output-device"
    ]
    assert not strategy.helps
    assert strategy.reason.startswith("It would change little")


def test_faster_disks_do_not_help_a_run_that_computes() -> None:
    strategies = strategies_by_id(metrics_window(cpu_ms=9.5, commit_cpu_ms=0.05, commit_wait=0.001))
    assert not any(
        strategies[name].helps for name in ("output-device", "catalog-device", "in-flight", "batches")
    )


def test_more_batches_in_flight_help_a_run_with_one_at_a_time() -> None:
    window = metrics_window(songs=700, store_ms=6.0, batch_size=100, in_flight_limit=1)
    strategies = strategies_by_id(window, run_facts(OTHER_DISK, workers=4, batch_size=100, in_flight=1))
    assert strategies["in-flight"].helps
    command = strategies["in-flight"].commands[0]
    assert shlex.split(command)[:5] == ["midiprism", "split", "/my songs", "-o", "/other"]
    assert f"--in-flight={strategies['in-flight'].changes['in_flight']}" in command
    assert "--batch-size=100" in command


def test_the_gain_of_more_workers_on_a_disk_of_unknown_concurrency_is_an_upper_bound() -> None:
    window = metrics_window(songs=1_000, store_ms=14.0)
    assert strategies_by_id(window, run_facts(OTHER_DISK))["workers"].upper_bound
    wide = make_disk_speed(OTHER_DISK, create_us=100.0)
    assert not strategies_by_id(window, run_facts(OTHER_DISK), [wide])["workers"].upper_bound


def test_larger_batches_or_sqlite_help_with_a_distant_server() -> None:
    window = metrics_window(
        songs=700,
        commit_cpu_ms=0.1,
        commit_wait=5.0,
        commits=7,
        round_trip=0.18,
        batch_size=100,
        in_flight_limit=14,
    )
    strategies = strategies_by_id(window, run_facts(OTHER_DISK, **ON_SERVER))
    assert strategies["batches"].helps
    assert strategies["batches"].changes["batch_size"] > 100
    assert strategies["batches"].commands[0].endswith("--database postgresql://me@far/songs")
    assert strategies["sqlite"].helps
    assert strategies["sqlite"].changes == {"database": ""}
    assert strategies["sqlite"].commands == (
        "midiprism split '/my songs' -o /other-sqlite --by=auto --context=conductor",
    )
    assert strategies["catalog-device"].gain is None
    assert strategies["postgresql"].reason == "The catalog is in PostgreSQL already."


def test_parquet_needs_a_new_result() -> None:
    measured = strategies_by_id(metrics_window(**SLOW_DISK), disk_speeds=[SLOW_SPEED])["parquet"]
    assert measured.helps
    assert not measured.upper_bound
    assert strategies_by_id(metrics_window(**SLOW_DISK))["parquet"].upper_bound
    assert measured.commands == (
        "midiprism split '/my songs' -o /disk/out-parquet --by=auto --context=conductor --store=parquet",
    )
    assert strategies_by_id(metrics_window(**SLOW_DISK), run_facts(store="parquet"))["parquet"].gain is None


def test_separate_devices_help_where_one_disk_serves_source_and_output() -> None:
    window = metrics_window(songs=1_000, read_ms=4.0, store_ms=4.0, device_busy_seconds={"sda1": 9.8})
    assert strategies_by_id(window, run_facts(source=DISK))["separate-devices"].helps
    assert strategies_by_id(window, run_facts(source=OTHER_DISK))["separate-devices"].gain is None


def test_commands_keep_the_options_of_the_run() -> None:
    facts = run_facts(source_options=["--archives", "--column=mu sic"], redo=True, workers=3)
    command = strategies_by_id(metrics_window(**SLOW_DISK), facts)["parquet"].commands[0]
    arguments = shlex.split(command)
    assert {"--archives", "--column=mu sic", "--redo", "--workers=3"} <= set(arguments)


@pytest.mark.parametrize("facts", [run_facts(), run_facts(**ON_SERVER), run_facts(store="parquet")])
@pytest.mark.parametrize("known", [[], [SLOW_SPEED, FAST_SPEED]])
def test_each_plan_includes_the_gains_of_the_previous_one(facts: RunFacts, known: list[DiskSpeed]) -> None:
    window = metrics_window(songs=500, store_ms=12.0, batch_size=100, in_flight_limit=1, round_trip=0.02)
    first, second, third = plans_for(model_of(window, facts, known))
    assert [plan.name for plan in (first, second, third)] == ["A", "B", "C"]
    assert set(first.strategies) <= {"workers", "batches", "in-flight"}
    assert 1 < first.gain <= second.gain * 1.02 <= third.gain * 1.03
    for plan in (first, second, third):
        assert plan.commands
        assert plan.rate == pytest.approx(window.rate * plan.gain)
        assert plan.sentences[1].endswith(".")
        assert set(plan.changes) <= {
            *("workers", "batch_size", "in_flight", "output", "catalog", "store", "database"),
        }


def test_plans_prefer_changes_that_were_measured() -> None:
    plan = plans_for(model_of(metrics_window(**SLOW_DISK), disk_speeds=[SLOW_SPEED, FAST_SPEED]))[1]
    assert not plan.upper_bound
    assert not plan.changes.get("output", "").startswith("NEW")


def test_a_plan_with_nothing_to_gain_says_so() -> None:
    plan = plans_for(model_of(metrics_window(cpu_ms=9.5, commit_cpu_ms=0.05, commit_wait=0.001)))[0]
    assert plan.strategies == ()
    assert plan.commands == ()
    assert plan.gain == pytest.approx(1)
    assert plan.sentences == ("Nothing of this kind would make the run faster.",)


def test_workers_are_not_added_to_take_processors_from_other_programs() -> None:
    costs = Costs(worker_cpu=0.001, cores=2, other_programs_cpu=2.0)
    few, many = Tunables(2, 250, 36), Tunables(8, 250, 48)
    assert predicted_rate(costs, many) > 1.2 * predicted_rate(costs, few)
    assert best_tunables(costs, few, ["workers", "in_flight"]) == few


def test_the_risks_of_a_plan_do_not_contradict_each_other() -> None:
    assert join_risks(["workers", "batches"]) == RESTART_RISK
    assert join_risks(["workers", "parquet"]) == STRATEGY_INFO["parquet"].risk
    assert join_risks([]) == ""


def test_a_plan_leaves_settings_that_contribute_nothing_as_they_are(monkeypatch: pytest.MonkeyPatch) -> None:
    run = model_of(metrics_window(**SLOW_DISK))
    useless = replace(run.tunables, in_flight=run.tunables.in_flight + 1)
    monkeypatch.setattr("midiprism.advise.report.strategies.best_tunables", lambda *_arguments: useless)
    (first, *_) = plans_for(run)
    assert (first.strategies, first.commands) == ((), ())


def test_no_plan_moves_a_result_that_was_moved_after_the_run() -> None:
    speeds = [SLOW_SPEED, FAST_SPEED]
    window = metrics_window(**SLOW_DISK)
    run = model_of(window, replace(run_facts(), moved=True, out="/new/out"), speeds)
    moves = [strategy for strategy in strategies_for(run) if strategy.id in DEVICE_STRATEGIES]
    assert {strategy.reason for strategy in moves} == {
        "The result was moved after this run: the next run shows how fast it is there."
    }
    assert not DEVICE_STRATEGIES & {name for plan in plans_for(run) for name in plan.strategies}
    commands = [command for plan in plans_for(run) for command in plan.commands]
    assert commands
    assert all(" -o /new/out" in command and "/disk/out" not in command for command in commands)
