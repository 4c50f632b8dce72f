"""Tests of tracks, links and songs in Parquet files: what is written is read, within its bounds."""

import contextlib
import pickle
import stat
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from blake3 import blake3
from hypothesis import given
from hypothesis import strategies as st

from midiprism.errors import UsageError
from midiprism.stores import StoreOptions
from midiprism.stores.parquet import shards
from midiprism.stores.parquet.io import read_group_tracks, row_ranges
from midiprism.stores.parquet.schema import (
    LINK_COLUMNS,
    SONG_COLUMNS,
    TRACK_COLUMNS,
    JoinBuffer,
    ParquetLink,
    ParquetSong,
    ParquetTrack,
    path_text_and_bytes,
    rows_to_columns,
)
from midiprism.stores.parquet.shard_set import LINK_SHARDS, TRACK_SHARDS, ParquetShards
from midiprism.stores.parquet.store import ParquetStore
from midiprism.stores.sharded import SONGS_TABLE, WrittenShard
from support.parquet_rows import minimal_row, sample_rows, track_row
from support.parquet_stores import incompressible_rows, read, tree


@pytest.fixture
def store(tmp_path: Path) -> Iterator[ParquetStore]:
    with contextlib.closing(ParquetStore(tmp_path)) as opened:
        yield opened


def test_written_rows_are_read(store: ParquetStore) -> None:
    tracks, links, _ = sample_rows()
    rows = (*tracks, minimal_row(b""), minimal_row(b"nothing is known"), track_row(b"x", "a\0b 🥁"))
    written = store.shards.write_tracks("1-1", rows_to_columns(rows))
    assert [shard.name for shard in written.shards] == ["tracks/tracks-1-1-0.parquet"]
    assert list(store.shards.rows(written.shards[0].name)) == list(rows)
    for row, shard, place in zip(rows, *written.row_locations, strict=True):
        assert read(store, written.shards[shard].name, place, row.blake3) == row.music
    linked = store.shards.write_links("1-1", rows_to_columns(links))
    assert [ParquetLink(*row) for row in store.shards.rows(linked.shards[0].name)] == list(links)


def test_the_columns_are_those_of_the_rows() -> None:
    for columns, row in (
        (TRACK_COLUMNS, ParquetTrack),
        (LINK_COLUMNS, ParquetLink),
        (SONG_COLUMNS, ParquetSong),
    ):
        assert tuple(column.name for column in columns) == row._fields


def test_a_written_shard_is_described_correctly(store: ParquetStore, tmp_path: Path) -> None:
    shard = store.shards.write_tracks("1-1", rows_to_columns(incompressible_rows(700))).shards[0]
    data = (tmp_path / shard.name).read_bytes()
    assert shard == WrittenShard("tracks/tracks-1-1-0.parquet", 700, len(data), blake3(data).digest())
    status = store.shards.shard_status(shard.name)
    assert (status.state, status.size, status.digest) == ("present", shard.size, shard.digest)
    assert stat.S_IMODE((tmp_path / shard.name).stat().st_mode) & 0o222 == 0


def test_shards_and_row_groups_are_bounded(store: ParquetStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shards, "SHARD_BYTES", 6 << 20)
    monkeypatch.setattr(shards, "SHARD_ROWS", 1_100)
    rows = [
        *incompressible_rows(1_200, 10),
        *incompressible_rows(5, 1_400_000),
        track_row(bytes(8 << 20)),
        *incompressible_rows(3, 20),
    ]
    written = store.shards.write_tracks("2-9", rows_to_columns(rows))
    assert [shard.rows for shard in written.shards] == [1_100, 104, 1, 1, 3]
    assert [shard.name[-9:] for shard in written.shards] == [f"{number}.parquet" for number in range(5)]
    assert len({*zip(*written.row_locations, strict=True)}) == len(rows)
    for row, shard, place in zip(rows, *written.row_locations, strict=True):
        assert read(store, written.shards[shard].name, place, row.blake3) == row.music
    groups = [
        (group.num_rows, group.total_byte_size)
        for shard in written.shards
        for metadata in [pq.read_metadata(Path(store.shards.root, shard.name))]
        for group in map(metadata.row_group, range(metadata.num_row_groups))
    ]
    assert max(rows for rows, _ in groups) == TRACK_SHARDS.max_group_rows
    assert all(size < 1.2 * TRACK_SHARDS.max_group_bytes or rows == 1 for rows, size in groups)


@given(st.lists(st.integers(0, 9), max_size=40), st.integers(1, 7), st.integers(1, 20))
def test_parts_hold_every_row_once_and_keep_their_bounds(
    sizes: list[int], most_rows: int, most_bytes: int
) -> None:
    parts = list(row_ranges(sizes, most_rows, most_bytes))
    assert [row for first, last in parts for row in range(first, last)] == list(range(len(sizes)))
    for number, (first, last) in enumerate(parts):
        assert 1 <= last - first <= most_rows
        assert last - first == 1 or sum(sizes[first:last]) <= most_bytes
        if number:  # and a part ends only if the next row does not fit
            before = parts[number - 1][0]
            assert first - before == most_rows or sum(sizes[before : first + 1]) > most_bytes


def test_nothing_to_write_makes_no_shard(store: ParquetStore, tmp_path: Path) -> None:
    assert store.shards.write_tracks("1-1", rows_to_columns([])).shards == []
    assert tree(tmp_path) == []


def test_one_track_is_read_without_the_others(store: ParquetStore, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = incompressible_rows(2_000)
    name = store.shards.write_tracks("1-1", rows_to_columns(rows)).shards[0].name
    groups_read = []

    def count_and_read(file: Any, group: int) -> list[tuple[bytes, bytes]]:
        groups_read.append(group)
        return read_group_tracks(file, group)

    monkeypatch.setattr("midiprism.stores.parquet.store.read_group_tracks", count_and_read)
    for _ in range(3):
        read(store, name, 1_000, rows[1_000].blake3)
    assert groups_read == [1_000 // TRACK_SHARDS.max_group_rows]


def test_more_shards_and_groups_are_read_than_are_kept_open(store: ParquetStore) -> None:
    rows = incompressible_rows(60, 5)
    names = [
        store.shards.write_tracks(f"1-{number}", rows_to_columns([row])).shards[0].name
        for number, row in enumerate(rows)
    ]
    for _ in range(2):
        for name, row in zip(names, rows, strict=True):
            assert read(store, name, 0, row.blake3) == row.music
    assert len(store._open_shards) < 20
    assert len(store._cached_groups) < 20


def test_a_pickled_store_reads_the_same(store: ParquetStore) -> None:
    row = track_row(b"notes")
    name = store.shards.write_tracks("1-1", rows_to_columns([row])).shards[0].name
    read(store, name, 0, row.blake3)
    with contextlib.closing(pickle.loads(pickle.dumps(store))) as other:
        assert read(other, name, 0, row.blake3) == b"notes"


def test_a_new_songs_table_replaces_the_old_one(store: ParquetStore, tmp_path: Path) -> None:
    songs = sample_rows()[2]
    assert store.shards.write_songs_table([rows_to_columns(songs[:5])], "7") == 5
    assert store.shards.write_songs_table([rows_to_columns(songs)], "7") == len(songs)
    assert pq.read_table(tmp_path / SONGS_TABLE).num_rows == len(songs)
    assert tree(tmp_path) == [SONGS_TABLE]
    assert store.shards.write_songs_table([], "7") == 0
    assert pq.read_table(tmp_path / SONGS_TABLE).num_rows == 0


def test_more_songs_than_a_row_group_holds_are_written(tmp_path: Path) -> None:
    ParquetShards(tmp_path, songs_per_group=7).write_songs_table([rows_to_columns(sample_rows()[2])], "7")
    paths = pq.read_table(tmp_path / SONGS_TABLE).column("path").to_pylist()
    assert paths == [song.path for song in sample_rows()[2]]


def test_a_path_that_is_not_text_is_kept_as_bytes() -> None:
    assert path_text_and_bytes("a/é.mid".encode()) == ("a/é.mid", None)
    assert path_text_and_bytes(b"a/\xe9.mid") == ("a/\N{REPLACEMENT CHARACTER}.mid", b"a/\xe9.mid")


def test_every_file_has_the_settings_of_its_result(tmp_path: Path) -> None:
    store = ParquetStore(tmp_path, StoreOptions({"by": "auto", "context": "full"}))
    store.shards.write_tracks("1-1", rows_to_columns([track_row(b"a")]))
    store.shards.write_links("1-1", rows_to_columns(sample_rows()[1]))
    store.shards.write_songs_table([rows_to_columns(sample_rows()[2])], "7")
    for name in tree(tmp_path):
        facts = pq.read_schema(tmp_path / name).metadata
        assert (facts[b"midiprism.by"], facts[b"midiprism.context"]) == (b"auto", b"full")
        assert facts[b"midiprism.format"] == b"1"


def test_row_groups_of_links_hold_many(store: ParquetStore, tmp_path: Path) -> None:
    links = [
        sample_rows()[1][0]._replace(position=number) for number in range(LINK_SHARDS.max_group_rows + 1)
    ]
    shard = store.shards.write_links("1-1", rows_to_columns(links)).shards[0]
    assert pq.read_metadata(tmp_path / shard.name).num_row_groups == 2


def test_without_pyarrow_the_error_says_how_to_install_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(UsageError, match=r"pip install 'pyarrow>=17'"):
        ParquetStore(tmp_path)


def test_the_memory_of_a_join_buffer_is_reused_unless_it_is_in_use(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    buffer = JoinBuffer()
    first = buffer.join([b"long and", b" ", b"longer"])
    assert bytes(first) == b"long and longer"
    second = buffer.join([b"short"])
    assert (bytes(first), bytes(second)) == (b"long and longer", b"short")
    del first
    second.release()
    third = buffer.join([b"a", b"", memoryview(b"b")])
    assert bytes(third) == b"ab"
    assert buffer.join([]).nbytes == 0
    third.release()
    monkeypatch.setattr(JoinBuffer, "_MAX_KEPT_BYTES", 3)
    assert bytes(buffer.join([b"more"])) == b"more"
    assert bytes(buffer.join([b"1"])) == b"1"
