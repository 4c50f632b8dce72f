"""Tests of ``--encoding`` and of names in a search, from the command to the catalog."""

import json
import sqlite3
from pathlib import Path

import pytest

import midiprism
from midiprism.cli import main
from midiprism.cli.commands.split_options import ExtentOptions
from midiprism.errors import UsageError
from support.fake_songs import write_files
from support.midi_writer import note, song, track, track_name

CYRILLIC = "Гитара"


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Work in a folder with a song whose names are in two encodings."""
    names = [CYRILLIC.encode("koi8_r"), "Ｆｕｌｌ Ko\N{COMBINING DIAERESIS}ln".encode()]
    tracks = [track([(0, track_name(name)), *note(channel, 60, 0, 96)]) for channel, name in enumerate(names)]
    write_files(tmp_path / "songs", {"song.mid": song(*tracks)})
    monkeypatch.chdir(tmp_path)


def listed_names(capfd: pytest.CaptureFixture[str], *options: str) -> list[str]:
    """Return the names that ``list`` finds in ``out``."""
    capfd.readouterr()
    assert main(["list", "out", "--json", *options]) == 0
    return [json.loads(line)["name"] for line in capfd.readouterr().out.splitlines()]


@pytest.mark.parametrize("store", ["files", "parquet"])
def test_a_run_reads_names_in_the_given_encoding(capfd: pytest.CaptureFixture[str], store: str) -> None:
    split = ["split", "songs", "-o", "out", "--workers", "0", "--quiet", "--store", store]
    assert main([*split, "--encoding", "windows-1251"]) == 0
    read = CYRILLIC.encode("koi8_r").decode("cp1251")
    assert listed_names(capfd, "--channel", "1") == [read]
    assert main([*split, "--redo"]) == 0
    assert listed_names(capfd, "--name", "гитара") == [CYRILLIC]
    assert listed_names(capfd, "--name", "full köln") == ["Ｆｕｌｌ Ko\N{COMBINING DIAERESIS}ln"]


def test_a_command_that_resumes_the_run_repeats_the_encoding() -> None:
    assert ExtentOptions(max_song_size="1M", encoding="cp1251").arguments() == [
        "--max-song-size=1M",
        "--encoding=cp1251",
    ]


def test_python_takes_an_encoding_too() -> None:
    midiprism.split_library("songs", "out", workers=0, encoding="cp1251")
    assert [row.link.name for row in midiprism.open_result("out").find(channel=0)] == ["зЙФБТБ"]
    with pytest.raises(UsageError, match="extends ASCII"):
        midiprism.split_library("songs", "out", encoding="utf-16")


def test_a_repair_names_tracks_as_the_last_run_did() -> None:
    midiprism.split_library("songs", "out", workers=0, encoding="cp1251")
    with sqlite3.connect(Path("out", "catalog.sqlite")) as connection:
        connection.execute("DELETE FROM links")
    connection.close()
    assert main(["verify", "out", "--repair", "--quiet"]) == 0
    assert [row.link.name for row in midiprism.open_result("out").find(channel=0)] == ["зЙФБТБ"]


def test_another_encoding_changes_no_file() -> None:
    midiprism.split_library("songs", "out", workers=0, encoding="cp1251")
    files = sorted(Path("out", "tracks").rglob("*.mid"))
    assert any(CYRILLIC in path.name for path in files)
    midiprism.split_library("songs", "out", workers=0, redo=True)
    assert sorted(Path("out", "tracks").rglob("*.mid")) == files
    assert midiprism.open_result("out").verify().ok


def test_an_unknown_encoding_is_a_usage_error(capfd: pytest.CaptureFixture[str]) -> None:
    assert main(["split", "songs", "-o", "out", "--encoding", "no such"]) == 2
    assert "extends ASCII" in capfd.readouterr().err
    assert not Path("out").exists()
