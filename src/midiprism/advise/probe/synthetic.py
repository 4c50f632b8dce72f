"""Songs and tracks that never were, for a probe to commit to a catalogue and to write to Parquet."""

import hashlib
import random
import statistics
from collections.abc import Iterator
from typing import NamedTuple

from midiprism.advise.probe.io_workers import Clock
from midiprism.catalog import BatchRecord, Catalog, LinkRecord, SongRecord, TrackRecord, open_catalog
from midiprism.errors import UsageError
from midiprism.stores.parquet.schema import ColumnValues, ParquetTrack, rows_to_columns, track_row
from midiprism.stores.parquet.store import ParquetStore

TRACK_BYTES = 3_000

_LINKS_PER_SONG = 5
_DUPLICATE_SHARE = 0.49
_SMALL_BATCH, _LARGE_BATCH = 50, 800
_MAX_ROUNDS = 5
_SHARD_ROW_COUNTS = (500, 4_000)
_NOW = "2026-01-01T00:00:00.000+00:00"
# Four bits of surprise in each byte, so that zstd halves the contents: between music and noise.
_COMPRESSIBLE = bytes(value % 16 + 48 for value in range(256))


class CommitCost(NamedTuple):
    """What commits cost: a part that each has, and one for each link."""

    fixed_milliseconds: float
    microseconds_per_link: float
    commits: int


class ShardCost(NamedTuple):
    """What writing tracks to Parquet costs, and how many were written."""

    microseconds_per_track: float
    tracks: int


def measure_commits(path: str, seconds: float, clock: Clock) -> CommitCost:
    """Commit to a new catalogue of SQLite, songs by the dozen and by the hundred in turn.

    The log is folded into the file at the end, and counted, as it is in a run now and then.
    """
    songs = _SyntheticSongs()
    small: list[float] = []
    large: list[float] = []
    with open_catalog(path) as catalog:
        run_id = catalog.begin_run({}, _NOW)
        _time_commit(catalog, run_id, songs, _SMALL_BATCH, clock)
        began = clock()
        while len(large) < _MAX_ROUNDS and (not large or clock() - began < seconds):
            small.append(_time_commit(catalog, run_id, songs, _SMALL_BATCH, clock))
            large.append(_time_commit(catalog, run_id, songs, _LARGE_BATCH, clock))
        closing = clock()
    closed = clock() - closing
    each = (statistics.median(large) - statistics.median(small)) / (
        _LINKS_PER_SONG * (_LARGE_BATCH - _SMALL_BATCH)
    )
    fixed = statistics.median(small) - each * _LINKS_PER_SONG * _SMALL_BATCH
    folded = closed / (_LINKS_PER_SONG * songs.count)
    return CommitCost(max(0.0, fixed) * 1e3, max(0.0, each + folded) * 1e6, len(small) + len(large))


def measure_shards(folder: str, seconds: float, clock: Clock) -> ShardCost | None:
    """Write tracks to shards, first a few, then many if the time allows; None without pyarrow."""
    try:
        store = ParquetStore(folder)
    except UsageError:
        return None
    found = ShardCost(0.0, 0)
    with store:
        store.write_tracks("warm", _make_tracks(10, 0))  # what is loaded at first use is loaded
        for number, rows in enumerate(_SHARD_ROW_COUNTS, 1):
            if found.microseconds_per_track * rows / 1e6 > seconds:
                break
            tracks = _make_tracks(rows, number)
            began = clock()
            store.write_tracks(f"probe-{number}", tracks)
            found = ShardCost((clock() - began) / rows * 1e6, found.tracks + rows)
    return found


def _time_commit(catalog: Catalog, run_id: int, songs: "_SyntheticSongs", size: int, clock: Clock) -> float:
    batch = songs.next_batch(size)
    began = clock()
    catalog.commit(run_id, [batch], _NOW)
    return clock() - began


def _make_tracks(count: int, seed: int) -> ColumnValues:
    dice = random.Random(seed)
    return rows_to_columns(
        [_make_track(dice.randbytes(TRACK_BYTES).translate(_COMPRESSIBLE)) for _ in range(count)]
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
    """Songs of five tracks each, of which about half have a content that occurred before."""

    def __init__(self) -> None:
        self.count = 0
        self._track_count = 0
        self._rng = random.Random(1)

    def next_batch(self, size: int) -> BatchRecord:
        """The next so many."""
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
            known = self._track_count > 0 and self._rng.random() < _DUPLICATE_SHARE
            content = self._rng.randrange(self._track_count) if known else self._track_count
            self._track_count += not known
            track = _TRACK._replace(digest=_digest(content.to_bytes(8, "big")), channel=number)
            yield LinkRecord(number + 1, None, number, 40, None, 1, "Lead", "Violin", "Strings", track)


def _digest(data: bytes) -> bytes:
    return hashlib.blake2b(data, digest_size=32).digest()
