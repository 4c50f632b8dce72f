"""Measure the memory that the check of a made-up result in object storage takes, by its parts.

    python benchmarks check_memory [--digests 50000000] [--rows 8000000] [--files 1000,100000] [--work FOLDER]

``digests`` is a task that looks digests up in the index, ``rows`` one that compares those in files: both of
so many made-up songs and tracks in 32 prefixes, with four files of links. ``head`` is the process that hands
tasks out and gathers what they find, with so many files in the manifest; its tasks are answered at once, as
by other machines. Each is measured in a process of its own: the most memory that it held. On Linux only.
"""

import argparse
import json
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow
import pyarrow.parquet

from midiprism.generations.digests import DIGEST_BYTES, as_array
from midiprism.generations.engine import Done, EngineTask
from midiprism.generations.layout import INDEX, LINKS, TRACKS, manifest_key
from midiprism.generations.result import Manifest, TableFile, open_or_create_result, open_result
from midiprism.generations.splitting import Machine
from midiprism.generations.stored_objects import StoredObject, put_object
from midiprism.generations.verification.check_task import FILES, Checker
from midiprism.generations.verification.digest_arrays import prefixes_of
from midiprism.generations.verification.digest_check import DigestCounts
from midiprism.generations.verification.file_check import FileFindings
from midiprism.generations.verify import verify_generations
from midiprism.objects import ObjectStorage, create_record, open_storage
from midiprism.results.identity import RequestedIdentity

PREFIXES = 32
ROWS_PER_FILE = 50_000
LINK_FILES = 4
MEBIBYTE = 1 << 20


def main() -> None:
    """Write, measure and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--digests", type=int, default=50_000_000, help="default: 50000000")
    parser.add_argument("--rows", type=int, default=8_000_000, help="default: 8000000")
    parser.add_argument("--files", default="1000,100000", help="default: 1000,100000")
    parser.add_argument("--work", type=Path, default=Path("build/bench"), help="default: build/bench")
    parser.add_argument("--measure", nargs=2, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.measure is not None:
        part, url = options.measure
        print(json.dumps(measure(part, url)))
        return
    print("".join(f"{name:>14}" for name in ("part", "of", "MiB before", "MiB", "CPU s")))
    files = [("head", int(count)) for count in options.files.split(",")]
    for part, count in (("digests", options.digests), ("rows", options.rows), *files):
        folder = (options.work / f"check-memory-{part}-{count}").resolve()
        shutil.rmtree(folder, ignore_errors=True)
        try:
            write_result(folder.as_uri(), part, count)
            command = [sys.executable, __file__, "--measure", part, folder.as_uri()]
            done = subprocess.run(command, check=True, capture_output=True, text=True)
        finally:
            shutil.rmtree(folder, ignore_errors=True)
        before, peak, seconds = json.loads(done.stdout)
        cells = (
            part,
            f"{count:,}",
            f"{before / MEBIBYTE:,.0f}",
            f"{peak / MEBIBYTE:,.0f}",
            f"{seconds:,.1f}",
        )
        print("".join(f"{cell:>14}" for cell in cells), flush=True)


def measure(part: str, url: str) -> tuple[int, int, float]:
    """Do a part of a check, and return the bytes of memory before and at most, and its processor time."""
    before, began = peak_memory(), time.process_time()
    if part == "head":
        verify_generations(url, engine=AnsweringEngine())
    else:
        checker = Checker(open_result(open_storage(url)), 1, Machine(), digests_per_task=sys.maxsize)
        checker.compare_digests(0, by_rows=part == "rows")
    return before, peak_memory(), time.process_time() - began


class AnsweringEngine:
    """Answers tasks at once; see ``Engine``."""

    def prepare(self, result_url: str, source_url: str) -> None:
        pass

    def map(self, task: EngineTask, numbers: Sequence[int]) -> Iterator[Done]:
        for number in numbers:
            yield Done(number, FileFindings() if task.address().name == FILES else DigestCounts())

    def close(self) -> None:
        pass


def peak_memory() -> int:
    """Return the most bytes that this process has held."""
    status = Path("/proc/self/status").read_text(encoding="ascii")
    return 1024 * int(status.partition("VmHWM:")[2].split()[0])


def write_result(url: str, part: str, count: int) -> None:
    """Write a made-up result of so many songs and tracks, or with a manifest of so many files."""
    storage = open_storage(url, make_folder=True)
    open_or_create_result(storage, RequestedIdentity(), PREFIXES)
    if part == "head":
        stored = (
            StoredObject(f"{TRACKS}/tracks-000001-{number:06}-made-up.parquet", 1 << 26, "ab" * 32, 1)
            for number in range(count)
        )
        manifest = Manifest(1, tuple(TableFile(TRACKS, 1, it) for it in stored))
    else:
        manifest = write_digests(storage, count, in_files=part == "rows")
    create_record(storage, manifest_key(1), manifest.as_json())


def write_digests(storage: ObjectStorage, count: int, *, in_files: bool) -> Manifest:
    """Write an index, of whose digests an eighth are songs, and files of tracks and links.

    Args:
        storage: of the result.
        count: of the digests.
        in_files: whether the tracks are in files too.
    """
    rng = np.random.default_rng(1)
    digests = as_array(rng.bytes(DIGEST_BYTES * count))
    numbers = prefixes_of(digests, PREFIXES)
    index: list[TableFile] = []
    files: list[TableFile] = []
    for prefix in range(PREFIXES):
        chosen = digests[numbers == prefix]
        songs, tracks = np.sort(chosen[: len(chosen) // 8]), np.sort(chosen[len(chosen) // 8 :])
        data = songs.tobytes() + tracks.tobytes()
        stored = put_object(storage, f"{INDEX}/{prefix}", data, len(songs))
        index.append(TableFile(str(prefix), 1, stored))
        for first in range(0, len(tracks) if in_files else 0, ROWS_PER_FILE):
            part = {"blake3": in_hex(tracks[first : first + ROWS_PER_FILE])}
            files.append(put_table(storage, TRACKS, len(files), part))
        if prefix < LINK_FILES:
            of_tracks, of_songs = in_hex(tracks[:ROWS_PER_FILE]), in_hex(songs[:ROWS_PER_FILE])
            rows = min(len(of_tracks), len(of_songs))
            links = {"song_blake3": of_songs[:rows], "track_blake3": of_tracks[:rows]}
            files.append(put_table(storage, LINKS, len(files), links))
    return Manifest(1, tuple(files), tuple(index))


def in_hex(digests: Any) -> list[str]:
    """Return digests in hex, made as long as whole ones."""
    digits = digests.tobytes().hex()
    return [f"{digits[at : at + 32]}{0:032}" for at in range(0, len(digits), 32)]


def put_table(storage: ObjectStorage, table: str, number: int, columns: dict[str, list[str]]) -> TableFile:
    """Write a Parquet file with some columns."""
    sink = pyarrow.BufferOutputStream()
    rows = pyarrow.table(columns)
    pyarrow.parquet.write_table(rows, sink)
    stored = put_object(storage, f"{table}/{number:06}.parquet", bytes(sink.getvalue()), len(rows))
    return TableFile(table, 1, stored)


if __name__ == "__main__":
    main()
