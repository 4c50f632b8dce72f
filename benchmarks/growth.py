"""Measure the rate and the memory of a run as its library grows, and the time of a second run over it.

    python benchmarks growth [--songs 607000] [--work FOLDER]

Sample songs are written once. One run splits all of them. Its catalog records when each batch was committed,
which gives the rate up to 10,000 songs, up to 100,000, and in each tenth. Memory is the proportional set size
of all processes of the run, sampled every half second. A second run then has nothing to do. It is compared
with ``find``, which prints the same paths, sizes and times.
"""

import argparse
import json
import os
import re
import shutil
import sqlite3
import subprocess
import sys
import time
from datetime import datetime
from itertools import pairwise
from pathlib import Path
from typing import Any

import psutil

from common import machine_description, require_disk_space, sample_songs_folder
from midiprism.catalog.queries.run_history import latest_sampled_run, samples_of
from midiprism.catalog.reader import open_reader
from midiprism.metrics.snapshot import RunSample

SAMPLE_SECONDS = 0.5
BYTES_PER_SONG = 45_000
FILES_PER_SONG = 4


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--songs", type=int, default=607_000, help="default: 607000")
    parser.add_argument("--work", type=Path, default=Path("build/bench"), help="default: build/bench")
    parser.add_argument("--options", default="", help="further options of midiprism split")
    options = parser.parse_args()

    out = options.work / "-".join(["growth", str(options.songs), *re.findall(r"\w+", options.options)])
    if out.exists():
        sys.exit(f"{out} exists already: remove it, or name another folder with --work.")
    library = options.work / f"songs-{options.songs}"
    if not library.exists():
        require_disk_space(options.work, options.songs * BYTES_PER_SONG, options.songs * FILES_PER_SONG)
    print(machine_description(), flush=True)
    sample_songs_folder(library, options.songs)
    summary, peak = split_and_watch(library, out, options.options.split())
    print(
        f"{summary['songs_done']:,} songs into {summary['tracks']:,} tracks, {summary['tracks_new']:,} of "
        f"them new, {summary['bytes_written'] / 1e9:.1f} GB, in {summary['seconds']:,.0f} s "
        f"({summary['songs_per_second']:,.0f} songs/s)"
    )
    size = os.path.getsize(summary["catalog"])
    print(f"catalog {size / 1e6:,.0f} MB; at most {max_workers(summary['catalog'])} workers")
    print(f"peak memory of all processes {peak[0] / 1e6:,.0f} MB, in the first tenth {peak[1] / 1e6:,.0f} MB")
    print_rates(summary["catalog"], options.songs)
    print_second_run(library, out)


def split_and_watch(library: Path, out: Path, options: list[str]) -> tuple[dict[str, Any], tuple[int, int]]:
    """Split; return the summary, and the peak memory in bytes of the whole run and its first tenth."""
    command = [sys.executable, "-m", "midiprism", "split", str(library), "-o", str(out), "--json", *options]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as process:
        samples: list[int] = []
        while process.poll() is None:
            samples.append(process_memory(process.pid))
            time.sleep(SAMPLE_SECONDS)
        assert process.stdout is not None
        summary = json.loads(process.stdout.read().splitlines()[-1])
    if process.returncode:
        sys.exit(f"the run ended with {process.returncode}")
    return summary, (max(samples), max(samples[: max(1, len(samples) // 10)]))


def process_memory(pid: int) -> int:
    """Return the memory of a process and its descendants in bytes."""
    total = 0
    try:
        process = psutil.Process(pid)
        for each in (process, *process.children(recursive=True)):
            total += each.memory_full_info().pss
    except (psutil.NoSuchProcess, psutil.AccessDenied):
        pass
    return total


def max_workers(catalog: str) -> int:
    """Return the largest number of workers at one time, by the samples of the run."""
    with open_reader(catalog) as reader:
        return max(
            RunSample.from_dict(sample).workers_ready
            for sample in samples_of(reader, latest_sampled_run(reader) or 0)
        )


def print_rates(catalog: str, song_count: int) -> None:
    """Print the rate of the run by the number of songs that it had done."""
    connection = sqlite3.connect(f"file:{catalog}?mode=ro", uri=True)
    commits: list[tuple[int, float]] = [(0, 0.0)]
    for songs, moment in connection.execute(
        "SELECT sum(songs), committed_at FROM batches GROUP BY committed_at ORDER BY committed_at"
    ):
        commits.append((commits[-1][0] + songs, datetime.fromisoformat(moment).timestamp()))
    connection.close()
    del commits[0]
    print(f"{'songs':>20}{'songs/s':>10}")
    tenths = [song_count * tenth // 10 for tenth in range(11)]
    spans = [(0, 10_000), (10_000, 100_000), *pairwise(tenths)]
    for first, last in spans:
        inside = [commit for commit in commits if first <= commit[0] <= last]
        if len(inside) > 1:
            rate = (inside[-1][0] - inside[0][0]) / (inside[-1][1] - inside[0][1])
            print(f"{inside[0][0]:>9,} ..{inside[-1][0]:>8,}{rate:>10,.0f}")


def print_second_run(library: Path, out: Path) -> None:
    """Print the times of a run with nothing to do and of find."""
    find = shutil.which("find")
    if find is None:
        sys.exit("find is not installed")
    listing = [find, str(library), "-type", "f", "-printf", "%p %s %T@\n"]
    split = [sys.executable, "-m", "midiprism", "split", str(library), "-o", str(out), "--quiet"]
    seconds: dict[str, list[float]] = {"find": [], "second run": []}
    for _ in range(3):
        for name, command in (("find", listing), ("second run", split)):
            began = time.perf_counter()
            subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
            seconds[name].append(time.perf_counter() - began)
    least = {name: min(times) for name, times in seconds.items()}
    print(
        f"find {least['find']:.2f} s, second run {least['second run']:.2f} s: "
        f"{least['second run'] / least['find']:.1f} times as long (least of 3 each)"
    )


if __name__ == "__main__":
    main()
