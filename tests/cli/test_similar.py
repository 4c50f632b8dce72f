"""Tests of ``similar`` and of ``duplicates --similar``."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from support.melodies import QUARTER, Melody, Note, make_melody, midi_song, ornamented, transposed
from support.similar_results import split_melodies

Run = Callable[..., tuple[int, str, str]]
FIRST = ornamented(make_melody(1))
ODE = [64, 64, 65, 67, 67, 65, 64, 62, 60, 60, 62, 64, 64, 62, 62]


@pytest.fixture
def library(tmp_path: Path) -> Path:
    ode = [Note(at * QUARTER, 400, pitch + 2) for at, pitch in enumerate(ODE)]
    songs: dict[str, list[Melody]] = {
        "first": [FIRST],
        "first in E": [transposed(FIRST, 4)],
        "ode \x1b[31m": [ode],
        "o": [make_melody(5)],
    }
    return split_melodies(tmp_path, songs)


def test_notes_find_a_track(run_cli: Run, library: Path) -> None:
    code, text, _ = run_cli("similar", library, "E E F G G F E D C C D E E D D")
    assert code == 0
    assert "1.00     1     14   +2         ode \\x1b[31m" in text.splitlines()[1]


def test_a_file_finds_its_versions_with_places(run_cli: Run, library: Path, tmp_path: Path) -> None:
    cut = [it._replace(onset=it.onset - FIRST[30].onset) for it in FIRST[30:60]]
    (tmp_path / "cut.mid").write_bytes(midi_song(cut))
    code, text, _ = run_cli("similar", library, tmp_path / "cut.mid", "--json", "--limit", 2)
    assert code == 0
    found = [json.loads(line) for line in text.splitlines()]
    assert [(it["song"], it["score"], it["transposition"]) for it in found] == [
        ("first", 1.0, 0),
        ("first in E", 1.0, 4),
    ]
    assert found[0]["first_quarter"] == pytest.approx(FIRST[30].onset / QUARTER, abs=0.03)


def test_a_track_finds_others_but_not_itself(run_cli: Run, library: Path) -> None:
    listed = run_cli("list", library, "song:=first", "--json")[1]
    digest = json.loads(listed)["digest"]
    _, text, _ = run_cli("similar", library, digest[:10], "--json", "--min-score", 0.9)
    assert [json.loads(line)["song"] for line in text.splitlines()] == ["first in E"]
    _, text, _ = run_cli("list", library, f"like:{digest[:10]}", "--columns", "song", "--tsv")
    assert text.splitlines()[1:] == ["first in E", "first"]
    _, text, _ = run_cli("similar", library, digest, "--rhythm", "--exact")
    assert text == ""


@pytest.mark.parametrize(
    ("example", "message"),
    [
        ("00000000", "No track of the result has a BLAKE3 that begins with 00000000."),
        ("nothing.mid", "nothing.mid is no file, no track and no row of notes."),
        ("E E F", "An example has at least 8 notes, and this has 3."),
    ],
)
def test_what_is_no_example_is_refused(run_cli: Run, library: Path, example: str, message: str) -> None:
    code, _, error = run_cli("similar", library, example)
    assert code == 2
    assert message in error


def test_options_that_exclude_each_other_are_refused(run_cli: Run, library: Path) -> None:
    code, _, error = run_cli("similar", library, "E E F G G F E D", "--exact", "--rhythm")
    assert (code, "exclude each other" in error) == (2, True)
    code, _, error = run_cli("similar", library, "E E F G G F E D", "--rhythm")
    assert (code, "has no rhythm" in error) == (2, True)
    code, _, error = run_cli("duplicates", library, "--threshold", 0.5)
    assert (code, "--threshold belongs to --similar" in error) == (2, True)


def test_nothing_similar_is_said(run_cli: Run, library: Path) -> None:
    code, text, error = run_cli("similar", library, "C0 C9 C0 C8 C1 C9 C2 C7", "--exact", "--min-score", 1)
    assert (code, text) == (0, "")
    assert "No track has this music." in error


def test_an_unknown_like_is_an_error(run_cli: Run, library: Path) -> None:
    code, _, error = run_cli("list", library, "like:xyz")
    assert (code, "named by 8 to 64 hexadecimal digits" in error) == (2, True)
    code, _, error = run_cli("list", library, "like:00000000")
    assert (code, "No track of the result" in error) == (2, True)


def test_groups_are_listed_with_who_represents_them_and_why(run_cli: Run, library: Path) -> None:
    code, text, _ = run_cli("duplicates", "--similar", library)
    assert code == 0
    assert "1 group of 2 songs that share music:" in text
    assert "1 group of 2 tracks that are the same music:" in text
    assert "represented by the first, equal to others and with the smallest BLAKE3" in text
    code, text, _ = run_cli("duplicates", "--similar", library, "--json")
    songs, tracks, totals = map(json.loads, text.splitlines())
    assert {song["song_name"] for song in songs["songs"]} == {"first", "first in E"}
    assert tracks["representative"] == tracks["tracks"][0]["digest"]
    assert totals == {
        "threshold": 0.15,
        "songs": {"groups": 1, "members": 2},
        "tracks": {"groups": 1, "members": 2},
    }


def test_no_groups_are_said(run_cli: Run, library: Path) -> None:
    _, text, _ = run_cli("duplicates", "--similar", library, "--threshold", 1)
    assert text.splitlines()[-2:] == ["1 group of 2 songs that share music:", ""] or "represented" in text


def test_one_track_per_group_is_exported(run_cli: Run, library: Path, tmp_path: Path) -> None:
    code, _, error = run_cli("export", library, "--to", tmp_path / "tree", "--one-per-group")
    assert code == 2
    assert "`midiprism duplicates --similar` finds them" in error
    run_cli("duplicates", "--similar", library)
    assert run_cli("export", library, "--to", tmp_path / "tree", "--one-per-group")[0] == 0
    assert len([*(tmp_path / "tree").rglob("*.mid")]) == 3
    code, text, _ = run_cli(
        "export", library, "--to", tmp_path / "data", "--store", "parquet", "--one-per-group", "--json"
    )
    assert code == 0
    assert json.loads(text.splitlines()[-1])["tracks"] == 3
