"""Tests of the status of runs that are active, interrupted or killed, and of watching them."""

import json
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from midiprism.catalog.reader import Snapshots
from midiprism.errors import StoreError
from midiprism.results import lock
from midiprism.results import status as status_module
from midiprism.results.lock import LOCK_FILE
from midiprism.results.status import ResultStatus, watch_status
from midiprism.smf.types import SplitSong
from support import catalog_access
from support.catalog_access import execute, query
from support.fake_songs import PIANO, fake_song, fake_split, write_files
from support.runs import (
    FIXED_NOW,
    get_status,
    locked_by_other_process,
    make_settings,
    mark_as_killed,
    run_split,
    still_running,
    timestamp_ago,
)

pytestmark = pytest.mark.usefixtures("catalog_backend")


def watch(out: Path, runs: int, every: float) -> Iterator[ResultStatus]:
    return watch_status(str(out), runs, every, catalog_access.postgres_address(out))


@pytest.fixture
def fixed_now(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(status_module, "_now", lambda: FIXED_NOW)


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
            "INSERT INTO batches VALUES (?, 1, ?, 0, 0, 0, 0, 0, 1.0, ?, NULL, NULL, NULL)",
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


def test_a_run_that_ends_while_the_status_is_read_is_not_cut_off(
    result: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mark_as_killed(result)
    is_locked = lock.is_locked

    def end_run(out: str, **options: bool) -> bool:
        execute(result, "UPDATE runs SET state = 'done'")
        return is_locked(out, **options)

    monkeypatch.setattr(status_module, "is_locked", end_run)
    assert get_status(result).runs[0].state == "done"


def test_a_run_that_does_its_last_work_is_not_cut_off(result: Path, catalog_backend: str) -> None:
    mark_as_killed(result)  # it has given its catalog up, as before its last work
    hold = lock.lock_exclusive if catalog_backend == "sqlite" else lock.lock_shared
    with hold(str(result)):
        status = get_status(result)
    assert (status.runs[0].state, status.locked) == ("running", True)
    assert get_status(result).runs[0].state == "cut off"


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

    def slow(
        snapshots: Snapshots, count: Callable[[Snapshots], object] = status_module._count_inventory
    ) -> object:
        counted.append(time.monotonic())
        time.sleep(0.05)
        return count(snapshots)

    def slower(snapshots: Snapshots) -> object:
        inventory = slow(snapshots)
        return status_module.Inventory(inventory.counts, counted_at=time.monotonic(), count_seconds=100.0)  # type: ignore[attr-defined]

    monkeypatch.setattr(status_module, "_count_inventory", slower)
    statuses = watch(result, 5, 0.01)
    with still_running(result):
        assert [next(statuses).is_running for _ in range(4)] == [True] * 4
        assert len(counted) == 1
    assert [status.is_running for status in statuses] == [False]
    assert len(counted) == 2
