"""Tests of ``midiprism features``, which computes facts and fingerprints, and of ``split --no-facts``."""

import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from midiprism.similarity.folder import similarity_folder
from midiprism.similarity.generation import read_generation
from support.runs import locked_by_other_process
from support.sample_songs import FEW, sample_songs

Run = Callable[..., tuple[int, str, str]]
SPLIT = ("split", "songs", "-o", "out", "--workers", "0", "--quiet")


@pytest.fixture
def songs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "songs").mkdir()
    for number, song in enumerate(sample_songs(FEW)[:3]):
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
    assert re.fullmatch(
        r"Computed the facts of (\d+) tracks and 3 songs\.\nMade the fingerprints of \1 tracks\.\n", text
    )
    assert len(listed_keys(run_cli)) > 1
    nothing = "Nothing to do: all tracks have facts and fingerprints.\n"
    assert run_cli("features", "out")[:2] == (0, nothing)


def test_fingerprints_are_made_unless_they_are_not_wanted(songs: Path, run_cli: Run) -> None:
    assert run_cli(*SPLIT)[0] == 0
    folder = Path(similarity_folder("out"))
    code, text, _ = run_cli("features", "out", "--no-fingerprints")
    assert (code, text) == (0, "Nothing to do: all tracks have their facts.\n")
    assert not folder.exists()
    facts = json.loads(run_cli("features", "out", "--json")[1].splitlines()[-1])
    (segment,) = read_generation(str(folder))
    assert facts["fingerprints"] == len(segment) > 0
    assert (facts["tracks"], facts["fingerprints_lost"]) == (0, 0)


def test_a_track_that_is_restored_gets_its_fingerprint(songs: Path, run_cli: Run) -> None:
    assert run_cli(*SPLIT)[0] == 0
    next((songs.parent / "out" / "tracks").rglob("*.mid")).unlink()
    code, text, _ = run_cli("features", "out")
    assert code == 1
    assert "1 track cannot be read. To restore what is lost:\n  midiprism verify out --repair\n" in text
    assert run_cli("verify", "out", "--repair")[0] == 0
    assert run_cli("features", "out")[:2] == (0, "Made the fingerprints of 1 track.\n")


def test_fingerprints_that_another_process_makes_are_left_to_it(songs: Path, run_cli: Run) -> None:
    assert run_cli(*SPLIT)[0] == 0
    folder = Path(similarity_folder("out"))
    folder.mkdir()
    with locked_by_other_process(folder):
        code, text, _ = run_cli("features", "out")
    assert (code, text) == (1, "The fingerprints are not complete: the same command continues.\n")


def test_features_in_json(songs: Path, run_cli: Run) -> None:
    assert run_cli(*SPLIT, "--no-facts")[0] == 0
    facts = json.loads(run_cli("features", "out", "--json", "--workers=1")[1].splitlines()[-1])
    assert facts["songs"] == 3
    assert facts["tracks"] >= 3
    assert facts["tracks_lost"] == 0
    assert facts["fingerprints"] == facts["tracks"]


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
