"""Tests of work in a process of its own at the end of a run."""

import errno
import multiprocessing
import os
import signal
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from midiprism.errors import StoreError
from midiprism.pipeline.executors import background_for
from midiprism.pipeline.executors.processes import background_process
from midiprism.pipeline.executors.processes.background_process import run_in_process
from midiprism.results.background import run_inline
from midiprism.sample.write import write_songs
from midiprism.search.index.generation import index_folder, read_generation
from midiprism.search.upkeep import start_update_after_run
from midiprism.stores.parquet.shard_set import ParquetShards
from midiprism.stores.sharded import SONGS_TABLE
from support.runs import make_settings, run_split


def is_in_other_process() -> bool:
    return multiprocessing.parent_process() is not None


def answer_with_pid(word: str) -> tuple[str, int]:
    return word, os.getpid()


def die_in_other_process() -> str:
    if is_in_other_process():
        os.kill(os.getpid(), signal.SIGKILL)
    return "here"


def fail_in_other_process() -> str:
    if is_in_other_process():
        raise ZeroDivisionError
    return "here"


def fail_everywhere() -> str:
    raise ZeroDivisionError


def test_a_call_is_made_in_another_process() -> None:
    word, pid = run_in_process(answer_with_pid, "done")()
    assert word == "done"
    assert pid != os.getpid()


def test_a_call_that_fails_in_the_other_process_is_repeated_in_this_one() -> None:
    assert run_in_process(fail_in_other_process)() == "here"


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="this system has no such signal")
def test_a_call_that_kills_the_other_process_is_repeated_in_this_one() -> None:
    assert run_in_process(die_in_other_process)() == "here"


def test_a_call_is_made_in_this_process_where_no_other_can_start(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object, **_options: object) -> None:
        raise OSError(errno.EAGAIN, "Resource temporarily unavailable")

    monkeypatch.setattr(background_process, "start_process", fail)
    assert run_in_process(answer_with_pid, "done")() == ("done", os.getpid())


def test_a_call_that_fails_in_both_processes_raises_its_error() -> None:
    with pytest.raises(ZeroDivisionError):
        run_in_process(fail_everywhere)()


def test_a_run_without_workers_makes_the_call_in_this_process() -> None:
    assert background_for(0)(answer_with_pid, "done")() == ("done", os.getpid())
    assert run_inline(answer_with_pid, "done")() == ("done", os.getpid())


def test_another_process_makes_the_index_while_this_one_writes_the_songs_table(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_songs(tmp_path / "songs", 60, seed=7)
    for workers in (0, 2):
        if workers:  # patched in this process only
            monkeypatch.setattr(
                "midiprism.search.index.update.update_index",
                lambda *_, **__: pytest.fail("this process did it"),
            )
        settings = make_settings(store="parquet", workers=workers, batch_songs=7)
        out = tmp_path / str(workers)
        run_split(tmp_path / "songs", out, settings, splitter=None, after_run=start_update_after_run)
        index = read_generation(index_folder(str(out)))
        assert index is not None
        assert sum(len(segment.columns["songs.id"]) for segment in index.segments) == 60
    tables = [
        pq.read_table(tmp_path / str(workers) / SONGS_TABLE).sort_by("blake3").to_pylist()
        for workers in (0, 2)
    ]
    assert tables[0] == tables[1]
    assert len({row["song_group"] for row in tables[0]}) < 60


def test_the_index_is_made_although_the_songs_table_cannot_be_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise StoreError("The disk is full.")

    write_songs(tmp_path / "songs", 20, seed=7)
    monkeypatch.setattr(ParquetShards, "write_songs_table", fail)
    settings = make_settings(store="parquet", workers=2, batch_songs=7)
    out = tmp_path / "out"
    summary = run_split(tmp_path / "songs", out, settings, splitter=None, after_run=start_update_after_run)
    assert summary.state == "stopped"
    assert read_generation(index_folder(str(out))) is not None
