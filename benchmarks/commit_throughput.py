"""Measure how many links per second a catalog records, by the size of a commit, empty and filled.

    python benchmarks commit_throughput [--links 5000000] [--work FOLDER]

The rows are synthetic: songs of five tracks each, about half of which occurred before. Only commits are
timed. The catalog is filled with commits of 10,000 songs.
"""

import argparse
import hashlib
import random
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from common import machine_description
from midiprism.catalog import BatchRecord, Catalog, PostgresAddress, open_catalog
from midiprism.records.fields import LinkRecord, SongRecord
from midiprism.records.track_record import TrackRecord
from naive_postgres import TESTS_FOLDER

sys.path.append(str(TESTS_FOLDER))
from support.postgres import PostgresServer, find_installations

LINKS_PER_SONG = 5
COMMIT_SIZES = (100, 250, 1_000, 4_000)
FILL_COMMIT_SIZE = 10_000
DUPLICATES = 0.49
NOW = "2026-01-01T00:00:00.000+00:00"


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--links", type=int, default=5_000_000, help="links of a filled catalog (default: 5000000)"
    )
    parser.add_argument(
        "--timed", type=int, default=12_000, help="songs timed for each size (default: 12000)"
    )
    parser.add_argument(
        "--sizes",
        type=lambda text: [int(size) for size in text.split(",")],
        default=list(COMMIT_SIZES),
        help="songs of a commit, separated by commas (default: 100,250,1000,4000)",
    )
    parser.add_argument("--work", type=Path, default=Path("build/bench"), help="default: build/bench")
    parser.add_argument(
        "--fast-server", action="store_true", help="use a server that does not wait for the disk"
    )
    options = parser.parse_args()

    options.work.mkdir(parents=True, exist_ok=True)
    print(machine_description())
    print(f"median links/s of commits, by number of songs with {LINKS_PER_SONG} links each")
    print(f"{'catalog':<32}" + "".join(f"{size:>10,}" for size in options.sizes), flush=True)
    with tempfile.TemporaryDirectory(dir=options.work) as folder:
        measure("SQLite", lambda: open_catalog(f"{folder}/catalog.sqlite"), options)
    installations = find_installations()
    if not installations:
        sys.exit("no PostgreSQL server is installed")
    server = PostgresServer(installations[0], durable=not options.fast_server)
    try:
        address = PostgresAddress(server.new_database())
        measure("PostgreSQL", lambda: open_catalog(address), options)
    finally:
        server.close()


def measure(name: str, open_target: Callable[[], Catalog], options: argparse.Namespace) -> None:
    """Time commits into a catalog, first empty, then filled."""
    songs = SyntheticSongs()
    with open_target() as catalog:
        run_id = catalog.begin_run({}, NOW)
        print_rates(f"{name}, empty at first", catalog, run_id, songs, options)
        while songs.song_count * LINKS_PER_SONG < options.links:
            catalog.commit(run_id, [songs.batch(FILL_COMMIT_SIZE)], NOW)
        print_rates(f"{name}, {songs.song_count * LINKS_PER_SONG:,} links", catalog, run_id, songs, options)


def print_rates(
    name: str, catalog: Catalog, run_id: int, songs: "SyntheticSongs", options: argparse.Namespace
) -> None:
    """Print a line with the rate for each size of a commit."""
    print(f"{name:<32}", end="")
    for size in options.sizes:
        rates = []
        for _ in range(max(3, options.timed // size)):
            batch = songs.batch(size)
            began = time.perf_counter()
            catalog.commit(run_id, [batch], NOW)
            rates.append(size * LINKS_PER_SONG / (time.perf_counter() - began))
        print(f"{statistics.median(rates):>10,.0f}", end="", flush=True)
    print()


class SyntheticSongs:
    """An endless supply of made-up songs."""

    def __init__(self) -> None:
        self.song_count = 0
        self._track_count = 0
        self._rng = random.Random(1)

    def batch(self, size: int) -> BatchRecord:
        """Return a batch of new songs."""
        return BatchRecord.from_songs(self._song() for _ in range(size))

    def _song(self) -> SongRecord:
        self.song_count += 1
        number = self.song_count
        path = b"/library/%03d/song-%09d.mid" % (number % 1_000, number)
        digest = hashlib.blake2b(path, digest_size=32).digest()
        name = f"song-{number:09}"
        return SongRecord(
            *(path, 9, name, 21_000, number, digest, "split", 1, 6, 480, 96_000, 100.0),
            links=tuple(self._links()),
        )

    def _links(self) -> Iterator[LinkRecord]:
        for number in range(LINKS_PER_SONG):
            if self._track_count and self._rng.random() < DUPLICATES:
                content = self._rng.randrange(self._track_count)
            else:
                content = self._track_count
                self._track_count += 1
            digest = hashlib.blake2b(content.to_bytes(8), digest_size=32).digest()
            track = TrackRecord(
                *(digest, "Lead", "Violin", "Strings", number, 40, 240, 55, 88, 96_000, 100.0),
                *(95_000, 99.0, 480, 120.0, 1, "4/4", "D major", content, 2_600, "Lead", 32),
            )
            yield LinkRecord(
                number + 1, None, number, 40, None, 1, "Lead", "ascii", "Violin", "Strings", track
            )


if __name__ == "__main__":
    main()
