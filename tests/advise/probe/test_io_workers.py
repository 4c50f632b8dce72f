"""Tests of processes that create and read files concurrently."""

import multiprocessing
from pathlib import Path

import pytest

from midiprism.advise.probe.io_workers import IoWorkers, run_timed
from midiprism.errors import StoreError
from support import disk_functions


def test_a_process_that_does_not_answer_in_time_fails(tmp_path: Path) -> None:
    with (
        IoWorkers(
            1, disk_functions.create_slowly, disk_functions.read_slowly, timeout_seconds=0.0
        ) as workers,
        pytest.raises(StoreError, match="did not answer"),
    ):
        workers.create_files([[str(tmp_path / "a")]], b"x", 1.0)


def test_processes_end_with_their_context(tmp_path: Path) -> None:
    before = set(multiprocessing.active_children())
    with IoWorkers(2, disk_functions.create_slowly, disk_functions.read_slowly) as workers:
        timings = workers.create_files([[str(tmp_path / "a")], [str(tmp_path / "b")]], b"x", 1.0)
        assert [timing.files for timing in timings] == [1, 1]
    assert set(multiprocessing.active_children()) == before


def test_timed_operations_run_at_least_once_and_end_in_time() -> None:
    now = 100.0

    def take_a_second(_path: str) -> None:
        nonlocal now
        now += 1.0

    timing = run_timed(take_a_second, ["a", "b", "c"], 1.5, lambda: now)
    assert (timing.files, timing.started) == (2, 100.0)
    assert run_timed(take_a_second, ["a", "b"], 0.0, lambda: now).files == 1
    assert run_timed(take_a_second, ["a", "b"], 9.0, lambda: now).files == 2
