"""Tests of writing sample songs into a folder."""

from pathlib import Path

import pytest

from midiprism.errors import UsageError
from midiprism.sample import generate_songs, write_songs


def test_the_folder_holds_the_songs_by_artist(tmp_path: Path) -> None:
    folder = tmp_path / "new" / "samples"
    summary = write_songs(folder, 60, seed=3)
    written = {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*.mid")}
    assert written == {song.path: song.data for song in generate_songs(60, seed=3)}
    assert summary.songs == 60
    assert summary.folders == len(list(folder.iterdir()))
    assert summary.size_bytes == sum(len(data) for data in written.values())


def test_an_empty_folder_is_filled(tmp_path: Path) -> None:
    assert write_songs(tmp_path, 2).songs == 2


def test_progress_counts_the_songs_written_and_ends_with_all(tmp_path: Path) -> None:
    counts: list[int] = []
    write_songs(tmp_path, 150, progress=counts.append)
    assert counts == [64, 128, 150]


def test_a_folder_that_is_not_empty_is_refused_and_left_alone(tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("mine")
    with pytest.raises(UsageError, match="not empty; name a new or an empty folder"):
        write_songs(tmp_path, 5)
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]


def test_a_path_to_a_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("")
    with pytest.raises(UsageError, match="is a file"):
        write_songs(tmp_path / "taken", 5)
    with pytest.raises(UsageError, match="cannot be used"):
        write_songs(tmp_path / "taken" / "below", 5)


def test_an_invalid_share_creates_no_folder(tmp_path: Path) -> None:
    with pytest.raises(UsageError):
        write_songs(tmp_path / "samples", 5, duplicates=2.0)
    assert not (tmp_path / "samples").exists()
