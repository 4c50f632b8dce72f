import itertools
import random
import statistics
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from midiprism.advise.controller import Controller
from midiprism.advise.moves import LARGEST_BATCH, MOST_WORKERS, SONGS_IN_FLIGHT, Bounds
from midiprism.library import open_folders
from midiprism.run import Settings, split_library
from midiprism.run.machine import default_batch, default_in_flight
from midiprism.run.tuning import Knobs
from support.fake import BASS, PIANO, fake_split, song, write
from support.slow_parts import slow_store
from support.trouble import everything
from support.tuned import Paper, Simulation

SECONDS = 240
MOST_DECISIONS = 12

OF_THE_PROCESSOR = Paper()
SLOW_STORE = Paper(waits=0.02, width=8)
VERY_SLOW_STORE = Paper(waits=0.2, width=32)
SLOW_DISK = Paper(work=0.000_8, waits=0.000_6, width=3)
DISTANT = Paper(lease=0.3, commit=4.0)
FAR_AWAY = Paper(lease=1.2, commit=8.0, until_committed=2.0)
THROTTLED = Paper(work=0.000_3, waits=0.001_2, width=2)
LATE_COMMITS = Paper(until_committed=12.0, cores=8)
BIG = Paper(waits=0.01, width=200, cores=48)

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


def begun(paper: Paper, *, shared: bool) -> Knobs:
    """What the engine puts in force at first."""
    batch = default_batch(shared=shared)
    return Knobs(paper.cores, batch, default_in_flight(paper.cores, batch, shared=shared))


def grid(start: Knobs, *, shared: bool) -> Iterator[Knobs]:
    for workers, batch, times in itertools.product(
        (1, 2, 3, 4, 8, 16, 32, 64), (100, 250, 1_000, 4_000), (1, 2, 4)
    ):
        in_flight = times * default_in_flight(workers, batch, shared=shared)
        if in_flight * batch <= SONGS_IN_FLIGHT:
            yield Knobs(workers, batch, in_flight)


def within(knobs: Knobs, start: Knobs, cpus: int) -> bool:
    return (
        1 <= knobs.workers <= max(2 * cpus, MOST_WORKERS)
        and 100 <= knobs.batch_size <= LARGEST_BATCH
        and knobs.in_flight * knobs.batch_size <= SONGS_IN_FLIGHT
        and knobs.in_flight >= min(knobs.workers, start.in_flight)
    )


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("noise", [0.0, 0.1])
@pytest.mark.parametrize("shape", SHAPES)
def test_it_comes_near_the_best_of_a_grid_and_settles(shape: str, noise: float, seed: int) -> None:
    paper, shared = SHAPES[shape]
    start = begun(paper, shared=shared)
    run = Simulation(paper, start, Controller(Bounds(paper.cores, shared)), noise=noise, seed=seed)
    run.go(SECONDS)
    best = max(paper.rate(knobs) for knobs in [start, *grid(start, shared=shared)])
    assert paper.rate(run.knobs) >= 0.9 * best, run.decided
    assert len(run.decided) <= MOST_DECISIONS
    assert all(at < SECONDS / 2 for at, _ in run.decided), run.decided
    assert all(within(decision.knobs, start, paper.cores) for _, decision in run.decided)


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("noise", [0.05, 0.3])
def test_what_nothing_can_help_is_left_as_it_is(noise: float, seed: int) -> None:
    start = begun(OF_THE_PROCESSOR, shared=False)
    run = Simulation(OF_THE_PROCESSOR, start, Controller(Bounds(2)), noise=noise, seed=seed)
    run.go(SECONDS)
    assert run.decided == []


def test_a_slow_store_has_its_workers_soon() -> None:
    run = Simulation(SLOW_STORE, begun(SLOW_STORE, shared=False), Controller(Bounds(2)))
    run.go(15)
    assert max(run.rates) >= 0.9 * SLOW_STORE.width / SLOW_STORE.waits


def test_a_step_that_does_not_help_is_taken_back_and_not_tried_again() -> None:
    run = Simulation(SLOW_STORE, begun(SLOW_STORE, shared=False), Controller(Bounds(2)))
    run.go(SECONDS)
    workers = [decision.knobs.workers for _, decision in run.decided]
    assert workers[:1] == [8]
    assert workers[1] > 8
    assert workers[2:] == [8]
    assert "songs/s" in run.decided[-1][1].why


def test_a_step_that_helps_a_little_is_kept_once_the_rate_falls_again_without_it() -> None:
    start = begun(THROTTLED, shared=False)
    run = Simulation(THROTTLED, start, Controller(Bounds(2)))
    run.go(SECONDS)
    first, back, again, *_ = [decision for _, decision in run.decided]
    assert first.knobs == again.knobs
    assert first.knobs.workers > 2
    assert back.knobs == start
    assert "before, which may be chance" in back.why
    assert "again without" in again.why


@pytest.mark.parametrize("swing", [0.1, 0.2, 0.4])
def test_what_a_disk_does_by_itself_is_not_taken_for_a_gain(swing: float) -> None:
    start = begun(THROTTLED, shared=False)
    workers, rates = [], []
    for seed in range(20):
        run = Simulation(THROTTLED, start, Controller(Bounds(2)), noise=0.1, swing=swing, seed=seed)
        run.go(600)
        workers.append(run.knobs.workers)
        rates.append(THROTTLED.rate(run.knobs))
    assert statistics.median(workers) <= 8, workers  # where 3 are enough
    assert sum(number > 16 for number in workers) <= 4, workers
    assert statistics.median(rates) >= 0.9 * max(THROTTLED.rate(knobs) for knobs in grid(start, shared=False))


def test_processes_that_only_wait_are_ended() -> None:
    run = Simulation(THROTTLED, Knobs(32, 250, 96), Controller(Bounds(2)))
    run.go(SECONDS)
    assert run.knobs.workers <= 4
    assert THROTTLED.rate(run.knobs) >= 0.95 * THROTTLED.rate(Knobs(32, 250, 96))
    assert any("fewer of them may do as much" in decision.why for _, decision in run.decided)


@pytest.mark.parametrize(
    ("first", "then"),
    [(OF_THE_PROCESSOR, SLOW_STORE), (SLOW_STORE, OF_THE_PROCESSOR), (SLOW_STORE, VERY_SLOW_STORE)],
)
def test_when_something_else_limits_the_run_it_looks_again(first: Paper, then: Paper) -> None:
    run = Simulation(first, begun(first, shared=False), Controller(Bounds(2)), noise=0.05)
    run.go(SECONDS)
    before = len(run.decided)
    run.paper = then
    run.go(SECONDS)
    assert then.rate(run.knobs) >= 0.9 * max(then.rate(knobs) for knobs in grid(run.knobs, shared=False))
    assert 1 <= len(run.decided) - before <= MOST_DECISIONS
    assert all(at < 1.5 * SECONDS for at, _ in run.decided)


def test_processes_that_have_no_processor_are_ended() -> None:
    run = Simulation(OF_THE_PROCESSOR, Knobs(32, 250, 96), Controller(Bounds(2)))
    run.go(SECONDS)
    assert run.knobs.workers <= 4


def test_nothing_is_changed_for_the_sake_of_the_last_songs() -> None:
    total = 20 * round(SLOW_STORE.rate(Knobs(2, 250, 36)))
    run = Simulation(SLOW_STORE, begun(SLOW_STORE, shared=False), Controller(Bounds(2)), total=total)
    run.go(30)
    assert run.decided == []


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
        run = Simulation(paper, start, Controller(Bounds(paper.cores, shared, **fixed)), noise=0.2, seed=seed)
        run.go(120)
        for _, decision in run.decided:
            assert within(decision.knobs, start, paper.cores)
            for name in fixed:
                changed = getattr(decision.knobs, name) != getattr(start, name)
                assert name in free or not changed
                moved |= {name} if changed else set()
            if not fixed["in_flight"]:
                assert decision.knobs.workers <= max(start.workers, start.in_flight)
    assert moved == set(free) or free == ("batch_size",) or moved, "something was tried"


def test_memory_bounds_the_workers() -> None:
    run = Simulation(VERY_SLOW_STORE, begun(VERY_SLOW_STORE, shared=False), Controller(Bounds(2)))
    run._sample = replace(run._sample, available=3 * (250 << 20))
    run.go(20)
    (_, first), *_ = run.decided
    assert first.knobs.workers == 5


def test_it_is_there_only_where_something_is_left_to_it() -> None:
    assert Controller.of(Settings(workers=0)) is None
    assert Controller.of(Settings(workers=2, batch_parents=10, in_flight=4)) is None
    assert Controller.of(Settings(workers=2, in_flight=4)) is not None


@pytest.mark.slow
def test_a_run_with_a_slow_store_has_more_workers_than_processors(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("midiprism.run.machine.cpus", lambda: 2)
    files = {f"{n % 50}/{n}.mid": song(PIANO + str(n), BASS + str(n // 2)) for n in range(2_400)}
    source = write(tmp_path / "songs", files)
    told: list[str] = []
    settings = Settings(batch_parents=50)
    summary = split_library(
        open_folders([source]),
        str(tmp_path / "out"),
        settings,
        splitter=fake_split,
        opening=slow_store(0.02, 8),
        tuner=Controller.of(settings, told.append),
    )
    assert (summary.state, summary.parents_done) == ("done", 2_400)
    split_library(open_folders([source]), str(tmp_path / "whole"), Settings(workers=0), splitter=fake_split)
    assert everything(tmp_path / "out") == everything(tmp_path / "whole")
    assert told
    assert int(told[-1].split()[0]) > 2, told
