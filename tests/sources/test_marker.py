"""Tests of markers: only a whole one that midiprism may have written keeps a folder from being read."""

import os
from pathlib import Path

import pytest

from midiprism.errors import UsageError
from midiprism.sources import Notice, SongRef, open_folders, parse_marker
from support.fake_songs import write_files

OURS = b'{"midiprism": "result", "layout": 2}'
FOREIGN = [b"", b"garbage", b"[1]", b'{"name": "my songs"}', b'{"midiprism": "result', b"[" * 100_000]

needs_root = pytest.mark.skipif(
    not hasattr(os, "geteuid") or os.geteuid() != 0, reason="only root can give files to other users"
)


def walk(folder: Path) -> tuple[list[str], list[tuple[str, str]]]:
    """Return the names of songs, and the code and folder of notices."""
    items = list(open_folders([folder]).walk())
    songs = [os.path.basename(os.fsdecode(item.path)) for item in items if isinstance(item, SongRef)]
    return songs, [(item.code, os.fsdecode(item.path)) for item in items if isinstance(item, Notice)]


@pytest.mark.parametrize("content", FOREIGN)
def test_a_foreign_marker_does_not_silence_its_folder_and_is_reported(tmp_path: Path, content: bytes) -> None:
    write_files(
        tmp_path / "songs", {"midiprism.json": content, "a.mid": b"x", "below/midiprism.json": content}
    )
    write_files(tmp_path / "songs", {"below/b.mid": b"x"})
    songs, notices = walk(tmp_path / "songs")
    assert songs == ["a.mid", "b.mid"]
    assert notices == [
        ("marker", str(tmp_path / "songs")), ("marker", str(tmp_path / "songs" / "below")),
    ]  # fmt: skip
    assert parse_marker(str(tmp_path / "songs")) is None


def test_a_foreign_marker_in_a_parent_does_not_refuse_the_folders_below(tmp_path: Path) -> None:
    write_files(tmp_path, {"midiprism.json": b"{}", "songs/a.mid": b"x"})
    assert walk(tmp_path / "songs") == (["a.mid"], [("marker", str(tmp_path))])


@pytest.mark.parametrize("kind", ["link", "folder", "pipe"])
def test_a_marker_that_is_no_regular_file_does_not_count(tmp_path: Path, kind: str) -> None:
    songs = write_files(tmp_path / "songs", {"a.mid": b"x"})
    write_files(tmp_path, {"real.json": OURS})
    if kind == "link":
        (songs / "midiprism.json").symlink_to(tmp_path / "real.json")
    elif kind == "folder":
        (songs / "midiprism.json").mkdir()
    else:
        os.mkfifo(songs / "midiprism.json")
    assert walk(songs)[0] == ["a.mid"]


@needs_root
def test_a_marker_that_another_user_put_into_a_folder_does_not_count(tmp_path: Path) -> None:
    write_files(tmp_path, {"midiprism.json": OURS, "songs/a.mid": b"x"})
    os.chown(tmp_path / "midiprism.json", 65_534, 65_534)
    assert walk(tmp_path / "songs") == (["a.mid"], [("marker", str(tmp_path))])


@needs_root
def test_the_result_of_another_user_is_skipped(tmp_path: Path) -> None:
    out = write_files(tmp_path / "out", {"midiprism.json": OURS, "tracks/a.mid": b"x"})
    for path in (out, out / "midiprism.json"):
        os.chown(path, 65_534, 65_534)
    assert walk(tmp_path) == ([], [("result", str(out))])


@pytest.mark.parametrize("kind", ["result", "export", "arriving", "moved"])
def test_a_folder_with_a_marker_of_ours_is_skipped_and_reported(tmp_path: Path, kind: str) -> None:
    marker = f'{{"midiprism": "{kind}"}}'.encode()
    out = write_files(tmp_path / "out", {"midiprism.json": marker, "a.mid": b"x"})
    assert walk(tmp_path) == ([], [("result", str(out))])
    with pytest.raises(UsageError, match="never read as a source"):
        open_folders([out])
