"""Fuzz ``midiprism.split`` for a given time: ``python fuzz/fuzz_split.py --minutes 20``.

A worker process mutates good and broken files and checks what must hold for any bytes, with all options of
a split (``support.fuzz_checks.check_input``). This process watches it: a worker that dies, hangs or grows
is a finding too. Some inputs also go to a process without the compiler, which must give the same results.
Findings are written to ``fuzz/findings/``, as they were and shrunk; each belongs into
``tests/support/fuzz_findings.py``.

The exit code is 1 if there was a finding.
"""

import argparse
import ctypes
import hashlib
import multiprocessing
import os
import sys
import time
import traceback
from collections.abc import Callable
from multiprocessing.sharedctypes import RawArray, RawValue
from pathlib import Path
from random import Random
from typing import Any, NamedTuple

FUZZ_FOLDER = Path(__file__).resolve().parent
sys.path.insert(0, str(FUZZ_FOLDER.parent / "tests"))

from midiprism.smf.kernel.split_kernel import prepare  # noqa: E402
from support import split_process  # noqa: E402
from support.broken_files import BROKEN_FILES  # noqa: E402
from support.damaged_songs import KINDS, damaged_songs  # noqa: E402
from support.fuzz_checks import check_input  # noqa: E402
from support.fuzz_findings import FUZZ_FINDINGS  # noqa: E402
from support.midi_strategies import example_songs  # noqa: E402
from support.mutations import MAX_BYTES, mutated_file  # noqa: E402
from support.undone_files import UNDONE_FILES  # noqa: E402
from support.wrapped_files import CORRUPT_FILES, WRAPPED_FILES  # noqa: E402

HANG_SECONDS = 30
"""Time limit for one input."""
START_SECONDS = 300
"""Time limit for the start of a worker and its first input."""
MAX_GROWTH_BYTES = 256 << 20
"""Limit for the growth of the worker's peak memory after its first inputs."""
COMPARE_EVERY = 40
"""One input of this many also goes to the process without the compiler."""
MAX_SEED_BYTES = 4096
"""Seeds from real files are cut to this size."""

Test = Callable[[bytes], object]


class SharedInput:
    """The current input of the worker, in memory that the watching process shares."""

    def __init__(self) -> None:
        self.data = RawArray(ctypes.c_ubyte, MAX_BYTES)
        self.length = RawValue(ctypes.c_uint64)
        self.count = RawValue(ctypes.c_uint64)
        self.findings = RawValue(ctypes.c_uint64)

    def set_input(self, data: bytes) -> None:
        """Set the input that the worker begins."""
        ctypes.memmove(self.data, data, len(data))
        self.length.value = len(data)
        self.count.value += 1

    def current_input(self) -> bytes:
        """Return the input that the worker is at."""
        return bytes(self.data[: self.length.value])


class DifferenceError(Exception):
    """The engine gives other results without the compiler."""


def save_finding(folder: Path, data: bytes, reason: str) -> None:
    """Write a finding and its reason to a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    name = hashlib.sha256(data).hexdigest()[:16]
    (folder / f"{name}.mid").write_bytes(data)
    (folder / f"{name}.txt").write_text(f"{reason}\n{data.hex()}\n")
    print(f"found {name}: {reason.strip().splitlines()[-1]}", flush=True)


def peak_memory() -> int:
    """Return the peak memory of this process since the last call in bytes; 0 if unknown."""
    try:
        status = Path("/proc/self/status").read_text()
        Path("/proc/self/clear_refs").write_text("5")
    except OSError:
        return 0
    return next(int(line.split()[1]) << 10 for line in status.splitlines() if line.startswith("VmHWM"))


class Failure(NamedTuple):
    """A failed test: the exception's type and place in the source, and its traceback."""

    place: str
    traceback: str


def find_failure(test: Test, data: bytes) -> Failure | None:
    """Run a test on the data and return its failure; None if it passes."""
    try:
        test(data)
    except Exception as error:
        frames = traceback.extract_tb(error.__traceback__)
        last = frames[-1]
        return Failure(f"{type(error).__name__} {last.filename}:{last.lineno}", traceback.format_exc())
    return None


def shrink(test: Test, data: bytes, place: str, seconds: float = 20) -> bytes:
    """Cut pieces out of the data for some time, as long as the test still fails at the same place."""
    stop = time.monotonic() + seconds
    size = len(data) // 2
    while size and time.monotonic() < stop:
        at = 0
        while at < len(data) and time.monotonic() < stop:
            shorter = data[:at] + data[at + size :]
            failure = find_failure(test, shorter)
            if failure and failure.place == place:
                data = shorter
            else:
                at += size
        size //= 2
    return data


def start_without_compiler() -> Any:
    """Start a process that runs the engine as plain Python."""
    return split_process.start_process(NUMBA_DISABLE_JIT="1")


def check_without_compiler(process: Any, data: bytes) -> None:
    """Compare all results with those of the process without the compiler."""
    process.stdin.write(len(data).to_bytes(4, "big") + data)
    process.stdin.flush()
    answer = process.stdout.read(split_process.FINGERPRINT_BYTES * len(split_process.ALL_OPTIONS))
    if answer != split_process.fingerprints(data):
        raise DifferenceError


def run_fuzz_worker(shared: SharedInput, seed: int, corpus: str, folder: Path) -> None:
    """Mutate and check until stopped."""
    rng = Random(seed)
    seeds = [case.data for case in (*BROKEN_FILES, *WRAPPED_FILES, *UNDONE_FILES)] + [
        data for _, data in FUZZ_FINDINGS
    ]
    seeds += [case.data for case in CORRUPT_FILES]
    seeds += example_songs(400, seed)
    seeds += [song.data for kind in KINDS for song in damaged_songs(kind, 10)]
    if corpus:
        os.environ["MIDIPRISM_CORPUS"] = corpus
        from support.corpus import members, read_member

        real = members()
        chosen = [read_member(member) for member in rng.sample(real, min(len(real), 100))]
        seeds += [data[:MAX_SEED_BYTES] for data in chosen]
    known: set[str] = set()
    plain = start_without_compiler()
    base = 0
    count = 0
    while True:
        data = mutated_file(rng, seeds) if count else seeds[0]
        shared.set_input(data)
        test: Test = check_input
        failure = find_failure(test, data)
        if failure is None and count % COMPARE_EVERY == 0:
            if plain.poll() is not None:
                plain = start_without_compiler()

            def test(data: bytes, process: Any = plain) -> None:
                check_without_compiler(process, data)

            failure = find_failure(test, data)
        if failure and failure.place not in known:
            known.add(failure.place)
            shared.findings.value += 1
            save_finding(folder, data, failure.traceback)
            save_finding(folder, shrink(test, data, failure.place), failure.traceback)
        count += 1
        if count % 500 == 0:
            peak = peak_memory()
            base = base or peak
            if peak > base + MAX_GROWTH_BYTES:
                shared.findings.value += 1
                save_finding(
                    folder, data, f"the last 500 inputs up to this one took {peak - base} bytes of memory"
                )


def watch_workers(shared: SharedInput, arguments: argparse.Namespace) -> None:
    """Run workers until the time is up. One that dies or hangs leaves its input as a finding."""
    context = multiprocessing.get_context("spawn")
    stop = time.monotonic() + arguments.minutes * 60
    seed = arguments.seed
    while time.monotonic() < stop:
        worker = context.Process(
            target=run_fuzz_worker, args=(shared, seed, arguments.corpus, arguments.findings)
        )
        first = last = shared.count.value
        worker.start()
        moved_at = reported_at = time.monotonic()
        while time.monotonic() < stop:
            worker.join(0.5)
            now = time.monotonic()
            if shared.count.value != last:
                last, moved_at = shared.count.value, now
            hung = now - moved_at > (HANG_SECONDS if last > first + 1 else START_SECONDS)
            if hung or worker.exitcode is not None:
                shared.findings.value += 1
                reason = "hangs" if hung else f"the process died, exit code {worker.exitcode}"
                save_finding(arguments.findings, shared.current_input(), reason)
                break
            if now - reported_at >= 60:
                reported_at = now
                print(f"{last} inputs, {shared.findings.value} findings", flush=True)
        worker.kill()
        worker.join()
        seed += 1


def main() -> int:
    """Fuzz and return the exit code."""
    parser = argparse.ArgumentParser(description="Fuzz midiprism.split.")
    parser.add_argument("--minutes", type=float, default=20, help="how long to run (default 20)")
    parser.add_argument("--seed", type=int, default=0, help="start of the random numbers (default 0)")
    parser.add_argument("--corpus", default="", metavar="DIR", help="folder of real files to mutate as well")
    parser.add_argument(
        "--findings",
        type=Path,
        default=FUZZ_FOLDER / "findings",
        metavar="DIR",
        help="folder for the findings (default: fuzz/findings)",
    )
    arguments = parser.parse_args()
    shared = SharedInput()
    prepare()  # compiling would count as a worker that hangs
    started = time.monotonic()
    watch_workers(shared, arguments)
    seconds = time.monotonic() - started
    count, findings = shared.count.value, shared.findings.value
    rate = count / seconds
    print(f"{count} inputs in {seconds:.0f} s, {rate:.0f} a second: {findings} findings")
    return 1 if findings else 0


if __name__ == "__main__":
    sys.exit(main())
