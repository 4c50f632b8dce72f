"""Folders for songs on the local disk."""

import os
import time
from pathlib import Path

import pytest

from midiprism.errors import StoreError
from midiprism.generations.local_folder import (
    ABANDONED_AFTER_SECONDS,
    PREFIX,
    ChunkFolders,
    open_kept_file,
    temporary_folder,
)
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


def test_folders_of_chunks_hand_one_file_on_and_leave_nothing(tmp_path: Path) -> None:
    folders = ChunkFolders(str(tmp_path), "songs.bin")
    numbers = []
    for content in (b"long song", b"song", b"other"):
        with folders.folder() as folder:
            path = Path(folder, "songs.bin")
            with open_kept_file(str(path)) as file:
                numbers.append(os.fstat(file.fileno()).st_ino)
                file.write(content)
            Path(folder, "songs.index").write_bytes(b"index")
            assert path.read_bytes().startswith(content)
        assert not os.path.exists(folder)
    assert len(set(numbers)) == 1
    folders.close()
    assert [*tmp_path.iterdir()] == []
    with folders.folder() as folder:  # without the file
        assert [*Path(folder).iterdir()] == []
    with pytest.raises(KeyError), folders.folder():
        raise KeyError
    folders.close()
    assert [*tmp_path.iterdir()] == []
