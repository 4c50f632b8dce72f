"""Tests of changing the number of worker processes during a run."""

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from midiprism.metrics.snapshot import RunSample
from midiprism.metrics.stage_timers import timer_totals
from midiprism.pipeline.batch import Batch
from midiprism.pipeline.executors.processes.process_executor import ProcessExecutor
from midiprism.pipeline.tuner import Decision, Tunables
from support.executor_runs import (
    ExecutorDriver,
    SlowSplitter,
    drive,
    find_batches,
    make_context,
    make_worker_config,
)
from support.fake_songs import BASS, PIANO, fake_song, write_files
from support.nightly import nightly
from support.result_content import result_content
from support.runs import make_settings, run_split

SONGS = 120


@pytest.fixture
def songs(tmp_path: Path) -> Path:
    return write_files(
        tmp_path / "songs", {f"{n:03}.mid": fake_song(PIANO + str(n), BASS) for n in range(SONGS)}
    )


@contextmanager
def working_processes(
    songs: Path, workers: int, seconds: float = 0.002
) -> Iterator[tuple[ExecutorDriver, list[Batch]]]:
    """Yield an executor that has received all songs, in batches of four, and the batches."""
    config = make_worker_config(songs, songs.with_name("out"), SlowSplitter(seconds))
    batches = find_batches(songs)
    with drive(ProcessExecutor, make_context(config, workers)) as driver:
        for batch in batches:
            driver.submit(batch)
        yield driver, batches


def workers_alive(driver: ExecutorDriver) -> tuple[int, ...]:
    return driver.telemetry.worker_pids


def test_workers_are_added(songs: Path) -> None:
    with working_processes(songs, 1) as (driver, batches):
        driver.run_until(lambda: len(driver.finished) > 2)
        assert (driver.telemetry.workers_ready, len(workers_alive(driver))) == (1, 1)
        driver.executor.resize(4)
        driver.run_until(lambda: driver.telemetry.workers_ready == 4)
        assert len(set(workers_alive(driver))) == 4
        driver.run_all()
        assert driver.telemetry.counts.songs == SONGS
    assert driver.finished_batches == batches


def test_surplus_workers_finish_their_batches_and_end(songs: Path) -> None:
    with working_processes(songs, 4, seconds=0.01) as (driver, batches):
        driver.run_until(lambda: driver.telemetry.workers_ready == 4)
        assert len(workers_alive(driver)) == 4
        first = workers_alive(driver)[0]
        driver.executor.resize(1)
        driver.step()
        assert len(workers_alive(driver)) == 4, "they have batches in hand"
        driver.run_until(lambda: workers_alive(driver) == (first,))
        driver.run_all()
        assert driver.telemetry.counts == (SONGS, 0, 2 * SONGS, SONGS + 1), "what they did counts"
        stages = timer_totals(driver.telemetry.timer_values).stages
        assert stages["split"].seconds >= SONGS * 0.01
        assert stages["store"].seconds > 0
    assert driver.finished_batches == batches, "nothing is lost, nothing done twice"


def test_counts_never_fall_while_workers_end(songs: Path) -> None:
    with working_processes(songs, 3) as (driver, _):
        seen: list[tuple[int, int]] = []

        def only_one_is_left() -> bool:
            telemetry = driver.telemetry
            seen.append((telemetry.counts.songs, sum(telemetry.timer_values)))
            if len(seen) == 20:
                driver.executor.resize(1)
            return not telemetry.in_flight and len(telemetry.worker_pids) == 1

        driver.run_until(only_one_is_left)
        assert seen == sorted(seen)


def test_surplus_workers_stay_if_they_are_wanted_again_before_they_end(songs: Path) -> None:
    with working_processes(songs, 3, seconds=0.01) as (driver, batches):
        driver.run_until(lambda: driver.telemetry.workers_ready == 3)
        before = workers_alive(driver)
        driver.executor.resize(1)
        driver.executor.resize(3)
        driver.run_all()
        assert workers_alive(driver) == before
    assert driver.finished_batches == batches


@pytest.mark.parametrize("victim_kind", ["that stays", "that is to end"])
def test_a_worker_that_dies_after_a_change_is_replaced_only_if_it_is_wanted(
    songs: Path, victim_kind: str
) -> None:
    with working_processes(songs, 1, seconds=0.01) as (driver, batches):
        driver.run_until(lambda: len(driver.finished) > 2)
        driver.executor.resize(3)
        driver.run_until(lambda: driver.telemetry.workers_ready == 3)
        victim = workers_alive(driver)[0]
        if victim_kind == "that is to end":
            victim = workers_alive(driver)[-1]
            driver.executor.resize(2)
        os.kill(victim, signal.SIGKILL)
        driver.run_until(lambda: victim not in workers_alive(driver))
        assert len(workers_alive(driver)) == (2 if victim_kind == "that is to end" else 3)
        driver.run_all()
    assert driver.finished_batches == batches


class SteppedTuner:
    """A tuner that decides on other numbers of workers, each after some more songs."""

    def __init__(self, *workers: int) -> None:
        self.remaining = list(workers)
        self.taken = 0

    def decide(self, sample: RunSample, tunables: Tunables) -> Decision | None:
        if not self.remaining or sample.songs < 40 * (self.taken + 1):
            return None
        self.taken += 1
        return Decision(replace(tunables, workers=self.remaining.pop(0)), "to see what happens")


@pytest.mark.parametrize(("first", "steps"), [(2, (5, 1, 4, 2)), *nightly((1, (3,)), (3, (1,)))], ids=str)
def test_the_result_is_the_same_for_any_number_of_workers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, catalog_backend: str, first: int, steps: tuple[int, ...]
) -> None:
    monkeypatch.setattr("midiprism.metrics.sampler.PERIOD_SECONDS", 0.02)
    files = {f"{n % 9}/{n}.mid": fake_song(PIANO + str(n // 2), BASS + str(n)) for n in range(400)}
    source = write_files(tmp_path / "songs", files)
    tuner = SteppedTuner(*steps)
    settings = make_settings(workers=first, batch_songs=3, in_flight=12)
    summary = run_split(source, tmp_path / "out", settings, splitter=SlowSplitter(0.004), tuner=tuner)
    assert not tuner.remaining, "all steps were taken"
    assert (summary.state, summary.songs_done, summary.songs_failed) == ("done", 400, 0)
    run_split(source, tmp_path / "whole")
    assert result_content(tmp_path / "out") == result_content(tmp_path / "whole")
