import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from midiprism.errors import StoreError, UsageError
from midiprism.results.identity import Identity, RequestedIdentity, ResultRequest
from midiprism.results.lock import LOCK_FILE, lock_exclusive
from midiprism.results.result_dir import lock_result, read_identity, require_result, write_marker
from support.fake_songs import write_files


def test_a_new_folder_is_created_and_marked(tmp_path: Path) -> None:
    out = tmp_path / "deep" / "out"
    with lock_result(str(out), ResultRequest(RequestedIdentity(by="program", context="full"))) as result:
        assert result.identity == Identity("program", "full")
    assert read_identity(str(out)) == result.identity
    assert json.loads((out / "midiprism.json").read_text())["midiprism"] == "result"


def test_an_empty_folder_can_become_a_result_and_hidden_files_do_not_matter(tmp_path: Path) -> None:
    write_files(tmp_path, {".DS_Store": b""})
    with lock_result(str(tmp_path), ResultRequest()):
        pass
    require_result(str(tmp_path))


def test_a_folder_with_other_files_is_refused_and_left_alone(tmp_path: Path) -> None:
    write_files(tmp_path, {"thesis.txt": b""})
    with pytest.raises(UsageError, match="holds other files"), lock_result(str(tmp_path), ResultRequest()):
        pass
    assert os.listdir(tmp_path) == ["thesis.txt"]


def test_a_file_is_refused(tmp_path: Path) -> None:
    write_files(tmp_path, {"file": b""})
    with pytest.raises(UsageError, match="not a folder"):
        read_identity(str(tmp_path / "file"))
    with pytest.raises(UsageError, match="Not a directory"):
        read_identity(str(tmp_path / "file" / "out"))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "not a file that midiprism wrote"),
        ("[1]", "not a file that midiprism wrote"),
        ('{"name": "x"}', "not a file that midiprism wrote"),
        ('{"midiprism": "result", "layout": 99}', "another version"),
        ('{"midiprism": "export", "layout": 2}', "export"),
        ('{"midiprism": "result", "layout": 2}', "damaged"),
        ('{"midiprism": "result", "layout": 2, "by": "auto", "context": "full", "contract": "1"}', "damaged"),
    ],
)
def test_an_invalid_marker_is_refused(tmp_path: Path, text: str, message: str) -> None:
    write_files(tmp_path, {"midiprism.json": text.encode()})
    with pytest.raises(UsageError, match=message):
        read_identity(str(tmp_path))


def test_a_folder_without_a_marker_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="holds no midiprism result"):
        require_result(str(tmp_path))


def test_a_folder_that_cannot_be_written_is_reported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def forbid(*_arguments: object, **_options: object) -> None:
        raise PermissionError(13, "Permission denied")

    with monkeypatch.context() as patch:
        patch.setattr(os, "makedirs", forbid)
        with (
            pytest.raises(StoreError, match="Permission denied"),
            lock_result(str(tmp_path / "out"), ResultRequest()),
        ):
            pass
    with monkeypatch.context() as patch:
        patch.setattr(os, "open", forbid)
        with pytest.raises(StoreError, match="Permission denied"), lock_exclusive(str(tmp_path)):
            pass
    with monkeypatch.context() as patch:
        patch.setattr(os, "replace", forbid)
        with pytest.raises(StoreError, match="Permission denied"):
            write_marker(str(tmp_path), "result", {})


def test_a_second_run_is_refused_with_the_process_that_holds_the_lock(tmp_path: Path) -> None:
    with (
        lock_exclusive(str(tmp_path)),
        pytest.raises(StoreError, match=f"being written by process {os.getpid()}"),
        lock_exclusive(str(tmp_path)),
    ):
        pass
    with lock_exclusive(str(tmp_path)):
        pass
    assert (tmp_path / LOCK_FILE).read_text() == ""


HOLD = """
import sys, time
from midiprism.results.lock import lock_exclusive
with lock_exclusive(sys.argv[1]):
    print("held", flush=True)
    time.sleep(60)
"""


def test_a_lock_left_by_a_process_that_was_killed_does_not_block(tmp_path: Path) -> None:
    with subprocess.Popen([sys.executable, "-c", HOLD, tmp_path], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"held\n"
        with (
            pytest.raises(StoreError, match=f"being written by process {process.pid}"),
            lock_exclusive(str(tmp_path)),
        ):
            pass
        process.kill()
    assert (tmp_path / LOCK_FILE).read_text() != "", "its owner's text is still there"
    with lock_exclusive(str(tmp_path)):
        pass
