import json
import os
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from itertools import groupby
from pathlib import Path

import pytest

from midiprism.catalog import Catalog, read_catalog
from midiprism.catalog import history as history_module
from midiprism.catalog.history import failed_paths
from midiprism.errors import CatalogError, StoreError, UsageError
from midiprism.run import Settings, Wish
from midiprism.run import status as status_module
from midiprism.run.lock import LOCK, locked
from midiprism.run.status import Status, read_status, watched
from midiprism.smf.types import Limits, Split
from support import catalogs as keeping
from support.catalogs import change, query
from support.fake import BASS, DRUMS, PIANO, fake_split, song, tree, write
from support.runs import NOON, going_on, held_elsewhere, left_running, run, stamp

pytestmark = pytest.mark.usefixtures("catalogs")


def look(out: Path, runs: int = 5) -> Status:
    return read_status(str(out), runs, database=keeping.database(out))


def watching(out: Path, runs: int, every: float) -> Iterator[Status]:
    return watched(str(out), runs, every, keeping.database(out))


@pytest.fixture
def noon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(status_module, "_now", lambda: NOON)


@pytest.fixture
def result(tmp_path: Path) -> Path:
    files = {"a.mid": song(PIANO, BASS), "b.mid": song(BASS, DRUMS), "copy.mid": song(PIANO, BASS)}
    files |= {"none.mid": song(), "mended.mid": song(PIANO, head="repaired")}
    run(write(tmp_path / "songs", files), tmp_path / "out")
    return tmp_path / "out"


def test_what_a_result_holds_is_counted(result: Path) -> None:
    status = look(result)
    holdings, counts = status.holdings, status.holdings.counts
    assert (holdings.songs, counts.songs_at_paths, counts.paths) == (4, 4, 5)
    assert (counts.tracks, counts.links, counts.bytes) == (3, 5, len(PIANO + BASS + DRUMS))
    assert holdings.duplicates == pytest.approx(2 / 5)
    assert counts.outcomes == {"split": 2, "no_notes": 1, "repaired": 1}
    assert (status.running, status.held, status.left, status.to_go_on) == (False, False, 0, None)
    assert holdings.failures == ()


def test_the_last_runs_come_first_with_what_they_did_and_were_asked_for(result: Path) -> None:
    source = write(result.parent / "songs", {"new.mid": song(DRUMS, "Bass;Slap Bass 1;;new")})
    run(source, result, Settings(workers=0, batch_parents=7))
    write(source, {"newer.mid": song(BASS)})
    run(source, result)
    runs = look(result, runs=2).runs
    assert [(run.id, run.state, run.parents_done, run.parents_skipped) for run in runs] == [
        (3, "done", 1, 6),
        (2, "done", 1, 5),
    ]
    assert (runs[1].tracks, runs[1].tracks_new, runs[1].workers, runs[1].batch_size) == (2, 1, 0, 7)
    assert runs[1].sources == (str(source),)
    assert runs[1].bytes_written == len("Bass;Slap Bass 1;;new")
    assert runs[1].rate == pytest.approx(runs[1].parents_seen / runs[1].seconds)


def test_failures_of_every_kind_are_grouped_by_their_reason(tmp_path: Path) -> None:
    files = {f"junk{n}.mid": b"junk%d" % n for n in range(5)}
    files |= {"bug.mid": b"bug", "big.mid": song(PIANO + "x" * 5000), "good.mid": song(PIANO)}
    source, out = write(tmp_path / "songs", files), tmp_path / "out"
    (source / "loop.mid").symlink_to("loop.mid")
    run(source, out, Settings(workers=0, limits=Limits(input_bytes=4000)))
    status = look(out)
    found = [(group.code, group.outcome, group.count) for group in status.holdings.failures]
    assert found == [
        ("not_midi", "corrupt", 5),
        ("internal", "failed", 1),
        ("io", "unreadable", 1),
        ("limit", "corrupt", 1),
    ]
    examples = status.holdings.failures[0].examples
    assert len({os.path.basename(path) for path, _ in examples} & {b"junk%d.mid" % n for n in range(5)}) == 3
    assert examples[0][1] == "It is not a MIDI file."
    assert status.holdings.failed_sources == (str(source),)
    assert status.runs[0].parents_failed == 8


def test_only_the_sources_of_runs_in_which_something_failed_are_tried_again(tmp_path: Path) -> None:
    bad, good = write(tmp_path / "bad", {"a.mid": b"x"}), write(tmp_path / "good", {"b.mid": song(PIANO)})
    worse = write(tmp_path / "worse", {"c.mid": b"y"})
    for source in (bad, good, worse):
        run(source, tmp_path / "out")
    assert look(tmp_path / "out").holdings.failed_sources == (str(bad), str(worse))


def test_a_song_that_was_mended_by_its_owner_has_not_failed_any_more(tmp_path: Path) -> None:
    source, out = write(tmp_path / "songs", {"a.mid": b"junk"}), tmp_path / "out"
    run(source, out)
    write(source, {"a.mid": song(PIANO)})
    run(source, out)
    holdings = look(out).holdings
    assert holdings.failures == ()
    assert (holdings.songs, holdings.counts.songs_at_paths) == (2, 1)
    with read_catalog(keeping.address(out)) as catalog:
        assert list(failed_paths(catalog)) == []


def test_what_is_tried_again_with_success_has_not_failed_any_more(tmp_path: Path) -> None:
    source, out = write(tmp_path / "songs", {"a.mid": song(PIANO), "b.mid": song(BASS)}), tmp_path / "out"

    def failing(_data: bytes) -> Split:
        raise ZeroDivisionError

    run(source, out, splitter=failing)
    assert look(out).holdings.failures[0].count == 2
    run(source, out, Settings(workers=0, wish=Wish(retry_failed=True)))
    holdings = look(out).holdings
    assert (holdings.failures, holdings.counts.outcomes) == ((), {"split": 2})


@pytest.mark.parametrize("fetched", [1, 2, 3, 1_000])
def test_all_paths_of_all_failures_come_song_by_song_whatever_is_read_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fetched: int
) -> None:
    monkeypatch.setattr(history_module, "_FETCHED", fetched)
    files = {f"{n}.mid": b"junk%d" % (n // 3) for n in range(8)} | {"good.mid": song(PIANO)}
    run(write(tmp_path / "songs", files), tmp_path / "out")
    with read_catalog(keeping.address(tmp_path / "out")) as catalog:
        rows = list(failed_paths(catalog))
    songs = {
        number: [os.path.basename(row.path) for row in same]
        for number, same in groupby(rows, lambda row: row.number)
    }
    assert (list(songs), len(rows)) == (sorted(songs), 8)
    assert sorted(songs.values()) == [
        [b"%d.mid" % n for n in same] for same in ((0, 1, 2), (3, 4, 5), (6, 7))
    ]
    assert {(row.outcome, row.code, row.run_id) for row in rows} == {("corrupt", "not_midi", 1)}


def test_an_interrupted_run_says_what_was_still_to_come(tmp_path: Path) -> None:
    source = write(tmp_path / "songs", {f"{n}.mid": song(PIANO + str(n)) for n in range(10)})
    out, split = tmp_path / "out", []

    def counting(data: bytes) -> Split:
        split.append(data)
        return fake_split(data)

    run(source, out, splitter=counting, stop=lambda: len(split) >= 4)
    status = look(out)
    assert (status.runs[0].state, status.left, status.to_go_on) == ("interrupted", 6, (str(source),))
    totals = json.loads(query(out, "SELECT totals FROM runs")[0][0])
    change(out, "UPDATE runs SET totals = ?", json.dumps(totals | {"parents_total": None}))
    assert look(out).left is None, "not counted"
    run(source, out)
    status = look(out)
    assert (status.left, status.to_go_on, [run.state for run in status.runs]) == (
        0,
        None,
        ["done", "interrupted"],
    )


def test_a_run_that_stopped_can_be_gone_on_with(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = write(tmp_path / "songs", {f"{n}.mid": song(PIANO + str(n)) for n in range(4)})

    def full(*_arguments: object) -> None:
        raise StoreError("full")

    with monkeypatch.context() as patch:
        patch.setattr("midiprism.store.files.FileStore.put", full)
        run(source, tmp_path / "out")
    status = look(tmp_path / "out")
    assert (status.runs[0].state, status.to_go_on) == ("stopped", (str(source),))


def test_a_run_that_was_killed_is_cut_off_and_what_it_committed_counts(tmp_path: Path) -> None:
    source = write(tmp_path / "songs", {f"{n}.mid": song(PIANO + str(n)) for n in range(6)})
    out = tmp_path / "out"
    run(source, out, Settings(workers=0, batch_parents=2))
    left_running(out, parents_total=10, parents_seen=3, parents_done=2, parents_skipped=1)
    status = look(out)
    last = status.runs[0]
    assert (last.state, status.running, status.held, status.pace) == ("cut off", False, False, None)
    assert (last.parents_done, last.parents_seen, last.tracks_new, status.left) == (6, 7, 6, 3)
    assert status.to_go_on == (str(source),)
    assert 0 <= last.seconds < 60


@pytest.mark.usefixtures("noon")
def test_a_run_that_is_on_tells_its_pace(result: Path, catalogs: str) -> None:
    change(result, "UPDATE runs SET started_at = ?, updated_at = ?", stamp(300), stamp(1))
    change(result, "DELETE FROM batches")
    for number, (ago, parents) in enumerate([(200, 1000), (70, 500), (50, 300), (5, 300)], 1):
        change(
            result,
            "INSERT INTO batches VALUES (?, 1, ?, 0, 0, 0, 0, 0, 1.0, ?, NULL)",
            number,
            parents,
            stamp(ago),
        )
    left_running(result, parents_total=5000, parents_seen=2000, parents_done=2000, seconds=299.0)
    with going_on(result):
        status = look(result)
    last = status.runs[0]
    assert (status.running, last.state, status.to_go_on) == (True, "running", None)
    assert status.held == (catalogs == "sqlite"), "runs that share a catalogue hold nothing alone"
    assert (last.parents_seen, last.parents_done, status.left) == (2100, 2100, 2900)
    assert status.pace is not None
    assert status.pace.rate == pytest.approx(10)
    assert status.pace.eta_seconds == pytest.approx(290)
    assert status.pace.quiet_seconds == pytest.approx(5)
    assert last.seconds == pytest.approx(300)
    assert look(result).runs[0].state == "cut off", "nobody holds it any more"


@pytest.mark.usefixtures("noon")
def test_a_run_over_known_contents_is_estimated_by_the_songs_it_passes(result: Path) -> None:
    change(result, "UPDATE runs SET started_at = ?", stamp(100))
    change(result, "UPDATE batches SET parents = 0, committed_at = ?", stamp(2))
    left_running(result, parents_total=3000, parents_seen=1000, parents_done=0)
    with going_on(result):
        status = look(result)
    assert status.pace is not None
    assert status.pace.rate == 0
    assert status.pace.eta_seconds == pytest.approx(200)


@pytest.mark.usefixtures("noon")
def test_a_run_without_commits_has_no_estimate(result: Path) -> None:
    change(result, "DELETE FROM batches")
    change(result, "UPDATE runs SET started_at = ?", stamp(100))
    left_running(result)
    with going_on(result):
        status = look(result)
    assert status.pace is not None
    assert (status.pace.rate, status.pace.eta_seconds, status.left) == (0, None, None)
    assert status.pace.quiet_seconds == pytest.approx(100)


def test_a_run_that_is_really_on_is_seen_from_within(tmp_path: Path) -> None:
    source = write(tmp_path / "songs", {f"{n}.mid": song(PIANO + str(n)) for n in range(9)})
    out, seen = tmp_path / "out", []

    def looking(data: bytes) -> Split:
        thread = threading.Thread(target=lambda: seen.append(look(out)))
        thread.start()
        thread.join()
        return fake_split(data)

    summary = run(source, out, Settings(workers=0, batch_parents=3), splitter=looking)
    assert (summary.state, summary.parents_done) == ("done", 9)
    assert [status.running for status in seen] == [True] * 9
    done = [status.runs[0].parents_done for status in seen]
    assert done == sorted(done)
    assert set(done) <= {0, 3, 6}
    assert all(status.holdings.songs >= status.runs[0].parents_done for status in seen)
    assert not look(out).running


@pytest.mark.parametrize("catalogs", ["sqlite"], indirect=True)
def test_a_look_leaves_the_lock_and_everything_else_as_it_is(result: Path) -> None:
    before = tree(result)
    look(result)
    assert tree(result) == before
    left_running(result)
    with held_elsewhere(result):
        before = tree(result)
        assert look(result).running
        assert tree(result) == before
        assert tree(result)[LOCK].startswith(b"process ")
        with pytest.raises(StoreError, match="is being written by process"), locked(str(result)):
            pass
    look(result)
    with locked(str(result)):
        pass


@pytest.mark.parametrize("catalogs", ["sqlite"], indirect=True)
def test_others_that_only_look_are_no_run(result: Path) -> None:
    fcntl = pytest.importorskip("fcntl")
    left_running(result)
    with open(result / LOCK, "rb") as file:
        fcntl.flock(file, fcntl.LOCK_SH)
        assert look(result).runs[0].state == "cut off"


def test_a_process_that_holds_the_result_without_a_run_is_told(result: Path) -> None:
    with held_elsewhere(result):
        status = look(result)
    assert (status.running, status.held, status.to_go_on) == (False, True, None)


@pytest.mark.parametrize("catalogs", ["sqlite"], indirect=True)
def test_a_run_that_ends_between_two_looks_is_not_taken_for_cut_off(
    result: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    left_running(result)
    held = status_module._held

    def ending(out: str, *, recorded: bool = False) -> bool:
        change(result, "UPDATE runs SET state = 'done'")
        return held(out, recorded=recorded)

    monkeypatch.setattr(status_module, "_held", ending)
    assert look(result).runs[0].state == "done"


@pytest.mark.parametrize("catalogs", ["sqlite"], indirect=True)
def test_a_result_that_cannot_be_written_can_be_looked_at(result: Path) -> None:
    before = tree(result)
    for path in (result / "catalog.sqlite", result / LOCK):
        path.chmod(0o444)
    result.chmod(0o555)
    try:
        if os.access(result, os.W_OK):
            pytest.skip("nothing is forbidden to root")
        assert look(result).holdings.songs == 4
    finally:
        result.chmod(0o755)
    assert tree(result) == before


@pytest.mark.parametrize("catalogs", ["sqlite"], indirect=True)
@pytest.mark.parametrize("begun", [None, b"", "header"])
def test_a_result_that_was_killed_at_once_has_nothing_recorded(
    result: Path, begun: bytes | str | None
) -> None:
    path = result / "catalog.sqlite"
    path.unlink()
    if begun == "header":
        connection = sqlite3.connect(path)
        connection.execute("PRAGMA journal_mode = WAL")
        connection.close()
    elif isinstance(begun, bytes):
        path.write_bytes(begun)
    status = look(result)
    assert (status.runs, status.running, status.left, status.holdings.songs) == ((), False, None, 0)


@pytest.mark.parametrize("catalogs", ["sqlite"], indirect=True)
def test_a_damaged_catalogue_is_a_clear_error(result: Path) -> None:
    (result / "catalog.sqlite").write_bytes(b"not a database at all" * 50)
    with pytest.raises(CatalogError, match="cannot be used"):
        look(result)


def test_a_folder_without_a_result_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="holds no midiprism result"):
        read_status(str(tmp_path))


def test_watching_ends_with_the_run(tmp_path: Path) -> None:
    source = write(tmp_path / "songs", {f"{n}.mid": song(PIANO + str(n)) for n in range(6)})
    out, began, looked = tmp_path / "out", threading.Event(), threading.Event()

    def waiting(data: bytes) -> Split:
        began.set()
        assert looked.wait(30)
        return fake_split(data)

    thread = threading.Thread(
        target=lambda: run(source, out, Settings(workers=0, batch_parents=2), splitter=waiting)
    )
    thread.start()
    assert began.wait(30)
    looks: list[Status] = []
    for status in watching(out, 5, 0.01):
        looks.append(status)
        looked.set()
    thread.join()
    assert looks[0].running
    assert [look.running or look.held for look in looks] == [True] * (len(looks) - 1) + [False]
    assert (looks[-1].runs[0].state, looks[-1].holdings.songs) == ("done", 6)


def test_without_a_run_watching_looks_once(result: Path) -> None:
    assert [status.running for status in watching(result, 5, 60)] == [False]


def test_what_takes_long_to_count_is_counted_seldom_and_at_the_end(
    result: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    left_running(result)
    counted: list[float] = []

    def slow(catalog: Catalog, count: Callable[[Catalog], object] = status_module._holdings) -> object:
        counted.append(time.monotonic())
        time.sleep(0.05)
        return count(catalog)

    def slower(catalog: Catalog) -> object:
        holdings = slow(catalog)
        return status_module.Holdings(holdings.counts, at=time.monotonic(), took=100.0)  # type: ignore[attr-defined]

    monkeypatch.setattr(status_module, "_holdings", slower)
    looks = watching(result, 5, 0.01)
    with going_on(result):
        assert [next(looks).running for _ in range(4)] == [True] * 4
        assert len(counted) == 1
    assert [status.running for status in looks] == [False]
    assert len(counted) == 2
