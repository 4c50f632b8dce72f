"""Runs for those who look at them: made, left as a kill would leave them, or held by another process."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from midiprism.library import open_library
from midiprism.run import Settings, Summary, split_library
from support import catalogs
from support.fake import fake_split

HOLDER = """
import sys
from midiprism.run.lock import locked
with locked(sys.argv[1]):
    print("held", flush=True)
    sys.stdin.read()
"""


def run(source: Path | list[Path], out: Path, settings: Settings | None = None, **options: object) -> Summary:
    library = open_library(source if isinstance(source, list) else [source], os.fsencode(out))
    options.setdefault("splitter", fake_split)
    settings = settings or Settings(workers=0)
    if settings.database is None:
        settings = replace(settings, database=catalogs.database(out))
    return split_library(library, str(out), settings, **options)  # type: ignore[arg-type]


def left_running(out: Path, **totals: object) -> None:
    """As a kill would leave them: what they have told is all that is known of them."""
    told = json.dumps(totals)
    catalogs.change(out, "UPDATE runs SET state = 'running', expires_at = NULL, totals = ?", told)


@contextmanager
def held_elsewhere(out: Path) -> Iterator[None]:
    command = [sys.executable, "-c", HOLDER, str(out)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"held\n"
        yield
        process.communicate()


@contextmanager
def going_on(out: Path) -> Iterator[None]:
    """What is recorded as running is on meanwhile, as its catalogue has it."""
    if catalogs.database(out) is None:
        with held_elsewhere(out):
            yield
        return
    catalogs.change(out, "UPDATE runs SET expires_at = now() + INTERVAL '1 hour' WHERE state = 'running'")
    yield
    catalogs.change(out, "UPDATE runs SET expires_at = NULL")


NOON = datetime(2026, 6, 1, 12, tzinfo=UTC)
"""The time at which such runs are looked at."""


def stamp(ago: float) -> str:
    return (NOON - timedelta(seconds=ago)).isoformat(timespec="milliseconds")
