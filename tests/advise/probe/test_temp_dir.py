"""Tests of the temporary folders of probes."""

import os
import shutil
from pathlib import Path

import pytest

from midiprism.advise.probe.temp_dir import TEMP_DIR_PREFIX, remove_leftovers, temp_dir
from midiprism.results.lock import lock_exclusive


def test_the_folder_of_a_running_probe_is_kept(tmp_path: Path) -> None:
    with temp_dir(str(tmp_path)) as first:
        assert remove_leftovers(str(tmp_path)) == []
        with temp_dir(str(tmp_path)) as second:
            assert Path(first) != Path(second)
            assert len(list(tmp_path.iterdir())) == 2
        assert [str(path) for path in tmp_path.iterdir()] == [first]
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_another_probe_removes_before_it_is_locked_is_created_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    removed: list[str] = []

    def remove_first_folder(folder: str) -> object:
        if not removed:
            removed.append(folder)
            shutil.rmtree(folder)
        return lock_exclusive(folder)

    monkeypatch.setattr("midiprism.advise.probe.temp_dir.lock_exclusive", remove_first_folder)
    with temp_dir(str(tmp_path)) as created:
        assert [created] != removed
        assert os.path.isdir(created)
    assert list(tmp_path.iterdir()) == []


def test_links_and_files_with_the_prefix_are_kept(tmp_path: Path) -> None:
    target = tmp_path / "target"
    target.mkdir()
    (target / "diary").write_text("dear diary")
    (tmp_path / f"{TEMP_DIR_PREFIX}link").symlink_to(target)
    (tmp_path / f"{TEMP_DIR_PREFIX}file").write_text("x")
    with temp_dir(str(tmp_path)):
        pass
    assert (target / "diary").read_text() == "dear diary"
    assert {path.name for path in tmp_path.iterdir()} == {
        "target",
        f"{TEMP_DIR_PREFIX}link",
        f"{TEMP_DIR_PREFIX}file",
    }


@pytest.mark.skipif(not hasattr(os, "getuid"), reason="folders have no owner there")
def test_folders_of_other_users_are_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / f"{TEMP_DIR_PREFIX}other").mkdir()
    user = os.getuid()
    monkeypatch.setattr(os, "getuid", lambda: user + 1)
    assert remove_leftovers(str(tmp_path)) == []
    monkeypatch.setattr(os, "getuid", lambda: user)
    assert remove_leftovers(str(tmp_path)) == [str(tmp_path / f"{TEMP_DIR_PREFIX}other")]
