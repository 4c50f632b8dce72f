import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from midiprism.catalog import BatchRecord, Selection, TrackRow, find_tracks, open_read_only
from midiprism.catalog.postgres.catalog import PostgresCatalog
from midiprism.catalog.sqlite.catalog import SqliteCatalog
from midiprism.errors import CatalogError, StoreError, UsageError
from midiprism.pipeline import RunProgress, Settings, Summary
from midiprism.pipeline import group_commit as group
from midiprism.pipeline.group_commit import GroupLimits
from midiprism.pipeline.settings import RunIntervals
from midiprism.pipeline.splitter import Splitter
from midiprism.results.status import read_status
from midiprism.smf.types import Limits
from midiprism.sources import open_folders
from midiprism.sources.folder import read_file
from midiprism.stores.files.store import FileStore
from support import catalog_access
from support.catalog_access import query
from support.fake_songs import BASS, DRUMS, PIANO, fake_song, fake_split, read_tree, write_files
from support.runs import change_settings, make_settings, run_source

pytestmark = pytest.mark.usefixtures("catalog_backend")


def run(
    source: Path | Sequence[Path],
    out: Path,
    settings: Settings = Settings(),  # noqa: B008 - it is frozen
    *,
    splitter: Splitter = fake_split,
    **options: object,
) -> Summary:
    sources = [source] if isinstance(source, Path) else source
    library = open_folders(sources, os.fsencode(out))
    if settings.resources.workers is None:
        settings = change_settings(settings, workers=0)
    settings = change_settings(settings, database=catalog_access.postgres_address(out))
    summary = run_source(library, str(out), settings, splitter=splitter, **options)
    assert summary.songs_seen == summary.songs_done + summary.songs_skipped
    assert summary.songs_done == sum(summary.outcomes.values())
    return summary


def rows(out: Path) -> list[TrackRow]:
    with open_read_only(catalog_access.catalog_address(out)) as catalog:
        return list(find_tracks(catalog.connection, Selection()))


def tracks(out: Path) -> dict[str, bytes]:
    return {path: data for path, data in read_tree(out).items() if path.startswith("tracks/")}


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
    }
    source, out = write_files(tmp_path / "songs", files), tmp_path / "out"
    (source / "loop.mid").symlink_to("loop.mid")
    summary = run(source, out, make_settings(limits=Limits(input_bytes=4000)))
    assert summary.outcomes == {"failed": 1, "corrupt": 2, "unreadable": 1, "split": 1, "repaired": 1}
    assert (summary.songs_failed, summary.songs_repaired, summary.has_failures) == (4, 1, True)
    reasons = {os.path.basename(failure.path): failure.code for failure in summary.failures}
    assert reasons == {
        b"bug.mid": "internal",
        b"corrupt.mid": "not_midi",
        b"big.mid": "limit",
        b"loop.mid": "io",
    }
    recorded = query(
        out, "SELECT outcome, problems FROM songs WHERE outcome IN ('failed', 'repaired') ORDER BY 1"
    )
    assert [json.loads(str(problems))[0]["code"] for _, problems in recorded] == ["internal", "missing_end"]
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

    def forbid_subfolder(path: bytes) -> object:
        if os.fsencode(path).endswith(b"/sub"):
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


@pytest.mark.parametrize(
    "batch", [make_settings(batch_songs=1), make_settings(batch_songs=7), make_settings(batch_bytes=50)]
)
def test_the_result_does_not_depend_on_the_size_of_batches(tmp_path: Path, batch: Settings) -> None:
    files = {f"{n}.mid": fake_song(PIANO + str(n // 2), BASS, DRUMS + str(n)) for n in range(30)}
    files |= {f"copy{n}.mid": files[f"{n}.mid"] for n in range(5)}
    source = write_files(tmp_path / "songs", files)
    whole, parts = run(source, tmp_path / "whole"), run(source, tmp_path / "parts", batch)
    assert tracks(tmp_path / "whole") == tracks(tmp_path / "parts")
    numberless = [row._replace(song_id=0) for row in rows(tmp_path / "whole")]
    assert numberless == [row._replace(song_id=0) for row in rows(tmp_path / "parts")]
    assert (whole.outcomes, whole.tracks_new, whole.songs_copies) == (
        parts.outcomes,
        parts.tracks_new,
        parts.songs_copies,
    )


def test_an_interrupted_run_keeps_finished_songs_and_the_next_one_continues(tmp_path: Path) -> None:
    source = write_files(tmp_path / "songs", {f"{n}.mid": fake_song(PIANO + str(n)) for n in range(10)})
    out, split = tmp_path / "out", []

    def count_and_split(data: bytes) -> object:
        split.append(data)
        return fake_split(data)

    first = run(source, out, splitter=count_and_split, stop=lambda: len(split) >= 4)  # type: ignore[arg-type]
    assert (first.state, first.songs_done) == ("interrupted", 4)
    assert query(out, "SELECT state FROM runs") == [("interrupted",)]
    second = run(source, out, splitter=count_and_split)  # type: ignore[arg-type]
    assert (second.songs_done, second.songs_skipped, len(split)) == (6, 4, 10)


def test_a_crash_between_files_and_commit_is_repaired_by_the_next_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, catalog_backend: str
) -> None:
    source, out = (
        write_files(tmp_path / "songs", {"a.mid": fake_song(PIANO), "b.mid": fake_song(BASS)}),
        tmp_path / "out",
    )
    brief = make_settings(lease_seconds=1.0)

    def interrupt(*_arguments: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        for kind in (SqliteCatalog, PostgresCatalog):
            patch.setattr(kind, "commit", interrupt)
        with pytest.raises(KeyboardInterrupt):
            run(source, out, brief)
    assert query(out, "SELECT count(*) FROM tracks") == [(0,)]
    torn = next((out / "tracks/bass").rglob("*.mid"))
    torn.chmod(0o644)
    torn.write_bytes(b"Ba")
    os.utime(torn, (1, 1))
    if catalog_backend == "sqlite":  # no other run is active, so temporary files are removed
        (torn.parent / ".00.tmp").write_bytes(b"x")
    summary = run(source, out, brief)
    assert (summary.tracks_new, summary.bytes_written) == (2, len(BASS)), "what is whole is not written again"
    assert sorted(data.decode() for data in tracks(out).values()) == sorted([PIANO, BASS])
    runs = read_status(str(out), database=catalog_access.postgres_address(out)).runs
    assert [one.state for one in runs] == ["done", "cut off"]


def test_files_are_durable_before_they_are_committed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = write_files(tmp_path / "songs", {f"{n}.mid": fake_song(PIANO + str(n)) for n in range(4)})
    order: list[str] = []

    def record_calls(owner: type, name: str) -> None:
        method = getattr(owner, name)

        def call(*arguments: object) -> object:
            order.append(name)
            return method(*arguments)

        monkeypatch.setattr(owner, name, call)

    record_calls(FileStore, "put")
    record_calls(FileStore, "flush")
    record_calls(
        PostgresCatalog if catalog_access.postgres_address(tmp_path / "out") else SqliteCatalog, "commit"
    )
    run(source, tmp_path / "out", make_settings(batch_songs=2, in_flight=1))
    assert order == ["put", "put", "flush", "commit"] * 2


@pytest.mark.parametrize("catalog_backend", ["sqlite"], indirect=True)
def test_batches_within_a_short_time_are_flushed_and_committed_together(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = write_files(tmp_path / "songs", {f"{n}.mid": fake_song(PIANO + str(n)) for n in range(40)})
    flushes: list[int] = []
    monkeypatch.setattr(FileStore, "flush", lambda _store: flushes.append(1))
    monkeypatch.setattr(group, "GROUP_LIMITS", GroupLimits(max_songs=16, max_seconds=600.0))
    summary = run(source, tmp_path / "out", make_settings(batch_songs=4))
    assert (summary.songs_done, len(flushes)) == (40, 3)
    assert query(tmp_path / "out", "SELECT count(*), count(DISTINCT committed_at) FROM batches") == [(10, 3)]


@pytest.mark.parametrize("catalog_backend", ["sqlite"], indirect=True)
def test_groups_become_smaller_once_all_batches_are_handed_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = write_files(tmp_path / "songs", {f"{n}.mid": fake_song(PIANO + str(n)) for n in range(40)})
    monkeypatch.setattr(group, "GROUP_LIMITS", GroupLimits(min_songs=8, max_seconds=600.0))
    assert committed_group_sizes(monkeypatch, source, tmp_path / "out", make_settings(batch_songs=4)) == [
        20,
        12,
        8,
    ]


@pytest.mark.parametrize("catalog_backend", ["sqlite"], indirect=True)
def test_groups_begin_small_and_grow(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = write_files(tmp_path / "songs", {f"{n}.mid": fake_song(PIANO + str(n)) for n in range(40)})
    monkeypatch.setattr(group, "GROUP_LIMITS", GroupLimits(max_songs=8, min_songs=2, max_seconds=600.0))
    settings = make_settings(batch_songs=2, in_flight=5)
    assert committed_group_sizes(monkeypatch, source, tmp_path / "out", settings) == [2, 4, 8, 8, 8, 8, 2]


def committed_group_sizes(
    monkeypatch: pytest.MonkeyPatch, source: Path, out: Path, settings: Settings
) -> list[int]:
    """Return the number of songs of each group that a run commits."""
    commit, found = SqliteCatalog.commit, []

    def count_and_commit(catalog: SqliteCatalog, run_id: int, batches: list[BatchRecord], *more: Any) -> Any:
        found.append(sum(len(batch.songs) for batch in batches))
        return commit(catalog, run_id, batches, *more)

    monkeypatch.setattr(SqliteCatalog, "commit", count_and_commit)
    assert run(source, out, settings).songs_done == 40
    return found


def test_a_full_disk_stops_the_run_and_keeps_committed_songs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = write_files(tmp_path / "songs", {f"{n}.mid": fake_song(PIANO + str(n)) for n in range(6)})
    out, create, written = tmp_path / "out", os.write, []

    def write_until_full(descriptor: int, data: bytes) -> int:
        written.append(data)
        if len(written) > 4:
            raise OSError(28, "No space left on device")
        return create(descriptor, data)

    monkeypatch.setattr(os, "write", write_until_full)
    summary = run(source, out, make_settings(batch_songs=2))
    monkeypatch.undo()
    assert (summary.state, summary.songs_done) == ("stopped", 4)
    assert isinstance(summary.error, StoreError)
    assert "disk is full" in str(summary.error)
    assert query(out, "SELECT state FROM runs") == [("stopped",)]
    assert query(out, "SELECT count(*) FROM tracks") == [(4,)]
    assert run(source, out).songs_done == 2


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
        tmp_path / "songs", {f"{n}.mid": fake_song(PIANO + str(n % 5)) for n in range(8)} | {"x.mid": b""}
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
