"""Compare this version with an earlier one, in turns: first runs, whole runs, short commands, memory.

    python benchmarks builds [--commit 655000f] [--corpus FOLDER] [--rounds 5] [--large 607000]

Both versions are installed as wheels into virtual environments of their own below ``--work``. In each round
each of them does the same once, and the order changes from round to round. Rates and times are medians, and
so are the ratios of the rounds. A row says how many times as fast this version is, or how much of the memory
it takes. The earlier version computed fewer facts; with ``--no-facts`` this one computes none.
"""

import argparse
import json
import os
import re
import shutil
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import count
from pathlib import Path

from common import machine_description, sample_songs_folder
from growth import process_memory

ROOT = Path(__file__).resolve().parents[1]
PARTS = ("first", "runs", "commands", "split", "large")
MEMORY_SECONDS = 0.25

SPLIT_SCRIPT = """
import sys, time
from pathlib import Path
import midiprism
songs = [path.read_bytes() for path in sorted(Path(sys.argv[1]).rglob("*.mid"))[: int(sys.argv[2])]]
midiprism.split(songs[0])
times = []
for _ in range(5):
    began = time.perf_counter()
    for song in songs:
        midiprism.split(song)
    times.append(time.perf_counter() - began)
print(min(times))
"""


@dataclass(frozen=True)
class Build:
    """An installed version.

    Attributes:
        name: for people.
        folder: of its virtual environment.
        has_no_facts: whether it has ``--no-facts``.
    """

    name: str
    folder: Path
    has_no_facts: bool

    @property
    def python(self) -> str:
        return str(self.folder / "bin" / "python")

    @property
    def command(self) -> str:
        return str(self.folder / "bin" / "midiprism")


@dataclass(frozen=True)
class Measured:
    """One measurement: what is compared, and values that are printed with it."""

    value: float
    peak_bytes: int = 0
    command_seconds: float = 0.0


Side = Callable[[Build], Measured]


class Comparison:
    """Measures both builds in turns, and prints a row for each thing that is measured."""

    def __init__(self, builds: Sequence[Build], rounds: int) -> None:
        self._builds = builds
        self._rounds = rounds

    def row(self, name: str, measure: Side, *, rounds: int | None = None) -> dict[str, list[Measured]]:
        """Measure, and print the medians and the ratio of the rounds."""
        found: dict[str, list[Measured]] = {build.name: [] for build in self._builds}
        for number in range(rounds or self._rounds):
            for build in self._builds if number % 2 else reversed(self._builds):
                found[build.name].append(measure(build))
        earlier, this = (found[build.name] for build in self._builds)
        print_row(name, [it.value for it in earlier], [it.value for it in this])
        if this[0].command_seconds:
            print_row(
                f"  {name}, whole command",
                [it.command_seconds for it in earlier],
                [it.command_seconds for it in this],
            )
        if this[0].peak_bytes:
            peaks = [max(it.peak_bytes for it in side) / 1e6 for side in (earlier, this)]
            print(f"  {name}: memory of all processes {peaks[0]:,.0f} and {peaks[1]:,.0f} MB", flush=True)
        return found


def print_row(name: str, earlier: Sequence[float], this: Sequence[float]) -> None:
    """Print the medians of two sides in seconds, and how many times as fast this version is."""
    ratios = [old / new for old, new in zip(earlier, this, strict=True)]
    print(
        f"{name:<52}{statistics.median(earlier):>9.3f} s{statistics.median(this):>9.3f} s"
        f"{statistics.median(ratios):>7.2f} times as fast ({min(ratios):.2f} to {max(ratios):.2f})",
        flush=True,
    )


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--commit", default="655000f", help="the earlier version (default: 655000f)")
    parser.add_argument("--corpus", type=Path, help="folder of real MIDI files (default: sample songs only)")
    parser.add_argument("--songs", type=int, default=20_000, help="number of sample songs (default: 20000)")
    parser.add_argument(
        "--large", type=int, default=607_000, help="songs of the part large (default: 607000)"
    )
    parser.add_argument("--rounds", type=int, default=5, help="default: 5")
    parser.add_argument(
        "--parts", default=",".join(PARTS[:-1]), help=f"of {','.join(PARTS)} (default: all but the last)"
    )
    parser.add_argument("--work", type=Path, default=Path("build/bench"), help="default: build/bench")
    options = parser.parse_args()

    work = options.work.resolve()
    work.mkdir(parents=True, exist_ok=True)
    parts = options.parts.split(",")
    builds = [install(options.commit, work), install("HEAD", work)]
    print(machine_description(), flush=True)
    comparison = Comparison(builds, options.rounds)
    few = sample_songs_folder(work / "songs-200", 200)
    libraries = {
        f"{options.songs:,} sample songs": sample_songs_folder(work / f"songs-{options.songs}", options.songs)
    }
    if options.corpus is not None:
        libraries = {"corpus": options.corpus.resolve(), **libraries}
    if "first" in parts:
        comparison.row("first run, 200 sample songs", partial(first_run, few, work))
    if "runs" in parts:
        measure_runs(comparison, libraries, work)
    if "commands" in parts:
        measure_commands(comparison, next(iter(libraries.values())), work)
    if "split" in parts:
        for name, library in libraries.items():
            comparison.row(f"split in one process, {name}", partial(split_songs, library))
    if "large" in parts:
        large = sample_songs_folder(work / f"songs-{options.large}", options.large)
        measure_runs(
            comparison, {f"{options.large:,} sample songs": large}, work, stores=("parquet",), rounds=1
        )


def install(commit: str, work: Path, extras: str = "parquet", packages: Sequence[str] = ()) -> Build:
    """Return the build of a commit, which is installed unless that was done before.

    Args:
        commit: of this repository.
        work: folder of the builds.
        extras: of midiprism, separated by commas.
        packages: what is installed with it, as pip takes it.
    """
    name = subprocess.run(
        ["git", "-C", str(ROOT), "rev-parse", "--short", commit], check=True, capture_output=True, text=True
    ).stdout.strip()
    folder = work / "-".join(["build", name, *(re.sub(r"[^\w.=]", "_", package) for package in packages)])
    if not (folder / "installed").exists():
        shutil.rmtree(folder, ignore_errors=True)
        source = folder / "source"
        source.mkdir(parents=True)
        archive = subprocess.run(["git", "-C", str(ROOT), "archive", name], check=True, capture_output=True)
        subprocess.run(["tar", "-x", "-C", str(source)], input=archive.stdout, check=True)
        subprocess.run([sys.executable, "-m", "venv", str(folder)], check=True)
        pip = [str(folder / "bin" / "python"), "-m", "pip", "install", "--quiet"]
        subprocess.run([*pip, f"{source}[{extras}]", *packages], check=True)
        (folder / "installed").touch()
    help_text = subprocess.run(
        [str(folder / "bin" / "midiprism"), "split", "--help"], check=True, capture_output=True, text=True
    ).stdout
    return Build(name, folder, "--no-facts" in help_text)


_numbers = count()


def new_folder(work: Path, build: Build) -> Path:
    """Return a folder that does not exist; nothing is removed between rounds."""
    return next(
        folder for number in _numbers if not (folder := work / f"out-{build.name}-{number:04}").exists()
    )


def run(command: Sequence[str], environment: dict[str, str] | None = None) -> tuple[float, str]:
    """Run a command; return its seconds and its output."""
    began = time.perf_counter()
    done = subprocess.run(
        command,
        env=os.environ | (environment or {}),
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        check=False,
    )
    if done.returncode:
        sys.exit(f"{' '.join(command)} ended with {done.returncode}")
    return time.perf_counter() - began, done.stdout


def first_run(library: Path, work: Path, build: Build) -> Measured:
    """Measure a run of a build that has never run before."""
    out = new_folder(work, build)
    fresh = {"NUMBA_CACHE_DIR": f"{out}-numba", "MIDIPRISM_CACHE_DIR": f"{out}-cache"}
    return Measured(run([build.command, "split", str(library), "-o", str(out), "--quiet"], fresh)[0])


def split_library(
    library: Path, work: Path, store: str, facts: bool, build: Build, *, watch_memory: bool = False
) -> Measured:
    """Measure a whole run, without and with the time until its processes are ready."""
    command = [build.command, "split", str(library), "-o", str(new_folder(work, build)), "--json"]
    command += ["--workers", "2", "--store", store]
    if build.has_no_facts and not facts:
        command.append("--no-facts")
    began, peak = time.perf_counter(), 0
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as process:
        while watch_memory and process.poll() is None:
            peak = max(peak, process_memory(process.pid))
            time.sleep(MEMORY_SECONDS)
        output = process.communicate()[0]
    seconds = time.perf_counter() - began
    summary = json.loads(output.splitlines()[-1])
    if summary["state"] != "done":
        sys.exit(f"the run did not complete: {summary['error']}")
    return Measured(summary["seconds"] - summary["loading_seconds"], peak, seconds)


def measure_runs(
    comparison: Comparison,
    libraries: dict[str, Path],
    work: Path,
    stores: Sequence[str] = ("parquet", "files"),
    rounds: int | None = None,
) -> None:
    """Measure whole runs into each store, without facts and with them."""
    for name, library in libraries.items():
        for store in stores:
            for facts in (False, True):
                label = f"{store}, {name}{'' if facts else ', --no-facts'}"
                side = partial(split_library, library, work, store, facts, watch_memory=rounds == 1)
                comparison.row(label, side, rounds=rounds)


def measure_commands(comparison: Comparison, library: Path, work: Path) -> None:
    """Measure commands that people wait for: on a result, on a song, and a run with nothing to do."""
    outs: dict[str, str] = {}

    def warm(build: Build) -> Measured:
        out = outs[build.name] = str(new_folder(work, build))
        return Measured(run([build.command, "split", str(library), "-o", out, "--quiet"])[0])

    comparison.row("a run into files as a whole command", warm)
    song = str(next(iter(sorted(library.rglob("*.mid")))))
    commands: dict[str, Callable[[str], list[str]]] = {
        "list --limit 20": lambda out: ["list", out, "--limit", "20"],
        "status": lambda out: ["status", out],
        "inspect": lambda _out: ["inspect", song],
        "a run with nothing to do": lambda out: ["split", str(library), "-o", out, "--quiet"],
    }
    for name, arguments in commands.items():
        comparison.row(
            name,
            lambda build, arguments=arguments: Measured(  # type: ignore[misc]
                run([build.command, *arguments(outs[build.name])])[0]
            ),
        )
    find = shutil.which("find")
    if find is not None:
        listing = [find, str(library), "-type", "f", "-printf", "%p %s %T@\n"]
        comparison.row("find over the same songs, for comparison", lambda _build: Measured(run(listing)[0]))


def split_songs(library: Path, build: Build) -> Measured:
    """Measure the public ``split`` in one process, over songs in memory."""
    return Measured(float(run([build.python, "-c", SPLIT_SCRIPT, str(library), "3000"])[1]))


if __name__ == "__main__":
    main()
