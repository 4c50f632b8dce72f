"""Runs for those who look at them: made, left as a kill would leave them, or held by another process."""

import json
import os
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

from midiprism.library import open_library
from midiprism.run import Settings, Summary, split_library
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
    return split_library(library, str(out), settings or Settings(workers=0), **options)  # type: ignore[arg-type]


def execute(out: Path, statement: str, *values: object) -> None:
    connection = sqlite3.connect(out / "catalog.sqlite")
    with connection:
        connection.execute(statement, values)
    connection.close()


def left_running(out: Path, **totals: object) -> None:
    execute(out, "UPDATE runs SET state = 'running', totals = ?", json.dumps(totals))


@contextmanager
def held_elsewhere(out: Path) -> Iterator[None]:
    command = [sys.executable, "-c", HOLDER, str(out)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"held\n"
        yield
        process.communicate()


NOON = datetime(2026, 6, 1, 12, tzinfo=UTC)
"""The time at which such runs are looked at."""


def stamp(ago: float) -> str:
    return (NOON - timedelta(seconds=ago)).isoformat(timespec="milliseconds")
