"""What runs that are killed cost, on a part of the library that ``benchmarks/growth.py`` makes.

    python benchmarks/killed.py [--songs 607000] [--part 60000] [--work FOLDER]

Every process of a run is killed when a third of the songs are committed, those of a second run, with other
workers and batches, at two thirds; a third run ends the work. Songs that were done twice are counted, and the
result is compared with that of a run that nothing disturbed.
"""

import argparse
import json
import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

from libraries import BYTES_PER_FILE, machine, require_room, sample_library

POLL_SECONDS = 0.02
RUNS: tuple[tuple[float, Sequence[str]], ...] = (
    (1 / 3, ("--workers", "2", "--batch-size", "250")),
    (2 / 3, ("--workers", "3", "--batch-size", "77")),
    (1, ("--workers", "1", "--batch-size", "500")),
)
"""Until which share of the songs each goes, and its settings."""

FACTS = (
    "SELECT p.digest, p.outcome, s.position, s.track_number, s.channel, s.program, t.digest, t.stem "
    "FROM parents p LEFT JOIN track_splits s ON s.parent_id = p.id LEFT JOIN tracks t ON t.id = s.track_id "
    "ORDER BY p.digest, s.position"
)


COUNTS = "SELECT (SELECT count(*) FROM parents), (SELECT sum(parents) FROM batches)"


def main() -> None:
    """Kill, go on, compare, and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--songs", type=int, default=607_000, help="of the library (default: 607000)")
    parser.add_argument("--part", type=int, default=60_000, help="songs that are split (default: 60000)")
    parser.add_argument("--work", type=Path, default=Path("build/bench"), help="default: build/bench")
    options = parser.parse_args()

    disturbed, undisturbed = options.work / "killed", options.work / "not-killed"
    if disturbed.exists() or undisturbed.exists():
        sys.exit(f"{disturbed} or {undisturbed} is there already: remove them, or name another --work.")
    files = 6 * options.part  # with those of the other run
    require_room(options.work, files * BYTES_PER_FILE, files)
    print(machine(), flush=True)
    library = sample_library(options.work / f"songs-{options.songs}", options.songs)

    command = [sys.executable, "-m", "midiprism", "split", str(library), "--limit", str(options.part)]
    command += ["--quiet", "--no-scan", "--out"]
    for share, settings in RUNS:
        done = split([*command, str(disturbed), *settings], disturbed, int(share * options.part))
        print(f"{' '.join(settings)}: {done:,} songs committed in all", flush=True)
    subprocess.run([*command, str(undisturbed)], check=True)

    songs, batches = counted(disturbed)
    print(f"{songs:,} songs; {batches:,} in the batches of all runs: {batches - songs:,} done twice")
    same = facts(disturbed) == facts(undisturbed) and tree(disturbed) == tree(undisturbed)
    print("tree and catalogue are those of the run that nothing disturbed" if same else "THE RESULTS DIFFER")
    verify = [sys.executable, "-m", "midiprism", "verify", str(disturbed), "--json"]
    found = json.loads(subprocess.run(verify, check=False, capture_output=True).stdout.splitlines()[-1])
    print(f"verify: {found}")
    sys.exit(not same or batches != songs)


def split(command: Sequence[str], out: Path, until: int) -> int:
    """Run a command until so many songs are committed, then kill all its processes; how many there are."""
    with subprocess.Popen(command, start_new_session=True) as process:
        while process.poll() is None and committed(out) < until:
            time.sleep(POLL_SECONDS)
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
    if process.returncode not in (0, -signal.SIGKILL):
        sys.exit(f"the run ended with {process.returncode}")
    return committed(out)


def committed(out: Path) -> int:
    """Songs in the batches that are committed."""
    try:
        return counted(out)[1]
    except sqlite3.Error:
        return 0


def counted(out: Path) -> tuple[int, int]:
    """Songs, and those in all batches."""
    ((songs, batches),) = rows(out, COUNTS)
    return songs, batches or 0


def facts(out: Path) -> list[Any]:
    """What the catalogue says, without its numbers."""
    return rows(out, FACTS)


def rows(out: Path, query: str) -> list[Any]:
    """The rows that a query finds in the catalogue of a result."""
    with closing(sqlite3.connect(f"file:{out / 'catalog.sqlite'}?mode=ro", uri=True)) as connection:
        return connection.execute(query).fetchall()


def tree(out: Path) -> list[tuple[str, int]]:
    """Paths and sizes of all tracks."""
    found = []
    for here, _, names in os.walk(out / "tracks"):
        found += [
            (os.path.relpath(path, out), os.path.getsize(path))
            for path in (os.path.join(here, name) for name in names)
        ]
    return sorted(found)


if __name__ == "__main__":
    main()
