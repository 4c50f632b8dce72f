"""Tests of runs that are killed at every point: the next run completes the result.

In PostgreSQL, where a statement takes longer, runs are killed at some of the points.
"""

import os
import sqlite3
from pathlib import Path
from typing import Any

import psycopg
import pytest

from midiprism.pipeline import RerunPolicy
from midiprism.sources import open_folders
from support import catalog_access
from support.fake_songs import BASS, DRUMS, PIANO, fake_song, fake_split, write_files
from support.kill_points import KILLED_EXIT_CODE, count_points, find_write_points, run_killed_at
from support.nightly import every
from support.result_content import catalog_content, result_content, track_files
from support.runs import make_settings, run_source

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="points are counted in forked processes")


def split(source: Path, out: Path, rerun_policy: RerunPolicy = RerunPolicy()) -> str:  # noqa: B008 - it is frozen
    database = catalog_access.postgres_address(out)
    settings = make_settings(
        workers=0, batch_songs=2, in_flight=2, rerun_policy=rerun_policy, database=database
    )
    summary = run_source(open_folders([source]), str(out), settings, splitter=fake_split)
    return summary.state


def split_until_killed(
    source: Path,
    out: Path,
    last: int,
    *,
    torn: bool = False,
    rerun_policy: RerunPolicy = RerunPolicy(),  # noqa: B008
) -> int:
    """Split until a kill point; return the exit code, which is 0 if there are fewer points."""
    return run_killed_at(lambda: split(source, out, rerun_policy), out, last, tear_write=torn)


def count_split_points(source: Path, out: Path, rerun_policy: RerunPolicy = RerunPolicy()) -> int:  # noqa: B008
    """Return the number of kill points of an uninterrupted run."""
    return count_points(lambda: split(source, out, rerun_policy))


def all_tracks_have_files(out: Path) -> bool:
    """Return whether every track of the catalog has its whole file."""
    if catalog_access.postgres_address(out) is None and not (out / "catalog.sqlite").exists():
        return True
    try:
        known = {row[0] for row in catalog_content(out)["tracks"]}
    except (sqlite3.OperationalError, psycopg.errors.UndefinedTable):  # killed before the tables were created
        return True
    from blake3 import blake3

    return known <= {blake3(data).digest() for _, data in track_files(out)}


def finished_content(out: Path) -> Any:
    """Return the content of a result.

    In PostgreSQL other runs may be active, so temporary files of a killed run stay. They are omitted.
    """
    files, content = result_content(out)
    if catalog_access.postgres_address(out) is not None:
        files = {path: data for path, data in files.items() if not path.endswith(".tmp")}
    return files, content


@pytest.fixture
def songs(tmp_path: Path) -> Path:
    return write_files(
        tmp_path / "songs",
        {
            "a.mid": fake_song(PIANO, BASS, BASS),
            "b.mid": fake_song(BASS, DRUMS),
            "c/copy.mid": fake_song(PIANO, BASS, BASS),
            "d.mid": b"junk",
            "e.mid": fake_song(DRUMS + "e", header="repaired"),
        },
    )


@pytest.mark.slow
@pytest.mark.parametrize("torn", [False, True], ids=["before", "within"])
def test_a_run_killed_at_any_point_is_completed_by_the_next(
    songs: Path, tmp_path: Path, catalog_backend: str, torn: bool
) -> None:
    split(songs, tmp_path / "whole")
    whole = finished_content(tmp_path / "whole")
    points = count_split_points(songs, tmp_path / "counted")
    assert points > 60
    lasts = find_write_points(lambda: split(songs, tmp_path / "torn")) if torn else [*range(1, points + 1)]
    assert len(lasts) > 3
    steps = (9, 1) if catalog_backend == "sqlite" else (45, 9)
    for last in lasts if torn else every(steps[0], lasts, nightly_step=steps[1]):
        out = tmp_path / f"{last}"
        assert split_until_killed(songs, out, last, torn=torn) == KILLED_EXIT_CODE
        assert all_tracks_have_files(out), f"point {last}"
        assert split(songs, out) == "done"
        assert finished_content(out) == whole, f"point {last}"
    # A slow run records its progress more often, which adds points.
    assert split_until_killed(songs, tmp_path / "last", 10 * points, torn=torn) == 0


@pytest.mark.slow
def test_a_run_killed_twice_is_completed_by_the_next(songs: Path, tmp_path: Path) -> None:
    split(songs, tmp_path / "whole")
    whole = result_content(tmp_path / "whole")
    points = count_split_points(songs, tmp_path / "counted")
    for last in every(31, range(1, points + 1), nightly_step=3):
        again = 1 + 37 * last % points  # early points after late ones, and late ones after early ones
        out = tmp_path / f"{last}-{again}"
        split_until_killed(songs, out, last, torn=True)
        split_until_killed(songs, out, again, torn=True)
        assert all_tracks_have_files(out)
        assert split(songs, out) == "done"
        assert result_content(out) == whole, f"points {last}, {again}"


@pytest.mark.slow
def test_a_killed_redo_loses_nothing(songs: Path, tmp_path: Path, catalog_backend: str) -> None:
    split(songs, tmp_path / "whole")
    whole = finished_content(tmp_path / "whole")
    redo = RerunPolicy(redo=True)
    split(songs, tmp_path / "counted")
    points = count_split_points(songs, tmp_path / "counted", redo)
    step = 2 if catalog_backend == "sqlite" else 8
    for last in every(6 * step, range(1, points + 1), nightly_step=step):
        out = tmp_path / f"{last}"
        split(songs, out)
        assert split_until_killed(songs, out, last, rerun_policy=redo) == KILLED_EXIT_CODE
        assert all_tracks_have_files(out), f"point {last}"
        assert split(songs, out, redo) == "done"
        assert finished_content(out) == whole, f"point {last}"
