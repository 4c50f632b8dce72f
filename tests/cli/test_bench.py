import itertools
import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from midiprism.advise.bench import experiments as trials
from midiprism.advise.bench.experiments import ExperimentOptions, run_experiments, sample_songs
from midiprism.catalog.postgres.temporary_schema import SCHEMA_PREFIX
from midiprism.pipeline.summary import Summary
from midiprism.sample.write import write_songs
from midiprism.sources import SongRef, open_folders
from support.disk_speeds import make_disk_speed
from support.postgres import PostgresServer

Run = Callable[..., tuple[int, str, str]]

QUICK = ("--seconds", "0.5", "--rounds", "1")
SETTINGS = {"workers", "batches", "in-flight"}
NEVER = {"catalog-device", "separate-devices", "sqlite", "temporary-device"}


@pytest.fixture(scope="module")
def songs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("library") / "songs"
    write_songs(folder, 1_200, seed=8)
    return folder


@pytest.fixture
def known_disk_speeds(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the speed of every disk be known, so that none is measured."""
    monkeypatch.setattr(trials, "load_disk_speed", lambda folder: make_disk_speed())


def test_the_table_has_every_strategy(
    run_cli: Run, songs: Path, tmp_path: Path, known_disk_speeds: None
) -> None:
    work, place = tmp_path / "work", tmp_path / "place"
    work.mkdir()
    place.mkdir()
    code, out, err = run_cli(
        "bench", "strategies", songs, "--work", work, "--place", place, *QUICK, "--songs", 600, "--json"
    )
    assert code == 0, err
    report = json.loads(out.splitlines()[-1])
    assert 600 <= report["songs"] <= 1_200
    rows = {row["id"]: row for row in report["strategies"]}
    stores = {"parquet"} if find_spec("pyarrow") else set()
    measured = {name for name, row in rows.items() if row["measured"] is not None}
    assert measured - {"together"} == {"base", f"output-device {place}", *SETTINGS, *stores}
    for name in measured - {"base"}:
        assert rows[name]["changes"]
        assert rows[name]["predicted"] > 0
        assert len(rows[name]["rates"]) == 1
    assert {name for name, row in rows.items() if row["reason"]} >= {"postgresql", *NEVER}
    assert all(row["title"] in err for row in report["strategies"] if row["id"] != "together")
    assert not list(work.iterdir())
    assert not list(place.iterdir())


@pytest.mark.nightly
def test_postgresql_is_measured_in_temporary_schemas(
    run_cli: Run, songs: Path, tmp_path: Path, postgres: PostgresServer, known_disk_speeds: None
) -> None:
    url = postgres.new_database()
    code, out, err = run_cli("bench", "strategies", songs, "--work", tmp_path, *QUICK, "--database", url)
    assert code == 0, err
    assert re.search(r"^the catalog on a PostgreSQL server +PostgreSQL +at most ", out, re.MULTILINE)
    left = postgres.psql(url, f"SELECT count(*) FROM pg_namespace WHERE nspname LIKE '{SCHEMA_PREFIX}%'")
    assert left == "0\n"
    assert postgres.psql(url, "SELECT count(*) FROM pg_tables WHERE schemaname = 'midiprism'") == "0\n"


@pytest.mark.skipif(not hasattr(signal, "SIGTERM") or sys.platform == "win32", reason="has no such signals")
@pytest.mark.parametrize("times", [1, pytest.param(2, marks=pytest.mark.nightly)])
def test_ctrl_c_removes_temporary_files(songs: Path, tmp_path: Path, times: int) -> None:
    work = tmp_path / "work"
    work.mkdir()
    command = [sys.executable, "-m", "midiprism", "bench", "strategies", str(songs), "--work", str(work)]
    process = subprocess.Popen(
        [*command, "--rounds", "50"], stderr=subprocess.PIPE, text=True, start_new_session=True
    )
    assert process.stderr is not None
    for line in process.stderr:
        if line.startswith("Warming up"):
            break
    while not list(work.glob("*/result-*/*")):
        time.sleep(0.01)
    process.send_signal(signal.SIGINT)
    for line in process.stderr:
        if line.startswith("Stopping"):
            break
    if times == 2:
        process.send_signal(signal.SIGINT)
    process.communicate()
    assert process.returncode == 130
    assert not list(work.iterdir())


def test_a_failed_run_ends_the_benchmark_and_removes_temporary_files(
    run_cli: Run, songs: Path, tmp_path: Path, known_disk_speeds: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    from midiprism.errors import StoreError

    def fail(*_arguments: Any, **_options: Any) -> Summary:
        return Summary("", dry_run=False, by="auto", context="conductor", error=StoreError("It is full."))

    monkeypatch.setattr("midiprism.advise.bench.sample_run.run_pipeline", fail)
    code, _, err = run_cli("bench", "strategies", songs, "--work", tmp_path, *QUICK)
    assert code == 1
    assert "It is full." in err
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--work", "nowhere"), "is not an existing folder: name one, or make it"),
        (("--place", "nowhere"), "is not an existing folder: name one, or make it"),
        (("--database", "postgresql://me:secret@host/d"), "can read a password on the command line"),
        (("--database", "mysql://host/d"), "The address of a catalog is postgresql://"),
    ],
)
def test_invalid_options_are_refused_with_a_reason(
    run_cli: Run, songs: Path, options: tuple[str, ...], words: str
) -> None:
    code, _, err = run_cli("bench", "strategies", songs, *options)
    assert code == 2
    assert words in err
    assert "secret" not in err


def test_a_library_without_songs_is_refused(run_cli: Run, tmp_path: Path) -> None:
    code, _, err = run_cli("bench", "strategies", tmp_path)
    assert code == 2
    assert "There are no songs to measure with" in err


def test_a_sample_is_spread_evenly_in_the_order_of_the_library(songs: Path) -> None:
    library = open_folders([songs])
    paths = [found.path for found in library.walk() if isinstance(found, SongRef)]
    sampled = [found.path for found in sample_songs(library, 100).songs]
    assert 100 <= len(sampled) <= 200
    positions = [paths.index(path) for path in sampled]
    steps = {after - before for before, after in itertools.pairwise(positions)}
    assert len(steps) == 1
    assert positions[0] < 10
    assert positions[-1] > 1_180
    assert len(sample_songs(library, 5_000).songs) == 1_200


def test_a_stopped_benchmark_returns_no_table(songs: Path, tmp_path: Path, known_disk_speeds: None) -> None:
    options = ExperimentOptions(os.fspath(tmp_path), run_seconds=0.5, rounds=1)
    messages: list[str] = []
    rows = run_experiments(open_folders([songs]), options, lambda: len(messages) > 1, messages.append)
    assert rows is None
    assert len(messages) == 2
    assert not list(tmp_path.iterdir())


def test_no_result_is_removed_before_the_last_run(
    songs: Path, tmp_path: Path, known_disk_speeds: None
) -> None:
    options = ExperimentOptions(os.fspath(tmp_path), run_seconds=0.5, rounds=1)
    numbers: list[int] = []
    run_experiments(
        open_folders([songs]),
        options,
        lambda: len(numbers) > 2,
        lambda _message: numbers.append(len([*tmp_path.glob("*/result-*")])),
    )
    assert numbers == [0, 2, 3]
    assert not list(tmp_path.iterdir())
