"""Tests of runs into shards that are killed at many points; in PostgreSQL at some."""

import contextlib
import os
import shutil
import sqlite3
from functools import partial
from pathlib import Path

import psycopg
import pytest

from midiprism.errors import StoreError
from midiprism.pipeline import RerunPolicy
from midiprism.stores import TrackLocation
from midiprism.stores.parquet.store import ParquetStore
from support import catalog_access
from support.catalog_access import query
from support.fake_songs import BASS, DRUMS, PIANO, fake_song, write_files
from support.kill_points import KILLED_EXIT_CODE, count_points, find_write_points, run_killed_at
from support.nightly import every
from support.parquet_rows import parquet_rows
from support.result_content import catalog_content
from support.runs import make_settings, run_split

pytestmark = [
    pytest.mark.slow,
    pytest.mark.usefixtures("catalog_backend"),
    pytest.mark.skipif(not hasattr(os, "fork"), reason="points are counted in forked processes"),
]

STEPS = {"sqlite": 11, "postgres": 47}
NIGHTLY_STEPS = {"sqlite": 1, "postgres": 11}
REDO = RerunPolicy(redo=True)


def split(source: Path, out: Path, rerun_policy: RerunPolicy = RerunPolicy()) -> str:  # noqa: B008 - it is frozen
    settings = make_settings(
        store="parquet", workers=0, batch_songs=2, in_flight=2, rerun_policy=rerun_policy
    )
    return run_split(source, out, settings).state


def complete_content(out: Path) -> object:
    """Return the content that must not depend on kills; check that every shard is committed."""
    names = {f"{path.parent.name}/{path.name}" for path in out.glob("*/*-*.parquet")}
    assert names == {name for (name,) in query(out, "SELECT name FROM shards")}
    assert not list(out.glob("*/.*.tmp"))
    assert query(out, "SELECT count(*) FROM shards WHERE stale <> 0") == [(0,)]
    return parquet_rows(out), catalog_content(out)


def all_tracks_are_in_their_shards(out: Path) -> bool:
    """Return whether every track of the catalog is at its location."""
    if catalog_access.postgres_address(out) is None and not (out / "catalog.sqlite").exists():
        return True
    try:
        found = query(
            out, "SELECT t.digest, s.name, shard_row FROM tracks t LEFT JOIN shards s ON s.id = shard_id"
        )
    except (sqlite3.OperationalError, psycopg.errors.UndefinedTable):  # killed before the tables were created
        return True
    try:
        with contextlib.closing(ParquetStore(out)) as store:
            for digest, shard, row in found:
                store.read(TrackLocation("", "", bytes(digest), 32, shard, row))
    except StoreError:
        return False
    return True


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


@pytest.mark.parametrize("torn", [False, True], ids=["before", "within"])
def test_a_run_killed_at_any_point_is_completed_by_the_next(
    songs: Path, tmp_path: Path, catalog_backend: str, torn: bool
) -> None:
    split(songs, tmp_path / "whole")
    whole = complete_content(tmp_path / "whole")
    points = count_points(lambda: split(songs, tmp_path / "counted"))
    assert points > 40
    lasts = (
        find_write_points(lambda: split(songs, tmp_path / "torn"))
        if torn
        else every(STEPS[catalog_backend], range(1, points + 1), nightly_step=NIGHTLY_STEPS[catalog_backend])
    )
    assert len(lasts) > 3
    for last in lasts:
        out = tmp_path / f"{last}"
        assert run_killed_at(partial(split, songs, out), out, last, tear_write=torn) == KILLED_EXIT_CODE
        assert all_tracks_are_in_their_shards(out), f"point {last}"
        assert split(songs, out) == "done"
        assert complete_content(out) == whole, f"point {last}"
        shutil.rmtree(out)


def test_a_killed_redo_loses_nothing(songs: Path, tmp_path: Path, catalog_backend: str) -> None:
    split(songs, tmp_path / "whole")
    whole = complete_content(tmp_path / "whole")
    split(songs, tmp_path / "counted")
    points = count_points(lambda: split(songs, tmp_path / "counted", REDO))
    steps = 2 * STEPS[catalog_backend], 2 * NIGHTLY_STEPS[catalog_backend]
    for last in every(steps[0], range(1, points + 1), nightly_step=steps[1]):
        out = tmp_path / f"{last}"
        split(songs, out)
        assert run_killed_at(lambda out=out: split(songs, out, REDO), out, last) == KILLED_EXIT_CODE  # type: ignore[misc]
        assert all_tracks_are_in_their_shards(out), f"point {last}"
        assert split(songs, out) == "done", "any run settles it"
        assert complete_content(out) == whole, f"point {last}"
        shutil.rmtree(out)
