"""Folders for songs on the local disk."""

import os
import time
from pathlib import Path

import pytest

from midiprism.errors import StoreError
from midiprism.generations.local_folder import ABANDONED_AFTER_SECONDS, PREFIX, temporary_folder
from midiprism.results.lock import lock_exclusive


def _age(folder: Path) -> Path:
    """Let a folder look old."""
    long_ago = time.time() - 2 * ABANDONED_AFTER_SECONDS
    os.utime(folder, (long_ago, long_ago))
    return folder


def _folder(parent: Path, name: str) -> Path:
    folder = parent / name
    folder.mkdir()
    (folder / "songs.bin").write_bytes(b"song")
    return folder


def test_a_folder_is_removed_in_the_end(tmp_path: Path) -> None:
    with temporary_folder(str(tmp_path)) as folder:
        assert os.path.dirname(folder) == str(tmp_path)
        Path(folder, "songs.bin").write_bytes(b"song")
    assert [*tmp_path.iterdir()] == []


def test_folders_of_killed_processes_are_removed_by_later_ones(tmp_path: Path) -> None:
    _age(_folder(tmp_path, f"{PREFIX}old"))
    young = _folder(tmp_path, f"{PREFIX}young")
    other = _age(_folder(tmp_path, "other"))
    (tmp_path / f"{PREFIX}link").symlink_to(other)
    held = _folder(tmp_path, f"{PREFIX}held")
    with lock_exclusive(str(held)):
        _age(held)
        with temporary_folder(str(tmp_path)) as folder:
            left = {*tmp_path.iterdir()} - {Path(folder)}
    assert left == {young, other, held, tmp_path / f"{PREFIX}link"}
    assert (other / "songs.bin").is_file()


def test_a_folder_that_is_in_use_looks_held(tmp_path: Path) -> None:
    with temporary_folder(str(tmp_path)) as folder:
        _age(Path(folder))
        with temporary_folder(str(tmp_path)):
            assert os.path.isdir(folder)


def test_a_place_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="none cannot be written"), temporary_folder(str(tmp_path / "none")):
        pass
