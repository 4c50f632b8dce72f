"""Tests of the predicted rate: its properties, and its agreement with simulated runs."""

import math
import random
import statistics
from collections.abc import Iterator
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from midiprism.advise.model.costs import COMMIT_ROUND_TRIPS, Costs, DeviceBusy
from midiprism.advise.model.run_facts import RunFacts
from midiprism.advise.model.throughput import predicted_rate, tunables_of
from midiprism.metrics.snapshot import RunSample, SampleWindow
from midiprism.pipeline.tuner import Tunables
from support.nightly import NIGHTLY
from support.pipeline_simulation import simulate_rate

MS = 0.001
BUSY = Costs(
    worker_cpu=1 * MS, coordinator_cpu=0.05 * MS, cores=4, flush_per_song=0.05 * MS, commit_per_song=0.1 * MS
)
DISTANT = replace(BUSY, round_trip=20 * MS, commit_fixed=COMMIT_ROUND_TRIPS * 20 * MS, workers_commit=True)

CASES = {
    "one batch at a time, a slow disk": (
        replace(BUSY, output_wait=6 * MS, flush_fixed=20 * MS, commit_fixed=30 * MS),
        Tunables(4, 100, 1),
    ),
    "one batch at a time, a distant server": (
        replace(DISTANT, output_wait=2 * MS),
        Tunables(2, 100, 1),
    ),
    "a distant server, enough in flight": (DISTANT, Tunables(4, 1_000, 14)),
    "a distant server that is asked": (
        replace(DISTANT, queries_catalog=True),
        Tunables(4, 1_000, 14),
    ),
    "a very distant server": (
        replace(BUSY, round_trip=0.2, commit_fixed=COMMIT_ROUND_TRIPS * 0.2, workers_commit=True),
        Tunables(4, 1_000, 14),
    ),
    "many workers at a narrow disk": (
        replace(BUSY, output_wait=5 * MS, output_concurrency=2),
        Tunables(16, 250, 64),
    ),
    "as many workers as processors": (BUSY, Tunables(4, 250, 40)),
    "more workers than processors": (BUSY, Tunables(8, 250, 48)),
    "a source far away": (replace(BUSY, source_wait=8 * MS), Tunables(8, 250, 48)),
    "source and output narrow": (
        replace(BUSY, source_wait=2 * MS, source_concurrency=1, output_wait=3 * MS, output_concurrency=2),
        Tunables(8, 250, 48),
    ),
    "a slow coordinator": (
        replace(BUSY, worker_cpu=0.3 * MS, coordinator_cpu=0.5 * MS),
        Tunables(4, 250, 40),
    ),
    "slow commits": (replace(BUSY, commit_per_song=0.8 * MS), Tunables(4, 250, 40)),
    "as much in flight as is committed at once": (
        replace(BUSY, flush_per_song=0.3 * MS, commit_fixed=200 * MS),
        Tunables(4, 100, 40),
    ),
    "songs so slow that two seconds make a group": (replace(BUSY, output_wait=20 * MS), Tunables(2, 100, 20)),
    "one worker": (replace(BUSY, output_wait=1 * MS), Tunables(1, 250, 34)),
    "a batch is all of a group": (replace(BUSY, output_wait=1 * MS), Tunables(2, 4_000, 6)),
}


@pytest.mark.parametrize("variation", ["deterministic", "exponential"])
@pytest.mark.parametrize("case", CASES)
def test_predictions_match_simulations_with_one_bottleneck(case: str, variation: str) -> None:
    costs, tunables = CASES[case]
    simulated = simulate_rate(costs, tunables, variation, groups=20)
    assert predicted_rate(costs, tunables) == pytest.approx(simulated, rel=0.15)


def random_cases(cases: int, seed: int) -> Iterator[tuple[Costs, Tunables]]:
    """Yield random costs and settings, most of them unusual."""
    rng = random.Random(seed)
    for _ in range(cases):
        workers_commit = rng.random() < 0.5
        round_trip = rng.choice([0, 0.001, 0.02, 0.1, 0.2]) if workers_commit else 0.0
        commit_each = rng.choice([0.02, 0.1, 0.3]) * MS
        worker_cpu = rng.choice([0.3, 1, 3]) * MS
        costs = Costs(
            worker_cpu=worker_cpu,
            commit_client_cpu=0.3 * worker_cpu if workers_commit else 0.0,
            source_wait=rng.choice([0, 0, 0.2, 2]) * MS,
            output_wait=rng.choice([0, 0.5, 3, 10]) * MS,
            coordinator_cpu=rng.choice([0.02, 0.05, 0.1, 0.2]) * MS,
            commit_cpu=0.0 if workers_commit else 0.8 * commit_each,
            cores=rng.choice([1, 2, 4, 8]),
            flush_fixed=rng.choice([0, 0.02, 0.1]),
            flush_per_song=rng.choice([0, 0.05, 0.3]) * MS,
            commit_fixed=COMMIT_ROUND_TRIPS * round_trip + 3 * MS
            if workers_commit
            else rng.choice([0.001, 0.02, 0.2]),
            commit_per_song=commit_each,
            round_trip=round_trip,
            workers_commit=workers_commit,
            queries_catalog=workers_commit and rng.random() < 0.3,
            source_concurrency=rng.choice([None, 1, 8]),
            output_concurrency=rng.choice([None, 1, 2, 4, 8]),
        )
        workers, batch = rng.choice([1, 2, 4, 8, 16]), rng.choice([100, 250, 1_000, 4_000])
        yield costs, Tunables(workers, batch, rng.choice([1, 2, 4, 8, 16, 40]))


@pytest.mark.slow
@pytest.mark.parametrize(
    "variation", [pytest.param("deterministic", marks=pytest.mark.nightly), "exponential"]
)
def test_predictions_match_nearly_all_simulations(variation: str) -> None:
    errors = sorted(
        abs(predicted_rate(costs, tunables) / simulate_rate(costs, tunables, variation, groups=15) - 1)
        for costs, tunables in random_cases(120 if NIGHTLY else 40, 11)
    )
    assert statistics.median(errors) < 0.03
    assert sum(error > 0.15 for error in errors) <= 0.05 * len(errors)
    assert errors[-1] < 0.45


def seconds(most: float) -> st.SearchStrategy[float]:
    return st.one_of(st.just(0.0), st.floats(most / 1_000, most))


CONCURRENCIES = st.one_of(st.none(), st.floats(1.0, 8.0))
COSTS = st.builds(
    Costs,
    worker_cpu=st.floats(0.000_1, 0.01),
    source_wait=seconds(0.02),
    output_wait=seconds(0.02),
    coordinator_cpu=seconds(0.000_1),
    commit_cpu=seconds(0.000_1),
    server_cpu=seconds(0.000_1),
    other_programs_cpu=st.floats(0.0, 0.9),
    cores=st.floats(1.0, 16.0),
    flush_fixed=seconds(0.1),
    flush_per_song=seconds(0.001),
    commit_fixed=seconds(3.0),
    commit_per_song=seconds(0.001),
    round_trip=seconds(0.2),
    workers_commit=st.booleans(),
    queries_catalog=st.booleans(),
    source_concurrency=CONCURRENCIES,
    output_concurrency=CONCURRENCIES,
    device_busy=st.lists(
        st.builds(DeviceBusy, st.sampled_from("ab"), st.just("output"), seconds(0.01)), max_size=3
    ).map(tuple),
)
TUNABLES = st.builds(Tunables, st.integers(0, 100), st.integers(1, 10_000), st.integers(1, 200))
COST_FIELDS = (
    *(
        "worker_cpu",
        "source_wait",
        "output_wait",
        "coordinator_cpu",
        "commit_cpu",
        "server_cpu",
        "other_programs_cpu",
    ),
    *("flush_fixed", "flush_per_song", "commit_fixed", "commit_per_song", "round_trip"),
)


@given(COSTS, TUNABLES, st.sampled_from(COST_FIELDS), st.floats(0.0, 1.0))
def test_lower_costs_are_never_slower(costs: Costs, tunables: Tunables, name: str, factor: float) -> None:
    before = predicted_rate(costs, tunables)
    assert 0 < before < math.inf
    assert predicted_rate(replace(costs, **{name: getattr(costs, name) * factor}), tunables) >= before * (
        1 - 1e-9
    )


@given(
    COSTS,
    TUNABLES,
    st.sampled_from(["cores", "source_concurrency", "output_concurrency"]),
    st.floats(1.0, 4.0),
)
def test_more_concurrency_is_never_slower(costs: Costs, tunables: Tunables, name: str, factor: float) -> None:
    concurrency = getattr(costs, name)
    wider = replace(costs, **{name: concurrency and concurrency * factor})
    assert predicted_rate(wider, tunables) >= predicted_rate(costs, tunables) * (1 - 1e-9)


@given(TUNABLES)
def test_free_songs_give_a_high_but_finite_rate(tunables: Tunables) -> None:
    assert 1e5 < predicted_rate(Costs(), tunables) < math.inf


def test_a_busy_device_bounds_the_rate() -> None:
    costs = replace(
        BUSY, device_busy=(DeviceBusy("sda", "source", 2 * MS), DeviceBusy("sda", "output", 3 * MS))
    )
    assert predicted_rate(costs, Tunables(4, 250, 40)) == pytest.approx(200)


def test_other_programs_share_the_processors() -> None:
    few, many = Tunables(1, 250, 8), Tunables(8, 250, 80)
    assert predicted_rate(replace(BUSY, other_programs_cpu=2.0), few) == pytest.approx(
        predicted_rate(replace(BUSY, cores=2.0), few), rel=0.1
    )
    assert predicted_rate(replace(BUSY, other_programs_cpu=8.0), many) == pytest.approx(
        predicted_rate(replace(BUSY, cores=2.0), many), rel=0.05
    )


def test_a_single_process_does_one_step_after_the_other() -> None:
    costs = replace(BUSY, output_wait=1 * MS, flush_fixed=0.0, commit_fixed=0.4)
    assert 1 / predicted_rate(costs, Tunables(0, 250, 1)) == pytest.approx(
        (1 + 1 + 0.05 + 0.05 + 0.1 + 400 / 250) * MS
    )


def test_settings_come_from_the_last_sample_or_the_defaults() -> None:
    last = RunSample(elapsed_seconds=1.0, workers=3, batch_size=70, in_flight_limit=9)
    assert tunables_of(SampleWindow(RunSample(), last), RunFacts()) == Tunables(3, 70, 9)
    window = SampleWindow(RunSample(), RunSample(elapsed_seconds=1.0, workers=3))
    assert tunables_of(window, RunFacts(database_options="--database x")) == Tunables(3, 1_000, 11)
