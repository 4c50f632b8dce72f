"""Measure the most memory of every process of a run in object storage, with and without Ray, by its role.

    python benchmarks cluster_memory [--songs N] [--sides storage,ray-2] [--work FOLDER] [--timeline]

A side splits the same sample songs between folders by ``file://``: ``storage-N`` with N worker processes,
``ray-N`` on a Ray cluster of N nodes on this machine with one worker process each. Meanwhile all its
processes are looked at, again and again: RSS is what a process has in memory, and PSS counts what several
share, such as libraries and what the fork server has loaded, by equal parts. It needs Linux, and with Ray
root.
"""

import argparse
import re
import shutil
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import psutil

from common import machine_description, sample_songs_folder

SIDES = "storage-2,ray-2"
FORK_SERVER = "fork server"
ROLES = (
    ("agent of a node", re.compile(r"ray::NodeAgent")),
    ("Ray's idle worker", re.compile(r"ray::")),
    ("Ray's raylet", re.compile(r"raylet/raylet ")),
    ("Ray's gcs_server", re.compile(r"gcs_server")),
    (FORK_SERVER, re.compile(r"multiprocessing\.forkserver")),
    ("resource tracker", re.compile(r"resource_tracker")),
    ("Ray's other processes", re.compile(r"site-packages/ray/")),
    ("command", re.compile(r"-m midiprism split")),
)
"""Roles by the command lines of processes; the first that fits holds."""

WORKER = "worker process"
_KIB = 1_024
_MB = 1e6


class Memory(NamedTuple):
    """Bytes of memory of a process.

    Attributes:
        rss: what it has in memory.
        pss: what it shares counts by the part of each process.
    """

    rss: int
    pss: int

    def most(self, other: "Memory") -> "Memory":
        """Return the greater of both figures."""
        return Memory(max(self.rss, other.rss), max(self.pss, other.pss))


class Peak(NamedTuple):
    """The most memory of a process so far, and its role."""

    role: str
    memory: Memory


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--songs", type=int, default=20_000, help="number of sample songs (default: 20000)")
    parser.add_argument("--sides", default=SIDES, help=f"storage-N, ray-N (default: {SIDES})")
    parser.add_argument("--work", type=Path, default=Path("build/bench"), help="(default: build/bench)")
    parser.add_argument("--interval", type=float, default=0.25, help="seconds (default: 0.25)")
    parser.add_argument("--timeline", action="store_true", help="print the largest process each 2 seconds")
    parser.add_argument("--side", nargs=3, metavar=("SIDE", "SONGS", "OUT"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.side is not None:
        run_side(options.side[0], Path(options.side[1]), Path(options.side[2]))
        return
    options.work.mkdir(parents=True, exist_ok=True)
    songs = sample_songs_folder(options.work.absolute() / f"scale-out-{options.songs}", options.songs)
    print(machine_description())
    for side in options.sides.split(","):
        out = songs.with_name(f"{songs.name}-memory-{side}")
        shutil.rmtree(out, ignore_errors=True)
        print(f"\n{side}, {options.songs:,} songs", flush=True)
        try:
            peaks, most = watch(
                [side, str(songs), str(out)], options.interval, 2.0 if options.timeline else None
            )
        finally:
            shutil.rmtree(out, ignore_errors=True)
        print_peaks(peaks, most)


def run_side(side: str, songs: Path, out: Path) -> None:
    """Split songs in one way."""
    kind, _, count = side.partition("-")
    if kind == "ray":
        from support.ray_scenario import run_scenario

        outcome = run_scenario("", songs.as_uri(), out.as_uri(), "-q", nodes=int(count), timeout=3_600.0)
        assert outcome.code == 0, outcome.output
        return
    command = [sys.executable, "-m", "midiprism", "split", songs.as_uri(), "-o", out.as_uri()]
    subprocess.run([*command, "--workers", count or "2", "-q"], check=True)


def watch(side: Sequence[str], interval: float, print_each: float | None) -> tuple[Mapping[int, Peak], int]:
    """Run a side, and return the most memory of each of its processes, and the most PSS of all together.

    Args:
        side: arguments of the side.
        interval: seconds between two looks at its processes.
        print_each: seconds between two lines about the largest process; None for no lines.
    """
    command = [sys.executable, str(Path(__file__).absolute()), "--side", *side]
    peaks: dict[int, Peak] = {}
    most = 0
    began = printed = time.monotonic()
    with subprocess.Popen(command) as running:
        while running.poll() is None:
            now = dict(_look(running.pid))
            for pid, peak in now.items():
                before = peaks.get(pid)
                peaks[pid] = peak if before is None else Peak(peak.role, peak.memory.most(before.memory))
            most = max(most, sum(peak.memory.pss for peak in now.values()))
            if print_each is not None and now and time.monotonic() - printed >= print_each:
                printed = time.monotonic()
                role, memory = max(now.values(), key=lambda peak: peak.memory.pss)
                print(
                    f"{printed - began:8.1f} s: {role}, {memory.rss / _MB:.0f} MB RSS, "
                    f"{memory.pss / _MB:.0f} MB PSS",
                    flush=True,
                )
            time.sleep(interval)
        assert running.returncode == 0, f"{side[0]} failed"
    return peaks, most


def _look(pid: int) -> Iterator[tuple[int, Peak]]:
    """Yield the processes that a process has started, with what they have now."""
    try:
        processes = psutil.Process(pid).children(recursive=True)
    except psutil.Error:
        return
    for process in processes:
        try:
            role = _role_of(process)
            if role is not None:
                yield process.pid, Peak(role, _memory_of(process.pid))
        except (psutil.Error, OSError, KeyError):  # it has ended
            continue


def _role_of(process: psutil.Process) -> str | None:
    """Return the role of a process; None for one that belongs to the benchmark."""
    role = _role_by_command(process)
    if role == FORK_SERVER:
        parent = process.parent()
        if parent is not None and _role_by_command(parent) == FORK_SERVER:
            return WORKER
    return role


def _role_by_command(process: psutil.Process) -> str | None:
    command = " ".join(process.cmdline())
    return next((role for role, pattern in ROLES if pattern.search(command)), None)


def _memory_of(pid: int) -> Memory:
    fields = dict(
        line.split(":", 1) for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()[1:]
    )
    return Memory(*(int(fields[name].split()[0]) * _KIB for name in ("Rss", "Pss")))


def print_peaks(peaks: Mapping[int, Peak], most: int) -> None:
    """Print the most memory of a process by role."""
    counts = Counter(peak.role for peak in peaks.values())
    for role in sorted(counts):
        memory = Memory(0, 0)
        for peak in peaks.values():
            if peak.role == role:
                memory = memory.most(peak.memory)
        print(
            f"  {role:<24}{counts[role]:>4} processes, at most "
            f"{memory.rss / _MB:6.0f} MB RSS, {memory.pss / _MB:6.0f} MB PSS"
        )
    print(f"  all processes together, at most {most / _MB:,.0f} MB PSS", flush=True)


if __name__ == "__main__":
    main()
