"""What a run does at its end beside something else, by a worker that has nothing to do."""

import multiprocessing
import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from midiprism.library import open_folders
from midiprism.run import Settings, Wish
from midiprism.run.aside import here
from midiprism.run.child import Duty
from midiprism.run.pool import InlinePool
from midiprism.run.processes import ProcessPool
from midiprism.sample.write import write_songs
from midiprism.store import NullStore
from midiprism.store.parquet import SONGS
from support.fake import fake_split
from support.runs import run

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


def duty(tmp_path: Path) -> Duty:
    return Duty(open_folders([tmp_path]), NullStore(), fake_split, 1 << 20, None, Wish(), 1, replaces=False)


@pytest.fixture
def pool(tmp_path: Path) -> Iterator[ProcessPool]:
    with ProcessPool(duty(tmp_path), 1, None, lambda: None) as pool:
        until = time.monotonic() + PATIENCE
        while pool.ready < 1:
            pool.results()
            assert time.monotonic() < until
        yield pool


def test_a_worker_does_it(pool: ProcessPool) -> None:
    workers = pool.pids()
    word, pid = pool.aside(told, "done")()
    assert word == "done"
    assert [pid] == workers != [os.getpid()]


def test_what_fails_there_is_done_here(pool: ProcessPool) -> None:
    assert pool.aside(fail)() == "here"


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="this system has no such signal")
def test_what_a_worker_dies_on_is_done_here(pool: ProcessPool) -> None:
    assert pool.aside(die)() == "here"


def test_what_fails_here_too_is_told(pool: ProcessPool) -> None:
    with pytest.raises(ZeroDivisionError):
        pool.aside(fail_everywhere)()


def test_without_a_worker_it_is_done_here(tmp_path: Path) -> None:
    with ProcessPool(duty(tmp_path), 1, None, lambda: None) as busy:  # it is not ready yet
        assert busy.aside(told, "done")() == ("done", os.getpid())
    inline = InlinePool(duty(tmp_path), None, lambda: None, lambda: None, lambda: False)
    assert inline.aside(told, "done")() == ("done", os.getpid())
    assert here(told, "done")() == ("done", os.getpid())


def test_a_worker_finds_the_titles_of_the_table_of_songs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_songs(tmp_path / "songs", 60, seed=7)
    for workers in (0, 2):
        if workers:  # of this process: workers have their own
            monkeypatch.setattr("midiprism.run.songs.titles_of", lambda _: pytest.fail("no worker did it"))
        settings = Settings(store="parquet", workers=workers, batch_parents=7)
        run(tmp_path / "songs", tmp_path / str(workers), settings, splitter=None)
    tables = [
        pq.read_table(tmp_path / str(workers) / SONGS).sort_by("blake3").to_pylist() for workers in (0, 2)
    ]
    assert tables[0] == tables[1]
    assert len(tables[0]) == 60
    assert len({row["song_group"] for row in tables[0]}) < 60
