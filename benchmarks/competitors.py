"""The competitors of a benchmark: each processes a whole library and returns how long that took.

Their clocks start when the processes are ready.
"""

import multiprocessing
import os
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import symusic

from common import file_paths, song_paths
from midiprism.catalog import NullCatalog, PostgresAddress
from midiprism.pipeline import Settings
from midiprism.pipeline.open_result import OpenResult, open_result
from midiprism.results.identity import StoreKind
from midiprism.sources import open_folders
from midiprism.stores import NullStore
from midiprism.stores.files.store import FileStore
from naive_symusic import playing_tracks
from support.runs import make_settings, run_source

CREATE_FLAGS = os.O_WRONLY | os.O_CREAT | os.O_EXCL


@dataclass(frozen=True)
class TimedRun:
    """The measurements of one or more runs of a competitor.

    Attributes:
        seconds: time of the work.
        start_seconds: time until the processes were ready, not included in ``seconds``.
        songs: number of songs done.
        files: number of files written.
        disk_bytes: disk space of the files of one library, in whole blocks.
    """

    seconds: float
    start_seconds: float
    songs: int
    files: int
    disk_bytes: int = 0


Competitor = Callable[[Path, Path, int], TimedRun]
"""Takes a source, a folder to create, and the number of processes."""


def run_files(source: Path, out: Path, processes: int, database: PostgresAddress | None = None) -> TimedRun:
    """Run midiprism with files and a catalog."""
    return _run_midiprism(source, out, processes, open_result, database)


def run_parquet(source: Path, out: Path, processes: int) -> TimedRun:
    """Run midiprism with Parquet files and a catalog."""
    return _run_midiprism(source, out, processes, open_result, store="parquet")


def run_without_catalog(source: Path, out: Path, processes: int) -> TimedRun:
    """Run midiprism with a catalog that discards everything."""

    @contextmanager
    def opener(out: str, settings: Settings) -> Iterator[OpenResult]:
        with open_result(out, settings) as opened:
            yield replace(opened, catalog=None, run_catalog=NullCatalog())

    return _run_midiprism(source, out, processes, opener)


def run_without_store(source: Path, out: Path, processes: int) -> TimedRun:
    """Run midiprism with a store that discards everything."""

    @contextmanager
    def opener(out: str, settings: Settings) -> Iterator[OpenResult]:
        with open_result(out, settings) as opened:
            yield replace(opened, store=NullStore())

    return _run_midiprism(source, out, processes, opener)


def _run_midiprism(
    source: Path,
    out: Path,
    processes: int,
    opener: Any,
    database: PostgresAddress | None = None,
    store: StoreKind = "files",
) -> TimedRun:
    songs = open_folders([source])
    settings = make_settings(store=store, workers=processes, count_songs=False, database=database)
    summary = run_source(songs, str(out), settings, open_result=opener)
    if summary.state != "done" or not summary.songs_done:
        raise SystemExit(f"the run did not complete: {summary.error}")
    seconds = summary.seconds - summary.loading_seconds
    return TimedRun(seconds, summary.loading_seconds, summary.songs_seen, summary.tracks_new)


def io_floor(reference: Path, *, durable: bool = False) -> Competitor:
    """Return a program that only reads songs and creates the files that a run made of them.

    Args:
        reference: the result of that run. Its files are kept in memory.
        durable: flush the files at the end, so that they survive a power cut as those of a run do.
    """
    outputs = [
        (os.path.relpath(path, reference), Path(path).read_bytes())
        for path in file_paths(reference / "tracks")
    ]
    outputs.sort(
        key=lambda output: output[0][-36:]
    )  # by digest: in an order that is unrelated to their folders

    def run(source: Path, out: Path, processes: int) -> TimedRun:
        songs = song_paths(source)
        started = time.perf_counter()
        context = multiprocessing.get_context("fork")  # a plain script without threads
        ready = context.Barrier(processes + 1)
        workers = []
        for number in range(processes):
            part = songs[number::processes], outputs[number::processes]
            workers.append(context.Process(target=_read_and_create, args=(*part, str(out), ready)))
        for worker in workers:
            worker.start()
        ready.wait()
        began = time.perf_counter()
        for worker in workers:
            worker.join()
            if worker.exitcode:
                raise SystemExit("a process of the I/O floor failed")
        if durable:
            FileStore(out).flush()
        return TimedRun(time.perf_counter() - began, began - started, len(songs), len(outputs))

    return run


def _read_and_create(songs: list[str], outputs: list[tuple[str, bytes]], out: str, ready: Any) -> None:
    ready.wait()
    folders: set[str] = set()
    files_per_song = len(outputs) / max(1, len(songs))
    done = 0
    for number, song in enumerate(songs, 1):
        descriptor = os.open(song, os.O_RDONLY)
        os.read(descriptor, os.fstat(descriptor).st_size + 1)
        os.close(descriptor)
        until = len(outputs) if number == len(songs) else int(number * files_per_song)
        for name, data in outputs[done:until]:
            path = f"{out}/{name}"
            folder = path[: path.rindex("/")]
            if folder not in folders:
                os.makedirs(folder, exist_ok=True)
                folders.add(folder)
            descriptor = os.open(path, CREATE_FLAGS, 0o444)
            os.write(descriptor, data)
            os.close(descriptor)
        done = until


def symusic_pool(source: Path, out: Path, processes: int) -> TimedRun:
    """Run a simple program: a pool that loads songs with symusic and saves their playing tracks."""
    songs = song_paths(source)
    out.mkdir()
    started = time.perf_counter()
    with multiprocessing.get_context("spawn").Pool(processes) as pool:
        pool.map(_wait_for_start, range(processes * 4), chunksize=1)
        began = time.perf_counter()
        work = pool.imap_unordered(_split_with_symusic, ((song, str(out)) for song in songs), chunksize=64)
        written = sum(work)
        return TimedRun(time.perf_counter() - began, began - started, len(songs), written)


def _wait_for_start(_number: int) -> None:
    time.sleep(0.05)


def _split_with_symusic(task: tuple[str, str]) -> int:
    song, out = task
    name = song.replace("/", "_")[-180:]
    written = 0
    for score in playing_tracks(symusic.Score(song)):
        score.dump_midi(f"{out}/{name}-{written}.mid")
        written += 1
    return written


def copy_tree(reference: Path, song_count: int) -> Competitor:
    """Return a program that copies the tree of tracks of a run with ``cp -r``."""

    def run(_source: Path, out: Path, _processes: int) -> TimedRun:
        began = time.perf_counter()
        command = shutil.which("cp")
        if command is None:
            raise SystemExit("cp is not installed")
        subprocess.run([command, "-r", str(reference / "tracks"), str(out)], check=True)
        seconds = time.perf_counter() - began
        return TimedRun(seconds, 0.0, song_count, sum(1 for _ in file_paths(out)))

    return run
