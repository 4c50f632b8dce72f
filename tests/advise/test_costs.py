"""What a song costs, out of what a run measures of itself."""

from dataclasses import replace

import pytest

from midiprism.advise.model.costs import COMMIT_ROUND_TRIPS, Costs, DeviceBusy, measure_costs
from midiprism.advise.model.run_facts import RunFacts, concurrency_of
from midiprism.advise.model.throughput import Tunables, predicted_rate
from midiprism.metrics.snapshot import RunSample, SampleWindow
from support.disk_figures import figures
from support.metrics_samples import DISK, OTHER_DISK, metrics_window, run_settings
from support.pipeline_simulation import simulate_rate, simulate_run

MS = 0.001


def costs(measured: SampleWindow, facts: dict[str, object] | None = None, **others: object) -> Costs:
    found = measure_costs(measured, facts or run_settings(), **others)  # type: ignore[arg-type]
    assert found is not None
    return found


def test_what_was_measured_is_divided_by_songs() -> None:
    found = costs(
        metrics_window(cpu_ms=2.0, read_ms=0.5, coordinator_ms=0.05, commit=(0.1, 0.02), flush_ms=0.05),
        run_settings(OTHER_DISK),
    )
    assert found.worker_cpu == pytest.approx(2 * MS)
    assert found.store_cpu == pytest.approx(0.2 * MS)
    assert found.source_wait == pytest.approx(0.5 * MS)
    assert found.coordinator_cpu == pytest.approx(0.05 * MS)
    assert found.commit_cpu == pytest.approx(0.1 * MS)
    assert (found.commit_fixed, found.commit_per_song) == pytest.approx((0.02, 0.1 * MS))
    assert (found.flush_fixed, found.flush_per_song) == pytest.approx((0.0, 0.05 * MS))
    assert (found.tracks, found.tracks_new) == (8, 5)
    assert (found.cores, found.other_programs_cpu, found.server_cpu) == pytest.approx((4, 0, 0))
    assert found.device_busy == ()


def test_what_time_asks_for_is_no_cost_of_songs() -> None:
    measured = metrics_window(coordinator_ms=0.05)
    waiting = replace(measured, last=replace(measured.last, metering_cpu=0.01, polling_cpu=0.04))
    assert costs(waiting).coordinator_cpu == pytest.approx(costs(measured).coordinator_cpu - 0.05 / 4_000)


def test_a_window_without_songs_costs_nothing_that_is_known() -> None:
    assert measure_costs(metrics_window(songs=0), run_settings()) is None


def test_nothing_of_what_may_be_missing_is_needed() -> None:
    found = costs(SampleWindow(RunSample(), RunSample(elapsed_seconds=1.0, songs=10, workers=2)), {})
    assert predicted_rate(found, Tunables(2, 250, 36)) > 0


def test_on_a_server_answers_are_fixed_and_the_client_computes_in_the_workers() -> None:
    found = costs(
        metrics_window(commit=(0.1, 2.0), commits=4, round_trip=0.05),
        run_settings(database="--database postgresql://h/d"),
    )
    assert found.commit_fixed == pytest.approx(COMMIT_ROUND_TRIPS * 0.05)
    assert found.commit_per_song == pytest.approx((2.0 - COMMIT_ROUND_TRIPS * 0.05) / 1_000)
    assert (found.commit_cpu, found.commit_client_cpu) == pytest.approx((0, 0.1 * MS))


def test_what_a_server_answers_to_questions_is_no_waiting_for_the_disk() -> None:
    facts = run_settings(OTHER_DISK, database="--database postgresql://h/d")
    fresh = costs(metrics_window(store_ms=4.0, round_trip=0.02), facts)
    again = costs(metrics_window(store_ms=4.0, round_trip=0.02, skipped=9), facts)
    assert not fresh.queries_catalog
    assert again.queries_catalog
    assert fresh.output_wait - again.output_wait == pytest.approx(3 * 0.02 / 32)


def test_a_server_on_this_machine_computes_for_songs() -> None:
    facts = run_settings(database="--database postgresql:///d")
    facts["places"] = {**facts["places"], "catalog": {"path": "d", "kind": "local server"}}
    found = costs(metrics_window(other_cores=0.5, commit=(0.1, 0.5), commits=16), facts)
    assert found.other_programs_cpu == 0
    assert found.server_cpu == pytest.approx(0.5 * 10 / 4_000)


def test_nor_does_it_compute_while_nobody_waits_for_it() -> None:
    facts = run_settings(database="--database postgresql:///d")
    facts["places"] = {**facts["places"], "catalog": {"path": "d", "kind": "local server"}}
    found = costs(metrics_window(other_cores=3.0, commit=(0.1, 0.2), commits=16), facts)
    assert found.server_cpu == pytest.approx((0.4 + 3.2) / 4_000)
    assert found.other_programs_cpu == pytest.approx(3.0 - 0.36)


def test_programs_that_wait_for_processors_want_more_than_they_get() -> None:
    found = costs(metrics_window(cpu_ms=4.0, other_cores=2.0, queued=8.0, worker_cpu=16.0))
    assert found.other_programs_cpu == pytest.approx(2.0 * 1.5, rel=0.01)


def test_processors_that_the_run_may_not_use_are_for_others() -> None:
    assert costs(
        metrics_window(other_cores=1.5, cores=4), run_settings(cpus=3)
    ).other_programs_cpu == pytest.approx(0.5)


def test_waiting_behind_others_is_not_the_disks_own_time() -> None:
    narrow = costs(metrics_window(store_ms=4.0))
    wide = costs(metrics_window(store_ms=4.0), run_settings(OTHER_DISK))
    assert wide.output_wait == pytest.approx(4 * MS)
    assert narrow.output_concurrency == 1
    assert narrow.output_wait == pytest.approx(4 * MS / (1 + 3 / 4 * 400 * 4 * MS))


def test_figures_tell_how_many_files_are_created_at_once() -> None:
    known = [figures(DISK, create_us=100.0)]
    found = costs(metrics_window(store_ms=4.0), figures=known)
    assert found.output_concurrency == pytest.approx(2 * 100 / 150)
    assert concurrency_of({1: 100.0}) is None
    assert concurrency_of({1: 100.0, 8: 105.0}) is None
    assert concurrency_of({1: 100.0, 8: 900.0}) == 1


def test_a_busy_disk_that_turns_is_shared_among_what_it_is_for() -> None:
    both = run_settings(DISK, replace(DISK, path="/disk/songs"))
    found = costs(
        metrics_window(read_ms=1.0, store_ms=2.0, flush_ms=0.0, device_busy_seconds={"sda1": 9.0}), both
    )
    parts = {it.role: it.seconds for it in found.device_busy}
    assert sum(parts.values()) == found.busiest_device_seconds == pytest.approx(9.0 / 4_000)
    assert parts["output"] == pytest.approx(2 * parts["source"])


def test_busy_says_nothing_of_what_serves_many_at_once() -> None:
    assert (
        costs(metrics_window(device_busy_seconds={"sdb1": 9.0}), run_settings(OTHER_DISK)).device_busy == ()
    )
    assert DeviceBusy("a", "output", 1.0) not in costs(metrics_window()).device_busy


def test_one_process_costs_what_its_stages_take() -> None:
    found = costs(metrics_window(workers=0, worker_cpu=0.0, coordinator_cpu=4.0 + 0.6, cpu_ms=1.0))
    assert found.worker_cpu == pytest.approx(1 * MS)
    assert found.coordinator_cpu == pytest.approx(0.05 * MS)


def test_facts_survive_settings_that_say_little() -> None:
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
SERVER = replace(RUN, commit_cpu=0.0, round_trip=20 * MS, commit_fixed=COMMIT_ROUND_TRIPS * 20 * MS)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (Tunables(1, 100, 1), Tunables(4, 250, 40)),
        (Tunables(4, 100, 1), Tunables(8, 250, 48)),
        (Tunables(4, 100, 40), Tunables(4, 1_000, 16)),
        (Tunables(2, 100, 1, shared=True), Tunables(2, 1_000, 8, shared=True)),
        (Tunables(2, 100, 1, shared=True), Tunables(8, 2_000, 26, shared=True)),
        (Tunables(4, 1_000, 14, shared=True), Tunables(4, 100, 14, shared=True)),
    ],
)
@pytest.mark.parametrize("variation", ["deterministic", "exponential"])
def test_what_one_run_measures_predicts_another(before: Tunables, after: Tunables, variation: str) -> None:
    real = SERVER if before.shared else RUN
    facts = run_settings(OTHER_DISK, database="--database postgresql://h/d" if before.shared else None)
    measured = simulate_run(real, before, variation, groups=15).window()
    found = costs(measured, facts)
    predicted = measured.rate * predicted_rate(found, after) / predicted_rate(found, before)
    assert predicted == pytest.approx(simulate_rate(real, after, variation, groups=15), rel=0.2)
