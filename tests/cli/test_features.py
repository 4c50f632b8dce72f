"""Tests of ``midiprism features`` and of ``split --no-facts``."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from support.sample_songs import sample_songs

Run = Callable[..., tuple[int, str, str]]
SPLIT = ("split", "songs", "-o", "out", "--workers", "0", "--quiet")


@pytest.fixture
def songs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "songs").mkdir()
    for number, song in enumerate(sample_songs()[:3]):
        (tmp_path / "songs" / f"{number}.mid").write_bytes(song.data)
    return tmp_path / "songs"


def listed_keys(run: Run) -> set[str | None]:
    code, text, _ = run("list", "out", "--json", "--columns=key")
    assert code == 0
    return {json.loads(line)["key"] for line in text.splitlines()}


def test_a_split_computes_facts_unless_it_is_told_not_to(songs: Path, run_cli: Run) -> None:
    assert run_cli(*SPLIT, "--no-facts")[0] == 0
    assert listed_keys(run_cli) == {None}
    shutil.rmtree("out")
    assert run_cli(*SPLIT)[0] == 0
    assert len(listed_keys(run_cli)) > 1


def test_features_computes_what_is_missing_and_says_so(songs: Path, run_cli: Run) -> None:
    assert run_cli(*SPLIT, "--no-facts")[0] == 0
    code, text, _ = run_cli("features", "out")
    assert code == 0
    assert text.startswith("Computed the facts of ")
    assert text.endswith(" tracks and 3 songs.\n")
    assert len(listed_keys(run_cli)) > 1
    assert run_cli("features", "out")[:2] == (0, "Nothing to do: all tracks have their facts.\n")


def test_features_in_json(songs: Path, run_cli: Run) -> None:
    assert run_cli(*SPLIT, "--no-facts")[0] == 0
    facts = json.loads(run_cli("features", "out", "--json", "--workers=1")[1])
    assert facts["songs"] == 3
    assert facts["tracks"] >= 3
    assert facts["tracks_lost"] == 0


def test_a_lost_track_is_reported_with_the_command_that_restores_it(songs: Path, run_cli: Run) -> None:
    assert run_cli(*SPLIT, "--no-facts")[0] == 0
    next((songs.parent / "out" / "tracks").rglob("*.mid")).unlink()
    code, text, _ = run_cli("features", "out")
    assert code == 1
    assert "1 track cannot be read. To restore what is lost:\n  midiprism verify out --repair\n" in text


def test_features_of_no_result_is_a_usage_error(tmp_path: Path, run_cli: Run) -> None:
    code, _, error = run_cli("features", tmp_path)
    assert code == 2
    assert "holds no midiprism result" in error
