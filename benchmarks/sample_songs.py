"""Measure how fast sample songs are generated, their sizes, and the share of tracks that repeat.

    python benchmarks sample_songs --songs 10000 --seed 0 --duplicates 0.49

Songs are generated in one thread and discarded. They are generated again and split, to count repeated tracks.
"""

import argparse
import time

import numpy as np

import midiprism
from common import machine_description
from midiprism.sample import generate_songs


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--songs", type=int, default=10_000, help="number of songs (default: 10000)")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument(
        "--duplicates", type=float, default=0.49, help="share of tracks that repeat (default: 0.49)"
    )
    parser.add_argument("--no-split", action="store_true", help="do not measure the share that repeats")
    options = parser.parse_args()

    for _ in generate_songs(600, seed=options.seed + 1):  # compiles the generator, or loads it from the cache
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
    """Return the number of tracks of all songs, and the number of distinct ones."""
    seen: set[bytes] = set()
    total = 0
    for song in generate_songs(options.songs, seed=options.seed, duplicates=options.duplicates):
        tracks = midiprism.split(song.data).tracks
        total += len(tracks)
        seen.update(track.digest[:16] for track in tracks)
    return total, len(seen)


if __name__ == "__main__":
    main()
