"""Runs that store results in shards, and checks that shards and catalog agree."""

import contextlib
from pathlib import Path

from midiprism.pipeline import RerunPolicy, Settings, Summary
from midiprism.smf.types import SplitSong
from midiprism.stores import TrackLocation
from midiprism.stores.parquet.store import ParquetStore
from support.catalog_access import query
from support.fake_songs import BASS, DRUMS, PIANO, fake_song, fake_split, read_tree
from support.parquet_rows import parquet_rows
from support.runs import change_settings, make_settings
from support.runs import run_split as run_into

SHARDS = make_settings(store="parquet", workers=0)
REDO = change_settings(SHARDS, rerun_policy=RerunPolicy(redo=True))
SONGS = {
    "a.mid": fake_song(PIANO, BASS, BASS),
    "b/c.kar": fake_song(BASS, DRUMS),
    "b/d.mid": fake_song(DRUMS + "d", PIANO + "d", header="repaired"),
    "copy.mid": fake_song(PIANO, BASS, BASS),
    "none.mid": fake_song(),
    "not.mid": b"no song",
}


def run(source: Path, out: Path, settings: Settings = SHARDS, **options: object) -> Summary:
    """Split a folder into shards, in this process."""
    return run_into(source, out, settings, **options)


def shards(out: Path) -> list[str]:
    """Return the names of the committed shards, in order."""
    return [name for (name,) in query(out, "SELECT name FROM shards ORDER BY id")]


def files(out: Path) -> set[str]:
    """Return the files in the folders of shards."""
    return {name for name in read_tree(out) if name.startswith(("tracks/", "links/"))}


def assert_consistent(out: Path) -> None:
    """Check that all shards are in the catalog, undamaged, with each track at its location."""
    assert files(out) == set(shards(out))
    with contextlib.closing(ParquetStore(out)) as store:
        for digest, shard, row in query(
            out, "SELECT t.digest, s.name, shard_row FROM tracks t LEFT JOIN shards s ON s.id = shard_id"
        ):
            store.read(TrackLocation("", "", bytes(digest), 32, shard, row))
        for name, size, digest in query(out, "SELECT name, bytes, digest FROM shards"):
            status = store.shards.shard_status(name)
            assert (status.size, status.digest) == (size, bytes(digest))
    rows = parquet_rows(out)
    assert len(rows["tracks"]) == query(out, "SELECT count(*) FROM tracks")[0][0]
    assert len(rows["links"]) == query(out, "SELECT count(*) FROM links")[0][0]
    assert len(set(rows["links"])) == len(rows["links"])
    assert len(rows["songs"]) == query(out, "SELECT count(*) FROM songs WHERE digest IS NOT NULL")[0][0]


def split_differently(data: bytes) -> SplitSong:
    """Return the splits of a fake song, in some songs with a changed track."""
    return fake_split(data.replace(b"Bassline;b", b"Bassline;changed"))
