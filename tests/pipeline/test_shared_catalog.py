"""Tests of several runs on one catalog in PostgreSQL, and of a server that crashes."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from midiprism.catalog import PostgresAddress, open_catalog
from midiprism.catalog.postgres.catalog import PostgresCatalog
from midiprism.sample.write import write_songs
from support.fake_songs import PIANO, fake_song, write_files
from support.postgres import PostgresServer
from support.result_content import result_content
from support.runs import make_settings, run_split

SONGS = 1_500
SHARED_OPTIONS = ("--batch-size", "25", "--in-flight", "3", "--workers", "1", "--lease", "2")


@pytest.fixture(scope="module")
def songs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("library") / "songs"
    write_songs(folder, SONGS, seed=12)
    return folder


@pytest.fixture(scope="module")
def undisturbed(songs: Path, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """Return the content of the result of one run with its catalog in a file."""
    out = tmp_path_factory.mktemp("whole") / "out"
    assert wait_for_summary(start(songs, out, None, "--workers", "0"))["songs_done"] == SONGS
    return result_content(out)


def start(songs: Path, out: Path, url: str | None, *options: str) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "midiprism", "split", str(songs), "-o", str(out), "--json", *options]
    database_options = ["--database", url] if url else []
    return subprocess.Popen(
        [*command, *database_options], stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True
    )


def wait_for_summary(process: subprocess.Popen[bytes]) -> dict[str, Any]:
    out, errors = process.communicate()
    assert process.returncode == 0, errors.decode()
    summary: dict[str, Any] = json.loads(out.splitlines()[-1])
    return summary


def wait_until_recorded(
    postgres: PostgresServer, url: str, wanted: int, process: subprocess.Popen[bytes]
) -> None:
    """Wait until so many songs are recorded."""
    while process.poll() is None:
        if int(postgres.psql(url, "SELECT count(*) FROM midiprism.songs") or 0) >= wanted:
            return
        time.sleep(0.01)
    raise AssertionError(process.communicate()[1].decode())


def committed(postgres: PostgresServer, url: str) -> int:
    return int(postgres.psql(url, "SELECT sum(songs) FROM midiprism.batches"))


def new_catalog(postgres: PostgresServer) -> str:
    """Return a new database with a catalog, so that counting in it never fails."""
    url = postgres.new_database()
    open_catalog(PostgresAddress(url)).close()
    return url


@pytest.mark.slow
def test_two_runs_share_the_work_and_give_the_result_of_one(
    songs: Path, undisturbed: Any, tmp_path: Path, postgres: PostgresServer
) -> None:
    url, out = new_catalog(postgres), tmp_path / "out"
    runs = [start(songs, out, url, *SHARED_OPTIONS) for _ in range(2)]
    summaries = [wait_for_summary(process) for process in runs]
    done = [summary["songs_done"] for summary in summaries]
    assert sum(done) == SONGS
    assert min(done) > 0, "both had something to do"
    assert [summary["songs_seen"] for summary in summaries] == [SONGS, SONGS]
    assert committed(postgres, url) == SONGS
    assert result_content(out, url) == undisturbed
    assert postgres.psql(url, "SELECT count(*) FROM midiprism.leases").strip() == "0"


@pytest.mark.slow
def test_the_work_of_a_killed_run_is_completed_by_the_other(
    songs: Path, undisturbed: Any, tmp_path: Path, postgres: PostgresServer
) -> None:
    url, out = new_catalog(postgres), tmp_path / "out"
    survivor, victim = (start(songs, out, url, *SHARED_OPTIONS) for _ in range(2))
    wait_until_recorded(postgres, url, SONGS // 3, victim)
    os.killpg(victim.pid, signal.SIGKILL)
    victim.communicate()
    wait_for_summary(survivor)
    assert committed(postgres, url) == SONGS
    assert result_content(out, url) == undisturbed


@pytest.mark.nightly
def test_the_work_of_an_interrupted_run_is_completed_by_the_other(
    songs: Path, undisturbed: Any, tmp_path: Path, postgres: PostgresServer
) -> None:
    url, out = new_catalog(postgres), tmp_path / "out"
    survivor, leaver = (start(songs, out, url, *SHARED_OPTIONS, "--lease", "600") for _ in range(2))
    wait_until_recorded(postgres, url, SONGS // 3, leaver)
    leaver.send_signal(signal.SIGINT)
    leaver.communicate()
    assert leaver.returncode in (0, 130)
    wait_for_summary(survivor)
    assert committed(postgres, url) == SONGS
    assert result_content(out, url) == undisturbed


@pytest.mark.slow
@pytest.mark.parametrize("workers", [pytest.param("0", marks=pytest.mark.nightly), "2"])
def test_a_run_waits_for_a_crashed_server(
    songs: Path, undisturbed: Any, tmp_path: Path, postgres: PostgresServer, workers: str
) -> None:
    url, out = new_catalog(postgres), tmp_path / "out"
    process = start(songs, out, url, "--batch-size", "5", "--workers", workers)
    wait_until_recorded(postgres, url, 1, process)
    postgres.stop(crash=True)
    time.sleep(2)
    assert process.poll() is None, process.communicate()
    postgres.start()
    assert wait_for_summary(process)["songs_done"] == SONGS
    assert committed(postgres, url) == SONGS
    assert result_content(out, url) == undisturbed


@pytest.mark.nightly
def test_a_killed_run_is_continued_by_the_next(
    songs: Path, undisturbed: Any, tmp_path: Path, postgres: PostgresServer
) -> None:
    url, out = new_catalog(postgres), tmp_path / "out"
    victim = start(songs, out, url, "--batch-size", "50", "--workers", "2", "--lease", "600")
    wait_until_recorded(postgres, url, SONGS // 2, victim)
    os.killpg(victim.pid, signal.SIGKILL)
    victim.communicate()
    before = committed(postgres, url)
    postgres.psql(url, "UPDATE midiprism.leases SET expires_at = now()")
    # A run that seems active would compute the facts of tracks that the killed one has stored.
    postgres.psql(url, "UPDATE midiprism.runs SET expires_at = now()")
    summary = wait_for_summary(start(songs, out, url, "--workers", "0"))
    assert summary["songs_done"] == SONGS - before
    assert result_content(out, url) == undisturbed


def test_songs_that_another_run_has_leased_are_split_afterwards(
    tmp_path: Path, postgres: PostgresServer
) -> None:
    source = write_files(tmp_path / "songs", {f"{n}.mid": fake_song(f"{PIANO}{n}") for n in range(6)})
    url, out = new_catalog(postgres), tmp_path / "out"
    at = {os.fsencode(path): (path.stat().st_size, path.stat().st_mtime_ns) for path in source.iterdir()}
    with PostgresCatalog.open(PostgresAddress(url), writable=True) as other:
        assert isinstance(other, PostgresCatalog)
        holder = other.begin_run({}, "2026-01-01T00:00:00+00:00")
        held = dict(list(at.items())[:2])
        assert other.lease(holder, held, None, redo=False).paths == set(held)
        release = threading.Timer(1.0, other.end_run, (holder, "interrupted", {}, "2026-01-01"))
        release.start()
        summary = run_split(
            source, out, make_settings(workers=0, database=PostgresAddress(url), batch_songs=2)
        )
        release.join()
    assert (summary.state, summary.songs_done, summary.songs_seen) == ("done", 6, 6)
    again = run_split(source, out, make_settings(workers=0, database=PostgresAddress(url)))
    assert (again.songs_done, again.songs_skipped) == (0, 6)
