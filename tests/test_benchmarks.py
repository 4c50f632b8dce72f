"""The commands that figures in the documentation come from still run, on very little. What they measure on so
little says nothing, and is not looked at."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from midiprism.sample.write import write_songs
from support.postgres import PostgresServer

BENCHMARKS = Path(__file__).parents[1] / "benchmarks"
SHARED = ("libraries", "naive", "sides")  # what the others import
COMMANDS = sorted(path.stem for path in BENCHMARKS.glob("*.py") if path.stem not in SHARED)
LITTLE = ("--seconds", "0.01", "--rounds", "1")


def begun(name: str, *options: str) -> subprocess.CompletedProcess[str]:
    paths = (BENCHMARKS.parent / "src", BENCHMARKS.parent / "tests")
    return subprocess.run(
        [sys.executable, str(BENCHMARKS / f"{name}.py"), *options],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(map(str, paths)), "COLUMNS": "100"},
        capture_output=True,
        text=True,
        check=False,
    )


def benchmark(name: str, *options: str) -> str:
    """What it prints."""
    done = begun(name, *options)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize("name", COMMANDS)
def test_tells_what_it_can_do(name: str) -> None:
    assert f"{name}.py" in benchmark(name, "--help")


def test_whole_runs_beside_all_other_sides(tmp_path: Path) -> None:
    corpus = tmp_path / "corpus"
    write_songs(corpus, 12, seed=3)
    command = ("--work", str(tmp_path / "work"), "--corpus", str(corpus), "--copies", "2", "--songs", "30")
    told = benchmark("pipeline", *command, *LITTLE)
    assert "\ncorpus: 24 songs" in told
    assert "\nsample songs: 30 songs" in told
    for side in ("midiprism", "into Parquet files", "floor, flushed", "without store", "symusic", "cp -r"):
        assert told.count(f"\n{side}") == 2
    assert told.count("MB on disk: ") == 2


def test_only_some_sides(tmp_path: Path) -> None:
    sides = ("--sides", "midiprism,parquet", "--remove")
    told = benchmark("pipeline", "--work", str(tmp_path), "--songs", "30", *sides, *LITTLE)
    assert "into Parquet files" in told
    assert "floor" not in told


def test_more_than_a_disk_has_room_for_is_not_begun(tmp_path: Path) -> None:
    done = begun("pipeline", "--work", str(tmp_path), "--songs", "1" + 12 * "0")
    assert done.returncode == 1
    assert "name another folder with --work, or measure less" in done.stderr
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(sys.platform != "linux", reason="find prints no sizes and times elsewhere")
@pytest.mark.parametrize("options", ["", "--workers 1 --store parquet"])
def test_growth(tmp_path: Path, options: str) -> None:
    told = benchmark("growth", "--work", str(tmp_path), "--songs", "600", f"--options={options}")
    assert "600 songs into" in told
    assert "second run" in told


def test_the_splitter(tmp_path: Path) -> None:
    write_songs(tmp_path, 6, seed=4)
    told = benchmark("kernel", str(tmp_path), "--rounds", "1", "--mido-rounds", "1", "--mido-files", "2")
    assert "kernel alone" in told
    assert "mido" in told


def test_sample_songs() -> None:
    assert "50 songs" in benchmark("sample_songs", "--songs", "50")


def test_postgresql_beside_a_file_and_a_row_at_a_time(
    postgres_server: PostgresServer, tmp_path: Path
) -> None:
    told = benchmark("postgres", "--work", str(tmp_path), "--songs", "40", "--fast-server", *LITTLE)
    assert "40 sample songs" in told
    assert "a row at a time" in told


def test_commits_alone(postgres_server: PostgresServer, tmp_path: Path) -> None:
    little = ("--links", "1000", "--timed", "1")
    told = benchmark("commits", "--work", str(tmp_path), "--fast-server", *little)
    assert "PostgreSQL, empty at first" in told


def test_taking_over_a_library(postgres_server: PostgresServer, tmp_path: Path) -> None:
    told = benchmark("adoption", "--work", str(tmp_path), "--songs", "120")
    assert "holds  the dump is as it was before" in told
