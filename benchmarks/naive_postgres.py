"""Split a library into PostgreSQL with a simple program: a row at a time, a file at a time.

    python benchmarks naive_postgres [--songs 2000] [--work FOLDER] [--durable]

24 threads with a connection each share batches of 100 songs. A batch begins when the last song of the one
before is done. Every track becomes a file, then a row of ``files``. If its content exists already, the file
is deleted again; otherwise the track also gets a row of ``track_splits``. Each statement commits by itself.

It splits and hashes with midiprism, so that only the rest differs. Songs have rows in ``files`` before the
clock starts.

Without ``--durable`` its server does not wait for the disk, which helps this program more than others.
"""

import argparse
import itertools
import os
import sys
import threading
import time
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psycopg
from blake3 import blake3

import midiprism
from common import machine_description, sample_songs_folder, song_paths, warm_cache
from competitors import TimedRun
from midiprism.errors import CorruptMidiError
from midiprism.smf import SplitTrack

TESTS_FOLDER = Path(__file__).parents[1] / "tests"
SCHEMA = TESTS_FOLDER / "support" / "foreign.sql"
THREADS = 24
BATCH = 100

INSERT_SONG = """
INSERT INTO files (filename, filepath, original_filename, content_hash, file_size_bytes, num_tracks)
VALUES (%s, %s, %s, %s, %s, %s) ON CONFLICT DO NOTHING RETURNING id
"""
INSERT_FILE = """
INSERT INTO files (filename, filepath, original_filename, content_hash, file_size_bytes, format, num_tracks,
    ticks_per_quarter_note, duration_seconds, duration_ticks, is_multi_track, parent_file_id, track_number,
    total_tracks)
VALUES (%s, %s, %s, %s, %s, 0, 1, %s, %s, %s, TRUE, %s, %s, %s)
ON CONFLICT DO NOTHING RETURNING id
"""
INSERT_LINK = """
INSERT INTO track_splits (parent_file_id, split_file_id, track_number, track_name, instrument, note_count)
VALUES (%s, %s, %s, %s, %s, %s) ON CONFLICT DO NOTHING
"""


def naive_postgres(source: Path, out: Path, url: str) -> TimedRun:
    """Split all songs below ``source`` into the new folder ``out`` and an empty database."""
    songs = _song_rows(source, url)
    out.mkdir()
    started = time.perf_counter()
    worker = _Worker(out, url)
    with ThreadPoolExecutor(THREADS) as pool:
        try:
            list(pool.map(worker.connect, range(THREADS)))
            began = time.perf_counter()
            files = 0
            for batch in _batches(songs):
                files += sum(pool.map(worker.split, batch))
            seconds = time.perf_counter() - began
        finally:
            worker.close()
    return TimedRun(seconds, began - started, len(songs), files)


def _batches(songs: Iterable[tuple[int, str]]) -> Iterator[list[tuple[int, str]]]:
    rest = iter(songs)
    while batch := list(itertools.islice(rest, BATCH)):
        yield batch


def _song_rows(source: Path, url: str) -> list[tuple[int, str]]:
    """Insert a row for each content into ``files``; return the row number and path of each song."""
    known: dict[bytes, int] = {}
    songs: list[tuple[int, str]] = []
    with psycopg.connect(url) as connection:
        connection.execute(SCHEMA.read_bytes())
        for path in song_paths(source):
            data = Path(path).read_bytes()
            digest = blake3(data).digest()
            if digest not in known:
                tracks = min(int.from_bytes(data[10:12], "big"), 32_767)
                row = connection.execute(
                    INSERT_SONG, (*_file_names(path), digest, len(data), tracks)
                ).fetchone()
                assert row is not None
                known[digest] = row[0]
            songs.append((known[digest], path))
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("VACUUM ANALYZE")
    return songs


def _file_names(path: str) -> tuple[str, str, str]:
    """Return the file name, path and original file name of a song as text for a database."""
    text = os.fsencode(path).decode("utf-8", "backslashreplace")
    name = os.path.basename(text)
    return name, text, name


class _Worker:
    """The work of the threads. Each has a connection of its own."""

    def __init__(self, out: Path, url: str) -> None:
        self._out = str(out)
        self._url = url
        self._thread_local = threading.local()
        self._all_connected = threading.Barrier(THREADS)
        self._connections: list[psycopg.Connection] = []

    def connect(self, _number: int) -> None:
        """Connect this thread and wait for the others, so that none connects twice."""
        self._thread_local.connection = psycopg.connect(self._url, autocommit=True)
        self._connections.append(self._thread_local.connection)
        self._all_connected.wait()

    def close(self) -> None:
        """Close all connections."""
        for connection in self._connections:
            connection.close()

    def split(self, song: tuple[int, str]) -> int:
        """Split a song and return the number of its files that remain."""
        song_id, path = song
        with open(path, "rb") as file:
            data = file.read()
        try:
            split = midiprism.split(data)
        except CorruptMidiError:
            return 0
        stem = f"{song_id}-{os.path.splitext(os.path.basename(path))[0][:100]}"
        return sum(
            self._write_track(f"{self._out}/{stem}_track_{number:02}.mid", track, song_id, split)
            for number, track in enumerate(split.tracks)
        )

    def _write_track(self, path: str, track: SplitTrack, song_id: int, split: midiprism.SplitSong) -> bool:
        """Write a track; return False if its content existed already."""
        with open(path, "wb") as file:
            file.write(track.data)
        connection: psycopg.Connection = self._thread_local.connection
        facts = (split.division, track.duration_seconds, track.duration_ticks)
        position = (song_id, track.track_number, split.num_tracks)
        values = (*_file_names(path), track.digest, len(track.data), *facts, *position)
        row = connection.execute(INSERT_FILE, values).fetchone()
        if row is None:
            os.unlink(path)
            return False
        name = None if track.name is None else track.name.replace("\0", "")
        link = (song_id, row[0], track.track_number, name, track.instrument, track.note_count)
        connection.execute(INSERT_LINK, link)
        return True


def main() -> None:
    """Measure this program alone."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--songs", type=int, default=2_000, help="sample songs (default: 2000)")
    parser.add_argument("--work", type=Path, default=Path("build/bench"), help="default: build/bench")
    parser.add_argument("--durable", action="store_true", help="let commits wait for the disk")
    options = parser.parse_args()

    sys.path.insert(0, str(TESTS_FOLDER))
    from support.postgres import PostgresServer, find_installations

    installed = find_installations()
    if not installed:
        sys.exit("No PostgreSQL server is installed: install the system's package first.")
    out = options.work / "naive-postgres"
    if out.exists():
        sys.exit(f"{out} exists already: remove it, or name another folder with --work.")
    options.work.mkdir(parents=True, exist_ok=True)
    library = sample_songs_folder(options.work / f"songs-{options.songs}", options.songs)
    midiprism.split(
        Path(song_paths(library)[0]).read_bytes()
    )  # compiles the kernel, or loads it from the cache
    warm_cache(library)
    server = PostgresServer(installed[0], durable=options.durable)
    try:
        timed = naive_postgres(library, out, server.new_database())
    finally:
        server.close()
    print(machine_description())
    print(
        f"{timed.songs:,} songs into {timed.files:,} files in {timed.seconds:.1f} s: "
        f"{timed.songs / timed.seconds:,.0f} songs/s"
    )


if __name__ == "__main__":
    main()
