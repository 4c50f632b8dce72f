"""Tests of undoing removals."""

import shutil
from pathlib import Path

import pytest

from midiprism.errors import UsageError
from midiprism.results.removed_files import REMOVED_FOLDER, RemovedFiles
from support.catalog_access import query
from support.fake_songs import write_files
from support.removals import LIBRARY, content_of, forget, removed_files, split_library, undo

pytestmark = pytest.mark.usefixtures("catalog_backend")


@pytest.fixture(params=["files", "parquet"])
def store(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def test_undo_puts_back_removals_one_after_the_other(tmp_path: Path, store: str) -> None:
    out = split_library(tmp_path, store)
    whole = content_of(out, store)
    forget(out, "a")
    without_a = content_of(out, store)
    forget(out, "b", "e")
    restored = undo(out)
    assert (restored.songs, restored.tracks, restored.songs_lost) == (2, 4, 0)
    assert content_of(out, store) == without_a
    restored = undo(out)
    assert (restored.songs, restored.songs_lost) == (1, 0)
    assert content_of(out, store) == whole
    assert removed_files(out) == []
    with pytest.raises(UsageError, match="There is nothing to undo"):
        undo(out)


def test_a_prune_makes_earlier_removals_final_and_can_be_undone_itself(tmp_path: Path, store: str) -> None:
    out = split_library(tmp_path, store)
    forget(out, "b")
    (tmp_path / "songs" / "b.mid").unlink()
    (tmp_path / "songs" / "e.mid").unlink()
    split_library(tmp_path, store, prune=True)
    pruned = content_of(out, store)
    restored = undo(out)
    assert (restored.songs, restored.tracks) == (1, 2)
    assert query(out, "SELECT song_name FROM song_paths WHERE song_name IN ('b', 'e')") == [("e",)]
    with pytest.raises(UsageError, match="There is nothing to undo"):
        undo(out)
    split_library(tmp_path, store, prune=True)
    assert content_of(out, store) == pruned


def test_a_prune_that_removes_nothing_leaves_the_last_removal_undoable(tmp_path: Path, store: str) -> None:
    out = split_library(tmp_path, store)
    whole = content_of(out, store)
    (tmp_path / "songs" / "e.mid").unlink()
    split_library(tmp_path, store, prune=True)
    split_library(tmp_path, store, prune=True)
    assert undo(out).songs == 1
    assert content_of(out, store) == whole


def test_songs_that_were_split_again_are_left(tmp_path: Path, store: str) -> None:
    out = split_library(tmp_path, store)
    whole = content_of(out, store)
    forget(out, "a", "b")
    (tmp_path / "songs" / "b.mid").unlink()
    split_library(tmp_path, store)
    restored = undo(out)
    assert (restored.songs, restored.songs_lost) == (1, 0)
    write_files(tmp_path / "songs", {"b.mid": LIBRARY["b.mid"]})
    split_library(tmp_path, store)
    assert content_of(out, store)[0] == whole[0]


def test_a_prune_deletes_what_an_undo_has_left(tmp_path: Path, store: str) -> None:
    out = split_library(tmp_path, store)
    whole = content_of(out, store)
    forget(out, "e")
    split_library(tmp_path, store)
    assert undo(out).songs == 0
    (tmp_path / "songs" / "b.mid").unlink()
    split_library(tmp_path, store, prune=True)
    assert undo(out).songs == 1
    assert removed_files(out) == []
    assert content_of(out, store)[0] == whole[0]


def test_an_undo_leaves_a_whole_file_where_the_removed_one_is_damaged(tmp_path: Path) -> None:
    out = split_library(tmp_path, "files")
    whole = content_of(out, "files")
    forget(out, "e")
    for name in removed_files(out):
        removed = out / REMOVED_FOLDER / name
        shutil.copyfile(removed, out / name)
        removed.write_bytes(b"damaged")
    assert undo(out).songs == 1
    assert content_of(out, "files") == whole


def test_a_song_whose_track_is_lost_is_not_put_back(tmp_path: Path, store: str) -> None:
    out = split_library(tmp_path, store)
    forget(out, "a", "b")
    shutil.rmtree(out / REMOVED_FOLDER)
    restored = undo(out)
    assert (restored.songs, restored.songs_lost) == (0, 2)
    content_of(out, store)
    assert query(out, "SELECT count(*) FROM removed_songs") == [(0,)]


def test_new_rows_do_not_take_the_ids_of_removed_ones(tmp_path: Path, store: str) -> None:
    out = split_library(tmp_path, store)
    forget(out, "e", "f")
    write_files(tmp_path / "songs", {"new.mid": b"song\nDrums;Kit;;new"})
    (tmp_path / "songs" / "e.mid").unlink()
    (tmp_path / "songs" / "f.mid").unlink()
    split_library(tmp_path, store)
    restored = undo(out)
    assert (restored.songs, restored.songs_lost) == (2, 0)
    content_of(out, store)


def test_tracks_that_came_back_with_another_song_are_linked_again(tmp_path: Path, store: str) -> None:
    out = split_library(tmp_path, store)
    forget(out, "e")
    (tmp_path / "songs" / "e.mid").unlink()
    write_files(tmp_path / "songs", {"other.mid": LIBRARY["e.mid"].replace(b"repaired", b"song")})
    split_library(tmp_path, store)
    restored = undo(out)
    assert (restored.songs, restored.tracks, restored.songs_lost) == (1, 0, 0)
    content_of(out, store)


def test_folders_that_a_move_makes_are_flushed_with_their_parents(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_files(tmp_path / "out", {"tracks/bass/ab/x.mid": b"x"})
    flushed: list[str] = []
    monkeypatch.setattr("midiprism.results.removed_files.fsync_folder", flushed.append)
    files = RemovedFiles(str(tmp_path / "out"))
    assert files.take("tracks/bass/ab/x.mid")
    files.flush()
    inside = Path(files.folder)
    made = [inside, inside / "tracks", inside / "tracks" / "bass", inside / "tracks" / "bass" / "ab"]
    assert {str(folder) for folder in made} <= set(flushed)
