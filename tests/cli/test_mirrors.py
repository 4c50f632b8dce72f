"""Tests of commands that are given the URL of a result in object storage."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from midiprism.generations.run import split_to_storage
from midiprism.objects import is_storage_url
from support.generation_results import options, parts
from support.sample_songs import FEW, sample_songs

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def url(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setenv("MIDIPRISM_CACHE_DIR", str(tmp_path / "cache"))
    songs = tmp_path / "songs"
    songs.mkdir()
    for number, song in enumerate(sample_songs(FEW)[:5]):
        (songs / f"{number}.mid").write_bytes(song.data)
    url = (tmp_path / "lake").as_uri()
    split_to_storage(songs.as_uri(), url, options(), parts())
    assert is_storage_url(url)
    return url


def test_list_shows_the_tracks(run_cli: Run, url: str) -> None:
    code, text, errors = run_cli("list", url, "song:=3", "--json", "--quiet")
    assert (code, errors) == (0, "")
    assert {json.loads(line)["song_path"] for line in text.splitlines()} == {
        url.replace("lake", "songs") + "/3.mid"
    }


def test_export_writes_the_tracks(run_cli: Run, url: str, tmp_path: Path) -> None:
    assert run_cli("export", url, "song:=3", "--to", tmp_path / "tracks", "--quiet")[0] == 0
    listed = run_cli("list", url, "song:=3", "--json", "--quiet")[1].splitlines()
    assert len([*(tmp_path / "tracks").rglob("*.mid")]) == len({json.loads(it)["digest"] for it in listed})


def test_similar_finds_a_track_of_a_song(run_cli: Run, url: str, tmp_path: Path) -> None:
    code, text, _ = run_cli("similar", url, tmp_path / "songs" / "2.mid", "--json", "--quiet")
    assert code == 0
    assert json.loads(text.splitlines()[0])["score"] == 1.0


def test_duplicates_counts_copies(run_cli: Run, url: str) -> None:
    code, text, _ = run_cli("duplicates", url, "--json", "--quiet")
    assert code == 0
    assert json.loads(text.splitlines()[-1])["songs"]["copies"] == 0


def test_the_progress_of_a_mirror_is_shown(run_cli: Run, url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("midiprism.cli.render.progress._LINE_SECONDS", 0)
    assert "mirroring: 5 of 5 paths of songs" in run_cli("list", url)[2]


def test_songs_are_forgotten_by_their_names(run_cli: Run, url: str) -> None:
    code, text, _ = run_cli("forget", url, "3", "--dry-run")
    assert code == 0
    assert "Would remove 1 song and " in text
    code, text, _ = run_cli("forget", url, "3", "--yes", "--json")
    assert (code, json.loads(text.splitlines()[-1])["songs"]) == (0, 1)
    assert run_cli("list", url, "song:=3", "--quiet")[1] == ""
    assert "No song matches" in run_cli("forget", url, "--where", "song:=3")[1]


def test_a_removal_is_not_undone(run_cli: Run, url: str) -> None:
    code, _, errors = run_cli("forget", url, "--undo")
    assert code == 2
    assert "cannot be undone: split again" in errors


@pytest.mark.parametrize("command", [("relocate", "to"), ("features",)])
def test_commands_that_write_refuse_it(run_cli: Run, url: str, command: tuple[str, ...]) -> None:
    code, _, errors = run_cli(command[0], url, *command[1:])
    assert code == 2
    assert "works on a result in a folder, not on one in object storage" in errors


def test_a_database_is_refused(run_cli: Run, url: str) -> None:
    code, _, errors = run_cli("list", url, "--database", "postgresql://localhost/x")
    assert code == 2
    assert "has no database: leave --database and --schema out" in errors


def test_an_address_without_a_result_is_named(run_cli: Run, tmp_path: Path) -> None:
    code, _, errors = run_cli("list", (tmp_path / "nothing").as_uri())
    assert code == 1
    assert (tmp_path / "nothing").as_uri() in errors
