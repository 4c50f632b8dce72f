import os
from collections.abc import Callable
from pathlib import Path

import pytest

from midiprism.cli import config_file

Run = Callable[..., tuple[int, str, str]]


def configure(folder: Path, text: str, name: str = "midiprism.toml") -> Path:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


def listed(run_cli: Run, *options: object) -> list[str]:
    code, shown, error = run_cli("list", "out", *options)
    assert (code, error) == (0, "")
    return shown.splitlines()


def test_a_file_in_the_current_folder_gives_defaults(run_cli: Run, out: Path, tmp_path: Path) -> None:
    configure(tmp_path, 'limit = 3\nworkers = 0\n[list]\ntsv = true\ncolumns = "track,song"\n')
    assert listed(run_cli) == ["track\tsong", "1\ta", "2\ta", listed(run_cli)[-1]]
    assert len(listed(run_cli)) == 1 + 3


def test_the_command_line_wins_over_the_table_of_a_command_and_that_over_all(
    run_cli: Run, out: Path, tmp_path: Path
) -> None:
    configure(tmp_path, "limit = 1\n[list]\nlimit = 2\n[export]\nlimit = 4\n")
    assert len(listed(run_cli)) == 1 + 2
    assert len(listed(run_cli, "--limit", "3")) == 1 + 3


def test_an_option_or_the_environment_names_another_file(
    run_cli: Run, out: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    configure(tmp_path, "limit = 1")
    named = configure(tmp_path, "limit = 2", "named.toml")
    by_variable = configure(tmp_path, "limit = 3", "variable.toml")
    assert len(listed(run_cli)) == 1 + 1
    monkeypatch.setenv("MIDIPRISM_CONFIG", str(by_variable))
    assert len(listed(run_cli)) == 1 + 3
    assert len(listed(run_cli, "--config", named)) == 1 + 2
    assert len(listed(run_cli, f"--config={named}")) == 1 + 2
    monkeypatch.setenv("MIDIPRISM_CONFIG", "")
    assert len(listed(run_cli)) == 1 + 4


def test_an_option_that_may_be_repeated_is_not_mixed_with_given_ones(
    run_cli: Run, out: Path, tmp_path: Path
) -> None:
    configure(tmp_path, 'path-map = ["broken"]')
    assert "--path-map broken is not OLD=NEW" in run_cli("audit", "--database", "postgresql://h/d")[2]
    error = run_cli("audit", "--database", "postgresql://h/d", "--path-map", "other")[2]
    assert "--path-map other is not OLD=NEW" in error


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("worker = 2", "unknown keys: worker."),
        ("[lists]\na = 1", "unknown keys: lists."),
        ("[split]\nlimits = 1\n[list]\nlimit = 1", "unknown keys: split.limits."),
        ("[catalog.undo]\nyes = true", "unknown keys: catalog.undo.yes."),
        ("yes = true", "unknown keys: yes."),
        ("quiet = 1", "quiet is true or false, not 1."),
        ("[list]\nlimit = [1]", "limit is a text or a number, not [1]."),
        ("limit = true", "limit is a text or a number, not True."),
        ("limit =", "midiprism.toml is not TOML"),
        ('[list]\nlimit = "x"', "Options were also taken from midiprism.toml."),
        ('[list]\nnotes = "x"', "Options were also taken from midiprism.toml."),
    ],
)
def test_a_file_that_cannot_be_meant_exits_2(
    run_cli: Run, out: Path, tmp_path: Path, text: str, message: str
) -> None:
    configure(tmp_path, text)
    code, shown, error = run_cli("list", "out")
    assert (code, shown) == (2, "")
    assert message in error
    assert run_cli("list", "--help")[0] == 0


def test_a_named_file_that_does_not_exist_exits_2(run_cli: Run, out: Path) -> None:
    assert run_cli("list", "out", "--config", "none.toml") == (
        2,
        "",
        "midiprism: none.toml cannot be read: No such file or directory.\n",
    )


@pytest.mark.skipif(not hasattr(os, "getuid"), reason="files have no owners as numbers there")
def test_the_file_of_another_user_is_ignored_unless_it_is_named(
    run_cli: Run, out: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    configure(tmp_path, "limit = 1")
    if os.getuid() == 0:
        os.chown(tmp_path / config_file.DEFAULT_CONFIG_FILE, 12_345, -1)
    else:
        monkeypatch.setattr(os, "getuid", lambda: os.geteuid() + 1)
    code, shown, error = run_cli("list", "out")
    assert (code, len(shown.splitlines())) == (0, 1 + 4)
    assert "belongs to another user and is ignored" in error
    assert len(listed(run_cli, "--config", "midiprism.toml")) == 1 + 1
