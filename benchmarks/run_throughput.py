"""How fast whole runs are, beside the least that any program must do, and beside what one would write.

    python benchmarks/run_throughput.py [--corpus FOLDER] [--work FOLDER]

Sides take turns, one go of each after the other; each goes on until its clock shows the seconds asked for,
always into a fresh folder. Nothing is deleted on the way, since a disk on which much was just deleted is
slow; only in memory (``/dev/shm``) that makes no difference, and ``--remove`` keeps it from filling. What was
written stays in the folder ``--work``; remove it when the figures are read.

Ratios are medians over the rounds of the ratio in one round.
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
"""Bytes of what ``st_blocks`` counts."""

EXPECTED_FILES_PER_SECOND = {
    "midiprism": 30_000,
    "floor": 56_000,
    "durable": 42_000,
    "null-catalog": 32_000,
    "symusic": 31_000,
    "cp": 31_000,
}
"""Written by those sides that do, on two processors and a disk, for each second that is asked for: the last
go of a side goes on beyond that."""

FILES_PER_SECOND_IN_MEMORY = 65_000

FILES_PER_SONG = 3.3
BYTES_PER_SONG = 23_000
"""In files, in whole blocks: a go splits a library once at least."""

BYTES_PER_SECOND_IN_PARQUET = 50_000_000
BYTES_PER_SONG_IN_PARQUET = 6_000


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--corpus", type=Path, help="real MIDI files; without, only sample songs")
    parser.add_argument("--copies", type=int, default=16, help="of each file of the corpus (default: 16)")
    parser.add_argument("--songs", type=int, default=20_000, help="sample songs, 0 for none (default: 20000)")
    parser.add_argument("--sides", default=",".join(COMPETITORS), help=f"default: {','.join(COMPETITORS)}")
    add_options(parser)
    options = parser.parse_args()

    sizes = [options.songs] if options.songs else []
    if options.corpus is not None:
        sizes.append(options.copies * sum(1 for _ in file_paths(options.corpus)))
    taken = [space_needed(size, options) for size in sizes]
    require_disk_space(options.work, sum(size for size, _ in taken), sum(count for _, count in taken))
    print(machine_description())
    memory = ", songs not in memory" if options.cold else ", memory emptied before" if options.forget else ""
    print(f"{options.processes} processes a side, {options.rounds} rounds of {options.seconds:g} s{memory}")
    libraries = []
    if options.corpus is not None:
        big = enlarged_corpus(options.corpus, options.work / f"corpus-{options.copies}", options.copies)
        libraries.append(("corpus", big))
    if options.songs:
        made = sample_songs_folder(options.work / f"songs-{options.songs}", options.songs)
        libraries.append(("sample songs", made))
    for name, library in libraries:
        measure(name, library, options)


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add what is asked of all sides that take turns."""
    parser.add_argument("--seconds", type=float, default=10, help="of each side in each round (default: 10)")
    parser.add_argument("--rounds", type=int, default=5, help="default: 5")
    parser.add_argument("--processes", type=int, default=2, help="of every side (default: 2)")
    parser.add_argument("--cold", action="store_true", help="songs are read from the disk, not from memory")
    parser.add_argument("--forget", action="store_true", help="empty the memory before each go (root only)")
    parser.add_argument("--remove", action="store_true", help="what a go wrote, when it is over")
    parser.add_argument("--work", type=Path, default=Path("build/bench"), help="default: build/bench")


def space_needed(songs: int, options: argparse.Namespace) -> tuple[int, int]:
    """Bytes and files that measuring a library of so many songs may take, with the run that is first made."""
    files_once, bytes_once = songs * FILES_PER_SONG, songs * BYTES_PER_SONG
    size, count = bytes_once, files_once
    if options.remove:
        most = max(options.seconds * FILES_PER_SECOND_IN_MEMORY, files_once)
        return int(size + most * BYTES_PER_FILE), int(count + most)
    for side in options.sides.split(","):
        if side == "parquet":
            size += options.rounds * max(
                options.seconds * BYTES_PER_SECOND_IN_PARQUET, songs * BYTES_PER_SONG_IN_PARQUET
            )
        elif side in EXPECTED_FILES_PER_SECOND:
            made = options.seconds * EXPECTED_FILES_PER_SECOND[side]
            count += options.rounds * max(made, files_once)
            size += options.rounds * max(made * BYTES_PER_FILE, bytes_once)
    return int(size), int(count)


def measure(name: str, library: Path, options: argparse.Namespace) -> None:
    """Take all sides in turn, and print what came of it."""
    folders = new_folders(options.work)
    reference = next(folders)
    made = run_files(library, reference, options.processes)
    # Only those asked for are made: a floor holds all files of the reference in memory.
    known: dict[str, tuple[str, Callable[[], Competitor]]] = {
        "midiprism": ("midiprism", lambda: run_files),
        "parquet": ("into Parquet files", lambda: run_parquet),
        "floor": ("floor", lambda: io_floor(reference)),
        "durable": ("floor, flushed", lambda: io_floor(reference, durable=True)),
        "null-catalog": ("without catalog", lambda: run_without_catalog),
        "null-store": ("without store", lambda: run_without_store),
        "symusic": ("symusic pool", lambda: symusic_pool),
        "cp": ("cp -r of the result", lambda: copy_tree(reference, made.songs)),
    }
    wanted = [known[side] for side in COMPETITORS if side in options.sides.split(",")]
    sides = {label: make() for label, make in wanted}
    rates: dict[str, list[float]] = {side: [] for side in sides}
    starts: dict[str, list[float]] = {side: [] for side in sides}
    taken: dict[str, int] = {}
    for number in range(1, options.rounds + 1):
        for side, run in sides.items():
            timed = run_for(run, library, folders, options)
            rates[side].append(timed.songs / timed.seconds)
            starts[side].append(timed.start_seconds)
            taken[side] = timed.disk_bytes
            print(f"{name}, round {number}: {side} {rates[side][-1]:,.0f} songs/s", file=sys.stderr)
    print(f"\n{name}: {made.songs:,} songs, {made.files:,} different tracks")
    print_table(rates, starts)
    print("MB on disk: " + ", ".join(f"{side} {size / 1e6:,.0f}" for side, size in taken.items()))
    if not {"without catalog", "floor"} <= set(rates):
        return
    bare = [ours / theirs for ours, theirs in zip(rates["without catalog"], rates["floor"], strict=True)]
    print(f"without catalogue it reaches {statistics.median(bare):.2f} of the floor", flush=True)


def print_table(rates: dict[str, list[float]], starts: dict[str, list[float]]) -> None:
    """Print the songs a second of each side in each round, and how many times as fast the first side is."""
    first = next(iter(rates))
    print(f"{'side':<22}{'songs/s':>10}{'least':>9}{'most':>9}{'start-up':>10}   {first} is")
    for side, found in rates.items():
        ratios = [ours / theirs for ours, theirs in zip(rates[first], found, strict=True)]
        print(
            f"{side:<22}{statistics.median(found):>10,.0f}{min(found):>9,.0f}{max(found):>9,.0f}"
            f"{statistics.median(starts[side]):>8.2f} s   {statistics.median(ratios):.2f} times as fast"
        )


def run_for(run: Competitor, library: Path, folders: Iterator[Path], options: argparse.Namespace) -> TimedRun:
    """One side until its clock shows the seconds asked for."""
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
    """Bytes that what is below a folder takes, in whole blocks."""
    return sum(os.lstat(path).st_blocks * STAT_BLOCK_BYTES for path in file_paths(folder))


if __name__ == "__main__":
    main()
