"""Compare ``--workers auto --batch-size auto --in-flight auto`` with the best of a grid of fixed settings.

    python benchmarks auto_tuning [--places memory,disk,slow] [--seconds 75] [--pairs 5] [--work FOLDER]

Run it with ``tests`` on PYTHONPATH. On each disk, every setting of the grid is run once. Then the best of
them and ``auto`` take turns, in pairs, each for ``--seconds`` of wall-clock time including the start. The
songs are the same few thousand again and again, each time with different bytes, so that all are new. A ratio
is the median over the pairs. Results in memory are removed after each run. Results on a disk stay, since a
disk on which much was just deleted is slow: remove them after reading the figures.

Disks: ``memory`` and ``disk`` are the folders ``--memory`` and ``--work``; ``slow`` is in memory too, but
creating a file takes five milliseconds, eight at once (``--create``, ``--width``).
"""

import argparse
import itertools
import shutil
import statistics
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from common import (
    BYTES_PER_FILE,
    RepeatedSource,
    machine_description,
    new_folders,
    require_disk_space,
    sample_songs_folder,
)
from midiprism.advise.tune.controller import Controller
from midiprism.metrics.snapshot import RunSample
from midiprism.pipeline import Settings
from midiprism.pipeline.open_result import ResultOpener, open_result
from midiprism.pipeline.resource_defaults import default_in_flight
from midiprism.pipeline.tuner import Decision, Tunables
from midiprism.sources import open_folders
from support.runs import make_settings, run_source
from support.slow_parts import open_with_slow_store

AUTO_SETTINGS = make_settings(count_songs=False)
FILES_PER_SECOND = 20_000


@dataclass(frozen=True)
class OutputPlace:
    """A folder for results, how they are opened there, and whether they are kept."""

    folder: Path
    opener: ResultOpener
    keeps_output: bool = False


@dataclass
class TimedRun:
    """The result of one run.

    Attributes:
        rate: songs per second.
        changes: settings that ``auto`` chose, with their times.
    """

    rate: float
    changes: list[tuple[float, Tunables]] = field(default_factory=list)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--places", default="memory,disk,slow", help="default: memory,disk,slow")
    parser.add_argument("--seconds", type=float, default=75, help="of each go of a pair (default: 75)")
    parser.add_argument("--grid-seconds", type=float, default=20, help="of each of the grid (default: 20)")
    parser.add_argument("--pairs", type=int, default=5, help="default: 5")
    parser.add_argument("--workers", default="1,2,3,4,8,16,32", help="of the grid (default: 1,2,3,4,8,16,32)")
    parser.add_argument("--batches", default="100,250,1000", help="of the grid (default: 100,250,1000)")
    parser.add_argument("--times", default="1,4", help="so many times the default in flight (default: 1,4)")
    parser.add_argument("--create", type=float, default=0.005, help="seconds, in the slow place")
    parser.add_argument("--width", type=int, default=8, help="creates at once in the slow place")
    parser.add_argument("--songs", type=int, default=10_000, help="sample songs (default: 10000)")
    parser.add_argument("--memory", type=Path, default=Path("/dev/shm/midiprism-auto"))
    parser.add_argument("--work", type=Path, default=Path("build/bench"), help="default: build/bench")
    options = parser.parse_args()
    songs = sample_songs_folder(options.memory / f"songs-{options.songs}", options.songs)
    known = {
        "memory": OutputPlace(options.memory, open_result),
        "disk": OutputPlace(options.work, open_result, keeps_output=True),
        "slow": OutputPlace(options.memory, open_with_slow_store(options.create, options.width)),
    }
    print(machine_description())
    print(f"{options.pairs} pairs of {options.seconds:g} s, grid of {options.grid_seconds:g} s each")
    try:
        for name in options.places.split(","):
            measure(name, known[name], songs, options)
    finally:
        shutil.rmtree(options.memory)


def measure(name: str, place: OutputPlace, songs: Path, options: argparse.Namespace) -> None:
    """Find the best of the grid, and compare it with ``auto``."""
    if place.keeps_output:
        each = options.seconds * 2 * options.pairs + options.grid_seconds * len(list(grid(options)))
        require_disk_space(
            place.folder, int(each * FILES_PER_SECOND * BYTES_PER_FILE), int(each * FILES_PER_SECOND)
        )
    print(f"\n{name}")
    run_for(place, songs, AUTO_SETTINGS, 5)  # folders, compiled forms and songs come into memory
    found: dict[Settings, float] = {}
    for settings in grid(options):
        found[settings] = run_for(place, songs, settings, options.grid_seconds).rate
        print(f"  {describe(settings):<36}{found[settings]:>8,.0f} songs/s", flush=True)
    best = max(found, key=found.__getitem__)
    pairs = []
    for number in range(options.pairs):
        sides = [AUTO_SETTINGS, best] if number % 2 else [best, AUTO_SETTINGS]
        runs = {side: run_for(place, songs, side, options.seconds) for side in sides}
        pairs.append((runs[AUTO_SETTINGS], runs[best]))
        ratio = runs[AUTO_SETTINGS].rate / runs[best].rate
        print(f"  auto {runs[AUTO_SETTINGS].rate:,.0f}, best {runs[best].rate:,.0f} songs/s: {ratio:.2f}")
        for time_, tunables in runs[AUTO_SETTINGS].changes:
            print(
                f"      after {time_:.0f} s {tunables.workers}/{tunables.batch_size}/{tunables.in_flight}",
                flush=True,
            )
    ratios = [auto.rate / static.rate for auto, static in pairs]
    print(f"  the best is {describe(best)}: {statistics.median(one.rate for _, one in pairs):,.0f} songs/s")
    print(f"  auto has {statistics.median(one.rate for one, _ in pairs):,.0f} songs/s")
    print(f"  ratio {statistics.median(ratios):.2f} (least {min(ratios):.2f})", flush=True)


def grid(options: argparse.Namespace) -> Iterator[Settings]:
    """Yield the fixed settings."""
    lists = (
        [int(one) for one in text.split(",")] for text in (options.workers, options.batches, options.times)
    )
    for workers, batch, times in itertools.product(*lists):
        in_flight = times * default_in_flight(workers, batch, shared=False)
        yield make_settings(workers=workers, batch_songs=batch, in_flight=in_flight, count_songs=False)


def run_for(place: OutputPlace, songs: Path, settings: Settings, seconds: float) -> TimedRun:
    """Run, and stop after some seconds; everything committed until the end counts."""
    out = next(new_folders(place.folder))
    controller = Controller.from_settings(settings)
    changes: list[tuple[float, Tunables]] = []
    began = time.perf_counter()
    summary = run_source(
        RepeatedSource(open_folders([songs])),
        str(out),
        settings,
        open_result=place.opener,
        stop=lambda: time.perf_counter() - began > seconds,
        tuner=None if controller is None else RecordingTuner(controller, changes),
    )
    if summary.error is not None:
        raise SystemExit(f"the run did not end: {summary.error}")
    if not place.keeps_output:
        shutil.rmtree(out)
    return TimedRun(summary.songs_done / summary.seconds, changes)


@dataclass
class RecordingTuner:
    """A controller whose decisions are recorded."""

    controller: Controller
    changes: list[tuple[float, Tunables]]

    def decide(self, sample: RunSample, tunables: Tunables) -> Decision | None:
        decision = self.controller.decide(sample, tunables)
        if decision is not None:
            self.changes.append((sample.elapsed_seconds, decision.tunables))
        return decision


def describe(settings: Settings) -> str:
    resources = settings.resources
    return f"{resources.workers} workers/{resources.batch_songs} songs/{resources.in_flight} batches"


if __name__ == "__main__":
    main()
