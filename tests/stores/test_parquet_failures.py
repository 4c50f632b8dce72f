"""Tests of failures and damage in a Parquet store: shards are whole or refused, and none leaves the store."""

import contextlib
import errno
import os
import random
import stat
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from blake3 import blake3

from midiprism.errors import StoreError
from midiprism.fs.atomic_write import atomic_create
from midiprism.fs.exclusive_create import write_all
from midiprism.stores.parquet import shards
from midiprism.stores.parquet.schema import ColumnValues, rows_to_columns
from midiprism.stores.parquet.shard_set import ParquetShards
from midiprism.stores.parquet.store import ParquetStore
from midiprism.stores.sharded import SONGS_TABLE
from support.parquet_rows import sample_rows, track_row
from support.parquet_stores import incompressible_rows, read, tree


@pytest.fixture
def store(tmp_path: Path) -> Iterator[ParquetStore]:
    with contextlib.closing(ParquetStore(tmp_path)) as opened:
        yield opened


def remove_unknown(store: ParquetStore, known: set[str]) -> list[str]:
    paths = [entry.path for entries in store.scan() for entry in entries if entry.path not in known]
    for path in paths:
        store.delete(path)
    return paths


def damage(place: Path, data: bytes) -> None:
    place.chmod(0o644)
    place.write_bytes(data)


@pytest.mark.parametrize(
    ("row", "digest"), [(1, blake3(b"a").digest()), (-1, blake3(b"a").digest()), (0, bytes(32))]
)
def test_a_row_with_another_track_is_refused(store: ParquetStore, row: int, digest: bytes) -> None:
    name = store.shards.write_tracks("1-1", rows_to_columns([track_row(b"a")])).shards[0].name
    with pytest.raises(StoreError, match=r"tracks-1-1-0\.parquet"):
        read(store, name, row, digest)


NO_SHARDS = (
    *("../tracks-1-1-0.parquet", "tracks/../../x-1.parquet", "/etc/passwd", "", "tracks"),
    *("songs/songs.parquet", "tracks/links-1-1-0.parquet", "tracks/tracks-1-1-0.mid"),
    "tracks/.tracks-1-1-0.parquet.tmp",
)


@pytest.mark.parametrize("name", NO_SHARDS)
def test_a_name_cannot_leave_the_store(store: ParquetStore, name: str) -> None:
    with pytest.raises(StoreError, match="not the name of a shard"):
        read(store, name, 0, bytes(32))
    with pytest.raises(StoreError, match="not the name of a shard"):
        store.shards.remove(name)


def test_a_stem_cannot_leave_the_store(tmp_path: Path) -> None:
    (tmp_path / "result").mkdir()
    with (
        contextlib.closing(ParquetStore(tmp_path / "result")) as store,
        pytest.raises(StoreError, match="not the name of a shard"),
    ):
        store.shards.write_tracks("../../x", rows_to_columns([track_row(b"a")]))
    assert tree(tmp_path) == []


def test_no_shard_is_ever_replaced(store: ParquetStore, tmp_path: Path) -> None:
    shard = store.shards.write_tracks("1-1", rows_to_columns([track_row(b"first")])).shards[0]
    before = (tmp_path / shard.name).read_bytes()
    with pytest.raises(StoreError, match="cannot be written"):
        store.shards.write_tracks("1-1", rows_to_columns([track_row(b"second")]))
    assert (tmp_path / shard.name).read_bytes() == before
    assert tree(tmp_path) == [shard.name]


def test_one_of_two_concurrent_writers_of_a_name_fails(tmp_path: Path) -> None:
    place = tmp_path / "x"
    with atomic_create(str(place)) as descriptor:
        with pytest.raises(FileExistsError), atomic_create(str(place)):
            pytest.fail("both write")
        write_all(descriptor, b"first")
    assert place.read_bytes() == b"first"


class _DiskFullError(OSError):
    def __init__(self) -> None:
        super().__init__(errno.ENOSPC, os.strerror(errno.ENOSPC))


def test_a_full_disk_leaves_none_of_the_shards(
    store: ParquetStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shards, "SHARD_ROWS", 2)
    written: list[int] = []

    def fail_as_full(descriptor: int, data: Any) -> int:
        written.append(os.fstat(descriptor).st_size)
        if len(written) > 2:
            raise _DiskFullError
        return len(data)

    monkeypatch.setattr("midiprism.fs.exclusive_create.os.write", fail_as_full)
    with pytest.raises(StoreError, match="disk is full"):
        store.shards.write_tracks("1-1", rows_to_columns(incompressible_rows(8)))
    assert len(written) == 3
    assert tree(tmp_path) == []


def test_a_shard_is_flushed_before_it_has_its_name_and_its_folder_after(
    store: ParquetStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    order: list[str] = []
    fsync, replace = os.fsync, os.replace

    def flush(descriptor: int) -> None:
        order.append("folder" if stat.S_ISDIR(os.fstat(descriptor).st_mode) else "file")
        fsync(descriptor)

    def rename(source: str, target: str) -> None:
        order.append("rename")
        replace(source, target)

    monkeypatch.setattr("midiprism.fs.atomic_write.os.fsync", flush)
    monkeypatch.setattr("midiprism.fs.atomic_write.os.replace", rename)
    store.shards.write_tracks("1-1", rows_to_columns([track_row(b"a")]))
    assert order == ["folder", "file", "rename", "folder"]


def test_a_short_write_is_continued(
    store: ParquetStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write = os.write
    monkeypatch.setattr(
        "midiprism.fs.exclusive_create.os.write", lambda target, data: write(target, data[:1_000])
    )
    shard = store.shards.write_tracks("1-1", rows_to_columns(incompressible_rows(50))).shards[0]
    assert store.shards.shard_status(shard.name).digest == shard.digest


@pytest.mark.skipif(sys.platform == "win32", reason="links need rights there")
def test_links_are_not_followed(store: ParquetStore, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "tracks-1-1-0.parquet").write_bytes(b"kept")
    (tmp_path / "tracks").symlink_to("elsewhere")
    (tmp_path / "songs").symlink_to("elsewhere")
    with pytest.raises(StoreError, match="in the way"):
        store.shards.write_tracks("1-1", rows_to_columns([track_row(b"a")]))
    with pytest.raises(StoreError, match="in the way"):
        store.shards.write_songs_table([rows_to_columns(sample_rows()[2])], "7")
    assert store.shards.shard_status("tracks/tracks-1-1-0.parquet").state == "not_a_file"
    assert list(store.shards.names()) == remove_unknown(store, set()) == []
    assert tree(tmp_path / "elsewhere") == ["tracks-1-1-0.parquet"]


def test_uncommitted_shards_are_removed(store: ParquetStore, tmp_path: Path) -> None:
    _, links, songs = sample_rows()
    kept = (
        store.shards.write_tracks("1-1", rows_to_columns([track_row(b"a")])).shards
        + store.shards.write_links("1-1", rows_to_columns(links)).shards
    )
    lost = (
        store.shards.write_tracks("1-2", rows_to_columns([track_row(b"b")])).shards
        + store.shards.write_links("1-2", rows_to_columns(links)).shards
    )
    store.shards.write_songs_table([rows_to_columns(songs)], "7")
    for name in ("tracks/.tracks-1-3-0.parquet.tmp", "links/.links-1-3-0.parquet.tmp", "songs/.s.0a.tmp"):
        (tmp_path / name).write_bytes(b"half")
    (tmp_path / "tracks" / "mine.parquet").write_bytes(b"somebody else's")
    names = {shard.name for shard in kept}
    assert set(store.shards.names()) == names | {shard.name for shard in lost}
    assert len(remove_unknown(store, names)) == 5
    assert tree(tmp_path) == sorted([*names, SONGS_TABLE, "tracks/mine.parquet"])
    assert remove_unknown(store, names) == []


def test_a_removed_shard_is_missing(store: ParquetStore) -> None:
    row = track_row(b"a")
    name = store.shards.write_tracks("1-1", rows_to_columns([row])).shards[0].name
    read(store, name, 0, row.blake3)
    store.delete(name)
    store.delete(name)
    assert store.shards.shard_status(name).state == "missing"
    with pytest.raises(StoreError, match="is not there"):
        read(store, name, 0, row.blake3)


def test_damage_costs_the_rows_of_its_row_group(store: ParquetStore, tmp_path: Path) -> None:
    rows = incompressible_rows(2_200)
    shard = store.shards.write_tracks("1-1", rows_to_columns(rows)).shards[0]
    place = tmp_path / shard.name
    data = bytearray(place.read_bytes())
    at = data.index(rows[1_100].music)
    data[at] ^= 1
    damage(place, bytes(data))
    assert store.shards.shard_status(shard.name).digest != shard.digest
    found = list(store.shards.checked_tracks(shard.name))
    assert [it.row for it in found] == list(range(2_200))
    assert {it.row for it in found if it.data is None} == set(range(1_024, 2_048))
    assert all(it.data == rows[it.row].music and it.digest == rows[it.row].blake3 for it in found if it.data)
    assert read(store, shard.name, 0, rows[0].blake3) == rows[0].music
    with pytest.raises(StoreError, match="cannot be read"):
        read(store, shard.name, 1_100, rows[1_100].blake3)
    with pytest.raises(StoreError, match="cannot be read"):
        list(store.shards.rows(shard.name))


def test_a_truncated_shard_is_refused(store: ParquetStore, tmp_path: Path) -> None:
    rows = incompressible_rows(600)
    name = store.shards.write_tracks("1-1", rows_to_columns(rows)).shards[0].name
    data = (tmp_path / name).read_bytes()
    for size in (0, 3, 4, 1_000, len(data) - 1):
        damage(tmp_path / name, data[:size])
        with pytest.raises(StoreError, match="cannot be read"):
            list(store.shards.checked_tracks(name))
        with pytest.raises(StoreError, match="cannot be read"):
            read(store, name, 0, rows[0].blake3)


def test_flipped_bytes_are_never_taken_for_a_track(store: ParquetStore, tmp_path: Path) -> None:
    rows = incompressible_rows(600)
    shard = store.shards.write_tracks("1-1", rows_to_columns(rows)).shards[0]
    whole_file = (tmp_path / shard.name).read_bytes()
    rng = random.Random(1)
    refused = 0
    for turn in range(150):
        data = bytearray(whole_file)
        # Every second byte is in the footer, which holds all offsets.
        data[rng.randrange(len(data) - 9_000 if turn % 2 else 0, len(data))] ^= rng.randrange(1, 256)
        damage(tmp_path / shard.name, bytes(data))
        assert store.shards.shard_status(shard.name).digest != shard.digest
        store.close()
        for row in rng.sample(range(600), 3):
            try:
                assert read(store, shard.name, row, rows[row].blake3) == rows[row].music
            except StoreError:
                refused += 1
        try:
            for it in store.shards.checked_tracks(shard.name):
                assert it.data is None or blake3(it.data).digest() == it.digest
        except StoreError:
            refused += 1
    assert refused > 50


def test_another_parquet_file_is_refused(store: ParquetStore, tmp_path: Path) -> None:
    name = store.shards.write_links("1-1", rows_to_columns(sample_rows()[1])).shards[0].name
    (tmp_path / "tracks").mkdir()
    (tmp_path / name).rename(tmp_path / "tracks" / "tracks-1-1-0.parquet")
    with pytest.raises(StoreError, match="columns"):
        list(store.shards.checked_tracks("tracks/tracks-1-1-0.parquet"))


def test_a_folder_in_the_place_of_a_shard_is_reported(store: ParquetStore, tmp_path: Path) -> None:
    (tmp_path / "tracks" / "tracks-1-1-0.parquet").mkdir(parents=True)
    assert store.shards.shard_status("tracks/tracks-1-1-0.parquet").state == "not_a_file"
    assert store.shards.shard_status("tracks/../x").state == "not_a_file"
    with pytest.raises(StoreError, match="regular file"):
        read(store, "tracks/tracks-1-1-0.parquet", 0, bytes(32))


def test_a_songs_table_that_cannot_be_written_leaves_the_old_one(
    store: ParquetStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    songs = sample_rows()[2]
    store.shards.write_songs_table([rows_to_columns(songs)], "7")

    def fail_after_a_row() -> Iterator[ColumnValues]:
        yield rows_to_columns(songs[:1])
        raise _DiskFullError

    with pytest.raises(StoreError, match="disk is full"):
        store.shards.write_songs_table(fail_after_a_row(), "7")
    assert tree(tmp_path) == [SONGS_TABLE]
    assert pq.read_table(tmp_path / SONGS_TABLE).num_rows == len(songs)


def test_only_the_first_error_of_a_disk_is_reported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    errors = [OSError(errno.ENOSPC, "No space left on device")]

    def fail_as_full(descriptor: int, data: bytes) -> None:
        if errors:
            raise errors.pop()

    monkeypatch.setattr("midiprism.fs.atomic_write.write_all", fail_as_full)
    with pytest.raises(StoreError, match="The disk is full"):
        ParquetShards(tmp_path).write_tracks("1-1", rows_to_columns(incompressible_rows(3_000, 2_000)))
    assert os.listdir(tmp_path / "tracks") == []
