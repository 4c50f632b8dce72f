"""How fast sample songs are made, how large they are, and which share of their tracks repeats.

    python benchmarks/sample_songs.py --songs 10000 --seed 0 --duplicates 0.49

Songs are made in one thread and thrown away. Then they are made again and split, to count what repeats.
"""

import argparse
import os
import platform
import time

import numpy as np

import midiprism
from midiprism.sample import generate_songs


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--songs", type=int, default=10_000, help="how many (default: 10000)")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--duplicates", type=float, default=0.49, help="share asked for (default: 0.49)")
    parser.add_argument("--no-split", action="store_true", help="do not measure the share")
    options = parser.parse_args()

    for _ in generate_songs(600, seed=options.seed + 1):  # compiles, or loads what is compiled
        pass
    sizes = []
    wall, cpu = time.perf_counter(), time.process_time()
    for song in generate_songs(options.songs, seed=options.seed, duplicates=options.duplicates):
        sizes.append(len(song.data))
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu

    print(machine_description())
    print(f"{options.songs:,} songs, seed {options.seed}, duplicates {options.duplicates}")
    print(f"made     {len(sizes) / wall:,.0f} songs/s, {sum(sizes) / wall / 1e6:.1f} MB/s (wall, one thread)")
    print(f"         {len(sizes) / cpu:,.0f} songs/s, {sum(sizes) / cpu / 1e6:.1f} MB/s (CPU time)")
    shown = (0.01, 0.05, 0.25, 0.5, 0.75, 0.95, 0.99, 1)
    quantiles = zip(shown, np.quantile(sizes, shown), strict=True)
    print("size     " + ", ".join(f"{part:.0%} {size / 1000:.1f}" for part, size in quantiles) + " KB")
    if not options.no_split:
        total, distinct = count_tracks(options)
        print(f"repeats  {1 - distinct / total:.4f} of {total:,} tracks")


def count_tracks(options: argparse.Namespace) -> tuple[int, int]:
    """Splits of all songs, and how many different ones."""
    seen: set[bytes] = set()
    total = 0
    for song in generate_songs(options.songs, seed=options.seed, duplicates=options.duplicates):
        tracks = midiprism.split(song.data).tracks
        total += len(tracks)
        seen.update(track.digest[:16] for track in tracks)
    return total, len(seen)


def machine_description() -> str:
    """The machine and what runs on it."""
    versions = f"Python {platform.python_version()}, NumPy {np.__version__}"
    return f"{platform.system()} {platform.machine()}, {os.cpu_count()} CPUs, {versions}"


if __name__ == "__main__":
    main()
