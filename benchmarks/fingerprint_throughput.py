"""Measure what fingerprints cost a whole run: runs in turns, with and without, each into a new folder.

    python benchmarks fingerprint_throughput [--songs 20000 | --source SONGS] [--rounds 5] [--work FOLDER]

A run makes fingerprints if its result has some, so that their folder is made before it. Nothing is deleted
between the runs.
"""

import argparse
import tempfile
from collections.abc import Sequence
from pathlib import Path

from common import machine_description, sample_songs_folder
from facts_throughput import compare_runs, run_seconds
from midiprism.similarity.folder import similarity_folder


def measure(source: Path, rounds: int, work: Path) -> None:
    """Print the ratio of whole runs with fingerprints to those without, as a speed."""

    def run(store: str, out: Path, has_fingerprints: bool) -> float:
        folder = Path(similarity_folder(str(out)))
        if has_fingerprints:
            folder.mkdir(parents=True)
        seconds = run_seconds(source, out, "--store", store)
        assert (folder.exists() and any(folder.iterdir())) == has_fingerprints
        return seconds

    compare_runs("fingerprints", run, rounds, work)


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure as the command line says."""
    parser = argparse.ArgumentParser(description="Measure what fingerprints cost a whole run.")
    parser.add_argument("--songs", type=int, default=20_000, help="sample songs of a run; default: 20000")
    parser.add_argument("--source", type=Path, help="songs to split instead of sample songs")
    parser.add_argument("--rounds", type=int, default=5, help="runs of each kind; default: 5")
    parser.add_argument("--work", type=Path, help="folder for the runs; without it a temporary one")
    options = parser.parse_args(arguments)
    print(machine_description())
    with tempfile.TemporaryDirectory(dir=options.work) as folder:
        source = options.source or sample_songs_folder(Path(folder) / "songs", options.songs)
        measure(source, options.rounds, Path(folder))


if __name__ == "__main__":
    main()
