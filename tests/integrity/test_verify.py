"""Tests of verifying results in files. Those of repairs are in test_repair.py."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from midiprism.catalog import VerifyScope
from midiprism.errors import StoreError, UsageError
from midiprism.integrity.damage_report import VerifyProgress
from midiprism.results.lock import lock_exclusive, lock_for_reading
from support import catalog_access
from support.catalog_access import query
from support.fake_songs import PIANO, fake_song, read_tree, write_files
from support.result_content import tracks
from support.result_damage import (
    DAMAGES,
    NAMES,
    change,
    cut,
    file_of,
    flip,
    make_result,
    orphan,
    repair,
    rewrite,
    split,
    temporary,
    verify,
)


@pytest.fixture
def out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, catalog_backend: str) -> Path:
    return make_result(tmp_path, monkeypatch)


def test_a_new_result_is_undamaged_and_verifying_writes_nothing(out: Path) -> None:
    before = read_tree(out)
    found = verify(out)
    assert (found.ok, found.counts, found.last_run_state) == (True, {}, None)
    assert (found.tracks, found.files, found.songs, found.links, found.songs_without_path) == (6, 6, 6, 9, 0)
    assert found.bytes == sum(map(len, tracks(out).values()))
    assert read_tree(out) == before


@pytest.mark.parametrize("catalog_backend", ["sqlite"], indirect=True)
@pytest.mark.parametrize("inflict", DAMAGES, ids=NAMES)
def test_a_sample_of_nearly_everything_finds_the_same_as_a_full_check(
    out: Path, inflict: Callable[[Path], None]
) -> None:
    inflict(out)
    found = verify(out).counts
    found.pop("unlinked", None)
    sample = VerifyScope(share=1 - 1e-9, start=0.7)
    assert sample.is_sample
    assert verify(out, sample).counts == found


def test_samples_that_cover_everything_find_everything(out: Path) -> None:
    for inflict in (temporary, orphan, cut):
        inflict(out)
    change(
        out,
        "DELETE FROM links WHERE position = 0 AND song_id = "
        "(SELECT DISTINCT song_id FROM links ORDER BY 1 LIMIT 1 OFFSET 2)",
    )
    found = [verify(out, VerifyScope(share=0.25, start=quarter / 4 + 0.1)) for quarter in range(4)]
    assert sum(one.tracks for one in found) == 6
    assert sum(one.counts.get("size", 0) for one in found) == 1
    # A share of a few songs is rounded up, so two samples may check the same one.
    assert sum(one.counts.get("links", 0) for one in found) in (1, 2)
    assert {name for one in found for name in one.counts} == {"size", "links", "temporary", "orphan"}


def test_a_sample_checks_about_its_share(tmp_path: Path) -> None:
    source = write_files(
        tmp_path / "songs", {f"{n}.mid": fake_song(f"Piano;Piano;{n};{n}") for n in range(400)}
    )
    split(source, tmp_path / "out")
    found = verify(tmp_path / "out", VerifyScope(share=0.1, start=0.95))
    assert found.ok
    assert 15 < found.tracks < 75
    assert found.files == found.tracks
    assert found.songs == 40


def test_since_checks_only_records_of_later_runs(out: Path) -> None:
    flip(out)
    orphan(out)
    found = verify(out, VerifyScope(first_run=2))
    assert (found.ok, found.tracks, found.songs, found.links, found.files) == (True, 1, 1, 2, None)
    started = str(query(out, "SELECT started_at FROM runs WHERE id = 2")[0][0])
    assert verify(out, since=started).tracks == 1
    assert verify(out, since="2999").tracks == 0
    assert not verify(out, since="1999").ok
    rewrite(file_of(out, PIANO + "last"), b"x")
    assert verify(out, VerifyScope(first_run=2)).counts == {"size": 1}


def test_a_path_with_new_content_is_not_damage(tmp_path: Path, out: Path) -> None:
    (tmp_path / "songs" / "b" / "c.kar").write_bytes(fake_song(PIANO, PIANO))
    split(tmp_path / "songs", out)
    found = verify(out)
    assert (found.ok, found.songs_without_path) == (True, 1)
    catalog_access.execute(
        out, "DELETE FROM song_paths WHERE path = ?", os.fsencode(tmp_path / "songs/last.mid")
    )
    assert verify(out).songs_without_path == 2
    split(tmp_path / "songs", out)
    assert verify(out).songs_without_path == 1, "the next run finds its path again"


def test_the_lock_separates_writers_from_readers(out: Path) -> None:
    with lock_exclusive(str(out)), pytest.raises(StoreError, match="being written by process"):
        verify(out)
    with lock_exclusive(str(out)), pytest.raises(StoreError, match="being written by process"):
        repair(out)
    with lock_for_reading(str(out)):
        assert verify(out).ok, "any number may look"
        with pytest.raises(StoreError, match="process that reads it"):
            repair(out)
    (out / ".midiprism.lock").unlink()
    assert verify(out).ok
    assert not (out / ".midiprism.lock").exists()


def test_a_result_on_a_read_only_disk_can_be_checked(out: Path) -> None:
    folders = [out, *(path for path in out.rglob("*") if path.is_dir())]
    files = [path for path in out.rglob("*") if path.is_file()]
    for path in (*files, *folders):
        path.chmod(0o555)
    try:
        assert verify(out).ok
    finally:
        for path in (*folders, *files):
            path.chmod(0o755)


def test_a_folder_without_a_result_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="holds no midiprism result"):
        verify(tmp_path)


def test_an_unfinished_last_run_is_reported(out: Path) -> None:
    change(out, "UPDATE runs SET state = 'running', expires_at = NULL WHERE id = 2")
    assert verify(out).last_run_state == "running"


def test_a_check_can_be_stopped_at_any_time_and_reports_it(out: Path) -> None:
    cut(out)
    calls = limit = 0

    def stop() -> bool:
        nonlocal calls
        calls += 1
        return calls > limit

    for limit in range(0, 30, 2):
        calls = 0
        assert verify(out, stop=stop).stopped or calls <= limit
        calls = 0
        assert repair(out, stop=stop).stopped or calls <= limit
    assert repair(out).ok


def test_a_check_reports_its_progress(out: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("midiprism.metrics.progress_reporter.REPORT_SECONDS", 0)
    reports: list[VerifyProgress] = []
    cut(out)
    repair(out, listener=reports.append)
    assert list(dict.fromkeys(one.stage for one in reports)) == [
        "catalog",
        "tracks",
        "files",
        "songs",
        "repair",
    ]
    assert all(one.total is None or one.seen <= one.total for one in reports)
