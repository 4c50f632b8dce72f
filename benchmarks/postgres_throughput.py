"""Measure whole runs with a catalog in PostgreSQL, with one in a file, and with a row at a time.

    python benchmarks postgres_throughput [--songs 6000] [--work FOLDER] [--fast-server]

The competitors take turns on the same sample songs, each time with an empty database and a new folder, until
each has run for the given seconds. The naive one is ``naive_postgres.py``. The server is on this machine and
has default settings. With ``--fast-server`` it does not wait for the disk, which favors the naive competitor,
since that commits every row.
"""

import argparse
import sys
from pathlib import Path

from common import BYTES_PER_FILE, machine_description, new_folders, require_disk_space, sample_songs_folder
from competitors import Competitor, TimedRun, run_files
from midiprism.catalog import PostgresAddress
from naive_postgres import TESTS_FOLDER, naive_postgres
from run_throughput import add_options, print_table, run_for

sys.path.append(str(TESTS_FOLDER))
from support.postgres import PostgresServer, find_installations

EXPECTED_FILES_PER_SECOND = 20_000


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--songs", type=int, default=6_000, help="sample songs (default: 6000)")
    parser.add_argument(
        "--fast-server", action="store_true", help="use a server that does not wait for the disk"
    )
    add_options(parser)
    options = parser.parse_args()

    installations = find_installations()
    if not installations:
        sys.exit("no PostgreSQL server is installed")
    count = int(options.seconds * EXPECTED_FILES_PER_SECOND * (1 if options.remove else options.rounds * 3))
    require_disk_space(options.work, count * BYTES_PER_FILE, count)
    print(machine_description())
    library = sample_songs_folder(options.work / f"songs-{options.songs}", options.songs)
    server = PostgresServer(installations[0], durable=not options.fast_server)
    try:
        competitors: dict[str, Competitor] = {
            "PostgreSQL": lambda source, out, processes: run_files(
                source, out, processes, PostgresAddress(server.new_database())
            ),
            "a file": run_files,
            "a row at a time": lambda source, out, _: naive_postgres(source, out, server.new_database()),
        }
        measure(competitors, library, options)
    finally:
        server.close()


def measure(competitors: dict[str, Competitor], library: Path, options: argparse.Namespace) -> None:
    """Run all competitors in turn and print the result."""
    rates: dict[str, list[float]] = {name: [] for name in competitors}
    starts: dict[str, list[float]] = {name: [] for name in competitors}
    folders = new_folders(options.work)
    done = TimedRun(0.0, 0.0, 0, 0)
    for _ in range(options.rounds):
        for name, run in competitors.items():
            done = run_for(run, library, folders, options)
            rates[name].append(done.songs / done.seconds)
            starts[name].append(done.start_seconds)
    waits = "does not wait" if options.fast_server else "waits"
    print(f"{options.songs:,} sample songs, {options.rounds} rounds of {options.seconds:g} s; ", end="")
    print(f"the server {waits} for the disk")
    print_table(rates, starts)


if __name__ == "__main__":
    main()
