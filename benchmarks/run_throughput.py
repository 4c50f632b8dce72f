"""Measure whole runs, the least work that any program must do, and a simple program.

    python benchmarks run_throughput [--corpus FOLDER] [--work FOLDER]

The competitors take turns. Each runs for the given seconds, always into new folders. Nothing is deleted in
between, since disks are slow after large deletions. In memory (``/dev/shm``) that makes no difference, and
``--remove`` keeps it from filling. Everything else stays in the folder ``--work``; remove it afterwards.

Ratios are computed in each round; their median is printed.
"""

import argparse
import os
import shutil
import statistics
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

from common import (
    BYTES_PER_FILE,
    drop_caches,
    enlarged_corpus,
    evict_from_cache,
    file_paths,
    machine_description,
    new_folders,
    require_disk_space,
    sample_songs_folder,
    warm_cache,
)
from competitors import (
    Competitor,
    TimedRun,
    copy_tree,
    io_floor,
    run_files,
    run_parquet,
    run_without_catalog,
    run_without_store,
    symusic_pool,
)

COMPETITORS = ("midiprism", "parquet", "floor", "durable", "null-catalog", "null-store", "symusic", "cp")
STAT_BLOCK_BYTES = 512
"""Bytes of a block of ``st_blocks``."""

EXPECTED_FILES_PER_SECOND = {
    "midiprism": 30_000,
    "floor": 56_000,
    "durable": 42_000,
    "null-catalog": 32_000,
    "symusic": 31_000,
    "cp": 31_000,
}
"""Files that the competitors write per given second on two processors and a disk. Their last run in a round
exceeds the given time."""

FILES_PER_SECOND_IN_MEMORY = 65_000

FILES_PER_SONG = 3.3
BYTES_PER_SONG = 23_000
"""Disk space of a song's tracks in files, in whole blocks."""

BYTES_PER_SECOND_IN_PARQUET = 50_000_000
BYTES_PER_SONG_IN_PARQUET = 6_000


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--corpus", type=Path, help="folder of real MIDI files (default: sample songs only)")
    parser.add_argument(
        "--copies", type=int, default=16, help="copies of each file of the corpus (default: 16)"
    )
    parser.add_argument("--songs", type=int, default=20_000, help="number of sample songs (default: 20000)")
    parser.add_argument("--sides", default=",".join(COMPETITORS), help=f"default: {','.join(COMPETITORS)}")
    add_options(parser)
    options = parser.parse_args()

    sizes = [options.songs] if options.songs else []
    if options.corpus is not None:
        sizes.append(options.copies * sum(1 for _ in file_paths(options.corpus)))
    needs = [space_needed(size, options) for size in sizes]
    require_disk_space(options.work, sum(size for size, _ in needs), sum(count for _, count in needs))
    print(machine_description())
    cache = ", songs not cached" if options.cold else ", empty page cache" if options.forget else ""
    print(f"{options.processes} processes each, {options.rounds} rounds of {options.seconds:g} s{cache}")
    libraries = []
    if options.corpus is not None:
        enlarged = enlarged_corpus(options.corpus, options.work / f"corpus-{options.copies}", options.copies)
        libraries.append(("corpus", enlarged))
    if options.songs:
        samples = sample_songs_folder(options.work / f"songs-{options.songs}", options.songs)
        libraries.append(("sample songs", samples))
    for name, library in libraries:
        measure(name, library, options)


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of benchmarks whose competitors take turns."""
    parser.add_argument(
        "--seconds", type=float, default=10, help="of each competitor in each round (default: 10)"
    )
    parser.add_argument("--rounds", type=int, default=5, help="default: 5")
    parser.add_argument("--processes", type=int, default=2, help="of each competitor (default: 2)")
    parser.add_argument(
        "--cold", action="store_true", help="remove the songs from the page cache before each run"
    )
    parser.add_argument(
        "--forget", action="store_true", help="empty the whole page cache before each run (root only)"
    )
    parser.add_argument("--remove", action="store_true", help="remove the files of each run when it is over")
    parser.add_argument("--work", type=Path, default=Path("build/bench"), help="default: build/bench")


def space_needed(songs: int, options: argparse.Namespace) -> tuple[int, int]:
    """Return the bytes and files that measuring a library may take, with its reference run."""
    files_once, bytes_once = songs * FILES_PER_SONG, songs * BYTES_PER_SONG
    size, count = bytes_once, files_once
    if options.remove:
        largest = max(options.seconds * FILES_PER_SECOND_IN_MEMORY, files_once)
        return int(size + largest * BYTES_PER_FILE), int(count + largest)
    for side in options.sides.split(","):
        if side == "parquet":
            size += options.rounds * max(
                options.seconds * BYTES_PER_SECOND_IN_PARQUET, songs * BYTES_PER_SONG_IN_PARQUET
            )
        elif side in EXPECTED_FILES_PER_SECOND:
            files = options.seconds * EXPECTED_FILES_PER_SECOND[side]
            count += options.rounds * max(files, files_once)
            size += options.rounds * max(files * BYTES_PER_FILE, bytes_once)
    return int(size), int(count)


def measure(name: str, library: Path, options: argparse.Namespace) -> None:
    """Run all competitors in turn and print the result."""
    folders = new_folders(options.work)
    reference = next(folders)
    reference_run = run_files(library, reference, options.processes)
    # Only those asked for are created: the I/O floor holds all files of the reference in memory.
    factories: dict[str, tuple[str, Callable[[], Competitor]]] = {
        "midiprism": ("midiprism", lambda: run_files),
        "parquet": ("into Parquet files", lambda: run_parquet),
        "floor": ("floor", lambda: io_floor(reference)),
        "durable": ("floor, flushed", lambda: io_floor(reference, durable=True)),
        "null-catalog": ("without catalog", lambda: run_without_catalog),
        "null-store": ("without store", lambda: run_without_store),
        "symusic": ("symusic pool", lambda: symusic_pool),
        "cp": ("cp -r of the result", lambda: copy_tree(reference, reference_run.songs)),
    }
    chosen = [factories[side] for side in COMPETITORS if side in options.sides.split(",")]
    competitors = {label: create() for label, create in chosen}
    rates: dict[str, list[float]] = {label: [] for label in competitors}
    starts: dict[str, list[float]] = {label: [] for label in competitors}
    sizes: dict[str, int] = {}
    for number in range(1, options.rounds + 1):
        for label, run in competitors.items():
            timed = run_for(run, library, folders, options)
            rates[label].append(timed.songs / timed.seconds)
            starts[label].append(timed.start_seconds)
            sizes[label] = timed.disk_bytes
            print(f"{name}, round {number}: {label} {rates[label][-1]:,.0f} songs/s", file=sys.stderr)
    print(f"\n{name}: {reference_run.songs:,} songs, {reference_run.files:,} different tracks")
    print_table(rates, starts)
    print("MB on disk: " + ", ".join(f"{label} {size / 1e6:,.0f}" for label, size in sizes.items()))
    if {"without catalog", "floor"} <= set(rates):
        ratios = [run / floor for run, floor in zip(rates["without catalog"], rates["floor"], strict=True)]
        print(f"without catalog it reaches {statistics.median(ratios):.2f} of the floor", flush=True)


def print_table(rates: dict[str, list[float]], starts: dict[str, list[float]]) -> None:
    """Print the rates of each competitor, and how many times as fast the first one is."""
    first = next(iter(rates))
    print(f"{'':<22}{'songs/s':>10}{'least':>9}{'most':>9}{'start-up':>10}   {first} is")
    for label, label_rates in rates.items():
        ratios = [own / other for own, other in zip(rates[first], label_rates, strict=True)]
        print(
            f"{label:<22}{statistics.median(label_rates):>10,.0f}{min(label_rates):>9,.0f}"
            f"{max(label_rates):>9,.0f}{statistics.median(starts[label]):>8.2f} s   "
            f"{statistics.median(ratios):.2f} times as fast"
        )


def run_for(run: Competitor, library: Path, folders: Iterator[Path], options: argparse.Namespace) -> TimedRun:
    """Run a competitor for the given seconds and return its total."""
    total = TimedRun(0.0, 0.0, 0, 0)
    while total.seconds < options.seconds:
        if options.forget:
            drop_caches()
        (evict_from_cache if options.cold else warm_cache)(library)
        folder = next(folders)
        timed = run(library, folder, options.processes)
        taken = disk_bytes(folder)
        if options.remove:
            shutil.rmtree(folder)
        total = TimedRun(
            total.seconds + timed.seconds,
            max(total.start_seconds, timed.start_seconds),
            total.songs + timed.songs,
            total.files + timed.files,
            taken,
        )
    return total


def disk_bytes(folder: Path) -> int:
    """Return the disk space of a folder in bytes, in whole blocks."""
    return sum(os.lstat(path).st_blocks * STAT_BLOCK_BYTES for path in file_paths(folder))


if __name__ == "__main__":
    main()
