"""Commands that are killed at random moments, with all their processes."""

import contextlib
import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import psutil

_EARLIEST_SHARE = 0.3
"""Share of a command's usual time in which it only starts; few kills come so early."""
_FULL_RANGE_SHARE = 0.1
_GROUP_END_SECONDS = 30.0
_COMMAND_SECONDS = 300.0


class CommandError(Exception):
    """A command that was not killed ended with an error, or not at all."""


class RandomKiller:
    """Runs commands, and kills them at random moments.

    Args:
        rng: chooses the moments.
        environment: of the commands.
        log: file that gets what they print.

    Attributes:
        kills: number of commands that were killed, by the name of the operation.
        missed: number of commands that ended before they were to be killed.
    """

    def __init__(self, rng: random.Random, environment: dict[str, str], log: Path) -> None:
        self.kills: Counter[str] = Counter()
        self.missed = 0
        self._rng = rng
        self._environment = environment
        self._log = log
        self._usual_seconds: dict[str, float] = {}

    def run(self, operation: str, arguments: Sequence[str], codes: Sequence[int] = (0,)) -> None:
        """Run a command to its end.

        Raises:
            CommandError: it ends with another exit code than one of ``codes``.
        """
        started = time.perf_counter()
        with self._start(arguments) as process:
            try:
                code = process.wait(_COMMAND_SECONDS)
            except subprocess.TimeoutExpired:
                _kill_group(process)
                raise CommandError(f"it does not end: midiprism {' '.join(arguments)}") from None
        if code not in codes:
            raise CommandError(f"exit code {code}: midiprism {' '.join(arguments)}")
        seconds = time.perf_counter() - started
        self._usual_seconds[operation] = max(seconds, 0.9 * self._usual_seconds.get(operation, 0.0))

    def output(self, operation: str, arguments: Sequence[str], codes: Sequence[int] = (0,)) -> bytes:
        """Run a command to its end, and return the last line of its output.

        Raises:
            CommandError: it ends with another exit code than one of ``codes``.
        """
        started = time.perf_counter()
        command = [sys.executable, "-m", "midiprism", *arguments]
        done = subprocess.run(
            command, env=self._environment, capture_output=True, timeout=_COMMAND_SECONDS, check=False
        )
        if done.returncode not in codes:
            raise CommandError(
                f"exit code {done.returncode}: midiprism {' '.join(arguments)}: {done.stderr!r}"
            )
        self._usual_seconds[operation] = time.perf_counter() - started
        return done.stdout.splitlines()[-1]

    def run_and_kill(self, operation: str, arguments: Sequence[str], codes: Sequence[int] = (0,)) -> bool:
        """Run a command and kill it at a random moment; return whether it was still running.

        Half of the time only the process that was started is killed, which the others must notice.

        Raises:
            CommandError: it ended before, with another exit code than one of ``codes``.
        """
        usual = self._usual_seconds.get(operation, 3.0)
        first = 0.0 if self._rng.random() < _FULL_RANGE_SHARE else _EARLIEST_SHARE * usual
        moment, whole_group = self._rng.uniform(first, usual), self._rng.random() < 0.5
        with self._start(arguments) as process:
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(moment)
            if process.poll() is None:
                if whole_group:
                    os.killpg(process.pid, signal.SIGKILL)
                else:
                    process.kill()
            process.wait()
            _await_group(process)
        killed = process.returncode == -signal.SIGKILL
        if killed:
            self.kills[operation] += 1
        else:
            self.missed += 1
            if process.returncode not in codes:
                raise CommandError(f"exit code {process.returncode}: midiprism {' '.join(arguments)}")
        return killed

    def _start(self, arguments: Sequence[str]) -> "subprocess.Popen[bytes]":
        with self._log.open("ab") as log:
            log.write(f"\n$ midiprism {' '.join(arguments)}\n".encode())
            log.flush()
            return subprocess.Popen(
                [sys.executable, "-m", "midiprism", *arguments],
                env=self._environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )


def _kill_group(process: "subprocess.Popen[bytes]") -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def _await_group(process: "subprocess.Popen[bytes]") -> None:
    """Wait until no process of a command is left.

    Raises:
        CommandError: some outlive it.
    """
    deadline = time.monotonic() + _GROUP_END_SECONDS
    while _is_alive(process.pid):
        if time.monotonic() > deadline:
            _kill_group(process)
            raise CommandError("processes outlive the command that started them")
        time.sleep(0.01)


def _is_alive(group: int) -> bool:
    """Return whether a process of a group is running; one that has ended may wait for its parent."""
    try:
        os.killpg(group, 0)
    except (ProcessLookupError, PermissionError):
        return False
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.NoSuchProcess, ProcessLookupError, PermissionError):
            if os.getpgid(process.pid) == group and process.status() != psutil.STATUS_ZOMBIE:
                return True
    return False
