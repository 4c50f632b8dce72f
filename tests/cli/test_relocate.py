"""Tests of ``midiprism relocate``, and of other commands on a result that it moved."""

import json
import os
import shlex
import signal
from collections.abc import Callable
from pathlib import Path

import pytest

from midiprism.cli import main
from midiprism.cli.options import DATABASE_URL_VARIABLE, GENERIC_DATABASE_URL_VARIABLE
from midiprism.cli.render.relocate_text import format_progress
from midiprism.pipeline import runner
from midiprism.relocate.copy import ResultCopier
from midiprism.relocate.relocation import RelocationProgress
from support.fake_songs import (
    BASS,
    DRUMS,
    PIANO,
    LoadedSplitter,
    fake_song,
    fake_split,
    read_tree,
    write_files,
)
from support.postgres import PostgresServer
from support.relocation import forbid_renames

HOSTILE_NAME = "\x1b[31m[bold]\u202eevil"
Run = Callable[..., tuple[int, str, str]]


@pytest.fixture(autouse=True)
def result(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> Path:
    monkeypatch.setattr(runner, "LazySplitter", lambda *_settings: LoadedSplitter(fake_split))
    monkeypatch.chdir(tmp_path)
    for name in (DATABASE_URL_VARIABLE, GENERIC_DATABASE_URL_VARIABLE):
        monkeypatch.delenv(name, raising=False)
    write_files(tmp_path / "songs", {"a.mid": fake_song(PIANO, BASS), "b.kar": fake_song(BASS, DRUMS)})
    assert main(["split", "songs", "-o", "my out", "--quiet"]) == 0
    capfd.readouterr()
    return tmp_path / "my out"


@pytest.fixture
def separate_file_systems(monkeypatch: pytest.MonkeyPatch) -> None:
    forbid_renames(monkeypatch)


def printed_commands(text: str) -> list[list[str]]:
    return [shlex.split(line)[1:] for line in text.splitlines() if line.startswith("  midiprism ")]


def test_after_a_rename_the_new_folder_is_printed(run_cli: Run, result: Path, tmp_path: Path) -> None:
    code, out, err = run_cli("relocate", "my out", "my new", "--dry-run")
    assert (code, err) == (0, "")
    assert out.startswith(f"Would rename {result} to {tmp_path / 'my new'}; nothing was written.")
    code, out, err = run_cli("relocate", "my out", "my new")
    assert (code, err) == (0, "")
    assert out.startswith(f"Renamed {result} to {tmp_path / 'my new'}: 3 files (")
    ((*arguments,),) = printed_commands(out)
    assert run_cli(*arguments)[0] == 0
    assert run_cli("verify", "my new")[0] == 0
    code, out, _ = run_cli("relocate", "my out", "my new")
    assert (code, out.startswith(f"The result is in {tmp_path / 'my new'} already.")) == (0, True)


@pytest.mark.usefixtures("separate_file_systems")
def test_after_a_copy_the_command_to_empty_the_old_folder_is_printed(
    run_cli: Run, result: Path, tmp_path: Path
) -> None:
    code, out, err = run_cli("relocate", "my out", "my new")
    assert (code, err) == (0, "")
    assert out.startswith("Copied 3 files (")
    ((*arguments,),) = printed_commands(out)
    assert arguments[-1] == "--remove"
    code, out, _ = run_cli(*arguments)
    assert (code, "  removed               5  files removed from the old folder" in out) == (0, True)
    assert list(read_tree(result)) == ["midiprism.json"]
    assert run_cli("verify", tmp_path / "my new")[0] == 0


@pytest.mark.usefixtures("separate_file_systems")
def test_json_is_the_last_line_and_quiet_prints_nothing(run_cli: Run, result: Path, tmp_path: Path) -> None:
    code, out, err = run_cli("relocate", "my out", "new", "--dry-run", "--json")
    assert (code, json.loads(out)["arrived"], "Would rename" in err) == (0, False, True)
    code, out, err = run_cli("relocate", "my out", "new", "--json", "--remove")
    facts = json.loads(out)
    assert code == 0
    assert "Copied 3 files" in err
    assert facts.pop("seconds") >= 0
    assert facts == {
        "state": "done",
        "from": str(result),
        "to": str(tmp_path / "new"),
        "how": "copy",
        "dry_run": False,
        "arrived": True,
        "already": False,
        "files": 3,
        "bytes": facts["bytes"],
        "files_copied": 3,
        "bytes_copied": facts["bytes"],
        "files_shared": 0,
        "files_there": 0,
        "removed": 5,
        "left": 0,
    }
    assert run_cli("relocate", "my out", "new", "--quiet") == (0, "", "")


@pytest.mark.usefixtures("separate_file_systems")
@pytest.mark.parametrize("remove", [[], ["--remove"]])
def test_every_command_follows_a_relocation_and_prints_a_notice(
    run_cli: Run, tmp_path: Path, remove: list[str]
) -> None:
    assert run_cli("relocate", "my out", "new", "--quiet", *remove)[0] == 0
    notice = f"midiprism: my out was relocated: continuing in {tmp_path / 'new'}.\n"
    code, out, err = run_cli("status", "my out", "--json")
    assert (code, err, json.loads(out)["totals"]["tracks"]) == (0, notice, 3)
    code, out, err = run_cli("list", "my out", "--paths")
    assert (code, err) == (0, notice)
    assert all(Path(path).is_file() and path.startswith(str(tmp_path / "new")) for path in out.splitlines())
    assert run_cli("verify", "my out")[::2] == (0, notice)
    assert run_cli("catalog", "upgrade", "my out")[::2] == (0, notice)
    assert run_cli("export", "my out", "--to", "tree")[::2] == (0, notice)
    assert len([*(tmp_path / "tree").rglob("*.mid")]) == 4
    write_files(tmp_path / "songs", {"c.mid": fake_song(PIANO + "c")})
    code, out, err = run_cli("split", "songs", "-o", "my out", "--json", "--workers", 0)
    facts = json.loads(out)
    assert (code, facts["tracks_new"], facts["catalog"]) == (0, 1, str(tmp_path / "new" / "catalog.sqlite"))
    assert err.startswith(notice)
    assert run_cli("verify", "my out", "--quiet") == (0, "", "")


@pytest.mark.usefixtures("separate_file_systems")
@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_ends_it_in_order_and_the_same_command_continues(
    run_cli: Run, result: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int, code: int
) -> None:
    copy = ResultCopier.copy

    def interrupt_and_copy(content: ResultCopier, *, resumed: bool) -> None:
        os.kill(os.getpid(), number)
        copy(content, resumed=resumed)

    with monkeypatch.context() as patch:
        patch.setattr(ResultCopier, "copy", interrupt_and_copy)
        ended, out, err = run_cli("relocate", "my out", "new", "--remove")
    assert ended == code
    assert "Stopping after the current files" in err
    assert "the same command continues" in err
    assert f"The result is still in {result}." in out
    assert run_cli("status", "my out")[2] == ""
    ended, _, err = run_cli("status", "new")
    assert (ended, "unfinished relocation" in err) == (2, True)
    ended, out, _ = run_cli("relocate", "my out", "new", "--remove")
    assert (ended, "were there            3  files that an earlier call copied" in out) == (0, True)
    assert run_cli("verify", tmp_path / "new")[0] == 0


def test_invalid_folders_are_refused_with_a_reason(run_cli: Run, tmp_path: Path) -> None:
    write_files(tmp_path / "full", {"x": b""})
    for new, message in (("my out", "is where the result is"), ("full", "holds other files, such as x")):
        code, _, err = run_cli("relocate", "my out", new)
        assert (code, message in err) == (2, True), err
    code, _, err = run_cli("relocate", "songs", "new")
    assert (code, "holds no midiprism result" in err) == (2, True)


@pytest.mark.usefixtures("separate_file_systems")
def test_hostile_names_are_escaped(run_cli: Run, tmp_path: Path) -> None:
    code, out, _ = run_cli("relocate", "my out", HOSTILE_NAME)
    assert (code, "\\x1b[31m[bold]\\u202eevil" in out) == (0, True)
    code, _, err = run_cli("status", "my out")
    assert (code, "\\x1b[31m" in err) == (0, True)
    os.replace(tmp_path / HOSTILE_NAME, tmp_path / "unmounted")
    code, _, err = run_cli("status", "my out")
    assert (code, "bring that disk back" in err) == (2, True)


@pytest.mark.usefixtures("separate_file_systems")
def test_an_address_in_the_environment_is_ignored_for_a_result_with_its_own_catalog(
    run_cli: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(DATABASE_URL_VARIABLE, "postgresql:///elsewhere")
    assert run_cli("relocate", "my out", "new", "--remove")[0] == 0
    assert run_cli("relocate", "my out", "new", "--remove")[0] == 0
    assert run_cli("status", "my out")[0] == 0


@pytest.mark.usefixtures("separate_file_systems")
def test_the_printed_command_names_a_catalog_in_postgresql(run_cli: Run, postgres: PostgresServer) -> None:
    url = postgres.new_database()
    assert run_cli("split", "songs", "-o", "out", "--workers", 0, "--database", url)[0] == 0
    code, out, err = run_cli("relocate", "out", "new")
    assert (code, err) == (0, "")
    ((*arguments,),) = printed_commands(out)
    assert run_cli(*arguments)[0] == 0
    assert run_cli("verify", "out", "--database", url)[0] == 0


def test_progress_names_the_stage() -> None:
    assert (
        format_progress(RelocationProgress("files", 250, 1000, 5_000_000, 1.0))
        == "250 of 1,000 files, 25 %, 5.0 MB copied"
    )
    assert format_progress(RelocationProgress("files", 0, 0, 0, 1.0)) == "0 files"
    assert format_progress(RelocationProgress("catalog", 0, None, 0, 61.0)) == "copying the catalog, 1:01"
    assert (
        format_progress(RelocationProgress("cleanup", 1200, None, 0, 61.0))
        == "emptying the old folder: 1,200 files"
    )
