"""Measure the processor time of a song in object storage, with and without Ray, and that of a local run.

    python benchmarks scale_out [--songs N] [--sides parquet,ray-2] [--work FOLDER]

The sides take turns over the same sample songs in a folder, with two workers in all: a local run into Parquet
files, the same between folders by ``file://``, and that on Ray clusters of so many nodes. A control group
counts the time of all processes of a side, also those of Ray and of the system for them. It needs root and
Linux.
"""

import argparse
import os
import shutil
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from common import machine_description, sample_songs_folder

CONTROL_GROUPS = Path("/sys/fs/cgroup")
WORKERS = 2
SIDES = "parquet,storage,ray-2"
HOUR = 3_600.0


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--songs", type=int, default=40_000, help="number of sample songs (default: 40000)")
    parser.add_argument("--sides", default=SIDES, help=f"ray-N has N nodes (default: {SIDES})")
    parser.add_argument("--rounds", type=int, default=1, help="(default: 1)")
    parser.add_argument("--work", type=Path, default=Path("build/bench"), help="(default: build/bench)")
    parser.add_argument("--side", nargs=3, metavar=("SIDE", "SONGS", "OUT"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.side is not None:
        run_side(options.side[0], Path(options.side[1]), Path(options.side[2]))
        return
    options.work.mkdir(parents=True, exist_ok=True)
    songs = sample_songs_folder(options.work.absolute() / f"scale-out-{options.songs}", options.songs)
    sides = options.sides.split(",")
    print(machine_description())
    used: dict[str, list[float]] = {side: [] for side in sides}
    for number in range(options.rounds):
        for side in sides:
            out = songs.with_name(f"{songs.name}-{side}")
            shutil.rmtree(out, ignore_errors=True)
            began = time.perf_counter()
            seconds = measure([side, str(songs), str(out)])
            wall = time.perf_counter() - began
            used[side].append(seconds)
            shutil.rmtree(out, ignore_errors=True)
            load = os.getloadavg()[0]
            print(
                f"round {number + 1}, {side}: {seconds:.1f} s CPU, {wall:.1f} s, load {load:.1f}", flush=True
            )
    for side in sides:
        median = statistics.median(used[side])
        ratio = statistics.median(one / base for one, base in zip(used[side], used[sides[0]], strict=True))
        print(f"{side}: {median / options.songs * 1e6:.0f} µs CPU a song, {ratio:.2f} times {sides[0]}")


def run_side(side: str, songs: Path, out: Path) -> None:
    """Split songs in one way."""
    if side.startswith("ray-"):
        from support.ray_scenario import run_scenario

        nodes = int(side.removeprefix("ray-"))
        outcome = run_scenario("", songs.as_uri(), out.as_uri(), "-q", nodes=nodes, timeout=HOUR)
        assert outcome.code == 0, outcome.output
        return
    source, place, store = str(songs), str(out), ["--store", "parquet"]
    if side == "storage":
        source, place, store = songs.as_uri(), out.as_uri(), []
    command = [sys.executable, "-m", "midiprism", "split", source, "-o", place, *store]
    subprocess.run([*command, "--workers", str(WORKERS), "-q"], check=True)


def measure(side: Sequence[str]) -> float:
    """Return the seconds of processor time of a side and all processes that it started."""
    with control_group() as folder:
        command = [sys.executable, str(Path(__file__).absolute()), "--side", *side]
        subprocess.run(in_control_group(folder, command), check=True)
        return cpu_seconds(folder)


def in_control_group(folder: Path, command: Sequence[str]) -> list[str]:
    """Return a command that runs another in a control group."""
    return ["sh", "-c", 'echo $$ > "$0/cgroup.procs" && exec "$@"', str(folder), *command]


def cpu_seconds(folder: Path) -> float:
    """Return the seconds of processor time that a control group has used so far."""
    usage = folder / "cpuacct.usage"
    if usage.exists():
        return int(usage.read_text()) / 1e9
    fields = dict(line.split() for line in (folder / "cpu.stat").read_text().splitlines())
    return int(fields["usage_usec"]) / 1e6


@contextmanager
def control_group() -> Iterator[Path]:
    """Make a control group that counts processor time."""
    parent = CONTROL_GROUPS / "cpuacct"
    folder = (parent if parent.exists() else CONTROL_GROUPS) / f"midiprism-{os.getpid()}"
    folder.mkdir()
    try:
        yield folder
    finally:
        end = time.monotonic() + 10
        while (folder / "cgroup.procs").read_text() and time.monotonic() < end:
            time.sleep(0.1)
        folder.rmdir()


if __name__ == "__main__":
    main()
