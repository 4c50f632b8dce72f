"""Tests of the controller, on simulated machines and in a real run."""

import itertools
import random
import statistics
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from midiprism.advise.tune.candidates import (
    MAX_BATCH_SIZE,
    MAX_SONGS_IN_FLIGHT,
    MAX_WORKERS,
    WORKER_MEMORY_BYTES,
    Bounds,
)
from midiprism.advise.tune.controller import Controller
from midiprism.pipeline.resource_defaults import default_batch_size, default_in_flight
from midiprism.pipeline.tuner import Tunables
from midiprism.sources import open_folders
from support.fake_songs import BASS, PIANO, fake_song, fake_split, write_files
from support.result_content import result_content
from support.runs import make_settings, run_source
from support.simulated_machine import MachineModel, RunSimulation, Variation
from support.slow_parts import open_with_slow_store

SECONDS = 240
MAX_DECISIONS = 12

FAST_DISKS = MachineModel()
SLOW_STORE = MachineModel(store_seconds=0.02, store_width=8)
VERY_SLOW_STORE = MachineModel(store_seconds=0.2, store_width=32)
SLOW_DISK = MachineModel(worker_seconds=0.000_8, store_seconds=0.000_6, store_width=3)
DISTANT_SERVER = MachineModel(lease_seconds=0.3, commit_seconds=4.0)
VERY_DISTANT_SERVER = MachineModel(lease_seconds=1.2, commit_seconds=8.0, commit_delay_seconds=2.0)
THROTTLED_STORE = MachineModel(worker_seconds=0.000_3, store_seconds=0.001_2, store_width=2)
LATE_COMMITS = MachineModel(commit_delay_seconds=12.0, cores=8)
MANY_CORES = MachineModel(store_seconds=0.01, store_width=200, cores=48)

MACHINES = {
    "fast disks": (FAST_DISKS, False),
    "slow store": (SLOW_STORE, False),
    "very slow store": (VERY_SLOW_STORE, False),
    "slow disk": (SLOW_DISK, False),
    "distant server": (DISTANT_SERVER, True),
    "very distant server": (VERY_DISTANT_SERVER, True),
    "late commits": (LATE_COMMITS, False),
    "many cores": (MANY_CORES, False),
}
"""Machines, and whether workers commit their own batches."""


def default_tunables(machine: MachineModel, *, workers_commit: bool = False) -> Tunables:
    """Return the settings with which a run begins."""
    batch_size = default_batch_size(shared=workers_commit)
    in_flight = default_in_flight(machine.cores, batch_size, shared=workers_commit)
    return Tunables(machine.cores, batch_size, in_flight)


def tunables_grid(*, workers_commit: bool = False) -> Iterator[Tunables]:
    for workers, batch_size, factor in itertools.product(
        (1, 2, 3, 4, 8, 16, 32, 64), (100, 250, 1_000, 4_000), (1, 2, 4)
    ):
        in_flight = factor * default_in_flight(workers, batch_size, shared=workers_commit)
        if in_flight * batch_size <= MAX_SONGS_IN_FLIGHT:
            yield Tunables(workers, batch_size, in_flight)


def best_rate(machine: MachineModel, *, workers_commit: bool = False) -> float:
    candidates = [
        default_tunables(machine, workers_commit=workers_commit),
        *tunables_grid(workers_commit=workers_commit),
    ]
    return max(machine.rate(tunables) for tunables in candidates)


def is_within_bounds(tunables: Tunables, start: Tunables, cpus: int) -> bool:
    return (
        1 <= tunables.workers <= max(2 * cpus, MAX_WORKERS)
        and 100 <= tunables.batch_size <= MAX_BATCH_SIZE
        and tunables.in_flight * tunables.batch_size <= MAX_SONGS_IN_FLIGHT
        and tunables.in_flight >= min(tunables.workers, start.in_flight)
    )


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("noise", [0.0, 0.1])
@pytest.mark.parametrize("name", MACHINES)
def test_it_gets_close_to_the_best_of_a_grid_and_settles(name: str, noise: float, seed: int) -> None:
    machine, workers_commit = MACHINES[name]
    start = default_tunables(machine, workers_commit=workers_commit)
    controller = Controller(Bounds(machine.cores, workers_commit))
    run = RunSimulation(machine, start, controller, Variation(noise=noise, seed=seed))
    run.advance(SECONDS)
    best = best_rate(machine, workers_commit=workers_commit)
    assert machine.rate(run.tunables) >= 0.9 * best, run.decisions
    assert len(run.decisions) <= MAX_DECISIONS
    assert all(time < SECONDS / 2 for time, _ in run.decisions), run.decisions
    assert all(is_within_bounds(decision.tunables, start, machine.cores) for _, decision in run.decisions)


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("noise", [0.05, 0.3])
def test_settings_that_cannot_be_improved_stay(noise: float, seed: int) -> None:
    start = default_tunables(FAST_DISKS)
    run = RunSimulation(FAST_DISKS, start, Controller(Bounds(2)), Variation(noise=noise, seed=seed))
    run.advance(SECONDS)
    assert run.decisions == []


def test_a_slow_store_soon_gets_enough_workers() -> None:
    run = RunSimulation(SLOW_STORE, default_tunables(SLOW_STORE), Controller(Bounds(2)))
    run.advance(15)
    assert max(run.rates) >= 0.9 * SLOW_STORE.store_width / SLOW_STORE.store_seconds


def test_a_change_that_does_not_help_is_taken_back_and_not_tried_again() -> None:
    run = RunSimulation(SLOW_STORE, default_tunables(SLOW_STORE), Controller(Bounds(2)))
    run.advance(SECONDS)
    workers = [decision.tunables.workers for _, decision in run.decisions]
    assert workers[:1] == [8]
    assert workers[1] > 8
    assert workers[2:] == [8]
    assert "songs/s" in run.decisions[-1][1].reason


def test_a_small_gain_is_kept_once_the_rate_falls_again_without_the_change() -> None:
    start = default_tunables(THROTTLED_STORE)
    run = RunSimulation(THROTTLED_STORE, start, Controller(Bounds(2)))
    run.advance(SECONDS)
    tried, taken_back, confirmed, *_ = [decision for _, decision in run.decisions]
    assert tried.tunables == confirmed.tunables
    assert tried.tunables.workers > 2
    assert taken_back.tunables == start
    assert "before, which may be chance" in taken_back.reason
    assert "again without" in confirmed.reason


@pytest.mark.parametrize("drift", [0.1, 0.2, 0.4])
def test_the_drift_of_a_disk_is_not_mistaken_for_a_gain(drift: float) -> None:
    start = default_tunables(THROTTLED_STORE)
    workers, rates = [], []
    for seed in range(20):
        variation = Variation(noise=0.1, drift=drift, seed=seed)
        run = RunSimulation(THROTTLED_STORE, start, Controller(Bounds(2)), variation)
        run.advance(600)
        workers.append(run.tunables.workers)
        rates.append(THROTTLED_STORE.rate(run.tunables))
    assert statistics.median(workers) <= 8, workers  # three would be enough
    assert sum(count > 16 for count in workers) <= 4, workers
    assert statistics.median(rates) >= 0.9 * best_rate(THROTTLED_STORE)


def test_workers_that_only_wait_are_ended() -> None:
    start = Tunables(32, 250, 96)
    run = RunSimulation(THROTTLED_STORE, start, Controller(Bounds(2)))
    run.advance(SECONDS)
    assert run.tunables.workers <= 4
    assert THROTTLED_STORE.rate(run.tunables) >= 0.95 * THROTTLED_STORE.rate(start)
    assert any("fewer workers may do as much" in decision.reason for _, decision in run.decisions)


@pytest.mark.parametrize(
    ("first", "second"),
    [(FAST_DISKS, SLOW_STORE), (SLOW_STORE, FAST_DISKS), (SLOW_STORE, VERY_SLOW_STORE)],
)
def test_a_new_bottleneck_makes_it_tune_again(first: MachineModel, second: MachineModel) -> None:
    run = RunSimulation(first, default_tunables(first), Controller(Bounds(2)), Variation(noise=0.05))
    run.advance(SECONDS)
    decisions_before = len(run.decisions)
    run.machine = second
    run.advance(SECONDS)
    assert second.rate(run.tunables) >= 0.9 * max(map(second.rate, tunables_grid()))
    assert 1 <= len(run.decisions) - decisions_before <= MAX_DECISIONS
    assert all(time < 1.5 * SECONDS for time, _ in run.decisions)


def test_workers_without_a_processor_are_ended() -> None:
    run = RunSimulation(FAST_DISKS, Tunables(32, 250, 96), Controller(Bounds(2)))
    run.advance(SECONDS)
    assert run.tunables.workers <= 4


def test_settings_do_not_change_for_the_last_songs() -> None:
    start = default_tunables(SLOW_STORE)
    songs_total = 20 * round(SLOW_STORE.rate(Tunables(2, 250, 36)))
    run = RunSimulation(SLOW_STORE, start, Controller(Bounds(2)), songs_total=songs_total)
    run.advance(30)
    assert run.decisions == []


SETTING_NAMES = ("workers", "batch_size", "in_flight")


@pytest.mark.parametrize(
    "adjustable", [names for count in (1, 2, 3) for names in itertools.combinations(SETTING_NAMES, count)]
)
def test_only_adjustable_settings_change_and_within_bounds(adjustable: tuple[str, ...]) -> None:
    rng = random.Random(str(adjustable))
    changed: set[str] = set()
    for seed in range(40):
        machine, workers_commit = rng.choice(list(MACHINES.values()))
        start = default_tunables(machine, workers_commit=workers_commit)
        if "in_flight" not in adjustable:
            start = replace(start, in_flight=rng.choice((start.workers, start.in_flight)))
        bounds = Bounds(
            machine.cores,
            workers_commit,
            workers_adjustable="workers" in adjustable,
            batch_size_adjustable="batch_size" in adjustable,
            in_flight_adjustable="in_flight" in adjustable,
        )
        run = RunSimulation(machine, start, Controller(bounds), Variation(noise=0.2, seed=seed))
        run.advance(120)
        for _, decision in run.decisions:
            assert is_within_bounds(decision.tunables, start, machine.cores)
            changed |= {
                name for name in SETTING_NAMES if getattr(decision.tunables, name) != getattr(start, name)
            }
            if "in_flight" not in adjustable:
                assert decision.tunables.workers <= max(start.workers, start.in_flight)
    assert changed == set(adjustable)


def test_memory_limits_the_workers() -> None:
    run = RunSimulation(
        VERY_SLOW_STORE,
        default_tunables(VERY_SLOW_STORE),
        Controller(Bounds(2)),
        available_bytes=3 * WORKER_MEMORY_BYTES,
    )
    run.advance(20)
    (_, decision), *_ = run.decisions
    assert decision.tunables.workers == 2 + 3


def test_there_is_a_controller_only_if_a_setting_is_left_to_it() -> None:
    assert Controller.from_settings(make_settings(workers=0)) is None
    assert Controller.from_settings(make_settings(workers=2, batch_songs=10, in_flight=4)) is None
    assert Controller.from_settings(make_settings(workers=2, in_flight=4)) is not None


@pytest.mark.nightly
def test_a_run_with_a_slow_store_gets_more_workers_than_processors(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("midiprism.pipeline.resource_defaults.cpus", lambda: 2)
    files = {f"{n % 50}/{n}.mid": fake_song(PIANO + str(n), BASS + str(n // 2)) for n in range(2_400)}
    source = write_files(tmp_path / "songs", files)
    decisions: list[str] = []
    settings = make_settings(batch_songs=50)
    summary = run_source(
        open_folders([source]),
        str(tmp_path / "out"),
        settings,
        splitter=fake_split,
        open_result=open_with_slow_store(0.02, 8),
        tuner=Controller.from_settings(settings, decisions.append),
    )
    assert (summary.state, summary.songs_done) == ("done", 2_400)
    run_source(
        open_folders([source]), str(tmp_path / "untuned"), make_settings(workers=0), splitter=fake_split
    )
    assert result_content(tmp_path / "out") == result_content(tmp_path / "untuned")
    assert decisions
    assert int(decisions[-1].split()[0]) > 2, decisions
