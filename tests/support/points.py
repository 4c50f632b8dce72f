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

from midiprism.store import durable
from support import catalogs as keeping

KILLED = 99

LOOK = re.compile(r"\s*(SELECT|BEGIN|PRAGMA [\w.]+(\(|$))")
"""What SQLite is asked that changes nothing. To end before it is to end before the next change."""


class Points:
    """Counts what changes a disk, and ends the process right before the n-th.

    Args:
        last: the point at which to end; 0 for never.
        torn: end in the middle of a write instead of before it.

    Attributes:
        count: how many there were.
        writes: those of them that can be torn.
    """

    def __init__(self, last: int, *, torn: bool = False) -> None:
        self.count = 0
        self.writes: list[int] = []
        self._last = last
        self._torn = torn

    def here(self) -> bool:
        """Whether this is the point."""
        self.count += 1
        return self.count == self._last

    def before(self, function: Callable[..., Any]) -> Callable[..., Any]:
        def call(*arguments: Any, **options: Any) -> Any:
            if self.here():
                os._exit(KILLED)
            return function(*arguments, **options)

        return call

    def install(self) -> None:
        """Put a hook before every call that writes, in this process for good."""
        create, put = os.open, os.write

        def opening(path: Any, flags: int, *rest: Any, **options: Any) -> int:
            if flags & os.O_CREAT and self.here():
                os._exit(KILLED)
            return create(path, flags, *rest, **options)

        def writing(descriptor: int, data: bytes) -> int:
            here = self.here()
            self.writes.append(self.count)
            if here:
                if self._torn:
                    put(descriptor, bytes(data)[: len(data) // 2])
                os._exit(KILLED)
            return put(descriptor, data)

        os.open, os.write = opening, writing  # type: ignore[assignment]
        for name in ("replace", "rename", "unlink", "mkdir", "rmdir", "makedirs", "fsync"):
            setattr(os, name, self.before(getattr(os, name)))
        syncfs = durable.find_syncfs()
        if syncfs is not None:
            hooked = self.before(syncfs)
            durable.find_syncfs = lambda: hooked  # type: ignore[assignment]
        connect = sqlite3.connect

        def stating(statement: str) -> None:
            if not LOOK.match(statement) and self.here():
                os._exit(KILLED)

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
                setattr(owner, name, self.before(getattr(owner, name)))


def in_child(work: Callable[[], int]) -> int:
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


def let_time_pass(out: Path) -> None:
    """What a killed run held, no other run has to wait for any more."""
    for table in ("leases", "runs"):
        with contextlib.suppress(psycopg.errors.UndefinedTable):
            keeping.change(out, f"UPDATE {table} SET expires_at = now() - INTERVAL '1 second'")


def counted(work: Callable[[], str]) -> int:
    """How many points a run comes by that nobody cuts off; ``work`` says how it ended."""
    return _points(work)[0]


def writes(work: Callable[[], str]) -> list[int]:
    """Those of them that a write can be torn at: elsewhere, to end within is to end before."""
    return _points(work)[1:]


def _points(work: Callable[[], str]) -> list[int]:
    """Their number, and the writes among them."""
    reader, writer = os.pipe()

    def count() -> int:
        put = os.write
        points = Points(0)
        points.install()
        state = work()
        put(writer, " ".join(map(str, [points.count, *points.writes])).encode())
        return 0 if state == "done" else 2

    assert in_child(count) == 0
    os.close(writer)
    with open(reader, encoding="ascii") as answer:
        return [int(word) for word in answer.read().split()]


def cut_off(work: Callable[[], str], out: Path, last: int, *, torn: bool = False) -> int:
    """The exit code of a run into ``out`` that ends at the point: KILLED, or 0 if there are fewer points."""

    def run() -> int:
        Points(last, torn=torn).install()
        return 0 if work() == "done" else 2

    code = in_child(run)
    if keeping.database(out) is not None:
        let_time_pass(out)
    return code
