"""Runs to test with: completed, left as a kill leaves them, or held by another process."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import fields, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, TypeVar

from midiprism.pipeline import RunCallbacks, RunParts, Settings, Summary, run_pipeline
from midiprism.results.status import ResultStatus, read_status
from midiprism.sources import Source, open_source
from support import catalog_access
from support.fake_songs import fake_split

T = TypeVar("T")

LOCK_SCRIPT = """
import sys
from midiprism.results.lock import lock_exclusive
with lock_exclusive(sys.argv[1]):
    print("locked", flush=True)
    sys.stdin.read()
"""


def make_settings(**options: Any) -> Settings:
    """Return settings by the names of their fields, which may be in any group."""
    return change_settings(Settings(), **options)


def change_settings(settings: Settings, **options: Any) -> Settings:
    """Return the settings with other values of some fields, which may be in any group."""
    for group in ("identity", "resources", "catalog", "scope"):
        values = getattr(settings, group)
        names = {field.name for field in fields(values)} & set(options)
        changes = {name: options.pop(name) for name in names}
        settings = replace(settings, **{group: replace(values, **changes)})
    return replace(settings, **options)


def run_source(source: Source, out: str | Path, settings: Settings | None = None, **options: Any) -> Summary:
    """Split a source. Options are fields of ``RunCallbacks``, of ``RunParts``, or settings."""
    callbacks = _take_fields(RunCallbacks, options)
    parts = _take_fields(RunParts, options)
    return run_pipeline(
        source, str(out), change_settings(settings or Settings(), **options), callbacks, parts
    )


def _take_fields(kind: type[T], options: dict[str, Any]) -> T:
    names = {field.name for field in fields(kind)} & set(options)  # type: ignore[arg-type]
    return kind(**{name: options.pop(name) for name in names})


def run_split(
    source: Path | list[Path], out: Path, settings: Settings | None = None, **options: Any
) -> Summary:
    """Split folders in this process, by default with the splitter of fake songs."""
    library = open_source(source if isinstance(source, list) else [source], os.fsencode(out))
    options.setdefault("splitter", fake_split)
    settings = settings or make_settings(workers=0)
    if settings.catalog.database is None:
        settings = change_settings(settings, database=catalog_access.postgres_address(out))
    return run_source(library, out, settings, **options)


def get_status(out: Path, runs: int = 5) -> ResultStatus:
    """Return the status of a result with its latest runs."""
    return read_status(str(out), runs, database=catalog_access.postgres_address(out))


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
"""The time at which tests read the status of such runs."""


def timestamp_ago(seconds: float) -> str:
    """Return a timestamp so many seconds before ``FIXED_NOW``."""
    return (FIXED_NOW - timedelta(seconds=seconds)).isoformat(timespec="milliseconds")
