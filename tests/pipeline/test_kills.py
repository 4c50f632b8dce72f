"""Tests of SIGKILL at random times, of workers and of whole runs, on a library of thousands of songs."""

import contextlib
import json
import os
import random
import signal
import sqlite3
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import psutil
import pytest

from midiprism.sample.write import write_songs
from support.result_content import result_content

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(sys.platform == "win32", reason="there is no SIGKILL"),
]

SONGS = 2_000


@pytest.fixture(scope="module")
def songs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("library") / "songs"
    write_songs(folder, SONGS, seed=11)
    return folder


@pytest.fixture(scope="module")
def undisturbed(songs: Path, tmp_path_factory: pytest.TempPathFactory) -> Any:
    out = tmp_path_factory.mktemp("whole") / "out"
    assert finish(songs, out, "--workers", "0")["songs_done"] == SONGS
    return result_content(out)


def start(songs: Path, out: Path, *options: str) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "midiprism", "split", str(songs), "-o", str(out), "--json", *options]
    return subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, start_new_session=True
    )


def finish(songs: Path, out: Path, *options: str) -> dict[str, Any]:
    process = start(songs, out, *options)
    answer, _ = process.communicate()
    assert process.returncode == 0
    summary: dict[str, Any] = json.loads(answer.splitlines()[-1])
    return summary


def query_number(out: Path, query: str = "SELECT count(*) FROM songs") -> int:
    try:
        connection = sqlite3.connect(f"file:{out / 'catalog.sqlite'}?mode=ro", uri=True)
        try:
            (number,) = connection.execute(query).fetchone()
        finally:
            connection.close()
    except sqlite3.OperationalError:  # it does not exist yet
        return 0
    return int(number or 0)


def workers_of(process: subprocess.Popen[bytes]) -> list[psutil.Process]:
    """Return the processes that split: descendants of the coordinator that have started no others."""
    try:
        below = psutil.Process(process.pid).children(recursive=True)
        return [one for one in below if not one.children()]
    except psutil.NoSuchProcess:  # it has ended
        return []


def kill(process: psutil.Process) -> None:
    with contextlib.suppress(psutil.NoSuchProcess):
        process.kill()


@pytest.mark.parametrize("seed", [1, pytest.param(2, marks=pytest.mark.nightly)])
def test_workers_killed_at_random_do_not_change_the_result(
    songs: Path, undisturbed: Any, tmp_path: Path, seed: int
) -> None:
    rng = random.Random(seed)
    process = start(songs, tmp_path / "out", "--workers", "3", "--batch-size", "50", "--in-flight", "6")
    kills = 0
    while process.poll() is None and kills < 5:
        time.sleep(rng.uniform(0.05, 0.3))
        victims = workers_of(process)
        if query_number(tmp_path / "out") and victims:
            kill(rng.choice(victims))
            kills += 1
    answer, _ = process.communicate()
    assert kills > 0
    assert process.returncode == 0, answer
    assert result_content(tmp_path / "out") == undisturbed


@pytest.mark.parametrize(
    ("workers", "batch"), [pytest.param("1", "333", marks=pytest.mark.nightly), ("4", "50")]
)
def test_a_killed_run_continues_with_other_settings(
    songs: Path, undisturbed: Any, tmp_path: Path, workers: str, batch: str
) -> None:
    out = tmp_path / "out"
    process = start(songs, out, "--workers", "2", "--batch-size", "100", "--in-flight", "4")
    while process.poll() is None and query_number(out) < SONGS // 2:
        time.sleep(0.01)
    victims = [*workers_of(process), psutil.Process(process.pid)]
    os.killpg(process.pid, signal.SIGKILL)
    process.communicate()
    psutil.wait_procs(victims, timeout=30)
    done = query_number(out)
    assert SONGS // 2 <= done < SONGS
    summary = finish(songs, out, "--workers", workers, "--batch-size", batch)
    assert summary["songs_done"] == SONGS - done, "what was done is not done again"
    assert query_number(out, "SELECT sum(songs) FROM batches") == SONGS
    assert result_content(out) == undisturbed


@pytest.mark.nightly
def test_coordinators_killed_several_times_do_not_change_the_result(
    songs: Path, undisturbed: Any, tmp_path: Path
) -> None:
    rng = random.Random(3)
    out = tmp_path / "out"
    for _ in range(3):
        process = start(songs, out, "--workers", "2", "--batch-size", "100", "--in-flight", "4")
        before = query_number(out)
        while process.poll() is None and query_number(out) <= before:
            time.sleep(0.02)
        time.sleep(rng.uniform(0, 0.2))
        process.kill()  # its workers end by themselves
        process.communicate()
    finish(songs, out, "--workers", "2")
    assert query_number(out, "SELECT sum(songs) FROM batches") == SONGS
    assert result_content(out) == undisturbed


def test_workers_do_not_outlive_a_coordinator_that_is_killed(songs: Path, tmp_path: Path) -> None:
    process = start(songs, tmp_path / "out", "--workers", "2")
    while process.poll() is None and not query_number(tmp_path / "out"):
        time.sleep(0.02)
    workers = workers_of(process)
    process.kill()
    process.communicate()
    _, alive = psutil.wait_procs(workers, timeout=30)
    assert not alive


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_ends_a_run_cleanly_and_prints_how_to_continue(
    songs: Path, tmp_path: Path, number: signal.Signals, code: int
) -> None:
    out = tmp_path / "out"
    command = [sys.executable, "-m", "midiprism", "split", str(songs), "-o", str(out), "--workers", "2"]
    process = subprocess.Popen(
        [*command, "--batch-size", "50", "--in-flight", "3"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
        text=True,
    )
    while process.poll() is None and not query_number(out):
        time.sleep(0.02)
    os.killpg(process.pid, number)  # as a terminal does: to every process of the group
    output, errors = process.communicate()
    assert process.returncode == code
    assert "Stopping" in errors
    assert f"midiprism split {songs} -o {out}" in output
    assert query_number(out, "SELECT count(*) FROM runs WHERE state = 'interrupted'") == 1
    done = query_number(out)
    assert 0 < done < SONGS
    assert finish(songs, out, "--workers", "0")["songs_done"] == SONGS - done


def test_a_second_signal_ends_at_once_and_is_safe(songs: Path, undisturbed: Any, tmp_path: Path) -> None:
    out = tmp_path / "out"
    process = start(songs, out, "--workers", "2", "--batch-size", "50", "--in-flight", "3")
    while process.poll() is None and not query_number(out):
        time.sleep(0.02)
    process.send_signal(signal.SIGINT)
    process.send_signal(signal.SIGTERM)
    process.communicate()
    assert process.returncode in (130, 143)
    finish(songs, out, "--workers", "0")
    assert result_content(out) == undisturbed
