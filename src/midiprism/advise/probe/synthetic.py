"""Measure commits to a catalog and writes to Parquet, with synthetic songs and tracks."""

import hashlib
import random
import statistics
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from midiprism.advise.probe.io_workers import Clock
from midiprism.catalog import BatchRecord, Catalog, LinkRecord, SongRecord, TrackRecord, open_catalog
from midiprism.errors import UsageError
from midiprism.stores.parquet.schema import ColumnValues, ParquetTrack, rows_to_columns, track_row
from midiprism.stores.parquet.shard_set import ParquetShards

TRACK_BYTES = 3_000

_LINKS_PER_SONG = 5
_DUPLICATE_SHARE = 0.49
_SMALL_BATCH = 50
_NOW = "2026-01-01T00:00:00.000+00:00"
# Four random bits in each byte, so that zstd halves the size: between music and noise.
_COMPRESSIBLE = bytes(value % 16 + 48 for value in range(256))


class CommitCost(NamedTuple):
    """The cost of commits: a fixed part, and one per link."""

    fixed_milliseconds: float
    microseconds_per_link: float
    commits: int


class ShardCost(NamedTuple):
    """The cost of writing tracks to Parquet, and how many were written."""

    microseconds_per_track: float
    tracks: int


def measure_commits(
    path: str, seconds: float, clock: Clock, *, large_batch: int = 800, max_rounds: int = 5
) -> CommitCost:
    """Commit small and large batches of songs to a new SQLite catalog in turn, and return their cost.

    Closing the catalog moves its write-ahead log into the file. That is counted, since it happens in a run
    too.

    Args:
        path: file of the catalog.
        seconds: after this time no further round begins.
        clock: of this process.
        large_batch: songs of a large batch.
        max_rounds: most pairs of a small and a large batch.
    """
    songs = _SyntheticSongs()
    small: list[float] = []
    large: list[float] = []
    with open_catalog(path) as catalog:
        run_id = catalog.begin_run({}, _NOW)
        _time_commit(catalog, run_id, songs, _SMALL_BATCH, clock)
        started = clock()
        while len(large) < max_rounds and (not large or clock() - started < seconds):
            small.append(_time_commit(catalog, run_id, songs, _SMALL_BATCH, clock))
            large.append(_time_commit(catalog, run_id, songs, large_batch, clock))
        close_started = clock()
    close_seconds = clock() - close_started
    small_links, large_links = _LINKS_PER_SONG * _SMALL_BATCH, _LINKS_PER_SONG * large_batch
    per_link = (statistics.median(large) - statistics.median(small)) / (large_links - small_links)
    fixed = statistics.median(small) - per_link * small_links
    per_link += close_seconds / (_LINKS_PER_SONG * songs.count)
    return CommitCost(max(0.0, fixed) * 1e3, max(0.0, per_link) * 1e6, len(small) + len(large))


def measure_shards(
    folder: str, seconds: float, clock: Clock, row_counts: Sequence[int] = (500, 4_000)
) -> ShardCost | None:
    """Write tracks to shards, and return their cost; None without pyarrow.

    Args:
        folder: where the shards go.
        seconds: a shard is not written if it would take longer than this.
        clock: of this process.
        row_counts: tracks of each shard.
    """
    try:
        shards = ParquetShards(folder)
    except UsageError:
        return None
    cost = ShardCost(0.0, 0)
    shards.write_tracks("warm", _make_tracks(10, 0))  # the first write also loads libraries
    for number, rows in enumerate(row_counts, 1):
        if cost.microseconds_per_track * rows / 1e6 > seconds:
            break
        tracks = _make_tracks(rows, number)
        started = clock()
        shards.write_tracks(f"probe-{number}", tracks)
        cost = ShardCost((clock() - started) / rows * 1e6, cost.tracks + rows)
    return cost


def _time_commit(catalog: Catalog, run_id: int, songs: "_SyntheticSongs", size: int, clock: Clock) -> float:
    batch = songs.next_batch(size)
    started = clock()
    catalog.commit(run_id, [batch], _NOW)
    return clock() - started


def _make_tracks(count: int, seed: int) -> ColumnValues:
    rng = random.Random(seed)
    return rows_to_columns(
        [_make_track(rng.randbytes(TRACK_BYTES).translate(_COMPRESSIBLE)) for _ in range(count)]
    )


def _make_track(music: bytes) -> ParquetTrack:
    return track_row(_TRACK._replace(digest=_digest(music), size=len(music)), music)


_TRACK = TrackRecord(
    digest=bytes(32),
    name="Lead",
    instrument="Violin",
    family="Strings",
    channel=3,
    program=40,
    note_count=240,
    lowest_pitch=55,
    highest_pitch=88,
    duration_ticks=96_000,
    duration_seconds=100.0,
    ticks_per_quarter=480,
    tempo=120.0,
    tempo_count=1,
    time_signature="4/4",
    key_signature="D major",
    size=TRACK_BYTES,
    stem="Lead",
)


class _SyntheticSongs:
    """Songs of five tracks each, about half of which occurred in an earlier song."""

    def __init__(self) -> None:
        self.count = 0
        self._track_count = 0
        self._rng = random.Random(1)

    def next_batch(self, size: int) -> BatchRecord:
        """Return a batch of the next songs."""
        return BatchRecord.from_songs(self._next_song() for _ in range(size))

    def _next_song(self) -> SongRecord:
        self.count += 1
        number = self.count
        path = b"/library/%03d/song-%09d.mid" % (number % 1_000, number)
        return SongRecord(
            path=path,
            root_length=9,
            song_name=f"song-{number:09}",
            size=15_000,
            mtime_ns=number,
            digest=_digest(path),
            outcome="split",
            format=1,
            num_tracks=_LINKS_PER_SONG + 1,
            division=480,
            duration_ticks=96_000,
            duration_seconds=100.0,
            links=tuple(self._next_links()),
        )

    def _next_links(self) -> Iterator[LinkRecord]:
        for number in range(_LINKS_PER_SONG):
            duplicate = self._track_count > 0 and self._rng.random() < _DUPLICATE_SHARE
            track_id = self._rng.randrange(self._track_count) if duplicate else self._track_count
            self._track_count += not duplicate
            track = _TRACK._replace(digest=_digest(track_id.to_bytes(8, "big")), channel=number)
            yield LinkRecord(
                number + 1, None, number, 40, None, 1, "Lead", "ascii", "Violin", "Strings", track
            )


def _digest(data: bytes) -> bytes:
    return hashlib.blake2b(data, digest_size=32).digest()
