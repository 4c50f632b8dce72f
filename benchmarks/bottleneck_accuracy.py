"""Count how often the right bottleneck is named where one part of a run is slow on purpose.

    python benchmarks bottleneck_accuracy [--times 10] [--pairs 5] [--seconds 5] [--memory FOLDER]

Run it with ``tests`` on PYTHONPATH. The parts are those of ``tests/support/bottleneck_scenarios.py``: one
processor for all of the run and for other programs, a disk that creates files slowly, one that reads them
slowly, a distant server. They take turns. No speeds of disks are known, so the concurrency of those disks is
not either. The exit code is 1 if one was named correctly less than 9 times of 10.

Then workers and batches in flight are added where nothing is slow. The prediction from the first run is
compared with the second: medians of ``--pairs`` of both, in turn.
"""

import argparse
import shutil
import statistics
import sys
from collections import Counter
from pathlib import Path

from common import RepeatedSource, machine_description, sample_songs_folder
from midiprism.advise.bench.sample_run import MeasuredRun, measure_run
from midiprism.advise.model.costs import measure_costs
from midiprism.advise.model.throughput import predicted_rate, tunables_of
from midiprism.sources import open_folders
from support.bottleneck_scenarios import SCENARIOS, measure_bottleneck
from support.postgres import PostgresServer, find_installations
from support.runs import make_settings

REQUIRED_SHARE = 0.9
SETTING_PAIRS = {
    "workers 1 to 2": ((1, 250, 34), (2, 250, 36)),
    "1 batch in flight to 36": ((2, 250, 1), (2, 250, 36)),
}
"""Workers, songs of a batch, and batches in flight, before and after."""


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--times", type=int, default=10, help="of each (default: 10)")
    parser.add_argument("--pairs", type=int, default=5, help="of runs, of what is not slow (default: 5)")
    parser.add_argument("--seconds", type=float, default=5, help="of each run (default: 5)")
    parser.add_argument("--samples", type=int, default=2_000, help="different songs (default: 2000)")
    parser.add_argument("--memory", type=Path, default=Path("/dev/shm/midiprism-bottlenecks"))
    options = parser.parse_args()
    installations = find_installations()
    if not installations:
        sys.exit("no PostgreSQL server is installed")
    print(machine_description())
    options.memory.mkdir(parents=True)
    try:
        songs = sample_songs_folder(options.memory / "songs", options.samples)
        server = PostgresServer(installations[0])
        try:
            right = check_named_bottlenecks(songs, server, options)
        finally:
            server.close()
        compare_predictions(songs, options)
    finally:
        shutil.rmtree(options.memory)
    return 0 if right else 1


def check_named_bottlenecks(songs: Path, server: PostgresServer, options: argparse.Namespace) -> bool:
    """Count the bottlenecks that are named; return whether they are right often enough."""
    counts: dict[str, Counter[str]] = {resource: Counter() for resource in SCENARIOS}
    for number in range(options.times):
        for resource in SCENARIOS:
            source = RepeatedSource(open_folders([songs]))
            bottleneck = measure_bottleneck(resource, source, options.memory, server, options.seconds)
            counts[resource][bottleneck.resource] += 1
            print(f"{number + 1}. {resource}: {bottleneck.summary}", flush=True)
    print("\n| what is slow | named rightly | otherwise |\n|---|---|---|")
    for slow, among in counts.items():
        others = ", ".join(f"{name} {count}" for name, count in among.items() if name != slow)
        print(f"| {slow} | {among[slow]} of {options.times} | {others or '-'} |")
    return all(among[resource] >= REQUIRED_SHARE * options.times for resource, among in counts.items())


def compare_predictions(songs: Path, options: argparse.Namespace) -> None:
    """Compare predictions with measurements where nothing is slow."""
    print("\n| change | before | predicted | measured | predicted / measured |\n|---|---|---|---|---|")
    for title, (before, after) in SETTING_PAIRS.items():
        pairs = [
            (run_once(songs, *before, options), run_once(songs, *after, options))
            for _ in range(options.pairs)
        ]
        predicted = statistics.median(predict_from(first, second) for first, second in pairs)
        measured_rate = statistics.median(second.rate for _, second in pairs)
        base = statistics.median(first.rate for first, _ in pairs)
        print(
            f"| {title} | {base:,.0f} | {predicted:,.0f} | {measured_rate:,.0f} "
            f"| {predicted / measured_rate:.2f} |",
            flush=True,
        )


def predict_from(before: MeasuredRun, after: MeasuredRun) -> float:
    """Return the rate of a run with the settings of another, predicted from the costs of the first."""
    costs = measure_costs(before.window, before.facts)
    assert costs is not None
    gain = predicted_rate(costs, tunables_of(after.window, after.facts)) / predicted_rate(
        costs, tunables_of(before.window, before.facts)
    )
    return before.rate * gain


def run_once(
    songs: Path, workers: int, batch: int, in_flight: int, options: argparse.Namespace
) -> MeasuredRun:
    """Run once in memory."""
    out = options.memory / "pair"
    settings = make_settings(workers=workers, batch_songs=batch, in_flight=in_flight, count_songs=False)
    try:
        return measure_run(RepeatedSource(open_folders([songs])), str(out), settings, options.seconds)
    finally:
        shutil.rmtree(out, ignore_errors=True)


if __name__ == "__main__":
    sys.exit(main())
