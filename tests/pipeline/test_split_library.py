"""Tests of splitting a library: which songs are split, their outcomes, dry runs, progress, settings."""

import json
import os
from pathlib import Path

import pytest

from midiprism.errors import CatalogError, UsageError
from midiprism.pipeline import RunProgress, Settings
from midiprism.pipeline.settings import RunIntervals
from midiprism.smf.types import Limits
from midiprism.sources.folder import read_file
from support.catalog_access import query
from support.fake_songs import BASS, DRUMS, LOST_BYTES, PIANO, fake_song, read_tree, write_files
from support.library_runs import rows, run
from support.result_content import tracks
from support.runs import make_settings

pytestmark = pytest.mark.usefixtures("catalog_backend")


def test_every_track_is_stored_once_and_linked_from_every_song(tmp_path: Path) -> None:
    source = write_files(
        tmp_path / "songs",
        {
            "a.mid": fake_song(PIANO, BASS),
            "b/c.kar": fake_song(BASS, BASS, DRUMS),
            "none.mid": fake_song(),
            "x.txt": b"",
        },
    )
    out = tmp_path / "out"
    summary = run(source, out)
    assert (summary.songs_done, summary.tracks, summary.tracks_new, summary.tracks_duplicate) == (
        3,
        5,
        3,
        2,
    )
    assert summary.outcomes == {"split": 2, "no_notes": 1}
    assert summary.bytes_written == sum(map(len, tracks(out).values()))
    assert sorted(data.decode() for data in tracks(out).values()) == sorted([PIANO, BASS, DRUMS])
    assert [(row.song_name, row.link.track_number, row.link.name) for row in rows(out)] == [
        ("a", 0, "Right Hand"),
        ("a", 1, "Bassline"),
        ("b/c", 0, "Bassline"),
        ("b/c", 1, "Bassline"),
        ("b/c", 2, None),
    ]


def test_an_unchanged_library_is_not_opened_again_and_nothing_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source, out = (
        write_files(tmp_path / "songs", {"a.mid": fake_song(PIANO), "bad.mid": b"x"}),
        tmp_path / "out",
    )
    run(source, out)
    before = read_tree(out)
    monkeypatch.setattr("midiprism.sources.folder.read_file", lambda *_: pytest.fail("a file was opened"))
    summary = run(source, out)
    assert (summary.songs_done, summary.songs_skipped, summary.run_id) == (0, 2, None)
    assert summary.nothing_new
    assert not summary.has_failures, "what failed in an earlier run is not counted in this one"
    assert read_tree(out) == before


def test_a_result_inside_the_source_is_skipped(tmp_path: Path) -> None:
    source = write_files(tmp_path / "music", {"a.mid": fake_song(PIANO), "z.mid": fake_song(BASS)})
    out = source / "out"
    assert run(source, out).songs_seen == 2
    again = run(source, out)
    assert (again.songs_seen, again.results_skipped) == (2, 1)


def test_a_song_under_two_paths_is_split_once_and_both_are_known(tmp_path: Path) -> None:
    data = fake_song(PIANO, BASS)
    source, out = write_files(tmp_path / "songs", {"b.mid": data, "a.mid": data}), tmp_path / "out"
    summary = run(source, out)
    assert (summary.songs_done, summary.songs_copies, summary.tracks) == (1, 1, 2)
    assert query(out, "SELECT count(*) FROM songs") == [(1,)]
    assert query(out, "SELECT count(*) FROM song_paths") == [(2,)]
    assert {row.song_name for row in rows(out)} == {"a"}


def test_a_moved_song_is_recognized_by_its_digest(tmp_path: Path) -> None:
    source, out = write_files(tmp_path / "songs", {"b.mid": fake_song(PIANO)}), tmp_path / "out"
    run(source, out)
    (source / "b.mid").rename(source / "a.mid")
    summary = run(source, out, splitter=lambda _data: pytest.fail("it was split again"))
    assert (summary.songs_done, summary.songs_copies, summary.tracks_new) == (0, 1, 0)


def test_a_file_found_under_two_sources_counts_as_known_the_second_time(tmp_path: Path) -> None:
    source = write_files(tmp_path / "songs", {"sub/a.mid": fake_song(PIANO)})
    summary = run([source, source / "sub", source / "sub/a.mid"], tmp_path / "out")
    assert (summary.songs_done, summary.songs_skipped) == (1, 2)


def test_a_song_that_changed_is_split_again_and_replaces_the_old_one_in_lists(tmp_path: Path) -> None:
    source, out = write_files(tmp_path / "songs", {"a.mid": fake_song(PIANO)}), tmp_path / "out"
    run(source, out)
    write_files(source, {"a.mid": fake_song(BASS, DRUMS)})
    summary = run(source, out)
    assert (summary.songs_done, summary.tracks_new) == (1, 2)
    assert [row.link.instrument for row in rows(out)] == ["Slap Bass 1", "Standard Kit"]


def test_a_touched_song_is_only_read(tmp_path: Path) -> None:
    source, out = write_files(tmp_path / "songs", {"a.mid": fake_song(PIANO)}), tmp_path / "out"
    run(source, out)
    os.utime(source / "a.mid", (1, 1))
    assert run(source, out).songs_copies == 1
    assert run(source, out).nothing_new


def test_failures_are_outcomes_and_never_stop_the_run(tmp_path: Path) -> None:
    files = {
        "bug.mid": b"bug",
        "corrupt.mid": b"junk",
        "big.mid": fake_song(PIANO + "x" * 5000),
        "good.mid": fake_song(PIANO),
        "mended.mid": fake_song(BASS, header="repaired"),
        "lossy.mid": fake_song(DRUMS, header="lossy"),
        "lossy copy.mid": fake_song(DRUMS, header="lossy"),
    }
    source, out = write_files(tmp_path / "songs", files), tmp_path / "out"
    (source / "loop.mid").symlink_to("loop.mid")
    summary = run(source, out, make_settings(limits=Limits(input_bytes=4000)))
    assert summary.outcomes == {"failed": 1, "corrupt": 2, "unreadable": 1, "split": 1, "repaired": 2}
    assert (summary.songs_failed, summary.songs_repaired, summary.has_failures) == (4, 2, True)
    assert (summary.songs_with_loss, summary.totals()["songs_with_loss"]) == (1, 1)
    reasons = {os.path.basename(failure.path): failure.code for failure in summary.failures}
    assert reasons == {
        b"bug.mid": "internal",
        b"corrupt.mid": "not_midi",
        b"big.mid": "song_size",
        b"loop.mid": "io",
    }
    recorded = query(
        out, "SELECT outcome, problems FROM songs WHERE outcome IN ('failed', 'repaired') ORDER BY 1"
    )
    assert [json.loads(str(problems))[0]["code"] for _, problems in recorded] == [
        "internal",
        "missing_end",
        "missing_end",
    ]
    assert query(out, "SELECT lost_bytes FROM songs WHERE lost_bytes IS NOT NULL") == [(LOST_BYTES,)]
    assert query(out, "SELECT outcome FROM songs WHERE digest IS NULL") == [("unreadable",)]


def test_a_file_that_vanishes_after_the_scan_is_unreadable_and_retried(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source, out = (
        write_files(tmp_path / "songs", {"a.mid": fake_song(PIANO), "b.mid": fake_song(BASS)}),
        tmp_path / "out",
    )

    def remove_and_read(path: bytes, limit: int, *found: int) -> object:
        (source / "b.mid").unlink(missing_ok=True)
        return read_file(path, limit, *found)

    monkeypatch.setattr("midiprism.sources.folder.read_file", remove_and_read)
    assert run(source, out).outcomes == {"split": 1, "unreadable": 1}
    monkeypatch.undo()
    write_files(source, {"b.mid": fake_song(BASS)})
    assert run(source, out).outcomes == {"split": 1}
    assert query(out, "SELECT count(*) FROM songs") == [(2,)]


def test_an_unreadable_folder_makes_the_run_fail_and_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = write_files(tmp_path / "songs", {"a.mid": fake_song(PIANO), "sub/b.mid": fake_song(BASS)})
    scandir = os.scandir

    def forbid_subfolder(path: bytes | int) -> object:
        if isinstance(path, bytes) and path.endswith(b"/sub"):
            raise PermissionError(13, "Permission denied")
        return scandir(path)

    monkeypatch.setattr(os, "scandir", forbid_subfolder)
    summary = run(source, tmp_path / "out")
    assert (summary.songs_done, summary.folders_failed, summary.has_failures) == (1, 1, True)
    assert summary.failures[0].path.endswith(b"/sub")


def test_undecodable_paths_are_split_and_found(tmp_path: Path) -> None:
    source, out = write_files(tmp_path / "songs", {}), tmp_path / "out"
    source.mkdir()
    with open(os.fsencode(source) + b"/\xff\xfe.mid", "wb") as file:
        file.write(fake_song(PIANO))
    assert run(source, out).songs_done == 1
    assert rows(out)[0].song_path.endswith(b"/\xff\xfe.mid")
    assert run(source, out).nothing_new


def test_a_limit_takes_the_first_songs_only(tmp_path: Path) -> None:
    source = write_files(tmp_path / "songs", {f"{n}.mid": fake_song(PIANO + str(n)) for n in range(9)})
    assert run(source, tmp_path / "out", limit=4).songs_seen == 4
    assert {row.song_name for row in rows(tmp_path / "out")} == {"0", "1", "2", "3"}
    again = run(source, tmp_path / "out", limit=4)
    assert (again.songs_seen, again.songs_skipped) == (4, 4)


def test_a_dry_run_counts_the_same_and_writes_nothing(tmp_path: Path) -> None:
    files = {
        "a.mid": fake_song(PIANO, BASS),
        "b.mid": fake_song(BASS),
        "c.mid": fake_song(BASS),
        "d.mid": b"junk",
    }
    source, out = write_files(tmp_path / "songs", files), tmp_path / "out"
    dry = run(source, out, dry_run=True)
    assert not out.exists()
    wet = run(source, out)
    assert dry.outcomes == wet.outcomes
    assert (dry.tracks, dry.tracks_new, dry.songs_copies) == (
        wet.tracks,
        wet.tracks_new,
        wet.songs_copies,
    )
    assert (dry.bytes_written, dry.run_id) == (0, None)


def test_a_dry_run_over_a_result_uses_its_catalog_and_changes_nothing(tmp_path: Path) -> None:
    source, out = write_files(tmp_path / "songs", {"a.mid": fake_song(PIANO)}), tmp_path / "out"
    run(source, out)
    write_files(source, {"b.mid": fake_song(PIANO, BASS), "c.mid": fake_song(PIANO)})
    before = read_tree(out)
    dry = run(source, out, make_settings(batch_songs=1), dry_run=True)
    assert (dry.songs_done, dry.songs_skipped, dry.songs_copies) == (1, 2, 1)
    assert (dry.tracks, dry.tracks_new) == (2, 1)
    assert read_tree(out) == before


def test_progress_is_reported_and_ends_at_the_total(tmp_path: Path) -> None:
    source = write_files(
        tmp_path / "songs",
        {f"{n}.mid": fake_song(PIANO + str(n % 5)) for n in range(8)} | {"x.mid": b"no MIDI"},
    )
    reports: list[RunProgress] = []
    run(source, tmp_path / "out", on_progress=reports.append)
    last = reports[-1]
    assert (last.seen, last.skipped, last.failed) == (9, 3, 1)
    assert (last.tracks, last.tracks_new, last.tracks_duplicate) == (5, 5, 0)
    assert last.total in (9, None)


def test_progress_reports_no_fewer_tracks_than_are_new(tmp_path: Path) -> None:
    source = write_files(
        tmp_path / "songs", {f"{n}.mid": fake_song(PIANO + str(n % 5), BASS) for n in range(8)}
    )
    reports: list[RunProgress] = []
    settings = make_settings(workers=0, batch_songs=1)
    run(source, tmp_path / "out", settings, on_progress=reports.append, intervals=RunIntervals(report=0.0))
    assert {it.seen for it in reports} >= {1, 2, 3}
    assert all(it.tracks == it.tracks_new + it.tracks_duplicate for it in reports)
    assert all(it.tracks_duplicate >= 0 for it in reports)


def test_a_result_keeps_its_settings_and_refuses_others(tmp_path: Path) -> None:
    source, out = write_files(tmp_path / "songs", {"a.mid": fake_song(PIANO)}), tmp_path / "out"
    run(source, out, make_settings(by="channel"))
    assert run(source, out, Settings()).by == "channel"
    for other in (make_settings(by="track"), make_settings(context="full")):
        with pytest.raises(UsageError, match="by=channel and context=conductor"):
            run(source, out, other)


def test_a_result_of_another_contract_is_refused(tmp_path: Path) -> None:
    source, out = write_files(tmp_path / "songs", {"a.mid": fake_song(PIANO)}), tmp_path / "out"
    run(source, out)
    marker = json.loads((out / "midiprism.json").read_text())
    (out / "midiprism.json").write_text(json.dumps(marker | {"contract": 0}))
    with pytest.raises(UsageError, match="redo its songs"):
        run(source, out)
    (out / "midiprism.json").write_text(json.dumps(marker | {"contract": 99}))
    with pytest.raises(UsageError, match="another version"):
        run(source, out)


@pytest.mark.parametrize("catalog_backend", ["sqlite"], indirect=True)
def test_a_damaged_catalog_is_reported(tmp_path: Path) -> None:
    source, out = write_files(tmp_path / "songs", {"a.mid": fake_song(PIANO)}), tmp_path / "out"
    run(source, out)
    (out / "catalog.sqlite").write_bytes(b"not a database at all" * 50)
    with pytest.raises(CatalogError, match="cannot be used"):
        run(source, out)
