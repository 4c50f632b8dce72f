"""Tests that the stress by random kills runs, and finds what is lost."""

import os
import random
import subprocess
import sys
from pathlib import Path

import pytest

from midiprism.pipeline import Settings
from support.fake_songs import BASS, PIANO, fake_song, fake_split, write_files
from support.kill_lab import CheckedResult, CheckError, check_rows, check_whole, content_of
from support.random_kills import CommandError, RandomKiller
from support.runs import make_settings, run_split

ROOT = Path(__file__).parents[1]

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="there is no SIGKILL")


@pytest.fixture
def settings() -> Settings:
    return make_settings(workers=0)


@pytest.fixture
def result(tmp_path: Path, settings: Settings) -> CheckedResult:
    songs = write_files(tmp_path / "songs", {"a.mid": fake_song(PIANO, BASS)})
    run_split(songs, tmp_path / "out", settings, splitter=fake_split)
    return CheckedResult(tmp_path / "out", tmp_path / "out")


@pytest.mark.slow
@pytest.mark.parametrize(
    "only", ["export files sqlite", pytest.param("split parquet sqlite", marks=pytest.mark.nightly)]
)
def test_rounds_of_random_kills_end_well(tmp_path: Path, only: str) -> None:
    options = ["--rounds", "1", "--seed", "1", "--only", only]
    options += ["--work", str(tmp_path / "work"), "--other", str(tmp_path / "other")]
    done = subprocess.run(
        [sys.executable, str(ROOT / "fuzz" / "stress_kills.py"), *options],
        env={**os.environ, "PYTHONPATH": os.pathsep.join((str(ROOT / "src"), str(ROOT / "tests")))},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "After every kill nothing was lost, and nothing was there twice." in done.stdout
    assert list((tmp_path / "work").iterdir()) == []


def test_a_lost_track_is_found(result: CheckedResult) -> None:
    wanted = content_of(result)
    check_rows(result)
    check_whole(result, wanted)
    next((result.place / "tracks").rglob("*.mid")).unlink()
    with pytest.raises(CheckError, match="missing"):
        check_rows(result)
    with pytest.raises(CheckError):
        check_whole(result, wanted)


def test_a_file_that_is_there_twice_is_found_in_the_end(result: CheckedResult) -> None:
    wanted = content_of(result)
    path = next((result.place / "tracks").rglob("*.mid"))
    path.with_name(f"copy-{path.name}").write_bytes(path.read_bytes())
    check_rows(result)
    with pytest.raises(CheckError):
        check_whole(result, wanted)


def test_a_command_that_fails_by_itself_is_no_kill(tmp_path: Path) -> None:
    killer = RandomKiller(random.Random(1), {**os.environ, "NUMBA_DISABLE_JIT": "1"}, tmp_path / "log")
    with pytest.raises(CommandError, match="exit code 2"):
        killer.run("status", ["status", str(tmp_path)])
    assert killer.kills.total() == 0
    assert b"holds no midiprism result" in (tmp_path / "log").read_bytes()
