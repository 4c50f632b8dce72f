"""Tests of tracks of text on the command line: stores and catalogs hold them, lists and exports show them."""

import json
from collections.abc import Callable
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from support.midi_writer import meta, note, song, track, track_name

Run = Callable[..., tuple[int, str, str]]

LYRIC, MARKER = 5, 6


@pytest.fixture(params=["sqlite", "postgres"])
def database_options(request: pytest.FixtureRequest) -> list[str]:
    """Return the options that name the catalog."""
    return ["--database", request.getfixturevalue("postgres").new_database()] * (request.param == "postgres")


@pytest.mark.parametrize("store", ["files", "parquet"])
def test_tracks_of_text_are_stored_listed_and_exported(
    run_cli: Run,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    store: str,
    database_options: list[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("songs").mkdir()
    melody = [(0, track_name(b"Tune")), *note(0, 60, 0, 9), *note(0, 62, 10, 9)]
    words = [(0, track_name(b"Tune")), (0, meta(LYRIC, b"Hel")), (10, meta(LYRIC, b"lo"))]
    markers = [(0, meta(MARKER, b"Verse"))]
    Path("songs", "a.mid").write_bytes(song(track(markers), track(melody), track(words)))
    command = ("split", "songs", "-o", "out", "--context", "full", "--store", store, "--workers", "0")
    assert run_cli(*command, "--quiet", *database_options)[0] == 0

    _, output, _ = run_cli("list", "out", "--json", *database_options)
    found = [json.loads(line) for line in output.splitlines()]
    assert [(it["track"], it["instrument"], it["family"], it["notes"]) for it in found] == [
        (1, "Markers", "Text", 0),
        (2, "Acoustic Grand Piano", "Piano", 2),
        (3, "Lyrics", "Text", 0),
    ]
    assert [(it["lowest_pitch"], it["highest_pitch"]) for it in found] == [
        (None, None),
        (60, 62),
        (None, None),
    ]

    for option, numbers in ((("--family", "text"), [1, 3]), (("--notes", "1.."), [2])):
        _, output, _ = run_cli("list", "out", "--json", *option, *database_options)
        assert [json.loads(line)["track"] for line in output.splitlines()] == numbers
    assert "Markers" in run_cli("list", "out", *database_options)[1]

    run_cli("export", "out", "--to", "tree", *database_options)
    assert sorted(path.name for path in Path("tree", "a").glob("*.mid")) == [
        "01 Markers.mid",
        "02 Tune (Acoustic Grand Piano).mid",
        "03 Tune (Lyrics).mid",
    ]
    assert run_cli("verify", "out", "--quiet", *database_options)[0] == 0
    assert (
        run_cli("split", "songs", "-o", "out", "--redo", "--quiet", "--workers", "0", *database_options)[0]
        == 0
    )
    if store == "parquet":
        table = pq.read_table(next(Path("out", "tracks").glob("*.parquet")))
        assert sorted(table["lowest_pitch"].to_pylist(), key=str) == [60, None, None]
