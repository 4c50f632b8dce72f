"""For how many answers of a server a run really waits, as the model has it."""

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
from midiprism.pipeline.shard_writer import ShardWriter
from midiprism.stores.parquet.store import ParquetStore
from support.postgres import PostgresServer
from support.records import link_record, song_record, track_record

NOW = "2026-01-01T00:00:00.000+00:00"


def songs(count: int) -> BatchRecord:
    """Songs of one track, none of which is known."""
    link = link_record(track_record(b"t" * 32))
    songs = [song_record(b"/songs/%d" % it, bytes([it]) * 32, link) for it in range(count)]
    return BatchRecord.from_songs(songs, bytes_written=9, seconds=0.1)


def trips(catalog: PostgresCatalog, folder: Path, work: Callable[[], object]) -> int:
    """How often the server was waited for: it says that it is ready, or that rows may come."""
    connection = driver_connection(catalog.connection).pgconn
    file = os.open(folder / "trace", os.O_CREAT | os.O_TRUNC | os.O_WRONLY)
    connection.trace(file)
    work()
    connection.untrace()
    os.close(file)
    told = (folder / "trace").read_text(errors="replace").splitlines()
    return sum("ReadyForQuery" in line or "CopyInResponse" in line for line in told)


@pytest.fixture
def catalog(postgres: PostgresServer) -> Iterator[PostgresCatalog]:
    with PostgresCatalog.open(PostgresAddress(postgres.new_database()), writable=True) as catalog:
        assert isinstance(catalog, PostgresCatalog)
        yield catalog


def leased(catalog: PostgresCatalog, run_id: int, batch: BatchRecord) -> BatchRecord:
    """The batch, with a lease on it."""
    wanted = {song.path: (song.size, song.mtime_ns) for song in batch.song_records()}
    return replace(batch, lease=catalog.lease(run_id, wanted, None, redo=False).lease)


def test_as_many_as_the_model_says(catalog: PostgresCatalog, tmp_path: Path) -> None:
    run_id = catalog.begin_run({}, NOW)
    batches: list[BatchRecord] = []
    assert (
        trips(catalog, tmp_path, lambda: batches.append(leased(catalog, run_id, songs(3))))
        == LEASE_ROUND_TRIPS
    )
    assert trips(catalog, tmp_path, lambda: catalog.commit(run_id, batches, NOW)) == COMMIT_ROUND_TRIPS
    asked = [digest for digest in batches[0].songs["digest"] if digest]
    assert trips(catalog, tmp_path, lambda: catalog.known_songs(asked)) == QUERY_ROUND_TRIPS
    samples = [{"elapsed_seconds": 1.0}]
    assert (
        trips(catalog, tmp_path, lambda: catalog.update_run(run_id, {}, NOW, samples)) == PROGRESS_ROUND_TRIPS
    )


def test_shards_take_some_more(catalog: PostgresCatalog, tmp_path: Path) -> None:
    run_id = catalog.begin_run({}, NOW)
    contents = PackedTracks((b"t" * 32,), (4,), b"MThd")
    batch = leased(catalog, run_id, replace(songs(3), packed_tracks=contents))
    keeping = ShardWriter(ParquetStore(tmp_path), run_id, [batch])
    counted = trips(catalog, tmp_path, lambda: catalog.commit(run_id, [batch], NOW, keeping))
    assert counted == COMMIT_ROUND_TRIPS + SHARD_ROUND_TRIPS
