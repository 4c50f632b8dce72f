"""What is measured against each other: each side does a whole library, and says how long its work took.

Clocks start when the processes are ready.
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

from libraries import files, parents
from midiprism.catalog import NullCatalog, PostgresAddress
from midiprism.library import open_folders
from midiprism.run import Settings, split_library
from midiprism.run.scene import Scene, opened_result
from midiprism.run.settings import StoreKind
from midiprism.store import FileStore, NullStore
from naive import playing_tracks

CREATE = os.O_WRONLY | os.O_CREAT | os.O_EXCL


@dataclass(frozen=True)
class Timed:
    """What one go of one side took.

    Attributes:
        seconds: of work.
        start_seconds: until the processes were ready, which is not in ``seconds``.
        parents: songs done.
        files: files written.
        disk_bytes: that they take, in whole blocks, of a single library.
    """

    seconds: float
    start_seconds: float
    parents: int
    files: int
    disk_bytes: int = 0


Side = Callable[[Path, Path, int], Timed]
"""Source, a folder to be made, and how many processes."""


def midiprism(source: Path, out: Path, processes: int, database: PostgresAddress | None = None) -> Timed:
    """The whole run: files and catalogue."""
    return _split(source, out, processes, opened_result, database)


def in_parquet(source: Path, out: Path, processes: int) -> Timed:
    """The same into Parquet files."""
    return _split(source, out, processes, opened_result, store="parquet")


def without_catalogue(source: Path, out: Path, processes: int) -> Timed:
    """The same, with a catalogue that keeps nothing."""

    @contextmanager
    def opening(out: str, settings: Settings) -> Iterator[Scene]:
        with opened_result(out, settings) as scene:
            yield replace(scene, catalog=None, memory=NullCatalog())

    return _split(source, out, processes, opening)


def without_store(source: Path, out: Path, processes: int) -> Timed:
    """The same, with a store that keeps nothing."""

    @contextmanager
    def opening(out: str, settings: Settings) -> Iterator[Scene]:
        with opened_result(out, settings) as scene:
            yield replace(scene, store=NullStore())

    return _split(source, out, processes, opening)


def _split(
    source: Path,
    out: Path,
    processes: int,
    opening: Any,
    database: PostgresAddress | None = None,
    store: StoreKind = "files",
) -> Timed:
    library = open_folders([source])
    settings = Settings(store=store, workers=processes, scan=False, database=database)
    summary = split_library(library, str(out), settings, opening=opening)
    if summary.state != "done" or not summary.parents_done:
        raise SystemExit(f"the run did not end: {summary.error}")
    seconds = summary.seconds - summary.loading_seconds
    return Timed(seconds, summary.loading_seconds, summary.parents_seen, summary.tracks_new)


def floor(reference: Path, *, durable: bool = False) -> Side:
    """A program that only reads the same songs and creates the files that a run made of them, bytes and all.

    Args:
        reference: the result of that run; its files are held in memory.
        durable: let it end when its files would survive a power cut, as those of a run do.
    """
    outputs = [
        (os.path.relpath(path, reference), Path(path).read_bytes()) for path in files(reference / "tracks")
    ]
    outputs.sort(key=lambda output: output[0][-36:])  # by digest, as they come: no order of folders

    def run(source: Path, out: Path, processes: int) -> Timed:
        songs = parents(source)
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
                raise SystemExit("the floor failed")
        if durable:
            FileStore(out).flush()
        return Timed(time.perf_counter() - began, began - started, len(songs), len(outputs))

    return run


def _read_and_create(songs: list[str], outputs: list[tuple[str, bytes]], out: str, ready: Any) -> None:
    ready.wait()
    made: set[str] = set()
    each = len(outputs) / max(1, len(songs))
    at = 0
    for number, song in enumerate(songs, 1):
        descriptor = os.open(song, os.O_RDONLY)
        os.read(descriptor, os.fstat(descriptor).st_size + 1)
        os.close(descriptor)
        until = len(outputs) if number == len(songs) else int(number * each)
        for name, data in outputs[at:until]:
            path = f"{out}/{name}"
            folder = path[: path.rindex("/")]
            if folder not in made:
                os.makedirs(folder, exist_ok=True)
                made.add(folder)
            descriptor = os.open(path, CREATE, 0o444)
            os.write(descriptor, data)
            os.close(descriptor)
        at = until


def symusic_pool(source: Path, out: Path, processes: int) -> Timed:
    """What one would write: a pool that loads each song and saves each playing track as a file."""
    songs = parents(source)
    out.mkdir()
    started = time.perf_counter()
    with multiprocessing.get_context("spawn").Pool(processes) as pool:
        pool.map(_nothing, range(processes * 4), chunksize=1)
        began = time.perf_counter()
        work = pool.imap_unordered(_by_symusic, ((song, str(out)) for song in songs), chunksize=64)
        written = sum(work)
        return Timed(time.perf_counter() - began, began - started, len(songs), written)


def _nothing(_number: int) -> None:
    time.sleep(0.05)


def _by_symusic(task: tuple[str, str]) -> int:
    song, out = task
    name = song.replace("/", "_")[-180:]
    written = 0
    for one in playing_tracks(symusic.Score(song)):
        one.dump_midi(f"{out}/{name}-{written}.mid")
        written += 1
    return written


def copy(reference: Path, parents_of_it: int) -> Side:
    """``cp -r`` of the tree of tracks that a run made."""

    def run(_source: Path, out: Path, _processes: int) -> Timed:
        began = time.perf_counter()
        command = shutil.which("cp")
        if command is None:
            raise SystemExit("there is no cp here")
        subprocess.run([command, "-r", str(reference / "tracks"), str(out)], check=True)
        seconds = time.perf_counter() - began
        return Timed(seconds, 0.0, parents_of_it, sum(1 for _ in files(out)))

    return run
