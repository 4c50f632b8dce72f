import os
import shutil
import sqlite3
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from midiprism.catalog import open_catalog
from midiprism.catalog.queries.shards import ShardIndex
from midiprism.features.facts_version import FACTS_VERSION
from midiprism.pipeline import RerunPolicy, Summary
from midiprism.pipeline.executor import Executor, ExecutorContext
from midiprism.pipeline.executors import EXECUTORS
from midiprism.pipeline.executors.processes.batch_retry import bisect
from midiprism.pipeline.executors.processes.process_executor import ProcessExecutor
from midiprism.pipeline.splitter import Splitter
from midiprism.sample.write import write_songs
from midiprism.sources import open_folders
from midiprism.stores.parquet.shard_set import ParquetShards
from support.executor_runs import drive, find_batches, make_context, make_worker_config
from support.failing_parts import CrashingSplitter, NicenessSplitter, UnloadableSplitter, load_hanging_facts
from support.fake_songs import BASS, DRUMS, PIANO, fake_song, fake_split, write_files
from support.result_content import result_content
from support.runs import make_settings, run_source


def run(
    source: Path,
    out: Path,
    *,
    splitter: Splitter | None = fake_split,
    stop: Callable[[], bool] = lambda: False,
    **settings: object,
) -> Summary:
    library = open_folders([source], os.fsencode(out))
    summary = run_source(
        library,
        str(out),
        make_settings(**settings),
        splitter=splitter,
        stop=stop,
    )
    assert summary.songs_seen == summary.songs_done + summary.songs_skipped
    return summary


def failures(out: Path) -> dict[bytes, tuple[str, str]]:
    connection = sqlite3.connect(out / "catalog.sqlite")
    query = (
        "SELECT path, outcome, json_extract(problems, '$[0].code') FROM songs "
        "JOIN song_paths ON songs.id = song_id WHERE outcome NOT IN ('split', 'repaired', 'no_notes')"
    )
    found = {os.path.basename(path): (outcome, code) for path, outcome, code in connection.execute(query)}
    connection.close()
    return found


@pytest.fixture(scope="module")
def songs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return songs of every kind: with shared tracks, copies, without notes, corrupt ones."""
    files = {
        f"{n % 7}/{n}.mid": fake_song(PIANO + str(n // 2), BASS, DRUMS + str(n % 3), PIANO + str(n // 2))
        for n in range(60)
    }
    files |= {f"copies/{n}.mid": files[f"{n % 7}/{n}.mid"] for n in range(9)}
    files |= {"none.mid": fake_song(), "bad.mid": b"junk", "mended.mid": fake_song(DRUMS, header="repaired")}
    return write_files(tmp_path_factory.mktemp("library") / "songs", files)


@pytest.fixture(scope="module")
def inline_result(songs: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the result of a run in one process."""
    out = tmp_path_factory.mktemp("whole") / "out"
    run(songs, out, workers=0)
    return out


@pytest.mark.parametrize("workers", [0, 1, 2, 5])
@pytest.mark.parametrize("batch", [1, 7, 1000])
def test_the_result_is_the_same_for_any_workers_and_batches(
    songs: Path, inline_result: Path, tmp_path: Path, workers: int, batch: int
) -> None:
    summary = run(songs, tmp_path / "out", workers=workers, batch_songs=batch)
    assert summary.state == "done"
    assert result_content(tmp_path / "out") == result_content(inline_result)
    assert (summary.songs_done, summary.songs_copies, summary.tracks_new) == (63, 9, 35)


@pytest.mark.slow
@pytest.mark.parametrize(("workers", "batch"), [(1, 1000), (2, 7), (5, 50)])
def test_real_songs_give_the_same_result_too(tmp_path: Path, workers: int, batch: int) -> None:
    write_songs(tmp_path / "songs", 300, seed=5)
    run(tmp_path / "songs", tmp_path / "whole", splitter=None, workers=0)
    run(tmp_path / "songs", tmp_path / "out", splitter=None, workers=workers, batch_songs=batch)
    assert result_content(tmp_path / "out") == result_content(tmp_path / "whole")


def test_a_library_of_one_batch_has_one_worker(
    songs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    workers: list[int] = []
    make_executor = EXECUTORS["processes"]

    def counting(context: ExecutorContext) -> Executor:
        workers.append(context.workers)
        return make_executor(context)

    monkeypatch.setitem(EXECUTORS, "processes", counting)
    assert run(songs, tmp_path / "out").state == "done"
    assert workers == [1]


def test_songs_of_a_small_library_may_hang_and_crash(tmp_path: Path) -> None:
    files = {f"{n}.mid": fake_song(PIANO + str(n)) for n in range(6)}
    files |= {"5a.mid": fake_song(PIANO + "hang"), "5b.mid": fake_song(PIANO + "kill")}
    source, out = write_files(tmp_path / "songs", files), tmp_path / "out"
    summary = run(source, out, splitter=CrashingSplitter(str(tmp_path)), timeout=0.4)
    assert (summary.state, summary.songs_done, summary.songs_failed) == ("done", 8, 2)
    assert failures(out) == {b"5a.mid": ("failed", "timeout"), b"5b.mid": ("failed", "crash")}


def test_a_worker_that_dies_once_costs_nothing(tmp_path: Path) -> None:
    files = {f"{n}.mid": fake_song(PIANO + str(n)) for n in range(20)} | {"a.mid": fake_song(BASS + "once")}
    source = write_files(tmp_path / "songs", files)
    summary = run(
        source, tmp_path / "out", splitter=CrashingSplitter(str(tmp_path)), workers=2, batch_songs=6
    )
    assert (tmp_path / "once").exists()
    assert (summary.songs_done, summary.songs_failed) == (21, 0)


def test_a_song_that_kills_its_worker_is_found_and_costs_nothing_else(tmp_path: Path) -> None:
    files = {f"{n}.mid": fake_song(PIANO + str(n)) for n in range(30)}
    files |= {
        "13a.mid": fake_song(PIANO + "kill"),
        "7a.mid": fake_song(BASS + "kill"),
        "x.mid": fake_song(DRUMS + "memory"),
    }
    source, out = write_files(tmp_path / "songs", files), tmp_path / "out"
    summary = run(source, out, splitter=CrashingSplitter(str(tmp_path)), workers=2, batch_songs=16)
    assert (summary.state, summary.songs_done, summary.songs_failed) == ("done", 33, 3)
    assert failures(out) == {
        b"13a.mid": ("failed", "crash"),
        b"7a.mid": ("failed", "crash"),
        b"x.mid": ("failed", "internal"),
    }
    assert any("SIGKILL" in failure.message for failure in summary.failures)
    again = run(source, out, splitter=fake_split, workers=2)
    assert (again.songs_done, again.songs_skipped) == (0, 33), "it is not tried again unless asked"
    retried = run(source, out, splitter=fake_split, workers=0, rerun_policy=RerunPolicy(retry_failed=True))
    assert (retried.songs_done, retried.songs_failed, failures(out)) == (3, 0, {})
    run(source, tmp_path / "whole", workers=0)
    assert result_content(out) == result_content(tmp_path / "whole")


@pytest.mark.skipif(not hasattr(os, "nice"), reason="this system has no niceness")
@pytest.mark.parametrize(("store", "niceness"), [("files", 0), ("parquet", 10)])
def test_workers_have_a_low_priority_if_the_coordinator_compresses(
    songs: Path, tmp_path: Path, store: str, niceness: int
) -> None:
    splitter = NicenessSplitter(str(tmp_path))
    run(songs, tmp_path / "out", splitter=splitter, workers=2, batch_songs=7, store=store)
    assert {int(note.read_text()) - os.nice(0) for note in tmp_path.glob("nice-*")} == {niceness}


def test_a_worker_that_dies_with_tracks_in_shared_memory_costs_nothing(tmp_path: Path) -> None:
    files = {f"{n}.mid": fake_song(PIANO + str(n)) for n in range(40)} | {"21a.mid": fake_song(BASS + "once")}
    source = write_files(tmp_path / "songs", files)
    splitter = CrashingSplitter(str(tmp_path))
    summary = run(source, tmp_path / "out", splitter=splitter, workers=2, batch_songs=3, store="parquet")
    assert (tmp_path / "once").exists()
    assert (summary.songs_done, summary.songs_failed, summary.tracks_new) == (41, 0, 41)
    with open_catalog(str(tmp_path / "out" / "catalog.sqlite")) as catalog:
        names = ShardIndex(catalog).shard_names()
    shards = ParquetShards(tmp_path / "out")
    kept = [one for name in names if name.startswith("tracks/") for one in shards.checked_tracks(name)]
    assert sorted(one.data or b"" for one in kept) == sorted(
        track.data for data in files.values() for track in fake_split(data).tracks
    )


def test_a_song_that_hangs_is_timed_out_the_same_way(tmp_path: Path) -> None:
    files = {f"{n}.mid": fake_song(PIANO + str(n)) for n in range(12)} | {"5a.mid": fake_song(PIANO + "hang")}
    source, out = write_files(tmp_path / "songs", files), tmp_path / "out"
    splitter = CrashingSplitter(str(tmp_path))
    summary = run(source, out, splitter=splitter, workers=2, batch_songs=6, timeout=0.4)
    assert (summary.songs_done, summary.songs_failed) == (13, 1)
    assert failures(out) == {b"5a.mid": ("failed", "timeout")}
    assert "more than 0.4 s" in summary.failures[0].message


def test_songs_whose_facts_hang_or_kill_are_found_and_cost_nothing_else(tmp_path: Path) -> None:
    files = {f"{n:02}.mid": fake_song(PIANO + str(n)) for n in range(12)}
    files |= {"05a.mid": fake_song(PIANO + "hang"), "07a.mid": fake_song(PIANO + "kill")}
    songs = write_files(tmp_path / "songs", files)
    plain = make_worker_config(songs, tmp_path / "out")
    config = replace(plain, facts=True, load_facts=load_hanging_facts)
    (batch,) = find_batches(songs, len(files))
    with drive(ProcessExecutor, replace(make_context(config), timeout=0.4)) as driver:
        driver.submit(batch)
        driver.run_all()
    records = [record for done in driver.finished for record in done.record.song_records()]
    failed = {record.song_name: record.problems[0] for record in records if record.outcome != "split"}
    assert {name: problem.code for name, problem in failed.items()} == {"05a": "timeout", "07a": "crash"}
    assert failed["05a"].message == "A worker spent more than 0.4 s on it, and so did another."
    assert len(records) == len(files)
    versions = [version for done in driver.finished for version in done.record.tracks["facts_version"]]
    assert versions == [FACTS_VERSION] * 12


@pytest.mark.skipif(sys.platform == "win32", reason="such long paths have to be allowed there")
def test_a_song_that_hangs_is_timed_out_before_batches_that_no_pipe_can_hold(tmp_path: Path) -> None:
    deep = "/".join(["x" * 200] * 3)
    files = {f"{deep}/{n:04}.mid": fake_song(PIANO + str(n)) for n in range(1_600)}
    files["0.mid"] = fake_song(PIANO + "hang")
    source, out = write_files(tmp_path / "songs", files), tmp_path / "out"
    summary = run(
        source, out, splitter=CrashingSplitter(str(tmp_path)), workers=1, batch_songs=400, timeout=0.4
    )
    assert (summary.songs_done, summary.songs_failed) == (1_601, 1)
    assert failures(out) == {b"0.mid": ("failed", "timeout")}


def test_workers_that_never_start_stop_the_run_with_advice(songs: Path, tmp_path: Path) -> None:
    summary = run(songs, tmp_path / "out", splitter=UnloadableSplitter(), workers=1)
    assert summary.state == "stopped"
    assert "workers=0" in str(summary.error)
    assert "exit code 7" in str(summary.error)


def test_a_stopped_run_finishes_its_current_songs_and_a_later_run_continues(
    songs: Path, inline_result: Path, tmp_path: Path
) -> None:
    calls: list[int] = []

    def stop() -> bool:
        calls.append(1)
        return len(calls) > 40

    first = run(songs, tmp_path / "out", workers=2, batch_songs=3, in_flight=2, stop=stop)
    assert first.state == "interrupted"
    assert 0 < first.songs_done < 63
    second = run(songs, tmp_path / "out", workers=2)
    assert first.songs_done + second.songs_done == 63, "nothing is done twice"
    assert result_content(tmp_path / "out") == result_content(inline_result)


def test_a_source_that_disappears_stops_the_run_without_recording_failures(
    songs: Path, inline_result: Path, tmp_path: Path
) -> None:
    source = Path(shutil.copytree(songs, tmp_path / "disk" / "songs"))
    calls: list[int] = []

    def remove_disk() -> bool:
        calls.append(1)
        if len(calls) == 30:
            (tmp_path / "disk").rename(tmp_path / "away")
        return False

    out = tmp_path / "out"
    summary = run(source, out, workers=0, batch_songs=4, in_flight=1, stop=remove_disk)
    assert summary.state == "stopped"
    assert "is gone: bring it back" in str(summary.error)
    assert "unreadable" not in summary.outcomes
    (tmp_path / "away").rename(tmp_path / "disk")
    assert run(source, out, workers=0).state == "done"
    assert dict(result_content(out)[0]) == dict(result_content(inline_result)[0])
    assert failures(out).keys() == {b"bad.mid"}


def test_a_dry_run_with_workers_counts_the_same(songs: Path, tmp_path: Path) -> None:
    library = open_folders([songs])
    one, two = (
        run_source(
            library, str(tmp_path / "out"), make_settings(workers=workers), splitter=fake_split, dry_run=True
        )
        for workers in (0, 2)
    )
    assert not (tmp_path / "out").exists()
    for name in ("outcomes", "tracks", "tracks_new", "songs_copies"):
        assert getattr(one, name) == getattr(two, name)


@pytest.mark.parametrize(
    ("suspect", "pieces"), [(0, ["a", "bcd"]), (2, ["ab", "c", "d"]), (3, ["abc", "d"]), (None, ["ab", "cd"])]
)
def test_a_batch_is_divided_around_its_suspect(suspect: int | None, pieces: list[str]) -> None:
    batch = tuple("abcd")
    assert ["".join(piece) for piece in bisect(batch, suspect)] == pieces  # type: ignore[arg-type]


def test_a_divided_batch_keeps_all_its_songs() -> None:
    for size in range(1, 6):
        for suspect in (None, *range(-1, size + 1)):
            pieces: list[Any] = bisect(tuple(range(size)), suspect)  # type: ignore[arg-type]
            assert [song for piece in pieces for song in piece] == list(range(size))
            assert size == 1 or len(pieces) > 1
