"""Every point at which a run into shards can be cut off, one by one; in PostgreSQL every few."""

import os
import shutil
import sqlite3
from pathlib import Path

import psycopg
import pytest

from midiprism.errors import StoreError
from midiprism.run import Settings, Wish
from midiprism.store.parquet import ParquetStore
from support import catalogs as keeping
from support.catalogs import query
from support.fake import BASS, DRUMS, PIANO, song, write
from support.points import KILLED, counted, cut_off, writes
from support.runs import run
from support.shards import rows_of
from support.trouble import content_of

pytestmark = [
    pytest.mark.slow,
    pytest.mark.usefixtures("catalogs"),
    pytest.mark.skipif(not hasattr(os, "fork"), reason="points are counted in forked processes"),
]

STEPS = {"sqlite": 1, "postgres": 11}
REDO = Wish(redo=True)


def split(source: Path, out: Path, wish: Wish = Wish()) -> str:  # noqa: B008 - it is frozen
    settings = Settings(store="parquet", workers=0, batch_parents=2, in_flight=2, wish=wish)
    return run(source, out, settings).state


def everything(out: Path) -> object:
    """All that must be the same however a result came about; and no shard of which no commit speaks."""
    names = {f"{path.parent.name}/{path.name}" for path in out.glob("*/*-*.parquet")}
    assert names == {name for (name,) in query(out, "SELECT name FROM shards")}
    assert not list(out.glob("*/.*.tmp"))
    assert query(out, "SELECT count(*) FROM shards WHERE stale <> 0") == [(0,)]
    return rows_of(out), content_of(out)


def no_row_without_its_shard(out: Path) -> bool:
    """Every track that the catalogue speaks of lies where it says."""
    if keeping.database(out) is None and not (out / "catalog.sqlite").exists():
        return True
    try:
        found = query(
            out, "SELECT t.digest, s.name, shard_row FROM tracks t LEFT JOIN shards s ON s.id = shard_id"
        )
    except (sqlite3.OperationalError, psycopg.errors.UndefinedTable):  # killed before they were made
        return True
    try:
        with ParquetStore(out) as store:
            for digest, shard, row in found:
                store.get(shard, row, bytes(digest))
    except StoreError:
        return False
    return True


@pytest.fixture
def songs(tmp_path: Path) -> Path:
    return write(
        tmp_path / "songs",
        {
            "a.mid": song(PIANO, BASS, BASS),
            "b.mid": song(BASS, DRUMS),
            "c/copy.mid": song(PIANO, BASS, BASS),
            "d.mid": b"junk",
            "e.mid": song(DRUMS + "e", head="repaired"),
        },
    )


@pytest.mark.parametrize("torn", [False, True], ids=["before", "within"])
def test_a_run_that_is_cut_off_at_any_point_is_made_good_by_the_next(
    songs: Path, tmp_path: Path, catalogs: str, torn: bool
) -> None:
    split(songs, tmp_path / "whole")
    whole = everything(tmp_path / "whole")
    points = counted(lambda: split(songs, tmp_path / "counted"))
    assert points > 40
    lasts = writes(lambda: split(songs, tmp_path / "torn")) if torn else range(1, points + 1, STEPS[catalogs])
    assert len(lasts) > 3
    for last in lasts:
        out = tmp_path / f"{last}"
        assert cut_off(lambda out=out: split(songs, out), out, last, torn=torn) == KILLED  # type: ignore[misc]
        assert no_row_without_its_shard(out), f"point {last}"
        assert split(songs, out) == "done"
        assert everything(out) == whole, f"point {last}"
        shutil.rmtree(out)


def test_a_redo_that_is_cut_off_loses_nothing(songs: Path, tmp_path: Path, catalogs: str) -> None:
    split(songs, tmp_path / "whole")
    whole = everything(tmp_path / "whole")
    split(songs, tmp_path / "counted")
    points = counted(lambda: split(songs, tmp_path / "counted", REDO))
    for last in range(1, points + 1, 2 * STEPS[catalogs]):
        out = tmp_path / f"{last}"
        split(songs, out)
        assert cut_off(lambda out=out: split(songs, out, REDO), out, last) == KILLED  # type: ignore[misc]
        assert no_row_without_its_shard(out), f"point {last}"
        assert split(songs, out) == "done", "any run settles it"
        assert everything(out) == whole, f"point {last}"
        shutil.rmtree(out)
