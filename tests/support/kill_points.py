"""Points at which a process can be cut off: counted, and chosen one by one."""

import contextlib
import os
import re
import sqlite3
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psycopg

from midiprism.fs import fsync as durable
from support import catalog_access

KILLED_EXIT_CODE = 99

READ_ONLY_SQL = re.compile(r"\s*(SELECT|BEGIN|PRAGMA [\w.]+(\(|$))")
"""What SQLite is asked that changes nothing. To end before it is to end before the next change."""


class KillPoints:
    """Counts what changes a disk, and ends the process right before the n-th.

    Args:
        last: the point at which to end; 0 for never.
        torn: end in the middle of a write instead of before it.

    Attributes:
        count: how many there were.
        writes: those of them that can be torn.
    """

    def __init__(self, kill_at: int, *, tear_write: bool = False) -> None:
        self.count = 0
        self.write_points: list[int] = []
        self._kill_at = kill_at
        self._tear_write = tear_write

    def is_kill_point(self) -> bool:
        """Whether this is the point."""
        self.count += 1
        return self.count == self._kill_at

    def kill_before(self, function: Callable[..., Any]) -> Callable[..., Any]:
        def call(*arguments: Any, **options: Any) -> Any:
            if self.is_kill_point():
                os._exit(KILLED_EXIT_CODE)
            return function(*arguments, **options)

        return call

    def install(self) -> None:
        """Put a hook before every call that writes, in this process for good."""
        create, put = os.open, os.write

        def opening(path: Any, flags: int, *rest: Any, **options: Any) -> int:
            if flags & os.O_CREAT and self.is_kill_point():
                os._exit(KILLED_EXIT_CODE)
            return create(path, flags, *rest, **options)

        def writing(descriptor: int, data: bytes) -> int:
            here = self.is_kill_point()
            self.write_points.append(self.count)
            if here:
                if self._tear_write:
                    put(descriptor, bytes(data)[: len(data) // 2])
                os._exit(KILLED_EXIT_CODE)
            return put(descriptor, data)

        os.open, os.write = opening, writing  # type: ignore[assignment]
        for name in ("replace", "rename", "unlink", "mkdir", "rmdir", "makedirs", "fsync"):
            setattr(os, name, self.kill_before(getattr(os, name)))
        syncfs = durable.find_syncfs()
        if syncfs is not None:
            hooked = self.kill_before(syncfs)
            durable.find_syncfs = lambda: hooked  # type: ignore[assignment]
        connect = sqlite3.connect

        def stating(statement: str) -> None:
            if not READ_ONLY_SQL.match(statement) and self.is_kill_point():
                os._exit(KILLED_EXIT_CODE)

        def connecting(*arguments: Any, **options: Any) -> sqlite3.Connection:
            connection: sqlite3.Connection = connect(*arguments, **options)
            # Called before every statement: each row that is inserted, and each COMMIT.
            connection.set_trace_callback(stating)
            return connection

        sqlite3.connect = connecting  # type: ignore[assignment]
        hooked_calls: list[tuple[Any, tuple[str, ...]]] = [
            (psycopg.Cursor, ("execute", "copy")),
            (psycopg.Connection, ("commit",)),
        ]
        for owner, names in hooked_calls:
            for name in names:
                setattr(owner, name, self.kill_before(getattr(owner, name)))


def run_in_fork(work: Callable[[], int]) -> int:
    """The exit code of a forked process that does this."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # the test runner's threads do nothing here
        child = os.fork()
    if child == 0:
        code = 1
        try:
            code = work()
        finally:
            os._exit(code)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def expire_leases(out: Path) -> None:
    """What a killed run held, no other run has to wait for any more."""
    for table in ("leases", "runs"):
        with contextlib.suppress(psycopg.errors.UndefinedTable):
            catalog_access.execute(out, f"UPDATE {table} SET expires_at = now() - INTERVAL '1 second'")


def count_points(work: Callable[[], str]) -> int:
    """How many points a run comes by that nobody cuts off; ``work`` says how it ended."""
    return _record_points(work)[0]


def find_write_points(work: Callable[[], str]) -> list[int]:
    """Those of them that a write can be torn at: elsewhere, to end within is to end before."""
    return _record_points(work)[1:]


def _record_points(work: Callable[[], str]) -> list[int]:
    """Their number, and the writes among them."""
    reader, writer = os.pipe()

    def count() -> int:
        put = os.write
        points = KillPoints(0)
        points.install()
        state = work()
        put(writer, " ".join(map(str, [points.count, *points.write_points])).encode())
        return 0 if state == "done" else 2

    assert run_in_fork(count) == 0
    os.close(writer)
    with open(reader, encoding="ascii") as answer:
        return [int(word) for word in answer.read().split()]


def run_killed_at(work: Callable[[], str], out: Path, kill_at: int, *, tear_write: bool = False) -> int:
    """The exit code of a run into ``out`` that ends at the point: KILLED, or 0 if there are fewer points."""

    def run() -> int:
        KillPoints(kill_at, tear_write=tear_write).install()
        return 0 if work() == "done" else 2

    code = run_in_fork(run)
    if catalog_access.postgres_address(out) is not None:
        expire_leases(out)
    return code
