import json
import os
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from itertools import groupby
from pathlib import Path

import pytest

from midiprism.catalog import Catalog, open_read_only
from midiprism.catalog.queries import run_history as history_module
from midiprism.catalog.queries.run_history import failed_paths
from midiprism.errors import CatalogError, StoreError, UsageError
from midiprism.pipeline import RerunPolicy
from midiprism.results import status as status_module
from midiprism.results.lock import LOCK_FILE, lock_exclusive
from midiprism.results.status import ResultStatus, read_status, watch_status
from midiprism.smf.types import Limits, SplitSong
from support import catalog_access
from support.catalog_access import execute, query
from support.fake_songs import BASS, DRUMS, PIANO, fake_song, fake_split, read_tree, write_files
from support.runs import (
    FIXED_NOW,
    locked_by_other_process,
    make_settings,
    mark_as_killed,
    run_split,
    still_running,
    timestamp_ago,
)

pytestmark = pytest.mark.usefixtures("catalog_backend")


def get_status(out: Path, runs: int = 5) -> ResultStatus:
    return read_status(str(out), runs, database=catalog_access.postgres_address(out))


def watch(out: Path, runs: int, every: float) -> Iterator[ResultStatus]:
    return watch_status(str(out), runs, every, catalog_access.postgres_address(out))


@pytest.fixture
def fixed_now(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(status_module, "_now", lambda: FIXED_NOW)


@pytest.fixture
def result(tmp_path: Path) -> Path:
    files = {
        "a.mid": fake_song(PIANO, BASS),
        "b.mid": fake_song(BASS, DRUMS),
        "copy.mid": fake_song(PIANO, BASS),
    }
    files |= {"none.mid": fake_song(), "mended.mid": fake_song(PIANO, header="repaired")}
    run_split(write_files(tmp_path / "songs", files), tmp_path / "out")
    return tmp_path / "out"


def test_the_content_of_a_result_is_counted(result: Path) -> None:
    status = get_status(result)
    inventory, counts = status.inventory, status.inventory.counts
    assert (inventory.songs, counts.songs_with_path, counts.paths) == (4, 4, 5)
    assert (counts.tracks, counts.links, counts.track_bytes) == (3, 5, len(PIANO + BASS + DRUMS))
    assert inventory.duplicate_share == pytest.approx(2 / 5)
    assert counts.outcomes == {"split": 2, "no_notes": 1, "repaired": 1}
    assert (status.is_running, status.locked, status.songs_left, status.resume_arguments) == (
        False,
        False,
        0,
        None,
    )
    assert inventory.failures == ()


def test_the_latest_runs_come_first_with_their_totals_and_settings(result: Path) -> None:
    source = write_files(result.parent / "songs", {"new.mid": fake_song(DRUMS, "Bass;Slap Bass 1;;new")})
    run_split(source, result, make_settings(workers=0, batch_songs=7))
    write_files(source, {"newer.mid": fake_song(BASS)})
    run_split(source, result)
    runs = get_status(result, runs=2).runs
    assert [(run.id, run.state, run.songs_done, run.songs_skipped) for run in runs] == [
        (3, "done", 1, 6),
        (2, "done", 1, 5),
    ]
    assert (runs[1].tracks, runs[1].tracks_new, runs[1].workers, runs[1].batch_size) == (2, 1, 0, 7)
    assert runs[1].sources == (str(source),)
    assert runs[1].bytes_written == len("Bass;Slap Bass 1;;new")
    assert runs[1].rate == pytest.approx(runs[1].songs_seen / runs[1].seconds)


def test_failures_of_every_kind_are_grouped_by_their_reason(tmp_path: Path) -> None:
    files = {f"junk{n}.mid": b"junk%d" % n for n in range(5)}
    files |= {"bug.mid": b"bug", "big.mid": fake_song(PIANO + "x" * 5000), "good.mid": fake_song(PIANO)}
    source, out = write_files(tmp_path / "songs", files), tmp_path / "out"
    (source / "loop.mid").symlink_to("loop.mid")
    run_split(source, out, make_settings(workers=0, limits=Limits(input_bytes=4000)))
    status = get_status(out)
    found = [(group.code, group.outcome, group.count) for group in status.inventory.failures]
    assert found == [
        ("not_midi", "corrupt", 5),
        ("internal", "failed", 1),
        ("io", "unreadable", 1),
        ("limit", "corrupt", 1),
    ]
    examples = status.inventory.failures[0].examples
    assert len({os.path.basename(path) for path, _ in examples} & {b"junk%d.mid" % n for n in range(5)}) == 3
    assert examples[0][1] == "It is not a MIDI file."
    assert status.inventory.failed_sources == (str(source),)
    assert status.runs[0].songs_failed == 8


def test_only_sources_of_runs_with_failures_are_retried(tmp_path: Path) -> None:
    bad, good = (
        write_files(tmp_path / "bad", {"a.mid": b"x"}),
        write_files(tmp_path / "good", {"b.mid": fake_song(PIANO)}),
    )
    worse = write_files(tmp_path / "worse", {"c.mid": b"y"})
    for source in (bad, good, worse):
        run_split(source, tmp_path / "out")
    assert get_status(tmp_path / "out").inventory.failed_sources == (str(bad), str(worse))


def test_a_song_that_its_owner_has_fixed_is_no_failure(tmp_path: Path) -> None:
    source, out = write_files(tmp_path / "songs", {"a.mid": b"junk"}), tmp_path / "out"
    run_split(source, out)
    write_files(source, {"a.mid": fake_song(PIANO)})
    run_split(source, out)
    inventory = get_status(out).inventory
    assert inventory.failures == ()
    assert (inventory.songs, inventory.counts.songs_with_path) == (2, 1)
    with open_read_only(catalog_access.catalog_address(out)) as catalog:
        assert list(failed_paths(catalog)) == []


def test_a_song_that_a_retry_has_split_is_no_failure(tmp_path: Path) -> None:
    source, out = (
        write_files(tmp_path / "songs", {"a.mid": fake_song(PIANO), "b.mid": fake_song(BASS)}),
        tmp_path / "out",
    )

    def fail(_data: bytes) -> SplitSong:
        raise ZeroDivisionError

    run_split(source, out, splitter=fail)
    assert get_status(out).inventory.failures[0].count == 2
    run_split(source, out, make_settings(workers=0, rerun_policy=RerunPolicy(retry_failed=True)))
    inventory = get_status(out).inventory
    assert (inventory.failures, inventory.counts.outcomes) == ((), {"split": 2})


@pytest.mark.parametrize("fetched", [1, 2, 3, 1_000])
def test_failed_paths_are_grouped_by_song_for_any_number_of_fetched_rows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fetched: int
) -> None:
    monkeypatch.setattr(history_module, "_FETCH_ROWS", fetched)
    files = {f"{n}.mid": b"junk%d" % (n // 3) for n in range(8)} | {"good.mid": fake_song(PIANO)}
    run_split(write_files(tmp_path / "songs", files), tmp_path / "out")
    with open_read_only(catalog_access.catalog_address(tmp_path / "out")) as catalog:
        rows = list(failed_paths(catalog))
    songs = {
        number: [os.path.basename(row.path) for row in same]
        for number, same in groupby(rows, lambda row: row.song_id)
    }
    assert (list(songs), len(rows)) == (sorted(songs), 8)
    assert sorted(songs.values()) == [
        [b"%d.mid" % n for n in same] for same in ((0, 1, 2), (3, 4, 5), (6, 7))
    ]
    assert {(row.outcome, row.code, row.run_id) for row in rows} == {("corrupt", "not_midi", 1)}


def test_an_interrupted_run_has_the_number_of_remaining_songs(tmp_path: Path) -> None:
    source = write_files(tmp_path / "songs", {f"{n}.mid": fake_song(PIANO + str(n)) for n in range(10)})
    out, split = tmp_path / "out", []

    def count_and_split(data: bytes) -> SplitSong:
        split.append(data)
        return fake_split(data)

    run_split(source, out, splitter=count_and_split, stop=lambda: len(split) >= 4)
    status = get_status(out)
    assert (status.runs[0].state, status.songs_left, status.resume_arguments) == (
        "interrupted",
        6,
        (str(source),),
    )
    totals = json.loads(query(out, "SELECT totals FROM runs")[0][0])
    execute(out, "UPDATE runs SET totals = ?", json.dumps(totals | {"songs_total": None}))
    assert get_status(out).songs_left is None, "not counted"
    run_split(source, out)
    status = get_status(out)
    assert (status.songs_left, status.resume_arguments, [run.state for run in status.runs]) == (
        0,
        None,
        ["done", "interrupted"],
    )


def test_a_stopped_run_can_be_resumed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = write_files(tmp_path / "songs", {f"{n}.mid": fake_song(PIANO + str(n)) for n in range(4)})

    def fail_as_full(*_arguments: object) -> None:
        raise StoreError("full")

    with monkeypatch.context() as patch:
        patch.setattr("midiprism.stores.files.store.FileStore.put", fail_as_full)
        run_split(source, tmp_path / "out")
    status = get_status(tmp_path / "out")
    assert (status.runs[0].state, status.resume_arguments) == ("stopped", (str(source),))


def test_a_killed_run_is_cut_off_and_its_committed_songs_count(tmp_path: Path) -> None:
    source = write_files(tmp_path / "songs", {f"{n}.mid": fake_song(PIANO + str(n)) for n in range(6)})
    out = tmp_path / "out"
    run_split(source, out, make_settings(workers=0, batch_songs=2))
    mark_as_killed(out, songs_total=10, songs_seen=3, songs_done=2, songs_skipped=1)
    status = get_status(out)
    last = status.runs[0]
    assert (last.state, status.is_running, status.locked, status.live_rate) == ("cut off", False, False, None)
    assert (last.songs_done, last.songs_seen, last.tracks_new, status.songs_left) == (6, 7, 6, 3)
    assert status.resume_arguments == (str(source),)
    assert 0 <= last.seconds < 60


@pytest.mark.usefixtures("fixed_now")
def test_an_active_run_has_a_rate_and_an_estimate(result: Path, catalog_backend: str) -> None:
    execute(result, "UPDATE runs SET started_at = ?, updated_at = ?", timestamp_ago(300), timestamp_ago(1))
    execute(result, "DELETE FROM batches")
    for number, (ago, songs) in enumerate([(200, 1000), (70, 500), (50, 300), (5, 300)], 1):
        execute(
            result,
            "INSERT INTO batches VALUES (?, 1, ?, 0, 0, 0, 0, 0, 1.0, ?, NULL)",
            number,
            songs,
            timestamp_ago(ago),
        )
    mark_as_killed(result, songs_total=5000, songs_seen=2000, songs_done=2000, seconds=299.0)
    with still_running(result):
        status = get_status(result)
    last = status.runs[0]
    assert (status.is_running, last.state, status.resume_arguments) == (True, "running", None)
    assert status.locked == (catalog_backend == "sqlite"), "runs that share a catalogue hold nothing alone"
    assert (last.songs_seen, last.songs_done, status.songs_left) == (2100, 2100, 2900)
    assert status.live_rate is not None
    assert status.live_rate.rate == pytest.approx(10)
    assert status.live_rate.eta_seconds == pytest.approx(290)
    assert status.live_rate.seconds_since_commit == pytest.approx(5)
    assert last.seconds == pytest.approx(300)
    assert get_status(result).runs[0].state == "cut off", "nobody holds it any more"


@pytest.mark.usefixtures("fixed_now")
def test_a_run_over_known_songs_is_estimated_by_the_songs_it_has_seen(result: Path) -> None:
    execute(result, "UPDATE runs SET started_at = ?", timestamp_ago(100))
    execute(result, "UPDATE batches SET songs = 0, committed_at = ?", timestamp_ago(2))
    mark_as_killed(result, songs_total=3000, songs_seen=1000, songs_done=0)
    with still_running(result):
        status = get_status(result)
    assert status.live_rate is not None
    assert status.live_rate.rate == 0
    assert status.live_rate.eta_seconds == pytest.approx(200)


@pytest.mark.usefixtures("fixed_now")
def test_a_run_without_commits_has_no_estimate(result: Path) -> None:
    execute(result, "DELETE FROM batches")
    execute(result, "UPDATE runs SET started_at = ?", timestamp_ago(100))
    mark_as_killed(result)
    with still_running(result):
        status = get_status(result)
    assert status.live_rate is not None
    assert (status.live_rate.rate, status.live_rate.eta_seconds, status.songs_left) == (0, None, None)
    assert status.live_rate.seconds_since_commit == pytest.approx(100)


def test_a_real_run_is_active_while_it_splits(tmp_path: Path) -> None:
    source = write_files(tmp_path / "songs", {f"{n}.mid": fake_song(PIANO + str(n)) for n in range(9)})
    out, seen = tmp_path / "out", []

    def get_status_and_split(data: bytes) -> SplitSong:
        thread = threading.Thread(target=lambda: seen.append(get_status(out)))
        thread.start()
        thread.join()
        return fake_split(data)

    summary = run_split(source, out, make_settings(workers=0, batch_songs=3), splitter=get_status_and_split)
    assert (summary.state, summary.songs_done) == ("done", 9)
    assert [status.is_running for status in seen] == [True] * 9
    done = [status.runs[0].songs_done for status in seen]
    assert done == sorted(done)
    assert set(done) <= {0, 3, 6}
    assert all(status.inventory.songs >= status.runs[0].songs_done for status in seen)
    assert not get_status(out).is_running


@pytest.mark.parametrize("catalog_backend", ["sqlite"], indirect=True)
def test_reading_the_status_changes_no_file_and_no_lock(result: Path) -> None:
    before = read_tree(result)
    get_status(result)
    assert read_tree(result) == before
    mark_as_killed(result)
    with locked_by_other_process(result):
        before = read_tree(result)
        assert get_status(result).is_running
        assert read_tree(result) == before
        assert read_tree(result)[LOCK_FILE].startswith(b"process ")
        with pytest.raises(StoreError, match="is being written by process"), lock_exclusive(str(result)):
            pass
    get_status(result)
    with lock_exclusive(str(result)):
        pass


@pytest.mark.parametrize("catalog_backend", ["sqlite"], indirect=True)
def test_readers_do_not_count_as_a_run(result: Path) -> None:
    fcntl = pytest.importorskip("fcntl")
    mark_as_killed(result)
    with open(result / LOCK_FILE, "rb") as file:
        fcntl.flock(file, fcntl.LOCK_SH)
        assert get_status(result).runs[0].state == "cut off"


def test_a_lock_without_a_run_is_reported(result: Path) -> None:
    with locked_by_other_process(result):
        status = get_status(result)
    assert (status.is_running, status.locked, status.resume_arguments) == (False, True, None)


@pytest.mark.parametrize("catalog_backend", ["sqlite"], indirect=True)
def test_a_run_that_ends_while_the_status_is_read_is_not_cut_off(
    result: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mark_as_killed(result)
    is_locked = status_module._is_locked

    def end_run(out: str, *, run_recorded: bool = False) -> bool:
        execute(result, "UPDATE runs SET state = 'done'")
        return is_locked(out, run_recorded=run_recorded)

    monkeypatch.setattr(status_module, "_is_locked", end_run)
    assert get_status(result).runs[0].state == "done"


@pytest.mark.parametrize("catalog_backend", ["sqlite"], indirect=True)
def test_the_status_of_a_read_only_result_can_be_read(result: Path) -> None:
    before = read_tree(result)
    for path in (result / "catalog.sqlite", result / LOCK_FILE):
        path.chmod(0o444)
    result.chmod(0o555)
    try:
        if os.access(result, os.W_OK):
            pytest.skip("nothing is forbidden to root")
        assert get_status(result).inventory.songs == 4
    finally:
        result.chmod(0o755)
    assert read_tree(result) == before


@pytest.mark.parametrize("catalog_backend", ["sqlite"], indirect=True)
@pytest.mark.parametrize("content", [None, b"", "header"])
def test_a_run_that_is_killed_at_once_has_recorded_nothing(result: Path, content: bytes | str | None) -> None:
    path = result / "catalog.sqlite"
    path.unlink()
    if content == "header":
        connection = sqlite3.connect(path)
        connection.execute("PRAGMA journal_mode = WAL")
        connection.close()
    elif isinstance(content, bytes):
        path.write_bytes(content)
    status = get_status(result)
    assert (status.runs, status.is_running, status.songs_left, status.inventory.songs) == ((), False, None, 0)


@pytest.mark.parametrize("catalog_backend", ["sqlite"], indirect=True)
def test_a_damaged_catalog_is_reported(result: Path) -> None:
    (result / "catalog.sqlite").write_bytes(b"not a database at all" * 50)
    with pytest.raises(CatalogError, match="cannot be used"):
        get_status(result)


def test_a_folder_without_a_result_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="holds no midiprism result"):
        read_status(str(tmp_path))


def test_watching_ends_with_the_run(tmp_path: Path) -> None:
    source = write_files(tmp_path / "songs", {f"{n}.mid": fake_song(PIANO + str(n)) for n in range(6)})
    out, began, status_seen = tmp_path / "out", threading.Event(), threading.Event()

    def wait_and_split(data: bytes) -> SplitSong:
        began.set()
        assert status_seen.wait(30)
        return fake_split(data)

    thread = threading.Thread(
        target=lambda: run_split(
            source, out, make_settings(workers=0, batch_songs=2), splitter=wait_and_split
        )
    )
    thread.start()
    assert began.wait(30)
    statuses: list[ResultStatus] = []
    for status in watch(out, 5, 0.01):
        statuses.append(status)
        status_seen.set()
    thread.join()
    assert statuses[0].is_running
    assert [status.is_running or status.locked for status in statuses] == [True] * (len(statuses) - 1) + [
        False
    ]
    assert (statuses[-1].runs[0].state, statuses[-1].inventory.songs) == ("done", 6)


def test_watching_without_a_run_reads_the_status_once(result: Path) -> None:
    assert [status.is_running for status in watch(result, 5, 60)] == [False]


def test_a_slow_count_is_repeated_seldom_and_at_the_end(
    result: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mark_as_killed(result)
    counted: list[float] = []

    def slow(catalog: Catalog, count: Callable[[Catalog], object] = status_module._count_inventory) -> object:
        counted.append(time.monotonic())
        time.sleep(0.05)
        return count(catalog)

    def slower(catalog: Catalog) -> object:
        inventory = slow(catalog)
        return status_module.Inventory(inventory.counts, counted_at=time.monotonic(), count_seconds=100.0)  # type: ignore[attr-defined]

    monkeypatch.setattr(status_module, "_count_inventory", slower)
    statuses = watch(result, 5, 0.01)
    with still_running(result):
        assert [next(statuses).is_running for _ in range(4)] == [True] * 4
        assert len(counted) == 1
    assert [status.is_running for status in statuses] == [False]
    assert len(counted) == 2
