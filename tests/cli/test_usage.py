"""Tests that what cannot be meant is refused before anything is read or written, in a useful sentence."""

from collections.abc import Callable
from pathlib import Path

import pytest

Run = Callable[..., tuple[int, str, str]]


@pytest.mark.parametrize(
    "arguments",
    [
        ["split", "songs", "-o", ""],
        ["split", "", "-o", "out"],
        ["list", ""],
        ["status", ""],
        ["export", "out", "--to", ""],
        ["relocate", "out", ""],
        ["sample", ""],
        ["probe", ""],
        ["inspect", ""],
        ["catalog", "upgrade", ""],
        ["catalog", "check", "-o", ""],
        ["bench", "strategies", ""],
        ["bench", "strategies", "songs", "--work", ""],
        ["bench", "strategies", "songs", "--place", ""],
    ],
)
def test_an_empty_path_is_refused(run_cli: Run, out: Path, arguments: list[str]) -> None:
    code, shown, error = run_cli(*arguments)
    assert (code, shown) == (2, "")
    assert "it is empty, where a path is needed. See `midiprism" in error


def test_a_lease_without_a_shared_catalog_is_refused(run_cli: Run, out: Path, tmp_path: Path) -> None:
    code, _, error = run_cli("split", "songs", "-o", "new", "--lease", "5")
    assert code == 2
    assert "--lease is for runs that share a catalog in PostgreSQL" in error
    assert not (tmp_path / "new").exists()


def test_a_range_from_a_larger_to_a_smaller_number_is_corrected(run_cli: Run, out: Path) -> None:
    code, _, error = run_cli("list", "out", "--notes", "40..20")
    assert (code, "write the smaller one first, 20..40" in error) == (2, True)
    assert run_cli("list", "out", "--notes", "20..20")[0] == 0


def test_a_mistyped_way_to_name_exported_files_writes_nothing(
    run_cli: Run, out: Path, tmp_path: Path
) -> None:
    code, _, error = run_cli("export", "out", "--to", "to", "--by", "tempo")
    assert (code, "tempo is neither song nor instrument" in error) == (2, True)
    assert not (tmp_path / "to").exists()


def test_export_writes_the_first_tracks_up_to_a_limit(run_cli: Run, out: Path, tmp_path: Path) -> None:
    assert run_cli("export", "out", "--to", "to", "--limit", "3")[0] == 0
    names = sorted(path.relative_to(tmp_path / "to").parts[0] for path in (tmp_path / "to").rglob("*.mid"))
    assert names == ["a", "a", "b"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["analyse", "out"], "No such command 'analyse'. Did you mean 'analyze'? See `midiprism --help`."),
        (["list", "out", "--channel", "0"], "Invalid value for '--channel': must be at least 1. See"),
        (["list", "out", "--channel", "17"], "Invalid value for '--channel': must be at most 16. See"),
        (["list", "out", "--channel", "x"], "Invalid value for '--channel': must be a whole number. See"),
    ],
)
def test_messages_of_the_parser_are_plain_sentences(run_cli: Run, arguments: list[str], message: str) -> None:
    code, _, error = run_cli(*arguments)
    assert (code, error.startswith(f"midiprism: {message}")) == (2, True), error
