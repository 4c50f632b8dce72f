"""Tests of data sets and selections on the command line."""

import io
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from support.catalog_access import execute
from support.terminal_screen import run_on_terminal

Run = Callable[..., tuple[int, str, str]]


def test_export_writes_a_data_set_and_says_what_is_in_it(out: Path, run_cli: Run, tmp_path: Path) -> None:
    code, text, err = run_cli("export", out, "--to", "to", "--store", "parquet", "family:bass")
    assert code == 0
    assert text.startswith("Wrote 1 track, 2 links and 2 songs (")
    assert err == ""
    assert (tmp_path / "to" / "README.md").is_file()
    code, _, err = run_cli("export", out, "--to", "to", "--store", "parquet")
    assert code == 2
    assert "holds a data set: choose a new folder" in err


def test_missing_facts_are_said(out: Path, run_cli: Run) -> None:
    execute(out, "UPDATE tracks SET facts_version = NULL WHERE family = 'Bass'")
    _, _, err = run_cli("export", out, "--to", "to", "--store", "parquet", "--quiet")
    assert "Facts were not computed for 1 track: `midiprism features" in err


def test_json_has_the_counts(out: Path, run_cli: Run) -> None:
    code, text, err = run_cli("export", out, "--to", "to", "--store", "parquet", "--json", "--dry-run")
    facts = json.loads(text.splitlines()[-1])
    assert code == 0
    assert "Would write 3 tracks, 4 links and 2 songs to" in err
    assert (facts["tracks"], facts["links"], facts["songs"], facts["dry_run"]) == (3, 4, 2, True)


@pytest.mark.parametrize("option", [["--by", "song"], ["--hardlink"], ["--prune"]])
def test_options_for_files_are_refused(out: Path, run_cli: Run, option: list[str]) -> None:
    code, _, err = run_cli("export", out, "--to", "to", "--store", "parquet", *option)
    assert code == 2
    assert "leave --by, --hardlink and --prune out" in err


def test_a_query_that_finds_nothing_is_an_error(out: Path, run_cli: Run) -> None:
    code, _, err = run_cli("export", out, "--to", "to", "--store", "parquet", "notes:99999..")
    assert code == 2
    assert "matches notes:99999..: a data set would be empty" in err


def test_list_prints_a_selection(out: Path, run_cli: Run, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "midiprism", "list", str(out), "family:bass", "--format", "parquet"]
    printed = subprocess.run(command, check=True, capture_output=True)
    assert printed.stderr == b""
    table = pq.read_table(io.BytesIO(printed.stdout))
    assert table.column_names == ["track_blake3", "song_blake3", "position"]
    assert table["position"].to_pylist() == [1, 0]
    code, _, err = run_cli("list", out, "--format", "parquet", "--columns", "song")
    assert (code, "leave --columns out" in err) == (2, True)


def test_a_selection_is_not_printed_on_a_terminal(out: Path) -> None:
    text = run_on_terminal(["list", str(out), "--format", "parquet"], 120, exit_code=2)
    assert "append > selection.parquet" in text
