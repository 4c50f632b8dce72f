"""Tests of the status of a result: its content, runs and failures, read without a change."""

import os
from itertools import groupby
from pathlib import Path

import pytest

from midiprism.catalog.queries import run_history as history_module
from midiprism.catalog.queries.run_history import failed_paths
from midiprism.catalog.reader import open_snapshots
from midiprism.errors import CatalogError, StoreError, UsageError
from midiprism.pipeline import RerunPolicy
from midiprism.results.lock import LOCK_FILE, lock_exclusive
from midiprism.results.status import read_status
from midiprism.smf.types import Limits, SplitSong
from support import catalog_access
from support.fake_songs import BASS, DRUMS, PIANO, fake_song, read_tree, write_files
from support.runs import get_status, locked_by_other_process, make_settings, mark_as_killed, run_split

pytestmark = pytest.mark.usefixtures("catalog_backend")


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
        ("song_size", "corrupt", 1),
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
    with open_snapshots(catalog_access.catalog_address(out)) as snapshots:
        assert list(failed_paths(snapshots)) == []


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
    monkeypatch.setattr(history_module, "_PAGE_ROWS", fetched)
    files = {f"{n}.mid": b"junk%d" % (n // 3) for n in range(8)} | {"good.mid": fake_song(PIANO)}
    run_split(write_files(tmp_path / "songs", files), tmp_path / "out")
    with open_snapshots(catalog_access.catalog_address(tmp_path / "out")) as snapshots:
        rows = list(failed_paths(snapshots))
    songs = {
        number: [os.path.basename(row.path) for row in same]
        for number, same in groupby(rows, lambda row: row.song_id)
    }
    assert (list(songs), len(rows)) == (sorted(songs), 8)
    assert sorted(songs.values()) == [
        [b"%d.mid" % n for n in same] for same in ((0, 1, 2), (3, 4, 5), (6, 7))
    ]
    assert {(row.outcome, row.code, row.run_id) for row in rows} == {("corrupt", "not_midi", 1)}


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
def test_a_damaged_catalog_is_reported(result: Path) -> None:
    (result / "catalog.sqlite").write_bytes(b"not a database at all" * 50)
    with pytest.raises(CatalogError, match="cannot be used"):
        get_status(result)


def test_a_folder_without_a_result_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="holds no midiprism result"):
        read_status(str(tmp_path))
