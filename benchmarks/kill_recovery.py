"""Measure how much work killed runs lose, on a part of the library of ``benchmarks/growth.py``.

    python benchmarks kill_recovery [--songs 607000] [--part 60000] [--work FOLDER]

All processes of a run are killed when a third of the songs are committed. A second run, with other workers
and batches, is killed at two thirds. A third run completes the work. The songs that it skips are compared
with those that were committed before, and the result with that of an undisturbed run.
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

from common import BYTES_PER_FILE, file_paths, machine_description, require_disk_space, sample_songs_folder

POLL_SECONDS = 0.02
KILLED_RUNS = (
    (1 / 3, ("--workers", "2", "--batch-size", "250")),
    (2 / 3, ("--workers", "3", "--batch-size", "77")),
)
"""The share of songs at which each run is killed, and its options."""

LAST_RUN_OPTIONS = ("--workers", "1", "--batch-size", "500")

FACTS_SQL = (
    "SELECT p.digest, p.outcome, s.position, s.track_number, s.channel, s.program, t.digest, t.stem "
    "FROM songs p LEFT JOIN links s ON s.song_id = p.id LEFT JOIN tracks t ON t.id = s.track_id "
    "ORDER BY p.digest, s.position"
)


def main() -> None:
    """Kill runs, complete the work, compare, and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--songs", type=int, default=607_000, help="of the library (default: 607000)")
    parser.add_argument("--part", type=int, default=60_000, help="songs that are split (default: 60000)")
    parser.add_argument("--work", type=Path, default=Path("build/bench"), help="default: build/bench")
    options = parser.parse_args()

    disturbed, undisturbed = options.work / "killed", options.work / "not-killed"
    if disturbed.exists() or undisturbed.exists():
        sys.exit(f"{disturbed} or {undisturbed} exists already: remove them, or name another --work.")
    files = 6 * options.part  # of both results
    require_disk_space(options.work, files * BYTES_PER_FILE, files)
    print(machine_description(), flush=True)
    library = sample_songs_folder(options.work / f"songs-{options.songs}", options.songs)

    command = [sys.executable, "-m", "midiprism", "split", str(library), "--limit", str(options.part)]
    command += ["--quiet", "--no-scan", "--out"]
    for share, settings in KILLED_RUNS:
        done = run_and_kill([*command, str(disturbed), *settings], disturbed, int(share * options.part))
        print(f"{' '.join(settings)}: killed with {done:,} songs committed", flush=True)
    before = committed_songs(disturbed)
    last = run_json_command([*command, str(disturbed), *LAST_RUN_OPTIONS, "--json"])
    skipped, opened = last["songs_skipped"], last["songs_done"]
    print(
        f"{' '.join(LAST_RUN_OPTIONS)}: {before:,} songs were committed, {skipped:,} skipped, {opened:,} done"
    )
    subprocess.run([*command, str(undisturbed)], check=True)

    same = catalog_facts(disturbed) == catalog_facts(undisturbed)
    same = same and track_sizes(disturbed) == track_sizes(undisturbed)
    print("tree and catalog are those of the undisturbed run" if same else "THE RESULTS DIFFER")
    verified = run_json_command([sys.executable, "-m", "midiprism", "verify", str(disturbed), "--json"])
    print(f"verify: {verified['checked']}, damages: {verified['damages'] or 'none'}")
    sys.exit(not (same and verified["ok"] and skipped == before and skipped + opened == options.part))


def run_json_command(command: Sequence[str]) -> Any:
    """Run a command and return its last line of output, which is JSON."""
    done = subprocess.run(command, check=False, stdout=subprocess.PIPE)
    return json.loads(done.stdout.splitlines()[-1])


def run_and_kill(command: Sequence[str], out: Path, until: int) -> int:
    """Run a command, kill its processes when enough songs are committed, and return how many there are."""
    with subprocess.Popen(command, start_new_session=True) as process:
        while process.poll() is None and committed_songs(out) < until:
            time.sleep(POLL_SECONDS)
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
    if process.returncode != -signal.SIGKILL:
        sys.exit(f"the run ended with {process.returncode} before it was killed")
    return committed_songs(out)


def committed_songs(out: Path) -> int:
    """Return the number of committed songs; 0 if there is no catalog yet."""
    try:
        return int(query_catalog(out, "SELECT count(*) FROM song_paths")[0][0])
    except sqlite3.Error:
        return 0


def catalog_facts(out: Path) -> list[Any]:
    """Return the facts of the catalog, without row numbers."""
    return query_catalog(out, FACTS_SQL)


def query_catalog(out: Path, query: str) -> list[Any]:
    """Return the rows that a query finds in the catalog of a result."""
    with closing(sqlite3.connect(f"file:{out / 'catalog.sqlite'}?mode=ro", uri=True)) as connection:
        return connection.execute(query).fetchall()


def track_sizes(out: Path) -> list[tuple[str, int]]:
    """Return the paths and sizes of all tracks."""
    return sorted((os.path.relpath(path, out), os.path.getsize(path)) for path in file_paths(out / "tracks"))


if __name__ == "__main__":
    main()
