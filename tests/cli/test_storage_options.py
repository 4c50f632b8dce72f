"""Options and arguments of commands on results in object storage."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

Run = Callable[..., tuple[int, str, str]]


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (["--limit", "3"], "--limit is not for results in object storage"),
        (["--store", "files"], "--store is not for"),
        (["--database", "postgresql://localhost/x"], "--database is not for"),
        (["--column", "a"], "--column is not for"),
        (["--id", "name"], "--id is not for"),
        (["--metrics-port", "0"], "--metrics-port is not for"),
        (["--lease", "3"], "--lease is not for"),
        (["/other"], "name one SOURCE by its URL"),
    ],
    ids=str,
)
def test_options_of_local_results_are_refused(
    run_cli: Run, songs: str, lake: str, tmp_path: Path, arguments: list[str], reason: str
) -> None:
    code, _, error = run_cli("split", songs, "-o", lake, *arguments)
    assert code == 2
    assert reason in error
    assert not (tmp_path / "lake").exists()


@pytest.mark.parametrize(
    "arguments",
    [
        ("status", "--runs", "3"),
        ("status", "--lost"),
        ("analyze", "--database", "postgresql://localhost/x"),
        ("analyze", "--run", "1"),
        ("verify", "--verbose"),
    ],
    ids=str,
)
def test_options_of_local_results_are_refused_by_other_commands(
    run_cli: Run, lake: str, arguments: tuple[str, ...]
) -> None:
    command, *options = arguments
    code, _, error = run_cli(command, lake, *options)
    assert code == 2
    assert f"{options[0]} is not for results in object storage" in error


@pytest.mark.parametrize(
    "arguments",
    [("sample",), ("probe",), ("inspect",), ("export", "OUT", "--to"), ("relocate", "OUT")],
    ids=str,
)
def test_a_url_is_no_path(
    run_cli: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: tuple[str, ...]
) -> None:
    monkeypatch.chdir(tmp_path)
    code, _, error = run_cli(*arguments, "s3://lake/here")
    assert code == 2
    assert "it is a URL of object storage, where a path on this machine is needed" in error
    assert os.listdir(tmp_path) == []


def test_songs_may_be_allowed_to_fail(run_cli: Run, songs: str, lake: str, tmp_path: Path) -> None:
    command = ("split", songs, "-o", lake, "--workers", "0")
    assert run_cli(*command)[0] == 1
    assert run_cli(*command, "--allow-failed-songs")[0] == 0
    local = ("split", tmp_path / "my songs", "-o", tmp_path / "out", "--workers", "0")
    assert run_cli(*local)[0] == 1
    assert run_cli(*local, "--redo", "--allow-failed-songs")[0] == 0
