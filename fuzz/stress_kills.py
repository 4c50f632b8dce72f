"""Kill commands at random moments, and check after each kill that nothing is lost and nothing is there twice.

    python fuzz/stress_kills.py [--seconds 1200 | --rounds 100] [--seed S] [--work FOLDER] [--other FOLDER]

In each round, one of split, relocate, repair, export, prune, forget, adopt and audit works on sample songs,
with tracks in files or in Parquet files and with the catalog in SQLite or in PostgreSQL. The command is
killed by SIGKILL one to ten times and then runs to its end. The result must be that of a command which nobody
disturbed. A result is relocated between the folders ``--work`` and ``--other``, which should be on two file
systems.

Without a PostgreSQL server on this machine, that part is left out. The exit code is 1 as soon as a check
fails; the folder and the log are kept then.
"""

import argparse
import os
import random
import shutil
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))

from support.kill_lab import CheckError, KillLab
from support.kill_scenarios import SCENARIOS
from support.postgres import PostgresServer, find_installations
from support.random_kills import CommandError, RandomKiller

SONGS = 120
SHARED_MEMORY = Path("/dev/shm")


def main() -> int:
    """Run rounds until the time or their number is used up, and return the exit code."""
    options = _parse_options()
    seed = random.SystemRandom().randrange(2**32) if options.seed is None else options.seed
    rng = random.Random(seed)
    work = Path(tempfile.mkdtemp(prefix="midiprism-stress-", dir=options.work))
    other = Path(tempfile.mkdtemp(prefix="midiprism-stress-", dir=options.other))
    print(f"seed {seed}, in {work} and {other}", flush=True)
    installations = find_installations()
    server = PostgresServer(installations[0]) if installations else None
    if server is None:
        print("There is no PostgreSQL server here: only SQLite is tested.", flush=True)
    environment = {key: value for key, value in os.environ.items() if "DATABASE" not in key}
    killer = RandomKiller(rng, environment, work / "log.txt")
    rounds: Counter[str] = Counter()
    try:
        lab = KillLab(killer, rng, work, other, server, songs=SONGS)
        _run_rounds(lab, rounds, rng, options)
    except (CheckError, CommandError, AssertionError) as error:
        print(f"FAILED after {rounds.total()} rounds with seed {seed}: {error!r}. Kept: {work}, {other}")
        _print_counts(killer, rounds)
        return 1
    finally:
        if server is not None:
            server.close()
    _print_counts(killer, rounds)
    print("After every kill nothing was lost, and nothing was there twice.")
    for folder in (work, other):
        shutil.rmtree(folder)
    return 0


def _run_rounds(lab: KillLab, rounds: Counter[str], rng: random.Random, options: argparse.Namespace) -> None:
    names: list[str] = []
    started = time.monotonic()
    while options.rounds is None or rounds.total() < options.rounds:
        if options.rounds is None and time.monotonic() - started > options.seconds:
            break
        if not names:  # each scenario once, in another order each time
            names = [name for name in SCENARIOS if lab.server is not None or "postgres" not in name]
            if options.only:
                names = [name for name in names if options.only in name]
            rng.shuffle(names)
        name = names.pop()
        SCENARIOS[name](lab, name)
        rounds[name] += 1
        if rounds.total() % 20 == 0:
            minutes = (time.monotonic() - started) / 60
            kills = lab.killer.kills.total()
            print(f"{minutes:.1f} min: {rounds.total()} rounds, {kills:,} kills", flush=True)


def _print_counts(killer: RandomKiller, rounds: Counter[str]) -> None:
    print(f"{'scenario':<28} {'rounds':>6} {'kills':>6}")
    for name in sorted(rounds.keys() | killer.kills.keys()):
        print(f"{name:<28} {rounds[name]:>6} {killer.kills[name]:>6}")
    print(f"{'in all':<28} {rounds.total():>6} {killer.kills.total():>6}", flush=True)


def _parse_options(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seconds", type=float, default=1200, help="begin no round later (default: 1200)")
    parser.add_argument("--rounds", type=int, help="number of rounds, instead of a time")
    parser.add_argument("--seed", type=int, help="of the random choices (default: another one each time)")
    parser.add_argument("--only", help="only scenarios with this in their names, such as export or postgres")
    parser.add_argument("--work", type=Path, default=Path(tempfile.gettempdir()), help="for results")
    parser.add_argument(
        "--other",
        type=Path,
        default=SHARED_MEMORY if SHARED_MEMORY.is_dir() else Path(tempfile.gettempdir()),
        help="for results that are relocated, best on another file system (default: /dev/shm)",
    )
    options = parser.parse_args(arguments)
    for folder in (options.work, options.other):
        folder.mkdir(parents=True, exist_ok=True)
    return options


if __name__ == "__main__":
    sys.exit(main())
