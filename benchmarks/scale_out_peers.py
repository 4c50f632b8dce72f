"""Compare midiprism on Ray with the same job in Ray Data and in Daft: wall time and processor time.

    python benchmarks scale_out_peers [--songs 40000] [--rounds 3] [--few-columns] [--work FOLDER]

All sides read the same songs from a folder, split them with midiprism's splitter, write each track once, and
write links and outcomes, as Parquet files. 1 in 100 songs is a copy of another, and one is no MIDI file. The
sides take turns, on two processors: midiprism and Ray Data each on a Ray cluster of one node, which is
started for it, Daft with its native runner. A side is measured from the moment at which its cluster is ready,
and a second time with the start of Ray. If any two results differ, no figure is printed.

Midiprism, Ray Data and Daft are installed into an environment below ``--work``, and all sides run there; that
takes some minutes. A control group counts the processor time of all processes of a side. It needs root and
Linux.
"""

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from builds import Build, install
from common import machine_description, sample_songs_folder
from peer_results import PeerResult, WrongResultError, read_midiprism, read_peer, require_equal
from scale_out import control_group, cpu_seconds, in_control_group
from support.ray_scenario import LOOPBACK, bring_loopback_up, in_namespaces, ray_environment

FOLDER = Path(__file__).resolve().parent
PEERS = ("ray[data]==2.60.0", "daft==0.7.26", "pyarrow==25.0.1")
SIDES = ("midiprism", "ray-data", "daft")
WORKERS = 2
WORKER_LIMIT = "8"
"""Idle processes that Ray keeps. By default these are as many as processors: since Ray Data needs others for
each kind of task, two processors would start them again and again, for twice the processor time."""

SONGS_FAILED = 1
COPIES = 100
"""One song of so many is a copy of another."""


class Cost(NamedTuple):
    """The cost of a side, in seconds of wall time and of processor time.

    Attributes:
        wall: from the moment at which the cluster is ready.
        cpu: the same.
        wall_with_start: with the start and the end of the cluster.
        cpu_with_start: the same.
    """

    wall: float
    cpu: float
    wall_with_start: float
    cpu_with_start: float


def main() -> None:
    """Measure and print."""
    if sys.argv[1:2] == ["--side"]:
        run_side(*sys.argv[2:])
        return
    options = make_parser().parse_args()
    work = options.work.absolute()
    work.mkdir(parents=True, exist_ok=True)
    build = install("HEAD", work, "cloud,ray", PEERS)
    songs = songs_folder(work, options.songs)
    columns = "few columns" if options.few_columns else "all columns"
    print(f"{machine_description()}; {options.songs:,} songs, {columns}; {', '.join(PEERS)}", flush=True)
    costs: dict[str, list[Cost]] = {side: [] for side in options.sides}
    for number in range(options.rounds):
        results: dict[str, PeerResult] = {}
        for side in options.sides if number % 2 == 0 else reversed(options.sides):
            out = work / f"peers-{side}"
            shutil.rmtree(out, ignore_errors=True)
            costs[side].append(measure(build, side, songs, out, few=options.few_columns))
            try:
                results[side] = read_midiprism(out) if side == "midiprism" else read_peer(out)
            except WrongResultError as error:
                sys.exit(f"{side}: {error}")
            shutil.rmtree(out)
        try:
            require_equal(results)
        except WrongResultError as error:
            sys.exit(f"the results differ: {error}")
        print(f"round {number + 1}: load {os.getloadavg()[0]:.1f}, {describe(results)}", flush=True)
    print_costs(costs)


def make_parser() -> argparse.ArgumentParser:
    """Return the parser of the options."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--songs", type=int, default=40_000, help="number of songs (default: 40000)")
    parser.add_argument("--rounds", type=int, default=1, help="default: 1")
    parser.add_argument(
        "--sides", type=parse_sides, default=SIDES, help=f"of {','.join(SIDES)} (default: all)"
    )
    parser.add_argument(
        "--few-columns",
        action="store_true",
        help="Ray Data and Daft write digests, bytes, positions, paths and outcomes only",
    )
    parser.add_argument("--work", type=Path, default=Path("build/bench"), help="default: build/bench")
    return parser


def parse_sides(text: str) -> tuple[str, ...]:
    """Return the sides that are named, separated by commas.

    Raises:
        argparse.ArgumentTypeError: there is no such side, or one is named twice.
    """
    sides = tuple(text.split(","))
    unknown = set(sides) - set(SIDES)
    if unknown or len(set(sides)) < len(sides):
        raise argparse.ArgumentTypeError(f"{text!r} is not some of {','.join(SIDES)}, each once")
    return sides


def songs_folder(work: Path, count: int) -> Path:
    """Return a folder of so many songs, some of which are copies, and one of which is no MIDI file."""
    folder = work / f"peers-songs-{count}"
    if not folder.exists():
        copies = count // COPIES
        unfinished = sample_songs_folder(folder.with_name(f"{folder.name}.parts"), count - copies - 1)
        songs = sorted(unfinished.rglob("*.mid"))
        copied = unfinished / "copies"
        copied.mkdir()
        for number, song in enumerate(songs[:: max(1, len(songs) // copies) if copies else None][:copies]):
            shutil.copyfile(song, copied / f"{number:06}.mid")
        (copied / "broken.mid").write_bytes(b"not a song")
        unfinished.rename(folder)
    return folder


def measure(build: Build, side: str, songs: Path, out: Path, *, few: bool) -> Cost:
    """Return the cost of a side, which writes to ``out``."""
    with control_group() as group, ray_environment() as environment:
        arguments = [str(FOLDER / "scale_out_peers.py"), "--side", side, str(songs), str(out), str(group)]
        command = in_namespaces([*arguments, *(["--few-columns"] if few else [])], build.python)
        environment["RAY_num_workers_soft_limit"] = WORKER_LIMIT
        environment["PYTHONPATH"] = os.pathsep.join([str(FOLDER), str(FOLDER.parent / "tests")])
        began = time.perf_counter()
        done = subprocess.run(
            in_control_group(group, command), env=environment, capture_output=True, text=True, check=False
        )
        wall = time.perf_counter() - began
        if done.returncode:
            sys.exit(f"{side} ended with {done.returncode}:\n{done.stdout}{done.stderr}")
        answer = json.loads(done.stdout.splitlines()[-1])
        return Cost(answer["wall"], answer["cpu"], wall, cpu_seconds(group))


def run_side(side: str, songs: str, out: str, group: str, *flags: str) -> None:
    """Do the job in namespaces of its own, and print what it cost as JSON."""
    bring_loopback_up()
    environment = dict(os.environ)
    if side != "daft":
        from ray.cluster_utils import Cluster

        head = {"num_cpus": WORKERS, "include_dashboard": False, "node_ip_address": LOOPBACK}
        environment["RAY_ADDRESS"] = Cluster(initialize_head=True, head_node_args=head).address
    if side == "midiprism":
        command = ["-m", "midiprism", "split", Path(songs).as_uri(), "-o", Path(out).as_uri(), "-q"]
        command += ["--engine", "ray", "--workers", str(WORKERS), "--no-facts"]
    else:
        command = [str(FOLDER / "peer_jobs.py"), side, songs, out, *flags]
    began, used = time.perf_counter(), cpu_seconds(Path(group))
    code = subprocess.run([sys.executable, *command], env=environment, check=False).returncode
    cost = {"wall": time.perf_counter() - began, "cpu": cpu_seconds(Path(group)) - used}
    if side == "midiprism" and code == SONGS_FAILED:  # the one that is no MIDI file
        code = 0
    print(json.dumps(cost), flush=True)
    os._exit(code)  # the namespace ends all processes of Ray


def describe(results: Mapping[str, PeerResult]) -> str:
    """Return the size of the equal results."""
    result = next(iter(results.values()))
    return (
        f"{len(results)} equal results of {len(result.outcomes):,} songs, {len(result.tracks):,} tracks and "
        f"{len(result.links):,} links"
    )


def print_costs(costs: Mapping[str, Sequence[Cost]]) -> None:
    """Print the medians of all sides, and the medians of their ratios to the first in each round."""
    (first, base), *_ = costs.items()
    for side, found in costs.items():
        parts = []
        for name in Cost._fields:
            values = [getattr(cost, name) for cost in found]
            ratios = [value / getattr(cost, name) for value, cost in zip(values, base, strict=True)]
            times = f"{statistics.median(ratios):.2f} ({min(ratios):.2f} to {max(ratios):.2f})"
            parts.append(
                f"{name.replace('_', ' ')} {statistics.median(values):.1f} s"
                + ("" if side == first else f", {times} times {first}")
            )
        print(f"{side}: {'; '.join(parts)}")


if __name__ == "__main__":
    main()
