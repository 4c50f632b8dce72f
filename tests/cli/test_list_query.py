"""Tests of queries on the command line: their words, their errors, saved searches, forms of the list."""

import csv
import io
import json
from collections.abc import Callable
from pathlib import Path

import pytest

from midiprism.catalog import open_catalog
from midiprism.catalog.queries.gone_songs import record_change
from midiprism.catalog.schema import tracks
from midiprism.results.result_dir import catalog_path

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture(autouse=True)
def searches(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the folder of the saved searches of a test."""
    monkeypatch.setenv("MIDIPRISM_SEARCHES", str(tmp_path / "searches"))
    return tmp_path / "searches"


@pytest.fixture
def listed(run_cli: Run, out: Path) -> Callable[..., list[str]]:
    """Return a function that lists the songs and instruments that a query finds."""

    def list_tracks(*words: str) -> list[str]:
        code, shown, _ = run_cli("list", out, "--format=csv", "--columns=song,instrument", *words)
        assert code == 0
        rows = [*csv.reader(io.StringIO(shown))][1:]
        return [f"{song[0]} {instrument}" for song, instrument in rows]

    return list_tracks


PIANO, BASS, LATER_BASS, DRUMS = "a Acoustic Grand Piano", "a Slap Bass 1", "b Slap Bass 1", "b Standard Kit"


@pytest.mark.parametrize(
    ("words", "found"),
    [
        ([], [PIANO, BASS, LATER_BASS, DRUMS]),
        (["bass"], [BASS, LATER_BASS]),
        (["instrument:bass", "song:Real Songs"], [LATER_BASS]),
        (["instrument:bass song:songs"], [LATER_BASS]),
        (["-drums", "-piano"], [BASS, LATER_BASS]),
        (["^bass"], [PIANO, DRUMS]),
        (["piano", ",", "drums"], [PIANO, DRUMS]),
        (["piano,drums"], [PIANO, DRUMS]),
        (["--song=a.mid", "bass"], []),
        (["--", "-bass"], [PIANO, DRUMS]),
        (["bass", "--instrument", "slap", "--song=real"], [LATER_BASS]),
        (["bass", "sort:song-"], [LATER_BASS, BASS]),
        (["bass", "--sort=song-,name"], [LATER_BASS, BASS]),
        (["shared:2.."], [BASS, LATER_BASS]),
    ],
)
def test_words_behind_the_folder_are_a_query(
    listed: Callable[..., list[str]], words: list[str], found: list[str]
) -> None:
    assert listed(*words) == found


def test_options_of_one_letter_are_still_options(run_cli: Run, out: Path) -> None:
    assert run_cli("list", out, "-q", "nothing") == (0, "", "")
    assert run_cli("list", out, "-0", "bass")[1].count("\0") == 2


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["bass", "instrumnt:bass"], "do you mean `instrument`?\n  bass instrumnt:bass\n       ^~~~~~~~~\n"),
        (["notes:9..1"], "write the smaller one first, 1..9.\n  notes:9..1\n        ^~~~\n"),
        (["約束", "x:1"], "\n  約束 x:1\n       ^\n"),
        (["a" * 100, "x:1", "b" * 100], f"\n  {'a' * 35} x:1 {'b' * 32}\n{' ' * 38}^\n"),
        (["\x1b[31m", "x:1"], "\n  \\x1b[31m x:1\n           ^\n"),
        (["--notes=many"], "--notes: notes takes a number or a range"),
        (["@nothing"], "There is no saved search nothing"),
        (["sort:nots"], "do you mean `notes`?"),
    ],
)
def test_an_error_points_at_its_place(run_cli: Run, out: Path, words: list[str], message: str) -> None:
    code, shown, error = run_cli("list", out, *words)
    assert (code, shown) == (2, "")
    assert message in error


def test_an_error_is_one_object_in_a_json_log(run_cli: Run, out: Path) -> None:
    code, _, error = run_cli("list", out, "--log-json", "x:1")
    assert code == 2
    (entry,) = map(json.loads, error.splitlines())
    assert entry["message"].startswith("There is no field x")


def test_a_query_that_finds_nothing_says_which_term_finds_nothing(run_cli: Run, out: Path) -> None:
    code, shown, error = run_cli("list", out, "bass", "name:nothing", "-piano")
    assert (code, shown) == (0, "")
    assert error == "midiprism: No track matches. By itself, nothing matches `name:nothing`.\n"
    assert run_cli("list", out, "nothing")[2] == "midiprism: No track matches.\n"
    offer = " Do you mean `instrument:slap`?\n"
    assert run_cli("list", out, "instrument:slapp")[2] == f"midiprism: No track matches.{offer}"
    assert run_cli("list", out, "instrument:slapp", "drums")[2].endswith(f"`instrument:slapp`.{offer}")


def test_facts_that_are_not_computed_are_reported(run_cli: Run, out: Path) -> None:
    with open_catalog(catalog_path(str(out))) as catalog:

        def forget_facts() -> None:
            catalog.connection.execute(tracks.update().values(facts_version=None, key=None))
            record_change(catalog, 1, "2026-11-03")

        catalog.run_in_transaction(forget_facts)
    _, _, error = run_cli("list", out, "key:Dm", "sort:bpm")
    assert "bpm, key: not computed yet for this result. `midiprism features " in error
    assert "not computed" not in run_cli("list", out, "notes:1..")[2]
    assert "not computed" in run_cli("forget", out, "--where", "key:Dm", "--dry-run")[2]
    assert "not computed" in run_cli("export", out, "--to", "tree", "--dry-run", "key:Dm")[2]


def test_a_search_is_saved_shown_used_and_deleted(run_cli: Run, out: Path) -> None:
    _, _, message = run_cli("list", out, "--save", "Low", "--song", "real", "instrument:bass , drums")
    assert "Saved instrument:bass song:real , drums song:real" in message
    assert run_cli("list", "--searches")[1].split("\n")[1].split()[0] == "@low"
    code, shown, _ = run_cli("list", out, "@low", "-drums", "--json", "--columns", "song,name")
    assert code == 0
    assert [json.loads(line)["name"] for line in shown.splitlines()] == ["Bassline"]
    assert run_cli("export", out, "--to", "tree", "@low")[0] == 0
    assert len([*Path("tree").rglob("*.mid")]) == 2
    assert run_cli("list", "--delete-search", "low")[0] == 0
    assert run_cli("list", "--delete-search", "low")[0] == 2
    assert "No search is saved" in run_cli("list", "--searches")[2]


def test_the_fields_are_shown_without_a_result(run_cli: Run) -> None:
    code, shown, _ = run_cli("list", "--fields")
    assert code == 0
    for name in ("any", "length", "instrument", "key", "role", "added"):
        assert f"\n{name} " in shown


def test_columns_may_be_named_as_fields_of_queries(run_cli: Run, out: Path) -> None:
    code, shown, _ = run_cli("list", out, "--tsv", "--columns", "song_name,bpm,shared,notes", "--limit=2")
    assert code == 0
    assert shown.splitlines()[0] == "song_name\tbpm\tshared\tnotes"
    assert [line.split("\t")[2] for line in shown.splitlines()[1:]] == ["1", "2"]


def test_a_table_rounds_numbers_and_values_are_exact(run_cli: Run, out: Path) -> None:
    with open_catalog(catalog_path(str(out))) as catalog:
        tempo = tracks.update().values(tempo=60e6 / 666_666, duration_seconds=1.239)
        catalog.run_in_transaction(lambda: catalog.connection.execute(tempo))
    columns = ("--columns", "tempo,duration_seconds", "--limit=1")
    assert run_cli("list", out, *columns)[1].split("\n")[1].split() == ["90", "1.24"]
    assert run_cli("list", out, "--tsv", *columns)[1].splitlines()[1] == "90.00009000009\t1.239"


def test_a_playlist_names_files_that_exist(run_cli: Run, out: Path) -> None:
    code, shown, _ = run_cli("list", "out", "bass", "--format", "m3u")
    lines = shown.splitlines()
    assert (code, lines[0], len(lines)) == (0, "#EXTM3U", 5)
    assert lines[1] == "#EXTINF:1,a - Bassline"
    assert all(Path(path).is_absolute() and Path(path).exists() for path in lines[2::2])


def test_comma_separated_values_are_those_of_json(run_cli: Run, out: Path) -> None:
    rows = [*csv.DictReader(io.StringIO(run_cli("list", out, "--format", "csv")[1]))]
    facts = [json.loads(line) for line in run_cli("list", out, "--format", "json")[1].splitlines()]
    assert [row["song_path"] for row in rows] == [fact["song_path"] for fact in facts]
    assert [*rows[0]] == [*facts[0]]


def test_export_takes_the_first_tracks_in_the_order_of_the_query(run_cli: Run, out: Path) -> None:
    assert run_cli("export", out, "--to", "tree", "bass", "sort:song-", "--limit=1")[0] == 0
    (path,) = Path("tree").rglob("*.mid")
    assert path.parts[1] == "b"


def test_forget_takes_a_query(run_cli: Run, out: Path) -> None:
    assert run_cli("forget", out, "--where", "drums notes:1..", "--dry-run")[1].startswith(
        "Would remove 1 song"
    )
    assert "No song matches" in run_cli("forget", out, "--where", "drums -real", "--dry-run")[1]
    assert run_cli("forget", out, "--where", "drums -piano", "--yes")[0] == 0
    assert len(run_cli("list", out, "--paths")[1].splitlines()) == 2
