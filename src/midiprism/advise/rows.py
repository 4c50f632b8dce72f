"""Songs and tracks that never were, for a probe to commit to a catalogue and to write to Parquet."""

import hashlib
import random
import statistics
from collections.abc import Iterator
from typing import NamedTuple

from midiprism.advise.crew import Clock
from midiprism.catalog import BatchRecord, Catalog, LinkValues, ParentRecord, TrackValues, open_catalog
from midiprism.errors import UsageError
from midiprism.store.columns import Cells, TrackRow, cells_of
from midiprism.store.parquet import ParquetStore

TRACK_BYTES = 3_000

_LINKS = 5
_DUPLICATES = 0.49
_SMALL, _LARGE = 50, 800
_ROUNDS = 5
_SHARD_ROWS = (500, 4_000)
_NOW = "2026-01-01T00:00:00.000+00:00"
# Four bits of surprise in each byte, so that zstd halves the contents: between music and noise.
_PLAIN = bytes(value % 16 + 48 for value in range(256))


class Commits(NamedTuple):
    """What commits cost: a part that each has, and one for each link."""

    milliseconds: float
    microseconds_each: float
    commits: int


class Shards(NamedTuple):
    """What writing tracks to Parquet costs, and how many were written."""

    microseconds_each: float
    tracks: int


def measured_commits(path: str, seconds: float, clock: Clock) -> Commits:
    """Commit to a new catalogue of SQLite, songs by the dozen and by the hundred in turn.

    The log is folded into the file at the end, and counted, as it is in a run now and then.
    """
    songs = _Songs()
    small: list[float] = []
    large: list[float] = []
    with open_catalog(path) as catalog:
        run_id = catalog.begin_run({}, _NOW)
        _committed(catalog, run_id, songs, _SMALL, clock)
        began = clock()
        while len(large) < _ROUNDS and (not large or clock() - began < seconds):
            small.append(_committed(catalog, run_id, songs, _SMALL, clock))
            large.append(_committed(catalog, run_id, songs, _LARGE, clock))
        closing = clock()
    closed = clock() - closing
    each = (statistics.median(large) - statistics.median(small)) / (_LINKS * (_LARGE - _SMALL))
    fixed = statistics.median(small) - each * _LINKS * _SMALL
    folded = closed / (_LINKS * songs.count)
    return Commits(max(0.0, fixed) * 1e3, max(0.0, each + folded) * 1e6, len(small) + len(large))


def measured_shards(folder: str, seconds: float, clock: Clock) -> Shards | None:
    """Write tracks to shards, first a few, then many if the time allows; None without pyarrow."""
    try:
        store = ParquetStore(folder)
    except UsageError:
        return None
    found = Shards(0.0, 0)
    with store:
        store.write_tracks("warm", _tracks(10, 0))  # what is loaded at first use is loaded
        for number, rows in enumerate(_SHARD_ROWS, 1):
            if found.microseconds_each * rows / 1e6 > seconds:
                break
            tracks = _tracks(rows, number)
            began = clock()
            store.write_tracks(f"probe-{number}", tracks)
            found = Shards((clock() - began) / rows * 1e6, found.tracks + rows)
    return found


def _committed(catalog: Catalog, run_id: int, songs: "_Songs", size: int, clock: Clock) -> float:
    batch = songs.batch(size)
    began = clock()
    catalog.commit(run_id, [batch], _NOW)
    return clock() - began


def _tracks(count: int, seed: int) -> Cells:
    dice = random.Random(seed)
    return cells_of([_track(dice.randbytes(TRACK_BYTES).translate(_PLAIN)) for _ in range(count)])


def _track(music: bytes) -> TrackRow:
    return TrackRow(
        blake3=_digest(music),
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
        size=len(music),
        music=music,
    )


class _Songs:
    """Songs of five tracks each, of which about half have a content that occurred before."""

    def __init__(self) -> None:
        self.count = 0
        self._tracks = 0
        self._dice = random.Random(1)

    def batch(self, size: int) -> BatchRecord:
        """The next so many."""
        return BatchRecord([self._song() for _ in range(size)], 0, 0.0)

    def _song(self) -> ParentRecord:
        self.count += 1
        number = self.count
        path = b"/library/%03d/song-%09d.mid" % (number % 1_000, number)
        return ParentRecord(
            path=path,
            root_length=9,
            song=f"song-{number:09}",
            size=15_000,
            mtime_ns=number,
            digest=_digest(path),
            outcome="split",
            format=1,
            num_tracks=_LINKS + 1,
            division=480,
            duration_ticks=96_000,
            duration_seconds=100.0,
            links=tuple(self._links()),
        )

    def _links(self) -> Iterator[LinkValues]:
        for number in range(_LINKS):
            known = self._tracks > 0 and self._dice.random() < _DUPLICATES
            content = self._dice.randrange(self._tracks) if known else self._tracks
            self._tracks += not known
            track: TrackValues = (
                *(_digest(content.to_bytes(8, "big")), TRACK_BYTES, "Lead", 32, "Lead", "Violin", "Strings"),
                *(number, 40, 240, 55, 88, 96_000, 100.0),
            )
            yield number + 1, number, 40, 1, "Lead", "Violin", "Strings", track


def _digest(data: bytes) -> bytes:
    return hashlib.blake2b(data, digest_size=32).digest()
