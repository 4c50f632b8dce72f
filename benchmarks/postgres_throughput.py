"""How fast whole runs are whose catalogue is in PostgreSQL, beside one in a file, and beside a row at a time.

    python benchmarks/postgres_throughput.py [--songs 6000] [--work FOLDER] [--fast-server]

Sides take turns on the same sample songs, each time with an empty database and a fresh folder, until their
clocks show the seconds asked for. The naive side is ``naive_postgres.py``. The server is one of this machine,
with its settings as they come; with ``--fast-server`` it does not wait for the disk, which spares the naive
side, that commits every row.
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
    parser.add_argument("--fast-server", action="store_true", help="a server that does not wait for the disk")
    add_options(parser)
    options = parser.parse_args()

    found = find_installations()
    if not found:
        sys.exit("no PostgreSQL server is installed")
    count = int(options.seconds * EXPECTED_FILES_PER_SECOND * (1 if options.remove else options.rounds * 3))
    require_disk_space(options.work, count * BYTES_PER_FILE, count)
    print(machine_description())
    library = sample_songs_folder(options.work / f"songs-{options.songs}", options.songs)
    server = PostgresServer(found[0], durable=not options.fast_server)
    try:
        sides: dict[str, Competitor] = {
            "PostgreSQL": lambda source, out, processes: run_files(
                source, out, processes, PostgresAddress(server.new_database())
            ),
            "a file": run_files,
            "a row at a time": lambda source, out, _: naive_postgres(source, out, server.new_database()),
        }
        measure(sides, library, options)
    finally:
        server.close()


def measure(sides: dict[str, Competitor], library: Path, options: argparse.Namespace) -> None:
    """Take all sides in turn, and print what came of it."""
    rates: dict[str, list[float]] = {side: [] for side in sides}
    starts: dict[str, list[float]] = {side: [] for side in sides}
    folders = new_folders(options.work)
    done = TimedRun(0.0, 0.0, 0, 0)
    for _ in range(options.rounds):
        for side, run in sides.items():
            done = run_for(run, library, folders, options)
            rates[side].append(done.songs / done.seconds)
            starts[side].append(done.start_seconds)
    waits = "does not wait" if options.fast_server else "waits"
    print(f"{options.songs:,} sample songs, {options.rounds} rounds of {options.seconds:g} s; ", end="")
    print(f"the server {waits} for the disk")
    print_table(rates, starts)


if __name__ == "__main__":
    main()
