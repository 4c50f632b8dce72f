"""Measure how many tracks a second one core computes the facts of, and what facts cost a whole run.

The runs are made in turns, with and without facts, each into a new folder; nothing is deleted between them.
"""

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from common import sample_songs_folder
from midiprism import split
from midiprism.features.track_facts import FactsCalculator
from midiprism.sample import generate_songs

REFERENCE_NOTES = 550
"""Notes of a mean track, to which rates are converted."""


def measure_kernel(songs: int, rounds: int) -> None:
    """Print the rate of the best round."""
    tracks = [it for song in generate_songs(songs) for it in split(song.data).tracks if it.note_count]
    data, families = [it.data for it in tracks], [it.own_family for it in tracks]
    notes = sum(it.note_count for it in tracks)
    calculator = FactsCalculator()
    calculator.columns(data[:10], families[:10])
    seconds = []
    for _ in range(rounds):
        began = time.perf_counter()
        calculator.columns(data, families)
        seconds.append(time.perf_counter() - began)
    best = min(seconds)
    print(f"{len(tracks):,} tracks of {notes / len(tracks):.0f} notes: {len(tracks) / best:,.0f} tracks/s")
    print(f"at {REFERENCE_NOTES} notes a track: {notes / REFERENCE_NOTES / best:,.0f} tracks/s a core")


def run_seconds(source: Path, out: Path, *options: str) -> float:
    """Return the seconds of a run without the time to load."""
    command = [sys.executable, "-m", "midiprism", "split", str(source), "-o", str(out), "--json", "--quiet"]
    done = subprocess.run([*command, *options], check=True, capture_output=True, text=True)
    facts = json.loads(done.stdout.splitlines()[-1])
    return float(facts["seconds"] - facts["loading_seconds"])


def compare_runs(what: str, run: Callable[[str, Path, bool], float], rounds: int, work: Path) -> None:
    """Print for each store how fast whole runs with something are relative to those without it.

    Args:
        what: the runs have or do without.
        run: called with a store, a new folder and whether the run has it; returns its seconds.
        rounds: runs of each kind, which take turns.
        work: folder of the results, which stay.
    """
    for store in ("files", "parquet"):
        seconds: dict[bool, list[float]] = {False: [], True: []}
        for number in range(rounds):
            for has_it, values in seconds.items():
                values.append(run(store, work / f"{store}-{number}-{has_it}", has_it))
        without, with_it = (statistics.median(values) for values in seconds.values())
        print(f"{store}: {without:.2f} s without {what}, {with_it:.2f} s with; {without / with_it:.2f}")


def measure_runs(songs: int, rounds: int, work: Path) -> None:
    """Print the ratio of whole runs with facts to those without, as a speed."""
    source = sample_songs_folder(work / "songs", songs)

    def run(store: str, out: Path, has_facts: bool) -> float:
        return run_seconds(source, out, "--store", store, *([] if has_facts else ["--no-facts"]))

    compare_runs("facts", run, rounds, work)


def main() -> None:
    """Measure as the command line says."""
    parser = argparse.ArgumentParser(description="Measure the speed of facts, alone and in whole runs.")
    parser.add_argument("--songs", type=int, default=20_000, help="sample songs of a run")
    parser.add_argument("--rounds", type=int, default=3, help="runs of each kind")
    parser.add_argument("--work", type=Path, help="folder for the runs; without it a temporary one")
    options = parser.parse_args()
    measure_kernel(min(200, options.songs), 5)
    with tempfile.TemporaryDirectory() as folder:
        measure_runs(options.songs, options.rounds, options.work or Path(folder))


if __name__ == "__main__":
    main()
