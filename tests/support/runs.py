"""Runs to test with: completed, left as a kill leaves them, or held by another process."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from midiprism.pipeline import Settings, Summary, split_library
from midiprism.sources import open_source
from support import catalog_access
from support.fake_songs import fake_split

LOCK_SCRIPT = """
import sys
from midiprism.results.lock import lock_exclusive
with lock_exclusive(sys.argv[1]):
    print("locked", flush=True)
    sys.stdin.read()
"""


def run_split(
    source: Path | list[Path], out: Path, settings: Settings | None = None, **options: object
) -> Summary:
    """Split songs into ``out``, by default with the fake splitter and without worker processes."""
    opened = open_source(source if isinstance(source, list) else [source], os.fsencode(out))
    options.setdefault("splitter", fake_split)
    settings = settings or Settings(workers=0)
    if settings.database is None:
        settings = replace(settings, database=catalog_access.postgres_address(out))
    return split_library(opened, str(out), settings, **options)  # type: ignore[arg-type]


def mark_as_killed(out: Path, **totals: object) -> None:
    """Change the runs of a result into killed ones, whose last progress report has these totals."""
    catalog_access.execute(
        out, "UPDATE runs SET state = 'running', expires_at = NULL, totals = ?", json.dumps(totals)
    )


@contextmanager
def locked_by_other_process(out: Path) -> Iterator[None]:
    """Let another process hold the lock of a result."""
    command = [sys.executable, "-c", LOCK_SCRIPT, str(out)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"locked\n"
        yield
        process.communicate()


@contextmanager
def still_running(out: Path) -> Iterator[None]:
    """Let the runs that are recorded as running be alive: by a lock, or in PostgreSQL by a lease."""
    if catalog_access.postgres_address(out) is None:
        with locked_by_other_process(out):
            yield
        return
    catalog_access.execute(
        out, "UPDATE runs SET expires_at = now() + INTERVAL '1 hour' WHERE state = 'running'"
    )
    yield
    catalog_access.execute(out, "UPDATE runs SET expires_at = NULL")


FIXED_NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)
"""The time at which tests look at such runs."""


def timestamp_ago(seconds: float) -> str:
    """Return a timestamp so many seconds before ``FIXED_NOW``."""
    return (FIXED_NOW - timedelta(seconds=seconds)).isoformat(timespec="milliseconds")
