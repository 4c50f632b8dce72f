"""Measure the memory, disk and time that the groups of made-up results in object storage take.

    python benchmarks group_memory [--songs 100000,1000000] [--work FOLDER]

A made-up result has 5 links and 2.5 tracks a song, and two songs for each title. It is written to a folder,
as Parquet files of 20,000 songs each. Its tracks have no music, which ``midiprism groups`` does not read. The
groups are made in a process of their own, whose memory is the most that it held at once. On Linux only.
"""

import argparse
import json
import os
import resource
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow

from midiprism.features.facts_version import FACTS_VERSION
from midiprism.generations.groups.make import make_groups
from midiprism.generations.layout import LINKS, PATHS, SONGS, TRACKS, manifest_key
from midiprism.generations.result import GenerationResult, Manifest, TableFile, open_or_create_result
from midiprism.generations.stored_objects import put_object
from midiprism.generations.tables import COLUMNS_OF, encode_rows
from midiprism.objects import create_record, open_storage
from midiprism.results.identity import RequestedIdentity
from midiprism.stores.parquet.schema import make_schema

SONGS_PER_CHUNK = 20_000
LINKS_PER_SONG = 5
TRACKS_PER_LINK = 0.5
MEBIBYTE = 1 << 20


def main() -> None:
    """Write, measure and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--songs", default="100000,1000000", help="default: 100000,1000000")
    parser.add_argument("--work", type=Path, default=Path("build/bench"), help="default: build/bench")
    parser.add_argument("--measure", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.measure is not None:
        print(json.dumps(measure(options.measure)))
        return
    columns = ("songs", "groups", "MiB", "bytes a song", "MiB on disk", "CPU s", "µs a song")
    print("".join(f"{name:>14}" for name in columns))
    for songs in map(int, options.songs.split(",")):
        folder = (options.work / f"group-memory-{songs}").resolve()
        shutil.rmtree(folder, ignore_errors=True)
        try:
            write_result(folder, songs)
            command = [sys.executable, __file__, "--measure", str(folder)]
            done = subprocess.run(command, check=True, capture_output=True, text=True)
        finally:
            shutil.rmtree(folder, ignore_errors=True)
        print_measured(songs, json.loads(done.stdout))


def print_measured(songs: int, measured: dict[str, float]) -> None:
    """Print a line of the table."""
    grown = measured["memory"] - measured["memory_before"]
    cells = (
        *(f"{songs:,}", f"{measured['groups']:,}", f"{measured['memory'] / MEBIBYTE:,.0f}"),
        *(f"{grown / songs:,.0f}", f"{measured['disk'] / MEBIBYTE:,.0f}"),
        *(f"{measured['seconds']:,.1f}", f"{measured['seconds'] / songs * 1e6:,.0f}"),
    )
    print("".join(f"{cell:>14}" for cell in cells), flush=True)


def measure(folder: Path) -> dict[str, float]:
    """Make the groups of a result, and return what that took: bytes, and seconds of the processor."""
    spilled = folder / "spilled"
    spilled.mkdir()
    memory_before = peak_memory()
    before = resource.getrusage(resource.RUSAGE_SELF)
    with watched(spilled) as sizes:
        made = make_groups(folder.as_uri(), folder=str(spilled))
    after = resource.getrusage(resource.RUSAGE_SELF)
    return {
        "groups": made.groups,
        "memory_before": memory_before,
        "memory": peak_memory(),
        "disk": max(sizes, default=0),
        "seconds": after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime,
    }


def peak_memory() -> int:
    """Return the most bytes that this process has held."""
    status = Path("/proc/self/status").read_text(encoding="ascii")
    return 1024 * int(status.partition("VmHWM:")[2].split()[0])


@contextmanager
def watched(folder: Path) -> Iterator[list[int]]:
    """Give a list, to which the size of a folder is added four times a second."""
    sizes: list[int] = []
    is_over = threading.Event()

    def watch() -> None:
        while not is_over.wait(0.25):
            paths = [Path(root, name) for root, _, names in os.walk(folder) for name in names]
            sizes.append(sum(path.stat().st_size for path in paths if path.exists()))

    thread = threading.Thread(target=watch, daemon=True)
    thread.start()
    try:
        yield sizes
    finally:
        is_over.set()
        thread.join()


def write_result(folder: Path, songs: int) -> None:
    """Write a made-up result."""
    storage = open_storage(folder.as_uri(), make_folder=True)
    result = open_or_create_result(storage, RequestedIdentity(), 4)
    rng = np.random.default_rng(1)
    files: list[TableFile] = []
    earlier: list[str] = []
    for number, start in enumerate(range(0, songs, SONGS_PER_CHUNK)):
        count = min(SONGS_PER_CHUNK, songs - start)
        digests = made_up_digests(rng, count)
        links = count * LINKS_PER_SONG
        tracks = made_up_digests(rng, int(links * TRACKS_PER_LINK))
        known = [*tracks, *earlier]
        linked = [known[at] for at in rng.integers(0, len(known), links).tolist()]
        earlier = tracks
        names = [f"folder/Title number {(start + at) // 2} v{at % 2}.mid" for at in range(count)]
        hashes = rng.integers(0, 1 << 53, len(tracks))
        for table, columns in (
            (SONGS, {"blake3": digests, "path": names, "outcome": ["split"] * count}),
            (PATHS, {"blake3": digests, "path": names}),
            (LINKS, {"song_blake3": np.repeat(digests, LINKS_PER_SONG), "track_blake3": linked}),
            (TRACKS, {"blake3": tracks, "note_hash": hashes, **made_up_facts(rng, len(tracks))}),
        ):
            files.append(put_table(result, table, number, columns))
    manifest = Manifest(1, tuple(files), ())
    create_record(storage, manifest_key(1), manifest.as_json())


def made_up_digests(rng: np.random.Generator, count: int) -> list[str]:
    """Return digests in hex."""
    digits = rng.bytes(32 * count).hex()
    return [digits[at : at + 64] for at in range(0, len(digits), 64)]


def made_up_facts(rng: np.random.Generator, count: int) -> dict[str, Any]:
    """Return the columns of tracks from which groups and keys follow."""
    weights = rng.random((count, 12)).astype("<f2").tobytes()
    return {
        "note_count": rng.integers(1, 100, count),
        "facts_version": np.full(count, FACTS_VERSION),
        "pitch_class_weights": [weights[at : at + 24] for at in range(0, len(weights), 24)],
        "final_onset_ticks": rng.integers(0, 1 << 20, count),
        "final_pitch": rng.integers(0, 128, count),
    }


def put_table(result: GenerationResult, table: str, chunk: int, columns: dict[str, Any]) -> TableFile:
    """Write a Parquet file with some columns; the others are null."""
    schema = make_schema(COLUMNS_OF[table], result.identity.metadata())
    count = len(next(iter(columns.values())))
    arrays = [
        pyarrow.array(columns[field.name], field.type)
        if field.name in columns
        else pyarrow.nulls(count, field.type)
        for field in schema
    ]
    rows = pyarrow.Table.from_arrays(arrays, schema=schema)
    data = encode_rows(COLUMNS_OF[table], rows, 1_024 if table == TRACKS else None)
    name = f"{table}/{table}-000001-{chunk:06}-made-up.parquet"
    stored = put_object(result.storage, name, data, count)
    return TableFile(table, 1, stored, "memory://songs" if table == PATHS else "")


if __name__ == "__main__":
    main()
