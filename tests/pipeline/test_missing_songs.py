"""Tests of which known songs a scan says are gone, and of scans that are not believed."""

import os
import shutil
import zipfile
from pathlib import Path

import pytest

from midiprism.errors import DoubtedScanError
from midiprism.pipeline import RerunPolicy, Settings, Summary
from midiprism.pipeline.missing_songs import MIN_SONGS_DOUBTED, require_believed
from midiprism.sources import open_source
from support.catalog_access import postgres_address, query
from support.fake_songs import PIANO, fake_song, fake_split, write_files
from support.runs import change_settings, make_settings, run_source, run_split

SETTINGS = make_settings(workers=0)
PRUNE = make_settings(workers=0, prune=True)
TRUSTING_PRUNE = make_settings(workers=0, prune=True, trust_scan=True)

pytestmark = pytest.mark.usefixtures("catalog_backend")


def numbered_songs(*numbers: int) -> dict[str, bytes]:
    return {f"{number:02}.mid": fake_song(f"{PIANO} {number}") for number in numbers}


def gone(out: Path) -> list[str]:
    """Return the names of the paths that are recorded as gone."""
    rows = query(out, "SELECT path FROM song_paths WHERE gone_at IS NOT NULL ORDER BY path")
    return [os.path.basename(os.fsdecode(path)) for (path,) in rows]


def removed(summary: Summary) -> int | None:
    return None if summary.removed is None else summary.removed.songs


def archive(path: Path, *numbers: int) -> Path:
    with zipfile.ZipFile(path, "w") as file:
        for name, data in numbered_songs(*numbers).items():
            file.writestr(name, data)
    return path


def split_with_archives(songs: Path, out: Path, settings: Settings) -> Summary:
    settings = change_settings(settings, database=postgres_address(out))
    return run_source(open_source([songs], enter_archives=True), out, settings, splitter=fake_split)


def test_a_scan_that_sees_no_known_song_is_doubted_unless_it_is_trusted(tmp_path: Path) -> None:
    songs, out = write_files(tmp_path / "songs", numbered_songs(1, 2, 3)), tmp_path / "out"
    run_split(songs, out, SETTINGS)
    shutil.rmtree(songs)
    songs.mkdir()
    for settings in (SETTINGS, PRUNE):
        summary = run_split(songs, out, settings)
        assert (summary.songs_gone, summary.songs_doubted, gone(out)) == (0, 3, [])
        assert removed(summary) in (None, 0)
        with pytest.raises(DoubtedScanError, match=r"3 of the 3 known songs of .*songs are missing"):
            require_believed(summary.missing)
    summary = run_split(songs, out, TRUSTING_PRUNE)
    assert (summary.songs_gone, summary.songs_doubted, removed(summary)) == (3, 0, 3)
    assert query(out, "SELECT count(*) FROM tracks") == [(0,)]


@pytest.mark.parametrize(("known", "left", "doubted"), [(10, 4, True), (10, 5, False), (9, 1, False)])
def test_a_scan_that_misses_more_than_half_of_ten_songs_is_doubted(
    tmp_path: Path, known: int, left: int, doubted: bool
) -> None:
    assert MIN_SONGS_DOUBTED == 10
    songs, out = write_files(tmp_path / "songs", numbered_songs(*range(known))), tmp_path / "out"
    run_split(songs, out, SETTINGS)
    for name in sorted(os.listdir(songs))[left:]:
        (songs / name).unlink()
    write_files(songs, numbered_songs(*range(50, 70)))  # new songs do not make up for them
    summary = run_split(songs, out, PRUNE)
    missing = known - left
    assert (summary.songs_doubted, removed(summary)) == ((missing, 0) if doubted else (0, missing))


def test_songs_that_all_were_moved_are_not_gone(tmp_path: Path) -> None:
    songs, out = write_files(tmp_path / "songs", numbered_songs(*range(12))), tmp_path / "out"
    run_split(songs, out, SETTINGS)
    for name in os.listdir(songs):
        (songs / name).rename(songs / f"moved {name}")
    summary = run_split(songs, out, SETTINGS)
    assert (summary.songs_gone, summary.songs_doubted, len(gone(out))) == (0, 0, 12)
    summary = run_split(songs, out, PRUNE)
    assert (summary.songs_gone, removed(summary), gone(out)) == (0, 0, [])
    assert query(out, "SELECT count(*) FROM song_paths") == [(12,)], "the old paths are forgotten"


def test_a_redo_does_not_doubt_a_scan_of_which_little_is_missing(tmp_path: Path) -> None:
    songs, out = write_files(tmp_path / "songs", numbered_songs(*range(30))), tmp_path / "out"
    run_split(songs, out, SETTINGS)
    for number in range(12):
        (songs / f"{number:02}.mid").unlink()
    redo = make_settings(workers=0, rerun_policy=RerunPolicy(redo=True))
    summary = run_split(songs, out, redo)
    assert (summary.songs_gone, summary.songs_doubted) == (12, 0)


@pytest.mark.parametrize("cut", ["limit", "stop"])
def test_a_scan_that_did_not_come_to_its_end_says_nothing(tmp_path: Path, cut: str) -> None:
    songs, out = write_files(tmp_path / "songs", numbered_songs(1, 2, 3, 4)), tmp_path / "out"
    run_split(songs, out, SETTINGS)
    (songs / "02.mid").unlink()
    if cut == "limit":
        summary = run_split(songs, out, make_settings(workers=0, prune=True, limit=1))
    else:
        summary = run_split(songs, out, PRUNE, stop=lambda: True)
    assert (summary.songs_gone, gone(out), removed(summary)) == (0, [], None)


def test_what_a_folder_holds_that_cannot_be_read_is_not_gone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    songs, out = tmp_path / "songs", tmp_path / "out"
    write_files(songs, numbered_songs(1, 2))
    write_files(songs / "closed", numbered_songs(3, 4))
    run_split(songs, out, SETTINGS)
    (songs / "01.mid").unlink()
    (songs / "closed" / "03.mid").unlink()
    real = os.scandir

    def refuse(path: bytes) -> object:
        if path == os.fsencode(songs / "closed"):
            raise PermissionError(13, "Permission denied")
        return real(path)

    monkeypatch.setattr(os, "scandir", refuse)
    summary = run_split(songs, out, PRUNE)
    assert (summary.folders_failed, summary.songs_gone, removed(summary), gone(out)) == (1, 1, 1, [])
    monkeypatch.undo()
    assert removed(run_split(songs, out, PRUNE)) == 1


def test_the_inside_of_an_archive_is_gone_only_for_runs_that_read_it(tmp_path: Path) -> None:
    songs, out = write_files(tmp_path / "songs", numbered_songs(1)), tmp_path / "out"
    archive(songs / "a.zip", 2, 3)
    split_with_archives(songs, out, SETTINGS)
    assert run_split(songs, out, PRUNE).songs_gone == 0
    archive(songs / "a.zip", 2)
    assert run_split(songs, out, PRUNE).songs_gone == 0
    assert removed(split_with_archives(songs, out, PRUNE)) == 1
    (songs / "a.zip").unlink()
    assert removed(run_split(songs, out, PRUNE)) == 1


def test_the_inside_of_an_archive_that_is_named_is_gone_also_next_to_its_folder(tmp_path: Path) -> None:
    songs, out = write_files(tmp_path / "songs", numbered_songs(1)), tmp_path / "out"
    sources = [songs, archive(songs / "a.zip", 2, 3)]
    run_split(sources, out, SETTINGS)
    archive(songs / "a.zip", 2)
    summary = run_split(sources, out, PRUNE)
    assert (summary.songs_gone, removed(summary)) == (1, 1)


def test_songs_of_other_sources_are_not_gone(tmp_path: Path) -> None:
    first, second = (write_files(tmp_path / name, {}) for name in ("first", "second"))
    write_files(first, numbered_songs(1, 2))
    write_files(second, numbered_songs(2, 3))
    out = tmp_path / "out"
    run_split([first, second], out, SETTINGS)
    (first / "01.mid").unlink()
    (second / "03.mid").unlink()
    summary = run_split(first, out, PRUNE)
    assert (summary.songs_gone, removed(summary), gone(out)) == (1, 1, [])
    (first / "02.mid").unlink()
    (second / "02.mid").unlink()
    write_files(first, numbered_songs(4))
    write_files(second, numbered_songs(5))
    summary = run_split([first, second], out, PRUNE)
    assert (summary.songs_gone, removed(summary)) == (2, 2), "a song that both sources have lost counts once"


def test_sources_that_overlap_agree(tmp_path: Path) -> None:
    songs, out = tmp_path / "songs", tmp_path / "out"
    write_files(songs / "sub", numbered_songs(1, 2))
    write_files(songs, numbered_songs(3) | {"odd.name": fake_song(PIANO + "odd")})
    sources = [songs, songs / "sub", songs / "odd.name"]
    run_split(sources, out, SETTINGS)
    assert run_split(songs, out, PRUNE).songs_gone == 0, "a file of another name is there, though not listed"
    (songs / "sub" / "01.mid").unlink()
    summary = run_split(sources, out, PRUNE)
    assert (summary.songs_gone, removed(summary)) == (1, 1)


def test_a_dry_run_says_what_is_gone_and_records_nothing(tmp_path: Path) -> None:
    songs, out = write_files(tmp_path / "songs", numbered_songs(1, 2)), tmp_path / "out"
    run_split(songs, out, SETTINGS)
    (songs / "01.mid").unlink()
    summary = run_split(songs, out, make_settings(workers=0, prune=True, dry_run=True))
    assert (summary.songs_gone, summary.removed, gone(out)) == (1, None, [])


def test_songs_that_were_renamed_are_counted_apart_from_copies(tmp_path: Path) -> None:
    songs, out = write_files(tmp_path / "songs", numbered_songs(*range(5))), tmp_path / "out"
    run_split(songs, out, SETTINGS)
    for number in range(3):
        (songs / f"0{number}.mid").rename(songs / f"renamed {number}.mid")
    shutil.copy(songs / "04.mid", songs / "copy.mid")
    dry = run_split(songs, out, make_settings(workers=0, prune=True, dry_run=True))
    assert (dry.songs_gone, dry.songs_moved, dry.songs_copies) == (0, 3, 4)
    summary = run_split(songs, out, SETTINGS)
    assert (summary.songs_gone, summary.songs_moved, summary.songs_copies) == (0, 3, 4)
    assert run_split(songs, out, SETTINGS).songs_moved == 0


def test_a_dry_run_says_what_is_gone_also_if_as_many_songs_are_new(tmp_path: Path) -> None:
    songs, out = write_files(tmp_path / "songs", numbered_songs(1, 2)), tmp_path / "out"
    run_split(songs, out, SETTINGS)
    (songs / "01.mid").unlink()
    write_files(songs, numbered_songs(3))
    summary = run_split(songs, out, make_settings(workers=0, prune=True, dry_run=True))
    assert summary.songs_gone == 1
