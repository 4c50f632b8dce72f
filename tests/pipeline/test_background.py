"""What a run does at its end beside something else, by a worker that has nothing to do."""

import multiprocessing
import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from midiprism.pipeline import RerunPolicy, Settings
from midiprism.pipeline.executor import InlineExecutor
from midiprism.pipeline.executors.processes.process_executor import ProcessExecutor
from midiprism.pipeline.executors.processes.worker_process import WorkerConfig
from midiprism.results.background import run_inline
from midiprism.sample.write import write_songs
from midiprism.sources import open_folders
from midiprism.stores import NullStore
from midiprism.stores.sharded import SONGS_TABLE
from support.fake_songs import fake_split
from support.runs import run_split

PATIENCE = 60.0


def elsewhere() -> bool:
    return multiprocessing.parent_process() is not None


def told(word: str) -> tuple[str, int]:
    return word, os.getpid()


def die() -> str:
    if elsewhere():
        os.kill(os.getpid(), signal.SIGKILL)
    return "here"


def fail() -> str:
    if elsewhere():
        raise ZeroDivisionError
    return "here"


def fail_everywhere() -> str:
    raise ZeroDivisionError


def duty(tmp_path: Path) -> WorkerConfig:
    return WorkerConfig(
        open_folders([tmp_path]), NullStore(), fake_split, 1 << 20, None, RerunPolicy(), 1, replaces=False
    )


@pytest.fixture
def pool(tmp_path: Path) -> Iterator[ProcessExecutor]:
    with ProcessExecutor(duty(tmp_path), 1, None, lambda: None) as pool:
        until = time.monotonic() + PATIENCE
        while pool.workers_ready < 1:
            pool.completed()
            assert time.monotonic() < until
        yield pool


def test_a_worker_does_it(pool: ProcessExecutor) -> None:
    workers = pool.worker_pids()
    word, pid = pool.run_in_background(told, "done")()
    assert word == "done"
    assert [pid] == workers != [os.getpid()]


def test_what_fails_there_is_done_here(pool: ProcessExecutor) -> None:
    assert pool.run_in_background(fail)() == "here"


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="this system has no such signal")
def test_what_a_worker_dies_on_is_done_here(pool: ProcessExecutor) -> None:
    assert pool.run_in_background(die)() == "here"


def test_what_fails_here_too_is_told(pool: ProcessExecutor) -> None:
    with pytest.raises(ZeroDivisionError):
        pool.run_in_background(fail_everywhere)()


def test_without_a_worker_it_is_done_here(tmp_path: Path) -> None:
    with ProcessExecutor(duty(tmp_path), 1, None, lambda: None) as busy:  # it is not ready yet
        assert busy.run_in_background(told, "done")() == ("done", os.getpid())
    inline = InlineExecutor(duty(tmp_path), None, lambda: None, lambda: None, lambda: False)
    assert inline.run_in_background(told, "done")() == ("done", os.getpid())
    assert run_inline(told, "done")() == ("done", os.getpid())


def test_a_worker_finds_the_titles_of_the_table_of_songs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_songs(tmp_path / "songs", 60, seed=7)
    for workers in (0, 2):
        if workers:  # of this process: workers have their own
            monkeypatch.setattr(
                "midiprism.results.songs_table.hash_titles", lambda _: pytest.fail("no worker did it")
            )
        settings = Settings(store="parquet", workers=workers, batch_songs=7)
        run_split(tmp_path / "songs", tmp_path / str(workers), settings, splitter=None)
    tables = [
        pq.read_table(tmp_path / str(workers) / SONGS_TABLE).sort_by("blake3").to_pylist()
        for workers in (0, 2)
    ]
    assert tables[0] == tables[1]
    assert len(tables[0]) == 60
    assert len({row["song_group"] for row in tables[0]}) < 60
