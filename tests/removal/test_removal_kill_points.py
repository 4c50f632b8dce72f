"""Tests of prune, forget and undo that are killed at many points."""

import contextlib
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from midiprism.catalog import VerifyScope
from midiprism.errors import UsageError
from midiprism.integrity.verify import verify_result
from support import catalog_access
from support.kill_points import KILLED_EXIT_CODE, count_points, run_killed_at
from support.nightly import every
from support.removals import content_of, forget, split_library, undo

pytestmark = [
    pytest.mark.slow,
    pytest.mark.usefixtures("catalog_backend"),
    pytest.mark.skipif(not hasattr(os, "fork"), reason="points are counted in forked processes"),
]

STEPS = {"sqlite": 31, "postgres": 83}
NIGHTLY_STEPS = {"sqlite": 1, "postgres": 7}
LEFTOVERS = {"orphan", "temporary", "songs_table"}


def check_rows(out: Path) -> None:
    """Check that every row has its track, whole, and every song its links."""
    report = verify_result(str(out), VerifyScope(), database=catalog_access.postgres_address(out))
    assert {kind for kind, count in report.counts.items() if count} <= LEFTOVERS, report.as_dict()


def done(work: Callable[[], object]) -> Callable[[], str]:
    def run() -> str:
        work()
        return "done"

    return run


def prepare(folder: Path, store: str, command: str) -> tuple[Path, Callable[[], object]]:
    """Return a new result, and the command that is to be killed."""
    out = split_library(folder, store)
    songs = folder / "songs"
    if command == "prune":
        forget(out, "f")
        (songs / "f.mid").unlink()
        (songs / "b.mid").unlink()
        (songs / "e.mid").rename(songs / "moved.mid")
        return out, lambda: split_library(folder, store, prune=True)
    if command == "undo":
        forget(out, "b", "e")
        return out, lambda: undo(out)
    return out, lambda: forget(out, "b", "e")


@pytest.mark.parametrize("store", ["files", "parquet"])
@pytest.mark.parametrize("command", ["prune", "forget", "undo"])
def test_a_removal_killed_at_any_point_can_be_repeated_and_loses_nothing(
    tmp_path: Path, catalog_backend: str, store: str, command: str
) -> None:
    out, work = prepare(tmp_path / "whole", store, command)
    before = content_of(out, store)
    points = count_points(done(work))
    after = content_of(out, store)
    assert points > 20
    nightly_step = NIGHTLY_STEPS[catalog_backend]
    for kill_at in every(STEPS[catalog_backend], range(1, points + 1), nightly_step=nightly_step):
        folder = tmp_path / f"{kill_at:05}"  # as long as "whole": rows hold the length of a path
        out, work = prepare(folder, store, command)
        assert run_killed_at(done(work), out, kill_at) in (KILLED_EXIT_CODE, 0)
        check_rows(out)
        with contextlib.suppress(UsageError):  # it may have done it all
            work()
        assert normalized(content_of(out, store), folder) == normalized(after, tmp_path / "whole")
        if command == "forget":
            undo(out)
            assert normalized(content_of(out, store), folder) == normalized(before, tmp_path / "whole")


def normalized(content: object, folder: Path) -> str:
    """Return content in which the folder of a result is not seen."""
    return repr(content).replace(str(folder), "FOLDER")
