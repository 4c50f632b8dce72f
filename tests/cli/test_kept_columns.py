"""Tests that kept columns and the source of a song reach every output."""

import json
from collections.abc import Callable
from pathlib import Path

import pyarrow.parquet as pq
import pytest

import midiprism
from midiprism.pipeline import runner
from support.archive_files import write_archive, write_parquet
from support.fake_songs import BASS, DRUMS, PIANO, LoadedSplitter, fake_song, fake_split, write_files

Run = Callable[..., tuple[int, str, str]]

ARTIST = {"artist": "Björk\tG", "license": "CC0", "year": 1993}


@pytest.fixture(params=["files", "parquet"])
def result(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, run_cli: Run
) -> Path:
    """Return a result of songs from a Parquet file, a folder and an archive."""
    monkeypatch.setattr(runner, "LazySplitter", lambda *_settings: LoadedSplitter(fake_split))
    monkeypatch.chdir(tmp_path)
    columns = {"id": ["one", "two"], "midi": [fake_song(PIANO), fake_song(BASS)]}
    columns |= {key: [value, None] for key, value in ARTIST.items()}
    write_parquet(tmp_path / "rows.parquet", columns)
    write_files(tmp_path / "songs", {"a/b.mid": fake_song(DRUMS)})
    write_archive(tmp_path / "more.zip", {"c.mid": fake_song(DRUMS, PIANO)})
    sources = ["rows.parquet", "songs", "more.zip"]
    options = ["--id", "id", "--keep", ",".join(ARTIST), "--store", request.param, "--workers", "0"]
    assert run_cli("split", *sources, "-o", "out", *options)[0] == 0
    return tmp_path / "out"


@pytest.fixture
def expected(tmp_path: Path) -> dict[str, tuple[str, dict[str, object] | None]]:
    """Return the source and the kept columns of each song by its name."""
    rows = str(tmp_path / "rows.parquet")
    return {
        "one": (rows, ARTIST),
        "two": (rows, dict.fromkeys(ARTIST)),
        "a/b": (str(tmp_path / "songs"), None),
        "c": (str(tmp_path / "more.zip"), None),
    }


def test_list_shows_them(
    result: Path, run_cli: Run, expected: dict[str, tuple[str, dict[str, object] | None]]
) -> None:
    facts = [json.loads(line) for line in run_cli("list", result, "--json")[1].splitlines()]
    assert {fact["song"]: (fact["source"], fact["source_metadata"]) for fact in facts} == expected
    lines = run_cli("list", result, "--tsv", "--columns", "song,source_metadata")[1].splitlines()
    texts = dict(line.split("\t") for line in lines)
    assert json.loads(texts["one"]) == ARTIST
    assert texts["c"] == ""


def test_the_python_api_has_them(
    result: Path, expected: dict[str, tuple[str, dict[str, object] | None]]
) -> None:
    opened = midiprism.open_result(result)
    found = {row.song_name: (row.source.decode(), row.source_metadata) for row in opened.tracks()}
    assert found == expected
    of_songs = [(song.source, song.source_metadata) for song in opened.songs()]
    assert sorted(map(str, of_songs)) == sorted(
        str((source.encode(), kept)) for source, kept in expected.values()
    )


def test_the_table_of_songs_has_them(
    result: Path, expected: dict[str, tuple[str, dict[str, object] | None]]
) -> None:
    table = result / "songs/songs.parquet"
    if midiprism.open_result(result).identity.store == "files":
        assert not table.exists()
        return
    rows = pq.read_table(table).to_pylist()
    found = [(row["source"], json.loads(row["source_metadata"] or "null")) for row in rows]
    assert sorted(map(str, found)) == sorted(map(str, expected.values()))


def test_rows_with_the_same_bytes_and_other_columns_are_counted_and_kept(
    run_cli: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(runner, "LazySplitter", lambda *_settings: LoadedSplitter(fake_split))
    song, other = fake_song(PIANO), fake_song(BASS)
    columns = {"midi": [song, other, song, other, song], "license": ["CC0", "CC0", "GPL", "CC0", "CC0"]}
    write_parquet(tmp_path / "rows.parquet", columns)
    out = tmp_path / "out"
    split = "split", tmp_path / "rows.parquet", "-o", out, "--keep", "license", "--store", "parquet"
    code, shown, _ = run_cli(*split, "--workers", "0")
    assert (code, "1  song is in several rows whose kept columns differ" in shown) == (0, True)
    table = pq.read_table(out / "songs" / "songs.parquet").to_pylist()
    assert [json.loads(row["source_metadata"]) for row in table] == [{"license": "CC0"}] * 2
    others = [row["other_source_metadata"] for row in table]
    assert sorted(json.loads(text or "[]") for text in others) == [[], [{"license": "GPL"}]]
