"""Tests of many songs in shards: killed and continued, read by other programs, exported, split again."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import psutil
import pytest
from blake3 import blake3

from midiprism.catalog import PostgresAddress, VerifyScope, open_catalog
from midiprism.export.export import export_tracks
from midiprism.export.export_record import RECORD_FILE
from midiprism.export.path_template import PathTemplate
from midiprism.integrity.verify import verify_result
from midiprism.sample.write import write_songs
from midiprism.search.query import Query
from midiprism.sources import open_source
from support.catalog_access import query
from support.fake_songs import read_tree
from support.nightly import nightly
from support.parquet_rows import parquet_rows
from support.postgres import PostgresServer
from support.result_content import catalog_content
from support.runs import make_settings, run_source

pytestmark = pytest.mark.slow

SONGS = 1_200


@pytest.fixture(scope="module")
def songs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("library") / "songs"
    write_songs(folder, SONGS, seed=21)
    return folder


@pytest.fixture(scope="module")
def result(songs: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("result") / "out"
    assert wait_for_summary(start(songs, out, "--workers", "2"))["songs_done"] == SONGS
    return out


@pytest.fixture(scope="module")
def result_in_files(songs: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("files") / "out"
    assert run_source(open_source([songs]), str(out), make_settings(workers=0)).state == "done"
    return out


def start(songs: Path, out: Path, *options: str) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "midiprism", "split", str(songs), "-o", str(out), "--json"]
    return subprocess.Popen(
        [*command, "--store", "parquet", *options],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
    )


def wait_for_summary(process: subprocess.Popen[bytes]) -> dict[str, Any]:
    output, errors = process.communicate()
    assert process.returncode == 0, errors.decode()
    summary: dict[str, Any] = json.loads(output.splitlines()[-1])
    return summary


def count_songs(out: Path) -> int:
    try:
        return int(query(out, "SELECT count(*) FROM songs")[0][0])
    except Exception:
        return 0


def test_a_killed_run_is_continued(songs: Path, result: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    done = 0
    for share in (3, 2):
        process = start(songs, out, "--workers", "2", "--batch-size", "40", "--in-flight", "4")
        while process.poll() is None and count_songs(out) < SONGS // share:
            time.sleep(0.01)
        victims = psutil.Process(process.pid).children(recursive=True)
        os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
        psutil.wait_procs(victims, timeout=30)
        assert done < count_songs(out) < SONGS
        done = count_songs(out)
    assert wait_for_summary(start(songs, out, "--workers", "1"))["songs_done"] == SONGS - done
    assert query(out, "SELECT sum(songs) FROM batches") == [(SONGS,)]
    assert parquet_rows(out) == parquet_rows(result)
    assert catalog_content(out) == catalog_content(result)
    assert verify_result(str(out), VerifyScope()).ok


@pytest.mark.parametrize(
    "kill",
    [pytest.param(False, id="both end", marks=pytest.mark.nightly), pytest.param(True, id="one is killed")],
)
def test_two_runs_share_the_work_and_write_the_rows_of_one(
    songs: Path, result: Path, tmp_path: Path, postgres: PostgresServer, kill: bool
) -> None:
    url, out = postgres.new_database(), tmp_path / "out"
    open_catalog(PostgresAddress(url)).close()
    options = ("--database", url, "--batch-size", "25", "--in-flight", "3", "--workers", "1", "--lease", "2")
    runs = [start(songs, out, *options) for _ in range(2)]
    if kill:
        while int(postgres.psql(url, "SELECT count(*) FROM midiprism.songs") or 0) < SONGS // 3:
            time.sleep(0.01)
        os.killpg(runs[0].pid, signal.SIGKILL)
        runs.pop(0).communicate()
    for process in runs:
        wait_for_summary(process)
    wait_for_summary(start(songs, out, *options))  # removes the files of a killed run
    assert int(postgres.psql(url, "SELECT sum(songs) FROM midiprism.batches")) == SONGS
    assert parquet_rows(out) == parquet_rows(result)
    assert catalog_content(out, url) == catalog_content(result)
    assert verify_result(str(out), VerifyScope(), database=PostgresAddress(url)).ok


def test_a_server_crash_neither_loses_nor_duplicates_tracks(
    songs: Path, result: Path, tmp_path: Path, postgres: PostgresServer
) -> None:
    url, out = postgres.new_database(), tmp_path / "out"
    open_catalog(PostgresAddress(url)).close()
    process = start(songs, out, "--database", url, "--batch-size", "20", "--workers", "2")
    while int(postgres.psql(url, "SELECT count(*) FROM midiprism.songs") or 0) == 0:
        assert process.poll() is None, process.communicate()
        time.sleep(0.01)
    postgres.stop(crash=True)
    time.sleep(2)
    postgres.start()
    assert wait_for_summary(process)["songs_done"] == SONGS
    assert catalog_content(out, url) == catalog_content(result)
    wait_for_summary(start(songs, out, "--database", url))  # removes the shards of failed attempts
    assert parquet_rows(out) == parquet_rows(result)
    assert verify_result(str(out), VerifyScope(), database=PostgresAddress(url)).ok


@pytest.mark.parametrize("by", nightly("song", "instrument", "{family}/{digest}.mid"))
def test_an_export_equals_that_of_a_result_in_files(
    result: Path, result_in_files: Path, tmp_path: Path, by: str
) -> None:
    for name, out in (("one", result), ("other", result_in_files)):
        done = export_tracks(str(out), str(tmp_path / name), PathTemplate(by), Query())
        assert (done.failed, done.files > 0) == (False, True)
    one, other = read_tree(tmp_path / "one"), read_tree(tmp_path / "other")
    for tree in (one, other):
        del tree[RECORD_FILE]  # it names the result
    assert one == other
    again = export_tracks(str(result), str(tmp_path / "one"), PathTemplate(by), Query())
    assert (again.files_new, again.files_unchanged) == (0, done.files)


def test_splitting_exported_tracks_gives_the_same_tracks(result: Path, tmp_path: Path) -> None:
    export_tracks(str(result), str(tmp_path / "tree"), PathTemplate("song"), Query())
    (tmp_path / "tree" / "midiprism.json").unlink()
    settings = make_settings(by="track", store="parquet", workers=0)
    assert run_source(open_source([tmp_path / "tree"]), str(tmp_path / "again"), settings).state == "done"
    digests = "SELECT digest FROM tracks ORDER BY digest"
    assert query(tmp_path / "again", digests) == query(result, digests)


@pytest.fixture(scope="module")
def digests(result: Path) -> set[str]:
    return {bytes(digest).hex() for (digest,) in query(result, "SELECT digest FROM tracks")}


def assert_all_tracks(rows: list[tuple[str, bytes]], digests: set[str]) -> None:
    assert len(rows) == len(digests)
    assert {digest for digest, _ in rows} == digests
    assert all(blake3(music).hexdigest() == digest for digest, music in rows)


def test_pyarrow_reads_all_tracks(result: Path, digests: set[str]) -> None:
    import pyarrow.dataset

    table = pyarrow.dataset.dataset(result / "tracks").to_table(columns=["blake3", "music"])
    assert_all_tracks([(row["blake3"], row["music"]) for row in table.to_pylist()], digests)


def test_polars_reads_all_tracks(result: Path, digests: set[str]) -> None:
    import polars

    frame = polars.read_parquet(result / "tracks" / "*.parquet", columns=["blake3", "music"])
    assert_all_tracks(frame.rows(), digests)


def test_datasets_reads_all_tracks(
    result: Path, digests: set[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in (("HF_HOME", str(tmp_path)), ("HF_HUB_OFFLINE", "1"), ("HF_DATASETS_OFFLINE", "1")):
        monkeypatch.setenv(name, value)
    import datasets

    loaded = datasets.load_dataset(
        "parquet",
        data_files=str(result / "tracks" / "*.parquet"),
        split="train",
        cache_dir=str(tmp_path / "cache"),
    )
    assert_all_tracks([(row["blake3"], row["music"]) for row in loaded], digests)


def test_duckdb_divides_songs_without_leaks(result: Path, digests: set[str]) -> None:
    import duckdb

    with duckdb.connect() as connection:
        for table in ("tracks", "links", "songs"):
            connection.execute(f"CREATE VIEW {table} AS SELECT * FROM '{result}/{table}/*.parquet'")
        assert_all_tracks(connection.execute("SELECT blake3, music FROM tracks").fetchall(), digests)
        lost = "SELECT count(*) FROM links ANTI JOIN tracks ON track_blake3 = blake3"
        assert connection.execute(lost).fetchone() == (0,)
        torn = (
            "SELECT count(*) FROM (SELECT song_group FROM songs GROUP BY ALL HAVING count(DISTINCT fold) > 1)"
        )
        assert connection.execute(torn).fetchone() == (0,)
        leaks = connection.execute(
            """
            SELECT track_blake3 FROM links
            JOIN songs ON songs.blake3 = song_blake3 JOIN tracks ON tracks.blake3 = track_blake3
            WHERE note_count >= 32
            GROUP BY track_blake3
            HAVING count(DISTINCT fold) > 1 AND count(DISTINCT song_blake3) <= 50
            """
        ).fetchall()
        assert leaks == []
        folds = connection.execute("SELECT fold, count(*) FROM songs GROUP BY fold ORDER BY fold").fetchall()
        assert [fold for fold, _ in folds] == list(range(10))
