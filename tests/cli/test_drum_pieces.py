"""Tests of ``--by drum`` on the command line: pieces in both stores and catalogs, in lists and exports."""

import json
from collections.abc import Callable
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from support.midi_writer import note, song, track, track_name

Run = Callable[..., tuple[int, str, str]]

DRUMS = 9
PIECES = [(36, "Kick"), (38, "Snare"), (42, "Hi-Hat")]


@pytest.fixture(params=["sqlite", "postgres"])
def database_options(request: pytest.FixtureRequest) -> list[str]:
    """Return the options that name the catalog."""
    return ["--database", request.getfixturevalue("postgres").new_database()] * (request.param == "postgres")


def write_song(folder: Path) -> None:
    beat = [
        (0, track_name(b"Beat")),
        *note(DRUMS, 36, 0, 5),
        *note(DRUMS, 42, 10, 5),
        *note(DRUMS, 38, 20, 5),
        *note(DRUMS, 46, 30, 5),
    ]
    folder.mkdir()
    (folder / "a.mid").write_bytes(song(track(beat), track(note(0, 60, 0, 40))))


@pytest.mark.parametrize("store", ["files", "parquet"])
def test_pieces_are_stored_listed_and_found(
    run_cli: Run,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    store: str,
    database_options: list[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    write_song(tmp_path / "songs")
    command = ("split", "songs", "-o", "out", "--by", "drum", "--store", store, "--workers", "0", "--quiet")
    assert run_cli(*command, *database_options)[0] == 0

    _, output, _ = run_cli("list", "out", "--json", *database_options)
    found = [json.loads(line) for line in output.splitlines()]
    pieces = [(it["drum_piece"], it["instrument"]) for it in found]
    assert pieces == [*PIECES, (None, "Acoustic Grand Piano")]
    assert {it["part_count"] for it in found[:3]} == {3}

    _, output, _ = run_cli("list", "out", "--json", "--drum-piece", "42", *database_options)
    assert [json.loads(line)["notes"] for line in output.splitlines()] == [2]
    if store == "parquet":
        table = pq.read_table(next(Path("out", "links").glob("*.parquet")))
        assert sorted(table["drum_piece"].to_pylist(), key=str) == [36, 38, 42, None]


def test_exported_pieces_have_their_names(
    run_cli: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    write_song(tmp_path / "songs")
    run_cli("split", "songs", "-o", "out", "--by", "drum", "--workers", "0", "--quiet")
    run_cli("export", "out", "--to", "tree")
    run_cli("export", "out", "--to", "flat", "--by", "{drum_piece:03} {name}.mid", "--family", "drums")
    assert sorted(path.name for path in Path("tree", "a").glob("*.mid")) == [
        "01 Beat (Hi-Hat).mid",
        "01 Beat (Kick).mid",
        "01 Beat (Snare).mid",
        "02 Acoustic Grand Piano.mid",
    ]
    assert sorted(path.name for path in Path("flat").glob("*.mid")) == [
        "036 Beat - Kick.mid",
        "038 Beat - Snare.mid",
        "042 Beat - Hi-Hat.mid",
    ]
    assert run_cli("verify", "out", "--quiet")[0] == 0
