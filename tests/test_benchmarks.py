"""Tests that the benchmarks in the documentation run on small inputs. Their figures are not checked."""

import json
import os
import runpy
import subprocess
import sys
from pathlib import Path
from zipfile import ZipFile

import pyarrow
import pyarrow.parquet as pq
import pytest

from midiprism.sample.write import write_songs
from support.browser import open_browser
from support.melodies import make_melody, midi_song, transposed
from support.midi_writer import note, song, track
from support.postgres import PostgresServer

BENCHMARKS = Path(__file__).parents[1] / "benchmarks"
ENTRY_POINT = runpy.run_path(str(BENCHMARKS / "__main__.py"))
COMMANDS = [*ENTRY_POINT["benchmarks"]()]
HELP_SEPARATOR = "--- next benchmark ---\n"
HELP_SCRIPT = f"""
import contextlib, runpy, sys
for path in sys.argv[1:]:
    sys.argv = [path, "--help"]
    print({HELP_SEPARATOR!r}, end="")
    with contextlib.suppress(SystemExit):
        runpy.run_path(path, run_name="__main__")
"""
"""Prints the help texts of all benchmarks in one process, which loads what they import only once."""

QUICK_OPTIONS = ("--seconds", "0.01", "--rounds", "1")


def run_benchmark(name: str, *options: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, str(BENCHMARKS), name, *options],
        env={**os.environ, "PYTHONPATH": str(BENCHMARKS.parent / "src"), "COLUMNS": "100"},
        capture_output=True,
        text=True,
        check=False,
    )


def benchmark_output(name: str, *options: str) -> str:
    done = run_benchmark(name, *options)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_entry_point_lists_the_benchmarks() -> None:
    listed = subprocess.run(
        [sys.executable, str(BENCHMARKS)], capture_output=True, text=True, check=True
    ).stdout.splitlines()
    assert all(any(line.startswith(f"{name} ") for line in listed) for name in COMMANDS)


def test_an_unknown_benchmark_is_refused() -> None:
    done = run_benchmark("speed_of_light")
    assert done.returncode == 1
    assert "There is no benchmark 'speed_of_light': `python benchmarks` lists them." in done.stderr


@pytest.mark.nightly
def test_two_builds_are_compared(tmp_path: Path) -> None:
    options = ("--commit", "HEAD", "--songs", "30", "--rounds", "1", "--work", str(tmp_path))
    output = benchmark_output("builds", *options)
    for row in (
        "first run, 200",
        "parquet, 30 sample songs",
        "files, 30",
        "status",
        "a run with nothing",
        "split in",
    ):
        assert f"\n{row}" in output


def test_every_benchmark_has_a_help_text() -> None:
    paths = (BENCHMARKS, BENCHMARKS.parent / "src", BENCHMARKS.parent / "tests")
    done = subprocess.run(
        [sys.executable, "-c", HELP_SCRIPT, *(str(BENCHMARKS / f"{name}.py") for name in COMMANDS)],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(map(str, paths)), "COLUMNS": "100"},
        capture_output=True,
        text=True,
        check=True,
    )
    help_texts = done.stdout.split(HELP_SEPARATOR)[1:]
    assert len(help_texts) == len(COMMANDS) > 10
    for name, text in zip(COMMANDS, help_texts, strict=True):
        assert text.startswith(f"usage: {name}.py")


@pytest.mark.nightly
def test_whole_runs_are_compared_with_all_competitors(tmp_path: Path) -> None:
    corpus = tmp_path / "corpus"
    write_songs(corpus, 12, seed=3)
    options = ("--work", str(tmp_path / "work"), "--corpus", str(corpus), "--copies", "2", "--songs", "30")
    output = benchmark_output("run_throughput", *options, *QUICK_OPTIONS)
    assert "\ncorpus: 24 songs" in output
    assert "\nsample songs: 30 songs" in output
    for side in ("midiprism", "into Parquet files", "floor, flushed", "without store", "symusic", "cp -r"):
        assert output.count(f"\n{side}") == 2
    assert output.count("MB on disk: ") == 2


@pytest.mark.nightly
def test_competitors_can_be_chosen(tmp_path: Path) -> None:
    sides = ("--sides", "midiprism,parquet", "--remove")
    output = benchmark_output(
        "run_throughput", "--work", str(tmp_path), "--songs", "30", *sides, *QUICK_OPTIONS
    )
    assert "into Parquet files" in output
    assert "floor" not in output


def test_a_benchmark_refuses_to_begin_without_enough_disk_space(tmp_path: Path) -> None:
    done = run_benchmark("run_throughput", "--work", str(tmp_path), "--songs", "1" + 12 * "0")
    assert done.returncode == 1
    assert "name another folder with --work, or measure less" in done.stderr
    assert list(tmp_path.iterdir()) == []


@pytest.mark.nightly
@pytest.mark.skipif(sys.platform != "linux", reason="find prints no sizes and times elsewhere")
@pytest.mark.parametrize("options", ["", "--workers 1 --store parquet"])
def test_growth_is_measured(tmp_path: Path, options: str) -> None:
    output = benchmark_output("growth", "--work", str(tmp_path), "--songs", "600", f"--options={options}")
    assert "600 songs into" in output
    assert "second run" in output


@pytest.mark.nightly
def test_killed_runs_are_completed_and_compared(tmp_path: Path) -> None:
    output = benchmark_output("kill_recovery", "--work", str(tmp_path), "--songs", "3000", "--part", "3000")
    assert "tree and catalog are those of the undisturbed run" in output


def test_the_splitter_is_compared_with_other_readers(tmp_path: Path) -> None:
    write_songs(tmp_path, 6, seed=4)
    options = ("--rounds", "1", "--mido-rounds", "1", "--mido-files", "2")
    output = benchmark_output("split_throughput", str(tmp_path), *options)
    assert "kernel alone" in output
    assert "mido" in output


def test_leaks_between_folds_are_counted(tmp_path: Path) -> None:
    loud, soft, other = (
        song(track([it for n in range(32) for it in note(0, pitch, 10 * n, 5, velocity)]), midi_format=0)
        for pitch, velocity in ((60, 90), (60, 20), (61, 90))
    )
    out = tmp_path / "fold-leaks-songs"
    folds = {"train": 0, "leak": 8, "clean": 9}
    tables = {
        "tracks": {"blake3": ["1", "2", "3"], "note_count": [32] * 3, "music": [loud, soft, other]},
        "links": {"song_blake3": [*folds], "track_blake3": ["1", "2", "3"]},
        "songs": {"blake3": [*folds], "path": [*folds], "song_group": [*folds], "fold": [*folds.values()]},
    }
    for name, columns in tables.items():
        (out / name).mkdir(parents=True)
        pq.write_table(pyarrow.table(columns), out / name / "0.parquet")
    output = benchmark_output("fold_leaks", "songs", "--work", str(tmp_path)).splitlines()
    assert output[-2:] == ["of these, leaks                    1 (50.0 %)", "  leak"]
    assert "               1       3" in output


def test_the_folds_of_a_library_have_no_leaks(tmp_path: Path) -> None:
    write_songs(tmp_path / "songs", 60, seed=7)
    output = benchmark_output("fold_leaks", str(tmp_path / "songs"), "--work", str(tmp_path))
    assert output.endswith("of these, leaks                    0 (0.0 %)\n")


def test_the_generator_of_sample_songs_is_measured() -> None:
    assert "50 songs" in benchmark_output("sample_songs", "--songs", "50")


@pytest.mark.nightly
def test_postgresql_is_compared_with_a_file_and_with_a_row_at_a_time(
    postgres_server: PostgresServer, tmp_path: Path
) -> None:
    options = ("--work", str(tmp_path), "--songs", "40", "--fast-server")
    output = benchmark_output("postgres_throughput", *options, *QUICK_OPTIONS)
    assert "40 sample songs" in output
    assert "a row at a time" in output


@pytest.mark.nightly
def test_commits_are_measured(postgres_server: PostgresServer, tmp_path: Path) -> None:
    options = ("--links", "1000", "--timed", "1", "--sizes", "20,50")
    output = benchmark_output("commit_throughput", "--work", str(tmp_path), "--fast-server", *options)
    assert "PostgreSQL, empty at first" in output


@pytest.mark.nightly
def test_an_adopted_library_is_checked_as_its_owner_would(
    postgres_server: PostgresServer, tmp_path: Path
) -> None:
    output = benchmark_output("adoption", "--work", str(tmp_path), "--songs", "120")
    assert "holds  the dump is as it was before" in output


def test_names_are_read_right_as_documented() -> None:
    shares = json.loads(benchmark_output("text_encodings", "--alone", "--json"))
    assert shares["midiprism"] > 0.97
    assert shares["with other texts"] > 0.99


@pytest.mark.nightly
def test_searches_are_measured_beside_a_scan(tmp_path: Path) -> None:
    output = benchmark_output("search_speed", "--work", str(tmp_path), "--songs", "400")
    assert "text and four filters: p50 " in output
    assert " rows by a scan: " in output


@pytest.mark.nightly
def test_similarity_is_measured(tmp_path: Path) -> None:
    output = benchmark_output(
        "similarity_speed", "--tracks", "300", "--queried", "400", "--sets", "200", "--work", str(tmp_path)
    )
    assert "tracks in groups" in output
    assert "its track among the first 10: 1.000" in output
    assert list(tmp_path.iterdir()) == []


@pytest.mark.nightly
def test_runs_with_fingerprints_are_measured() -> None:
    output = benchmark_output("fingerprint_throughput", "--songs", "40", "--rounds", "1")
    assert "files: " in output
    assert "parquet: " in output


@pytest.mark.nightly
def test_the_accuracy_of_similarity_is_measured(tmp_path: Path) -> None:
    melodies = [make_melody(seed) for seed in range(6)]
    archive = tmp_path / "pop.zip"
    with ZipFile(archive, "w") as songs:
        for number, melody in enumerate(melodies, 1):
            for version in ("", "-v1"):
                folder = f"POP909/{number:03}/{'versions/' if version else ''}"
                data = midi_song(transposed(melody, len(version)), name="MELODY")
                songs.writestr(f"{folder}{number:03}{version}.mid", data)
    options = ("--others", "30", "--cuts", "5", "--every", "2")
    output = benchmark_output("similarity_accuracy", str(archive), *options)
    assert "MELODY          0.15     1.0000  1.0000" in output
    assert "12 songs in 6 groups: precision 1.0000, recall 1.0000" in output
    assert "its track among the first 10: 1.0000" in output
    assert "transposed     recall 1.0000 of 6" in output


@pytest.mark.nightly
def test_requests_to_the_server_of_pages_are_measured(tmp_path: Path) -> None:
    output = benchmark_output("serve_speed", "--work", str(tmp_path), "--songs", "400")
    assert "text and four filters, with facets, over HTTP: p50 " in output
    assert "files: 50 new thumbnails " in output
    assert "parquet: 50 new thumbnails " in output


@pytest.mark.nightly
def test_pages_are_measured_in_a_browser() -> None:
    with open_browser():
        pass  # without one, the test is skipped
    output = benchmark_output("serve_browser", "--songs", "8", "--plays", "2", "--scroll", "0.5")
    assert "first page: " in output
    assert "roll of 5,000 notes" in output
    assert "first sound after" in output


@pytest.mark.nightly
def test_clusters_are_simulated(tmp_path: Path) -> None:
    work = ("--work", str(tmp_path / "work"))
    output = benchmark_output("cluster_simulation", "generation", "--songs", "6000", *work)
    assert "6,000 songs, 4 prefixes" in output
    assert "\n  next run " in output
    assert "2 chunks; manifest" in output
    assert not (tmp_path / "work").exists()


@pytest.mark.nightly
@pytest.mark.skipif(sys.platform != "linux", reason="other systems have no such files about processes")
def test_the_memory_of_every_process_is_measured(tmp_path: Path) -> None:
    options = ("--songs", "600", "--sides", "storage-2", "--timeline", "--work", str(tmp_path))
    output = benchmark_output("cluster_memory", *options)
    for role in ("command", "fork server", "worker process"):
        assert f"\n  {role} " in output
    assert "all processes together, at most" in output


@pytest.mark.nightly
def test_large_tasks_of_clusters_are_simulated(tmp_path: Path) -> None:
    work = ("--work", str(tmp_path / "work"))
    output = benchmark_output("cluster_simulation", "prefix", "--records", "20000", "--chunks", "50", *work)
    assert "bytes of memory for a digest" in output
    output = benchmark_output("cluster_simulation", "lanes", "--chunks", "20", "--prefixes", "64", *work)
    assert "for a lane of a chunk" in output
    assert not (tmp_path / "work").exists()


@pytest.mark.nightly
def test_groups_of_songs_in_object_storage_are_measured(tmp_path: Path) -> None:
    output = benchmark_output("group_memory", "--songs", "300", "--work", str(tmp_path / "work"))
    header, line = output.splitlines()
    assert header.split()[:3] == ["songs", "groups", "MiB"]
    assert line.split()[0] == "300"
    assert not [*(tmp_path / "work").iterdir()]


@pytest.mark.nightly
def test_the_memory_of_a_check_is_measured(tmp_path: Path) -> None:
    sizes = ("--digests", "5000", "--rows", "5000", "--files", "10,20")
    output = benchmark_output("check_memory", *sizes, "--work", str(tmp_path / "work"))
    assert [line.split()[0] for line in output.splitlines()] == ["part", "digests", "rows", "head", "head"]
    assert not [*(tmp_path / "work").iterdir()]


def test_clusters_are_forecast() -> None:
    output = benchmark_output("cluster_simulation", "paper", "--songs", "10000000", "--nodes", "10")
    assert "10 nodes, songs one by one" in output
    assert "for 1,000 songs" in output
