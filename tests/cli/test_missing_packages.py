"""Tests that a missing optional package exits with 2, and is named with a command that installs it."""

import sys
import tomllib
from collections.abc import Callable
from pathlib import Path

import pytest

from midiprism.optional_packages import OPTIONAL_PACKAGES

Run = Callable[..., tuple[int, str, str]]

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize(
    ("package", "arguments"),
    [
        ("pyarrow", ["split", "songs", "-o", "new", "--store", "parquet"]),
        ("pyarrow", ["split", "rows.parquet", "-o", "new"]),
        ("pyarrow", ["split", "songs", "-o", "new", "--store", "parquet", "--dry-run"]),
        ("psycopg", ["split", "songs", "-o", "new", "--database", "postgresql://localhost/none"]),
        ("psycopg", ["catalog", "upgrade", "--database", "postgresql://localhost/none"]),
        ("psycopg", ["catalog", "check", "--database", "postgresql://localhost/none"]),
        ("psycopg", ["catalog", "undo", "1", "--yes", "--database", "postgresql://localhost/none"]),
        ("psycopg", ["audit", "--database", "postgresql://localhost/none"]),
        ("starlette", ["serve", "nothing"]),
        ("uvicorn", ["serve", "nothing"]),
    ],
)
def test_a_missing_package_exits_2_and_names_the_command_that_installs_it(
    run_cli: Run,
    out: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    package: str,
    arguments: list[str],
) -> None:
    (tmp_path / "rows.parquet").write_bytes(b"PAR1")
    monkeypatch.setitem(sys.modules, package, None)
    code, _, error = run_cli(*arguments)
    assert code == 2
    assert f"-m pip install '{OPTIONAL_PACKAGES[package]}'" in error
    assert sys.executable in error
    assert not (tmp_path / "new").exists()


def test_the_commands_install_what_the_package_declares() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    extras = project["optional-dependencies"]
    extras_of_users = ("ray", "parquet", "postgresql", "cloud", "delta", "iceberg", "web")
    assert {*OPTIONAL_PACKAGES.values()} == {it for name in extras_of_users for it in extras[name]}
