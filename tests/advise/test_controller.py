import itertools
import random
import statistics
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from midiprism.advise.tune.candidates import MAX_BATCH_SIZE, MAX_SONGS_IN_FLIGHT, MAX_WORKERS, Bounds
from midiprism.advise.tune.controller import Controller
from midiprism.pipeline.resource_defaults import default_batch_size, default_in_flight
from midiprism.pipeline.tuner import Tunables
from midiprism.sources import open_folders
from support.fake_songs import BASS, PIANO, fake_song, fake_split, write_files
from support.result_content import result_content
from support.runs import make_settings, run_source
from support.simulated_machine import MachineModel, RunSimulation
from support.slow_parts import open_with_slow_store

SECONDS = 240
MOST_DECISIONS = 12

OF_THE_PROCESSOR = MachineModel()
SLOW_STORE = MachineModel(store_seconds=0.02, store_width=8)
VERY_SLOW_STORE = MachineModel(store_seconds=0.2, store_width=32)
SLOW_DISK = MachineModel(worker_seconds=0.000_8, store_seconds=0.000_6, store_width=3)
DISTANT = MachineModel(lease_seconds=0.3, commit_seconds=4.0)
FAR_AWAY = MachineModel(lease_seconds=1.2, commit_seconds=8.0, commit_delay_seconds=2.0)
THROTTLED = MachineModel(worker_seconds=0.000_3, store_seconds=0.001_2, store_width=2)
LATE_COMMITS = MachineModel(commit_delay_seconds=12.0, cores=8)
BIG = MachineModel(store_seconds=0.01, store_width=200, cores=48)

SHAPES = {
    "processor": (OF_THE_PROCESSOR, False),
    "slow store": (SLOW_STORE, False),
    "very slow store": (VERY_SLOW_STORE, False),
    "slow disk": (SLOW_DISK, False),
    "distant catalogue": (DISTANT, True),
    "catalogue far away": (FAR_AWAY, True),
    "late commits": (LATE_COMMITS, False),
    "many processors": (BIG, False),
}


def begun(paper: MachineModel, *, shared: bool) -> Tunables:
    """What the engine puts in force at first."""
    batch = default_batch_size(shared=shared)
    return Tunables(paper.cores, batch, default_in_flight(paper.cores, batch, shared=shared))


def grid(start: Tunables, *, shared: bool) -> Iterator[Tunables]:
    for workers, batch, times in itertools.product(
        (1, 2, 3, 4, 8, 16, 32, 64), (100, 250, 1_000, 4_000), (1, 2, 4)
    ):
        in_flight = times * default_in_flight(workers, batch, shared=shared)
        if in_flight * batch <= MAX_SONGS_IN_FLIGHT:
            yield Tunables(workers, batch, in_flight)


def within(knobs: Tunables, start: Tunables, cpus: int) -> bool:
    return (
        1 <= knobs.workers <= max(2 * cpus, MAX_WORKERS)
        and 100 <= knobs.batch_size <= MAX_BATCH_SIZE
        and knobs.in_flight * knobs.batch_size <= MAX_SONGS_IN_FLIGHT
        and knobs.in_flight >= min(knobs.workers, start.in_flight)
    )


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("noise", [0.0, 0.1])
@pytest.mark.parametrize("shape", SHAPES)
def test_it_comes_near_the_best_of_a_grid_and_settles(shape: str, noise: float, seed: int) -> None:
    paper, shared = SHAPES[shape]
    start = begun(paper, shared=shared)
    run = RunSimulation(paper, start, Controller(Bounds(paper.cores, shared)), noise=noise, seed=seed)
    run.advance(SECONDS)
    best = max(paper.rate(knobs) for knobs in [start, *grid(start, shared=shared)])
    assert paper.rate(run.tunables) >= 0.9 * best, run.decisions
    assert len(run.decisions) <= MOST_DECISIONS
    assert all(at < SECONDS / 2 for at, _ in run.decisions), run.decisions
    assert all(within(decision.tunables, start, paper.cores) for _, decision in run.decisions)


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("noise", [0.05, 0.3])
def test_what_nothing_can_help_is_left_as_it_is(noise: float, seed: int) -> None:
    start = begun(OF_THE_PROCESSOR, shared=False)
    run = RunSimulation(OF_THE_PROCESSOR, start, Controller(Bounds(2)), noise=noise, seed=seed)
    run.advance(SECONDS)
    assert run.decisions == []


def test_a_slow_store_has_its_workers_soon() -> None:
    run = RunSimulation(SLOW_STORE, begun(SLOW_STORE, shared=False), Controller(Bounds(2)))
    run.advance(15)
    assert max(run.rates) >= 0.9 * SLOW_STORE.store_width / SLOW_STORE.store_seconds


def test_a_step_that_does_not_help_is_taken_back_and_not_tried_again() -> None:
    run = RunSimulation(SLOW_STORE, begun(SLOW_STORE, shared=False), Controller(Bounds(2)))
    run.advance(SECONDS)
    workers = [decision.tunables.workers for _, decision in run.decisions]
    assert workers[:1] == [8]
    assert workers[1] > 8
    assert workers[2:] == [8]
    assert "songs/s" in run.decisions[-1][1].reason


def test_a_step_that_helps_a_little_is_kept_once_the_rate_falls_again_without_it() -> None:
    start = begun(THROTTLED, shared=False)
    run = RunSimulation(THROTTLED, start, Controller(Bounds(2)))
    run.advance(SECONDS)
    first, back, again, *_ = [decision for _, decision in run.decisions]
    assert first.tunables == again.tunables
    assert first.tunables.workers > 2
    assert back.tunables == start
    assert "before, which may be chance" in back.reason
    assert "again without" in again.reason


@pytest.mark.parametrize("swing", [0.1, 0.2, 0.4])
def test_what_a_disk_does_by_itself_is_not_taken_for_a_gain(swing: float) -> None:
    start = begun(THROTTLED, shared=False)
    workers, rates = [], []
    for seed in range(20):
        run = RunSimulation(THROTTLED, start, Controller(Bounds(2)), noise=0.1, swing=swing, seed=seed)
        run.advance(600)
        workers.append(run.tunables.workers)
        rates.append(THROTTLED.rate(run.tunables))
    assert statistics.median(workers) <= 8, workers  # where 3 are enough
    assert sum(number > 16 for number in workers) <= 4, workers
    assert statistics.median(rates) >= 0.9 * max(THROTTLED.rate(knobs) for knobs in grid(start, shared=False))


def test_processes_that_only_wait_are_ended() -> None:
    run = RunSimulation(THROTTLED, Tunables(32, 250, 96), Controller(Bounds(2)))
    run.advance(SECONDS)
    assert run.tunables.workers <= 4
    assert THROTTLED.rate(run.tunables) >= 0.95 * THROTTLED.rate(Tunables(32, 250, 96))
    assert any("fewer of them may do as much" in decision.reason for _, decision in run.decisions)


@pytest.mark.parametrize(
    ("first", "then"),
    [(OF_THE_PROCESSOR, SLOW_STORE), (SLOW_STORE, OF_THE_PROCESSOR), (SLOW_STORE, VERY_SLOW_STORE)],
)
def test_when_something_else_limits_the_run_it_looks_again(first: MachineModel, then: MachineModel) -> None:
    run = RunSimulation(first, begun(first, shared=False), Controller(Bounds(2)), noise=0.05)
    run.advance(SECONDS)
    before = len(run.decisions)
    run.machine = then
    run.advance(SECONDS)
    assert then.rate(run.tunables) >= 0.9 * max(
        then.rate(knobs) for knobs in grid(run.tunables, shared=False)
    )
    assert 1 <= len(run.decisions) - before <= MOST_DECISIONS
    assert all(at < 1.5 * SECONDS for at, _ in run.decisions)


def test_processes_that_have_no_processor_are_ended() -> None:
    run = RunSimulation(OF_THE_PROCESSOR, Tunables(32, 250, 96), Controller(Bounds(2)))
    run.advance(SECONDS)
    assert run.tunables.workers <= 4


def test_nothing_is_changed_for_the_sake_of_the_last_songs() -> None:
    total = 20 * round(SLOW_STORE.rate(Tunables(2, 250, 36)))
    run = RunSimulation(SLOW_STORE, begun(SLOW_STORE, shared=False), Controller(Bounds(2)), total=total)
    run.advance(30)
    assert run.decisions == []


@pytest.mark.parametrize(
    "free", [c for n in (1, 2, 3) for c in itertools.combinations(("workers", "batch_size", "in_flight"), n)]
)
def test_what_is_fixed_is_never_touched_and_bounds_hold(free: tuple[str, ...]) -> None:
    dice = random.Random(str(free))
    fixed = {name: name in free for name in ("workers", "batch_size", "in_flight")}
    moved: set[str] = set()
    for seed in range(40):
        paper, shared = dice.choice(list(SHAPES.values()))
        start = begun(paper, shared=shared)
        if not fixed["in_flight"]:
            start = replace(start, in_flight=dice.choice((start.workers, start.in_flight)))
        run = RunSimulation(
            paper, start, Controller(Bounds(paper.cores, shared, **fixed)), noise=0.2, seed=seed
        )
        run.advance(120)
        for _, decision in run.decisions:
            assert within(decision.tunables, start, paper.cores)
            for name in fixed:
                changed = getattr(decision.tunables, name) != getattr(start, name)
                assert name in free or not changed
                moved |= {name} if changed else set()
            if not fixed["in_flight"]:
                assert decision.tunables.workers <= max(start.workers, start.in_flight)
    assert moved == set(free) or free == ("batch_size",) or moved, "something was tried"


def test_memory_bounds_the_workers() -> None:
    run = RunSimulation(VERY_SLOW_STORE, begun(VERY_SLOW_STORE, shared=False), Controller(Bounds(2)))
    run._sample = replace(run._sample, available_bytes=3 * (250 << 20))
    run.advance(20)
    (_, first), *_ = run.decisions
    assert first.tunables.workers == 5


def test_it_is_there_only_where_something_is_left_to_it() -> None:
    assert Controller.from_settings(make_settings(workers=0)) is None
    assert Controller.from_settings(make_settings(workers=2, batch_songs=10, in_flight=4)) is None
    assert Controller.from_settings(make_settings(workers=2, in_flight=4)) is not None


@pytest.mark.slow
def test_a_run_with_a_slow_store_has_more_workers_than_processors(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("midiprism.pipeline.resource_defaults.cpus", lambda: 2)
    files = {f"{n % 50}/{n}.mid": fake_song(PIANO + str(n), BASS + str(n // 2)) for n in range(2_400)}
    source = write_files(tmp_path / "songs", files)
    told: list[str] = []
    settings = make_settings(batch_songs=50)
    summary = run_source(
        open_folders([source]),
        str(tmp_path / "out"),
        settings,
        splitter=fake_split,
        open_result=open_with_slow_store(0.02, 8),
        tuner=Controller.from_settings(settings, told.append),
    )
    assert (summary.state, summary.songs_done) == ("done", 2_400)
    run_source(open_folders([source]), str(tmp_path / "whole"), make_settings(workers=0), splitter=fake_split)
    assert result_content(tmp_path / "out") == result_content(tmp_path / "whole")
    assert told
    assert int(told[-1].split()[0]) > 2, told
