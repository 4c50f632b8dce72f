"""Points at which a process can be killed: counted, and chosen one by one."""

import contextlib
import os
import re
import sqlite3
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psycopg

from midiprism.fs import fsync
from support import catalog_access

KILLED_EXIT_CODE = 99

READ_ONLY_SQL = re.compile(r"\s*(SELECT|BEGIN|PRAGMA [\w.]+(\(|$))")
"""Statements of SQLite that change nothing: a kill before one equals a kill before the next change."""


class KillPoints:
    """Counts the calls that change a disk or a database, and ends the process right before one of them.

    Args:
        kill_at: number of the call before which the process ends; 0 for never.
        tear_write: end in the middle of a write instead of before it.

    Attributes:
        count: number of calls so far.
        write_points: numbers of the calls that are writes, which can be torn.
    """

    def __init__(self, kill_at: int, *, tear_write: bool = False) -> None:
        self.count = 0
        self.write_points: list[int] = []
        self._kill_at = kill_at
        self._tear_write = tear_write

    def is_kill_point(self) -> bool:
        """Count a call, and return whether the process is to end before it."""
        self.count += 1
        return self.count == self._kill_at

    def kill_before(self, function: Callable[..., Any]) -> Callable[..., Any]:
        """Return the function with a kill point before it."""

        def call(*arguments: Any, **options: Any) -> Any:
            if self.is_kill_point():
                os._exit(KILLED_EXIT_CODE)
            return function(*arguments, **options)

        return call

    def install(self) -> None:
        """Put a kill point before every call that writes, for the rest of this process."""
        real_open, real_write = os.open, os.write

        def open_or_kill(path: Any, flags: int, *rest: Any, **options: Any) -> int:
            if flags & os.O_CREAT and self.is_kill_point():
                os._exit(KILLED_EXIT_CODE)
            return real_open(path, flags, *rest, **options)

        def write_or_kill(descriptor: int, data: bytes) -> int:
            is_last = self.is_kill_point()
            self.write_points.append(self.count)
            if is_last:
                if self._tear_write:
                    real_write(descriptor, bytes(data)[: len(data) // 2])
                os._exit(KILLED_EXIT_CODE)
            return real_write(descriptor, data)

        os.open, os.write = open_or_kill, write_or_kill  # type: ignore[assignment]
        for name in ("link", "replace", "rename", "unlink", "mkdir", "rmdir", "makedirs", "fsync"):
            setattr(os, name, self.kill_before(getattr(os, name)))
        syncfs = fsync.find_syncfs()
        if syncfs is not None:
            hooked = self.kill_before(syncfs)
            fsync.find_syncfs = lambda: hooked  # type: ignore[assignment]
        real_connect = sqlite3.connect

        def trace_statement(statement: str) -> None:
            if not READ_ONLY_SQL.match(statement) and self.is_kill_point():
                os._exit(KILLED_EXIT_CODE)

        def connect_and_trace(*arguments: Any, **options: Any) -> sqlite3.Connection:
            connection: sqlite3.Connection = real_connect(*arguments, **options)
            # SQLite calls it before every statement: each inserted row, and each COMMIT.
            connection.set_trace_callback(trace_statement)
            return connection

        sqlite3.connect = connect_and_trace  # type: ignore[assignment]
        hooked_calls: list[tuple[Any, tuple[str, ...]]] = [
            (psycopg.Cursor, ("execute", "copy")),
            (psycopg.Connection, ("commit",)),
        ]
        for owner, names in hooked_calls:
            for name in names:
                setattr(owner, name, self.kill_before(getattr(owner, name)))


def run_in_fork(work: Callable[[], int]) -> int:
    """Do the work in a forked process and return its exit code."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # the test runner's threads do not matter
        child = os.fork()
    if child == 0:
        code = 1
        try:
            code = work()
        finally:
            os._exit(code)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def expire_leases(out: Path) -> None:
    """Let the leases of a killed run expire at once, so that the next run need not wait for them."""
    for table in ("leases", "runs"):
        with contextlib.suppress(psycopg.errors.UndefinedTable):
            catalog_access.execute(out, f"UPDATE {table} SET expires_at = now() - INTERVAL '1 second'")


def count_points(work: Callable[[], str]) -> int:
    """Return the number of kill points of a whole run. ``work`` returns the state in which it ended."""
    return _record_points(work)[0]


def find_write_points(work: Callable[[], str]) -> list[int]:
    """Return the kill points that are writes. Only a write can be half done."""
    return _record_points(work)[1:]


def _record_points(work: Callable[[], str]) -> list[int]:
    """Return the number of kill points, then the numbers of those that are writes."""
    reader, writer = os.pipe()

    def count() -> int:
        real_write = os.write
        points = KillPoints(0)
        points.install()
        state = work()
        real_write(writer, " ".join(map(str, [points.count, *points.write_points])).encode())
        return 0 if state == "done" else 2

    assert run_in_fork(count) == 0
    os.close(writer)
    with open(reader, encoding="ascii") as answer:
        return [int(word) for word in answer.read().split()]


def run_killed_at(work: Callable[[], str], out: Path, kill_at: int, *, tear_write: bool = False) -> int:
    """Return the exit code of a run that ends at a kill point: ``KILLED_EXIT_CODE``, or 0 if it has fewer."""

    def run() -> int:
        KillPoints(kill_at, tear_write=tear_write).install()
        return 0 if work() == "done" else 2

    code = run_in_fork(run)
    if catalog_access.postgres_address(out) is not None:
        expire_leases(out)
    return code
