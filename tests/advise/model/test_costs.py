"""Tests of the costs of a song, from the samples of a run."""

from collections.abc import Sequence
from dataclasses import replace

import pytest

from midiprism.advise.model.costs import COMMIT_ROUND_TRIPS, Costs, DeviceBusy, measure_costs
from midiprism.advise.model.run_facts import RunFacts, concurrency_of
from midiprism.advise.model.throughput import predicted_rate
from midiprism.advise.probe.disk_results import DiskSpeed
from midiprism.metrics.snapshot import RunSample, SampleWindow
from midiprism.pipeline.tuner import Tunables
from support.disk_speeds import make_disk_speed
from support.metrics_samples import DISK, LOCAL_SERVER, OTHER_DISK, metrics_window, run_facts
from support.pipeline_simulation import simulate_rate, simulate_run

MS = 0.001


def costs_of(
    window: SampleWindow, facts: RunFacts | None = None, disk_speeds: Sequence[DiskSpeed] = ()
) -> Costs:
    costs = measure_costs(window, facts or run_facts(), disk_speeds)
    assert costs is not None
    return costs


def test_costs_are_measured_times_divided_by_songs() -> None:
    costs = costs_of(
        metrics_window(
            cpu_ms=2.0, read_ms=0.5, coordinator_ms=0.05, commit_cpu_ms=0.1, commit_wait=0.02, flush_ms=0.05
        ),
        run_facts(OTHER_DISK),
    )
    assert costs.worker_cpu == pytest.approx(2 * MS)
    assert costs.store_cpu == pytest.approx(0.2 * MS)
    assert costs.source_wait == pytest.approx(0.5 * MS)
    assert costs.coordinator_cpu == pytest.approx(0.05 * MS)
    assert costs.commit_cpu == pytest.approx(0.1 * MS)
    assert (costs.commit_fixed, costs.commit_per_song) == pytest.approx((0.02, 0.1 * MS))
    assert (costs.flush_fixed, costs.flush_per_song) == pytest.approx((0.0, 0.05 * MS))
    assert (costs.tracks, costs.tracks_new) == (8, 5)
    assert (costs.cores, costs.other_programs_cpu, costs.server_cpu) == pytest.approx((4, 0, 0))
    assert costs.device_busy == ()


def test_background_work_of_the_coordinator_is_not_a_cost_of_songs() -> None:
    window = metrics_window(coordinator_ms=0.05)
    waiting = replace(window, last=replace(window.last, metering_cpu=0.01, polling_cpu=0.04))
    assert costs_of(waiting).coordinator_cpu == pytest.approx(costs_of(window).coordinator_cpu - 0.05 / 4_000)


def test_a_window_without_songs_has_no_costs() -> None:
    assert measure_costs(metrics_window(songs=0), run_facts()) is None


def test_optional_facts_may_be_missing() -> None:
    costs = costs_of(
        SampleWindow(RunSample(), RunSample(elapsed_seconds=1.0, songs=10, workers=2)), RunFacts()
    )
    assert predicted_rate(costs, Tunables(2, 250, 36)) > 0


def test_on_a_server_round_trips_are_fixed_and_workers_compute_commits() -> None:
    costs = costs_of(
        metrics_window(commit_cpu_ms=0.1, commit_wait=2.0, commits=4, round_trip=0.05),
        run_facts(database="--database postgresql://h/d"),
    )
    assert costs.commit_fixed == pytest.approx(COMMIT_ROUND_TRIPS * 0.05)
    assert costs.commit_per_song == pytest.approx((2.0 - COMMIT_ROUND_TRIPS * 0.05) / 1_000)
    assert (costs.commit_cpu, costs.commit_client_cpu) == pytest.approx((0, 0.1 * MS))


def test_waiting_for_queries_of_the_catalog_is_not_waiting_for_the_disk() -> None:
    facts = run_facts(OTHER_DISK, database="--database postgresql://h/d")
    first_run = costs_of(metrics_window(store_ms=4.0, round_trip=0.02), facts)
    rerun = costs_of(metrics_window(store_ms=4.0, round_trip=0.02, songs_skipped=9), facts)
    assert not first_run.queries_catalog
    assert rerun.queries_catalog
    assert first_run.output_wait - rerun.output_wait == pytest.approx(3 * 0.02 / 32)


def test_a_server_on_this_machine_takes_processor_time() -> None:
    facts = run_facts(server=LOCAL_SERVER, database="--database postgresql:///d")
    costs = costs_of(metrics_window(other_cores=0.5, commit_cpu_ms=0.1, commit_wait=0.5, commits=16), facts)
    assert costs.other_programs_cpu == 0
    assert costs.server_cpu == pytest.approx(0.5 * 10 / 4_000)


def test_a_local_server_computes_only_while_a_commit_waits_for_it() -> None:
    facts = run_facts(server=LOCAL_SERVER, database="--database postgresql:///d")
    costs = costs_of(metrics_window(other_cores=3.0, commit_cpu_ms=0.1, commit_wait=0.2, commits=16), facts)
    assert costs.server_cpu == pytest.approx((0.4 + 3.2) / 4_000)
    assert costs.other_programs_cpu == pytest.approx(3.0 - 0.36)


def test_other_programs_want_more_processors_than_they_get_under_contention() -> None:
    costs = costs_of(metrics_window(cpu_ms=4.0, other_cores=2.0, queued=8.0, worker_cpu=16.0))
    assert costs.other_programs_cpu == pytest.approx(2.0 * 1.5, rel=0.01)


def test_other_programs_use_the_processors_that_the_run_may_not_use_first() -> None:
    assert costs_of(
        metrics_window(other_cores=1.5, cores=4), run_facts(cpus=3)
    ).other_programs_cpu == pytest.approx(0.5)


def test_waiting_behind_other_workers_is_not_a_cost_of_the_disk() -> None:
    one_at_a_time = costs_of(metrics_window(store_ms=4.0))
    unlimited = costs_of(metrics_window(store_ms=4.0), run_facts(OTHER_DISK))
    assert unlimited.output_wait == pytest.approx(4 * MS)
    assert one_at_a_time.output_concurrency == 1
    assert one_at_a_time.output_wait == pytest.approx(4 * MS / (1 + 3 / 4 * 400 * 4 * MS))


def test_disk_speeds_determine_how_many_files_are_created_at_once() -> None:
    known = [make_disk_speed(DISK, create_us=100.0)]
    costs = costs_of(metrics_window(store_ms=4.0), disk_speeds=known)
    assert costs.output_concurrency == pytest.approx(2 * 100 / 150)
    assert concurrency_of({1: 100.0}) is None
    assert concurrency_of({1: 100.0, 8: 105.0}) is None
    assert concurrency_of({1: 100.0, 8: 900.0}) == 1


def test_the_time_of_a_spinning_disk_is_divided_among_its_roles() -> None:
    facts = run_facts(DISK, replace(DISK, path="/disk/songs"))
    costs = costs_of(
        metrics_window(read_ms=1.0, store_ms=2.0, flush_ms=0.0, device_busy_seconds={"sda1": 9.0}), facts
    )
    parts = {it.role: it.seconds for it in costs.device_busy}
    assert sum(parts.values()) == costs.busiest_device_seconds == pytest.approx(9.0 / 4_000)
    assert parts["output"] == pytest.approx(2 * parts["source"])


def test_the_utilization_of_a_disk_that_does_not_spin_is_ignored() -> None:
    assert (
        costs_of(metrics_window(device_busy_seconds={"sdb1": 9.0}), run_facts(OTHER_DISK)).device_busy == ()
    )
    assert DeviceBusy("a", "output", 1.0) not in costs_of(metrics_window()).device_busy


def test_the_costs_of_a_single_process_come_from_its_stages() -> None:
    costs = costs_of(metrics_window(workers=0, worker_cpu=0.0, coordinator_cpu=4.0 + 0.6, cpu_ms=1.0))
    assert costs.worker_cpu == pytest.approx(1 * MS)
    assert costs.coordinator_cpu == pytest.approx(0.05 * MS)


def test_facts_have_defaults_for_missing_settings() -> None:
    assert RunFacts.from_settings({}).out == "OUT"
    assert RunFacts.from_settings({}).device("output") == ""


RUN = Costs(
    worker_cpu=1 * MS,
    output_wait=2 * MS,
    coordinator_cpu=0.05 * MS,
    commit_cpu=0.1 * MS,
    cores=4,
    flush_per_song=0.1 * MS,
    commit_fixed=20 * MS,
    commit_per_song=0.1 * MS,
)
ON_SERVER = replace(
    RUN,
    commit_cpu=0.0,
    round_trip=20 * MS,
    commit_fixed=COMMIT_ROUND_TRIPS * 20 * MS,
    workers_commit=True,
)


@pytest.mark.parametrize(
    ("costs", "before", "after"),
    [
        (RUN, Tunables(1, 100, 1), Tunables(4, 250, 40)),
        (RUN, Tunables(4, 100, 1), Tunables(8, 250, 48)),
        (RUN, Tunables(4, 100, 40), Tunables(4, 1_000, 16)),
        (ON_SERVER, Tunables(2, 100, 1), Tunables(2, 1_000, 8)),
        (ON_SERVER, Tunables(2, 100, 1), Tunables(8, 2_000, 26)),
        (ON_SERVER, Tunables(4, 1_000, 14), Tunables(4, 100, 14)),
    ],
)
@pytest.mark.parametrize("variation", ["deterministic", "exponential"])
def test_the_measured_costs_of_one_run_predict_another(
    costs: Costs, before: Tunables, after: Tunables, variation: str
) -> None:
    database = "--database postgresql://h/d" if costs.workers_commit else None
    window = simulate_run(costs, before, variation, groups=15).window()
    measured = costs_of(window, run_facts(OTHER_DISK, database=database))
    predicted = window.rate * predicted_rate(measured, after) / predicted_rate(measured, before)
    assert predicted == pytest.approx(simulate_rate(costs, after, variation, groups=15), rel=0.2)
