"""Tests of exports that are killed, or that meet another one: every file is whole, nothing stays behind."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from midiprism.errors import InUseError
from midiprism.export.export import Export, export_tracks
from midiprism.export.export_record import RECORD_FILE
from midiprism.export.path_template import PathTemplate
from midiprism.fs.atomic_write import PendingFiles, name_of_temporary, random_temporary_name
from midiprism.results.identity import StoreKind
from midiprism.results.result_dir import catalog_path
from midiprism.search.parse_query import parse_query
from midiprism.search.query import Query
from midiprism.search.upkeep import update_search_index
from midiprism.sources import SongRef, open_folders
from support.fake_songs import BASS, DRUMS, PIANO, fake_song, fake_split, read_tree, write_files
from support.kill_points import KILLED_EXIT_CODE, count_points, run_killed_at
from support.nightly import every
from support.runs import locked_by_other_process, make_settings, run_source

SONGS = {"rock/Help.mid": fake_song(PIANO, BASS, DRUMS), "Yes.mid": fake_song(BASS, PIANO)}
OWN_FILES = {"midiprism.json", ".midiprism.lock", RECORD_FILE}


def make_result(folder: Path, store: StoreKind = "files") -> Path:
    source = write_files(folder / "songs", SONGS)
    out = folder / "out"
    run_source(open_folders([source]), str(out), make_settings(store=store), splitter=fake_split)
    return out


def export(out: Path, to: Path, by: str = "song", *, hardlink: bool = False) -> Export:
    return export_tracks(str(out), str(to), PathTemplate(by), Query(), hardlink=hardlink)


def tracks_in(folder: Path) -> dict[str, bytes]:
    return {path: data for path, data in read_tree(folder).items() if path not in OWN_FILES}


def songs_in(folder: Path) -> list[SongRef]:
    """Return the songs that a split of a folder finds."""
    return [item for item in open_folders([folder]).walk() if isinstance(item, SongRef)]


def export_task(out: Path, to: Path, *, hardlink: bool) -> Callable[[], str]:
    return lambda: "done" if not export(out, to, hardlink=hardlink).failed else "failed"


def leave_lock_of_killed_export(to: Path) -> None:
    (to / ".midiprism.lock").write_text("process 1 on elsewhere\n")


@pytest.mark.skipif(not hasattr(os, "fork"), reason="points are counted in forked processes")
@pytest.mark.parametrize(("store", "hardlink"), [("files", False), ("files", True), ("parquet", False)])
@pytest.mark.parametrize("torn", [False, True], ids=["before", "within"])
def test_an_export_killed_at_any_point_is_completed_by_the_next(
    tmp_path: Path, store: StoreKind, hardlink: bool, torn: bool
) -> None:
    out = make_result(tmp_path, store)
    update_search_index(str(out), catalog_path(str(out)))  # else the first export does it
    points = count_points(export_task(out, tmp_path / "first" / "to", hardlink=hardlink))
    wanted = tracks_in(tmp_path / "first" / "to")
    assert points > (15 if hardlink else 25)
    assert len(wanted) == 5
    for last in every(2, range(1, points + 1)):
        parent = tmp_path / f"{last}"
        to = parent / "to"
        task = export_task(out, to, hardlink=hardlink)
        assert run_killed_at(task, out, last, tear_write=torn) == KILLED_EXIT_CODE, f"point {last}"
        parent.mkdir(exist_ok=True)
        named = {path: data for path, data in tracks_in(to).items() if path.endswith(".mid")}
        assert named.items() <= wanted.items(), f"point {last}: a file under its own name is whole"
        assert songs_in(parent) == [], f"point {last}: what was exported is no song"
        done = export(out, to, hardlink=hardlink)
        assert (done.failed, done.files) == (False, 5), f"point {last}"
        assert tracks_in(to) == wanted, f"point {last}: nothing is missing and nothing left behind"
        assert "midiprism.json" in read_tree(to), f"point {last}"


@pytest.mark.skipif(not hasattr(os, "fork"), reason="points are counted in forked processes")
def test_another_export_into_the_tree_cleans_up_after_a_killed_one(tmp_path: Path) -> None:
    out, to = make_result(tmp_path), tmp_path / "to"
    points = count_points(export_task(out, tmp_path / "first", hardlink=False))
    for last in range(points // 2, points):
        run_killed_at(export_task(out, to, hardlink=False), out, last)
    export(out, to, "{family}/{song} {track}")
    assert not [path for path in read_tree(to) if path.endswith(".tmp")]


def test_what_a_killed_export_left_is_removed_and_files_of_others_are_kept(tmp_path: Path) -> None:
    out, to = make_result(tmp_path), tmp_path / "to"
    export(out, to)
    mine = {"Yes/.notes.tmp": b"mine", "Yes/.cover.jpg.0123456789abcdef.tmp": b"mine", "x.mid.tmp": b"mine"}
    write_files(to, {**mine, f"Yes/{random_temporary_name('01 Bass.mid')}": b"MTh"})
    leave_lock_of_killed_export(to)
    before = len(read_tree(to))
    assert not export(out, to).failed
    after = read_tree(to)
    assert len(after) == before - 1
    assert mine.items() <= after.items()


def test_a_folder_whose_marker_a_kill_prevented_is_marked_by_the_next_export(tmp_path: Path) -> None:
    out = make_result(tmp_path)
    to = write_files(tmp_path / "to", {random_temporary_name("midiprism.json"): b'{"midipr'})
    leave_lock_of_killed_export(to)
    export(out, to)
    assert set(read_tree(to)) >= OWN_FILES
    assert len(read_tree(to)) == 5 + len(OWN_FILES)
    assert len(songs_in(tmp_path)) == len(songs_in(tmp_path / "songs")), "the tree is no source of songs"


def test_two_exports_do_not_write_to_one_tree_at_once(tmp_path: Path) -> None:
    out, to = make_result(tmp_path), tmp_path / "to"
    export(out, to)
    with locked_by_other_process(to), pytest.raises(InUseError):
        export(out, to)
    assert not export(out, to).failed


def test_a_file_that_appears_during_an_export_is_left_alone(tmp_path: Path) -> None:
    out, to = make_result(tmp_path), tmp_path / "to"
    path = to / "Yes" / "01 Bassline (Slap Bass 1).mid"

    def appear(_export: Export) -> None:
        path.write_bytes(b"my own take")

    done = export_tracks(str(out), str(to), PathTemplate("song"), parse_query("song:Yes"), listener=appear)
    assert (done.files_new, done.files_differing) == (1, 1)
    assert path.read_bytes() == b"my own take"
    assert len(tracks_in(to)) == 2


def test_files_have_no_names_of_their_own_before_they_are_durable(tmp_path: Path) -> None:
    files = PendingFiles(str(tmp_path))
    files.create(str(tmp_path / "a.mid"), b"one")
    files.create(str(tmp_path / "b.mid"), b"two")
    (tmp_path / "b.mid").write_bytes(b"mine")
    assert sorted(filter(None, map(name_of_temporary, os.listdir(tmp_path)))) == ["a.mid", "b.mid"]
    errors = dict(files.commit())
    assert errors[str(tmp_path / "a.mid")] is None
    assert isinstance(errors[str(tmp_path / "b.mid")], FileExistsError)
    assert read_tree(tmp_path) == {"a.mid": b"one", "b.mid": b"mine"}


def test_files_that_are_discarded_leave_nothing(tmp_path: Path) -> None:
    files = PendingFiles(str(tmp_path))
    files.create(str(tmp_path / "a.mid"), b"one")
    files.discard()
    assert os.listdir(tmp_path) == []
    assert list(files.commit()) == []


def test_files_are_named_where_there_are_no_hard_links(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_arguments: object, **_options: object) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(os, "link", refuse)
    out, to = make_result(tmp_path), tmp_path / "to"
    assert export(out, to).files_new == 5
    assert len(tracks_in(to)) == 5
