"""Tests that the model has as many round trips to a server as the catalog makes."""

import os
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from midiprism.advise.model.costs import COMMIT_ROUND_TRIPS, QUERY_ROUND_TRIPS, SHARD_ROUND_TRIPS
from midiprism.advise.model.throughput import LEASE_ROUND_TRIPS, PROGRESS_ROUND_TRIPS
from midiprism.catalog import BatchRecord, PackedTracks, PostgresAddress
from midiprism.catalog.postgres.catalog import PostgresCatalog
from midiprism.catalog.postgres.server import driver_connection
from midiprism.stores.parquet.shard_set import ParquetShards
from midiprism.stores.parquet.shard_writer import ShardWriter
from support.postgres import PostgresServer
from support.records import link_record, song_record, track_record

NOW = "2026-01-01T00:00:00.000+00:00"


def songs(count: int) -> BatchRecord:
    """Return new songs of one track."""
    link = link_record(track_record(b"t" * 32))
    songs = [song_record(b"/songs/%d" % number, bytes([number]) * 32, link) for number in range(count)]
    return BatchRecord.from_songs(songs, bytes_written=9, seconds=0.1)


def count_round_trips(catalog: PostgresCatalog, folder: Path, work: Callable[[], object]) -> int:
    """Return the number of answers that ``work`` waited for: the server is ready, or may receive rows."""
    connection = driver_connection(catalog.connection).pgconn
    file = os.open(folder / "trace", os.O_CREAT | os.O_TRUNC | os.O_WRONLY)
    connection.trace(file)
    work()
    connection.untrace()
    os.close(file)
    trace = (folder / "trace").read_text(errors="replace").splitlines()
    return sum("ReadyForQuery" in line or "CopyInResponse" in line for line in trace)


@pytest.fixture
def catalog(postgres: PostgresServer) -> Iterator[PostgresCatalog]:
    with PostgresCatalog.open(PostgresAddress(postgres.new_database()), writable=True) as catalog:
        assert isinstance(catalog, PostgresCatalog)
        yield catalog


def with_lease(catalog: PostgresCatalog, run_id: int, batch: BatchRecord) -> BatchRecord:
    """Return the batch with a lease."""
    versions = {song.path: (song.size, song.mtime_ns) for song in batch.song_records()}
    return replace(batch, lease=catalog.lease(run_id, versions, None, redo=False).lease)


def test_round_trips_are_as_many_as_in_the_model(catalog: PostgresCatalog, tmp_path: Path) -> None:
    run_id = catalog.begin_run({}, NOW)
    batches: list[BatchRecord] = []
    assert (
        count_round_trips(catalog, tmp_path, lambda: batches.append(with_lease(catalog, run_id, songs(3))))
        == LEASE_ROUND_TRIPS
    )
    assert (
        count_round_trips(catalog, tmp_path, lambda: catalog.commit(run_id, batches, NOW))
        == COMMIT_ROUND_TRIPS
    )
    digests = [digest for digest in batches[0].songs["digest"] if digest]
    assert count_round_trips(catalog, tmp_path, lambda: catalog.known_songs(digests)) == QUERY_ROUND_TRIPS
    samples = [{"elapsed_seconds": 1.0}]
    assert (
        count_round_trips(catalog, tmp_path, lambda: catalog.update_run(run_id, {}, NOW, samples))
        == PROGRESS_ROUND_TRIPS
    )


def test_shards_need_additional_round_trips(catalog: PostgresCatalog, tmp_path: Path) -> None:
    run_id = catalog.begin_run({}, NOW)
    contents = PackedTracks((b"t" * 32,), (4,), b"MThd")
    batch = with_lease(catalog, run_id, replace(songs(3), packed_tracks=contents))
    shard_writer = ShardWriter(ParquetShards(tmp_path), run_id, [batch])
    counted = count_round_trips(catalog, tmp_path, lambda: catalog.commit(run_id, [batch], NOW, shard_writer))
    assert counted == COMMIT_ROUND_TRIPS + SHARD_ROUND_TRIPS
