import csv
import io
import json
from collections.abc import Callable
from pathlib import Path

import pytest

from support.terminal_screen import run_on_terminal

Run = Callable[..., tuple[int, str, str]]


def as_text(value: object) -> str:
    """Return a value of JSON as it is between tabs."""
    if value is None or isinstance(value, str):
        return value or ""
    return json.dumps(value)


@pytest.mark.parametrize("columns", [72, 80, 132])
def test_each_track_takes_one_line_of_a_terminal(out: Path, columns: int) -> None:
    lines = run_on_terminal(["list", str(out)], columns).splitlines()
    assert len(lines) == 1 + 4
    assert max(map(len, lines)) <= columns
    assert lines[0].split() == ["song", "track", "name", "instrument", "notes", "length"]
    assert "…" in lines[4]


def test_paths_are_not_cut_on_a_terminal(out: Path, run_cli: Run) -> None:
    shown = run_on_terminal(["list", str(out), "--columns", "track,path", "--limit", "1"], 40)
    path = run_cli("list", out, "--tsv", "--columns", "path", "--limit", "1")[1].splitlines()[1]
    assert len(shown.splitlines()) > 1 + 1
    assert "".join(shown.split()) == f"trackpath1{path}".replace(" ", "")


def test_a_table_in_a_pipe_has_whole_values_on_one_line_for_each_track(
    out: Path, run_cli: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "20")
    shown = run_cli("list", out, "--columns", "song_path,path,digest,song")[1].splitlines()
    facts = [json.loads(line) for line in run_cli("list", out, "--json")[1].splitlines()]
    assert len(shown) == 1 + len(facts)
    for line, fact in zip(shown[1:], facts, strict=True):
        assert all(fact[key] in line for key in ("song_path", "path", "digest", "song"))


def test_tab_separated_values_are_those_of_json(out: Path, run_cli: Run) -> None:
    rows = [*csv.DictReader(io.StringIO(run_cli("list", out, "--tsv")[1]), delimiter="\t")]
    facts = [json.loads(line) for line in run_cli("list", out, "--json")[1].splitlines()]
    assert rows == [{key: as_text(value) for key, value in fact.items()} for fact in facts]


def test_columns_are_printed_in_the_given_order(out: Path, run_cli: Run) -> None:
    code, shown, _ = run_cli("list", out, "--tsv", "--columns", "length, track,song", "--limit", "1")
    assert (code, shown) == (0, "length\ttrack\tsong\n0:01\t1\ta\n")


def test_a_name_with_a_tab_stays_one_value(out: Path, run_cli: Run, tmp_path: Path) -> None:
    (tmp_path / "songs/a.mid").rename(tmp_path / "songs/z\tz.mid")
    run_cli("split", "songs", "-o", "new", "--workers", "0")
    shown = run_cli("list", "new", "--tsv", "--columns", "song,track", "--song", "z")[1]
    assert shown.splitlines()[1:] == ["z\\tz\t1", "z\\tz\t2"]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--columns", "tempi"], "no column 'tempi'"),
        (["--columns", ""], "no column ''"),
        (["--columns", "instrumnt"], "do you mean instrument?"),
        (["--columns", "song", "--paths"], "leave --columns out"),
        (["--columns", "song", "--format", "m3u"], "leave --columns out"),
        (["--format", "csv", "--json"], "exclude each other"),
        (["--tsv", "--paths"], "exclude each other"),
        (["--tsv", "--json"], "exclude each other"),
    ],
)
def test_options_of_the_output_that_do_not_fit_exit_2(
    out: Path, run_cli: Run, options: list[str], message: str
) -> None:
    code, shown, error = run_cli("list", out, *options)
    assert (code, shown) == (2, "")
    assert message in error


def test_quiet_prints_no_remarks(out: Path, run_cli: Run) -> None:
    assert run_cli("list", out, "-q", "--name", "%") == (0, "", "")
    assert run_cli("export", out, "--to", "to", "-q") == (0, "", "")
