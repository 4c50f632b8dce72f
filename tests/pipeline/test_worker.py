from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from time import perf_counter_ns
from typing import Any

import pytest

from midiprism.catalog import BatchRecord
from midiprism.features.facts_version import FACTS_VERSION
from midiprism.metrics.stage_timers import timer_totals
from midiprism.pipeline.batch import Batch
from midiprism.pipeline.resource_defaults import WORKER_LIMITS, WorkerLimits
from midiprism.pipeline.shared_counters import (
    NO_SONG,
    POSITION_COUNTERS,
    SHARED_COUNTER_COUNT,
    SONG_INDEX,
    STAGE,
    STAGE_FACTS,
    STAGE_IDLE,
    STAGE_SPLITTING,
    STAGE_STORING,
    SharedCounters,
    stage_timers,
)
from midiprism.pipeline.worker import Worker
from midiprism.records.batches import TRACK_INDEX, Lease
from midiprism.records.fields import TRACK_FACT_NAMES
from midiprism.smf.types import SplitSong, SplitTrack
from midiprism.sources import SongRef, open_folders
from midiprism.stores import NullStore, StoredTrack, StoreOptions, TrackStore
from midiprism.stores.parquet.store import ParquetStore
from support.fake_songs import BASS, DRUMS, PIANO, fake_song, fake_split, write_files

BAD = "Piano;Acoustic Grand Piano;bad;x"


class PickyStore(ParquetStore):
    """A store that fails for one name unless it accepts all."""

    accepts_all = False

    def put(self, data: bytes, digest: bytes, name: str | None, instrument: str, family: str) -> StoredTrack:
        if name == "bad" and not self.accepts_all:
            raise ValueError("what a name")
        return super().put(data, digest, name, instrument, family)


class ObservedStore(NullStore):
    """A store that calls a function whenever a track is stored."""

    def __init__(self, on_put: Callable[[], None]) -> None:
        self._on_put = on_put

    def put(self, data: bytes, digest: bytes, name: str | None, instrument: str, family: str) -> StoredTrack:
        self._on_put()
        return super().put(data, digest, name, instrument, family)


def count_groups() -> tuple[Callable[[bytes], SplitSong], ObservedStore, list[int]]:
    """Return a splitter, a store, and the number of songs that are split before each time of storing."""
    waiting = [0]
    groups: list[int] = []

    def count_and_split(data: bytes) -> SplitSong:
        waiting[0] += 1
        return fake_split(data)

    def end_group() -> None:
        if waiting[0]:
            groups.append(waiting[0])
            waiting[0] = 0

    return count_and_split, ObservedStore(end_group), groups


_PATIENT_NS = 10**12


def make_worker(
    folder: Path,
    songs: list[bytes],
    store: TrackStore,
    split: Callable[[bytes], SplitSong] = fake_split,
    patience_ns: int = _PATIENT_NS,
    **options: Any,
) -> tuple[Worker, Batch]:
    """Return a worker, and a batch of these songs in their order.

    Args:
        folder: the songs are written there.
        songs: the bytes of each.
        store: stores the tracks.
        split: splits a song.
        patience_ns: time for which splits may wait for others.
    """
    library = open_folders([write_files(folder, {f"{n:03}.mid": data for n, data in enumerate(songs)})])
    found = tuple(item for item in library.walk() if isinstance(item, SongRef))
    worker = Worker(
        library, store, split, lambda _: frozenset(), 1 << 20, max_pending_ns=patience_ns, **options
    )
    return worker, found


def outcomes(record: BatchRecord) -> list[str | None]:
    return list(record.songs["outcome"])


def test_a_track_that_cannot_be_stored_fails_only_its_songs(tmp_path: Path) -> None:
    store = PickyStore(tmp_path, StoreOptions(commits_in_order=True))
    songs = [fake_song(PIANO, BAD, BASS), fake_song(BAD), fake_song(PIANO), fake_song(BASS, PIANO)]
    worker, found = make_worker(tmp_path / "songs", songs, store)
    first = worker.process_batch(found[:2])
    assert outcomes(first) == ["failed", "failed"]
    assert [problems[0].code for problems in first.songs["problems"]] == ["internal", "internal"]
    assert first.packed_tracks.size == 0, "no link leads to what else was put"
    second = worker.process_batch(found[2:])
    assert outcomes(second) == ["split", "split"]
    linked = set(second.tracks["digest"])
    assert set(second.packed_tracks.digests) == linked, "it was not taken for known"
    assert len(linked) == 2


def test_a_track_that_can_be_stored_later_in_a_batch_is_linked(tmp_path: Path) -> None:
    store = PickyStore(tmp_path, StoreOptions(commits_in_order=True))

    def split_and_accept(data: bytes) -> SplitSong:
        store.accepts_all = b"mend" in data
        return fake_split(data)

    worker, found = make_worker(
        tmp_path / "songs",
        [fake_song(BAD), fake_song(BAD, PIANO + "mend")],
        store,
        split_and_accept,
        limits=WorkerLimits(pending_bytes=0),  # songs are stored one by one
    )
    record = worker.process_batch(found)
    assert outcomes(record) == ["failed", "split"]
    assert len(record.packed_tracks.digests) == 2


@pytest.mark.parametrize(("max_bytes", "group_size"), [(1 << 20, 50), (60, 3), (0, 1)])
def test_pending_splits_are_bounded(tmp_path: Path, max_bytes: int, group_size: int) -> None:
    count_and_split, store, groups = count_groups()
    songs = [fake_song(f"Piano;Acoustic Grand Piano;;{n:02}") for n in range(50)]  # 30 bytes each
    limits = WorkerLimits(pending_bytes=max_bytes)
    worker, found = make_worker(tmp_path / "songs", songs, store, count_and_split, limits=limits)
    assert len(worker.process_batch(found).songs) == 50
    assert sum(groups) == 50
    assert max(groups) == group_size


def test_a_record_with_large_tracks_ends_early(tmp_path: Path) -> None:
    songs = [fake_song(f"Piano;Acoustic Grand Piano;;{n:02}") for n in range(50)]  # 30 bytes each
    limits = WorkerLimits(pending_bytes=60, record_bytes=200)
    store = ParquetStore(tmp_path, StoreOptions(commits_in_order=True))
    worker, rest = make_worker(tmp_path / "songs", songs, store, limits=limits)
    records = []
    while rest:
        records.append(worker.process_batch(rest))
        rest = rest[len(records[-1].songs) :]
    assert [len(record.songs) for record in records] == [9, 9, 9, 9, 9, 5]
    assert max(record.packed_tracks.size for record in records) <= 200 + 60 + 30


def test_a_record_without_the_bytes_of_tracks_never_ends_early(tmp_path: Path) -> None:
    limits = WorkerLimits(pending_bytes=0, record_bytes=0)
    worker, found = make_worker(tmp_path / "songs", [fake_song(PIANO)] * 5, NullStore(), limits=limits)
    assert len(worker.process_batch(found).songs) == 5


def test_digesting_the_tracks_of_a_song_counts_towards_its_time(tmp_path: Path) -> None:
    counters: SharedCounters = [0] * SHARED_COUNTER_COUNT
    seen: list[tuple[int, int]] = []

    class WatchedTracks(tuple[SplitTrack, ...]):
        """Tracks that note what the worker says it works on whenever they are used."""

        __slots__ = ()

        def __iter__(self) -> Iterator[SplitTrack]:
            seen.append((counters[SONG_INDEX], counters[STAGE]))
            return super().__iter__()

    def split(data: bytes) -> SplitSong:
        outcome = fake_split(data)
        return outcome._replace(tracks=WatchedTracks(outcome.tracks))

    songs = [fake_song(PIANO + str(n)) for n in range(2)]
    worker, found = make_worker(tmp_path / "songs", songs, NullStore(), split, counters=counters)
    worker.process_batch(found)
    splitting, hashing = seen[:2], seen[2:4]
    assert splitting == hashing == [(0, STAGE_SPLITTING), (1, STAGE_SPLITTING)]


def test_tracks_wait_for_more_while_storing_them_is_fast(tmp_path: Path) -> None:
    count_and_split, store, groups = count_groups()
    songs = [fake_song(PIANO + str(n)) for n in range(70)]
    limits = WorkerLimits(pending_ns=_PATIENT_NS)
    worker, found = make_worker(
        tmp_path / "songs", songs, store, count_and_split, patience_ns=0, limits=limits
    )
    worker.process_batch(found)
    assert groups == [32, 38], "before tracks are stored for the first time, it is unknown how long it takes"


def test_slow_storing_limits_pending_songs_to_those_read_at_once(tmp_path: Path) -> None:
    count_and_split, store, groups = count_groups()
    songs = [fake_song(PIANO + str(n)) for n in range(70)]
    limits = WorkerLimits(pending_ns=0)  # storing always takes longer
    worker, found = make_worker(tmp_path / "songs", songs, store, count_and_split, limits=limits)
    worker.process_batch(found[:5])
    groups.clear()
    worker.process_batch(found[5:])
    assert groups == [32, 32, 1], "the worker remembers it from the batch before"


def test_storing_time_is_counted_once_and_during_storing(tmp_path: Path) -> None:
    seconds: list[float] = []

    def store_seconds() -> float:
        return timer_totals(stage_timers(worker.counters).values()).stages["store"].seconds

    store = ObservedStore(lambda: seconds.append(store_seconds()))
    worker, found = make_worker(
        tmp_path / "songs",
        [fake_song(PIANO + str(n), BASS + str(n)) for n in range(40)],
        store,
        limits=WorkerLimits(progress_interval_ns=-1),  # each track takes longer
    )
    began = perf_counter_ns()
    worker.process_batch(found)
    passed = perf_counter_ns() - began
    assert len(seconds) == 80
    assert all(before < after for before, after in pairwise(seconds))
    assert seconds[-1] < store_seconds() <= passed / 1e9


def test_files_are_stored_by_folder_and_recorded_in_the_order_of_their_songs(tmp_path: Path) -> None:
    put: list[tuple[str, bytes]] = []

    class RecordingStore(NullStore):
        def put(
            self, data: bytes, digest: bytes, name: str | None, instrument: str, family: str
        ) -> StoredTrack:
            put.append((family, digest))
            return super().put(data, digest, name, instrument, family)

    songs = [fake_song(part + str(n)) for n in range(40) for part in (PIANO, BASS)]
    worker, found = make_worker(tmp_path / "songs", songs, RecordingStore())
    record = worker.process_batch(found)
    assert len(put) == 80
    assert len({family for family, _ in put}) == 2
    assert put == sorted(put)
    assert list(record.songs["path"]) == [item.path for item in found]
    assert [record.tracks["digest"][index] for index in record.links[TRACK_INDEX]] == [
        track.digest for data in songs for track in fake_split(data).tracks
    ]


def test_songs_that_are_split_before_a_stop_are_stored_and_recorded(tmp_path: Path) -> None:
    done = [0]

    def count_and_split(data: bytes) -> SplitSong:
        done[0] += 1
        return fake_split(data)

    put: list[int] = []
    songs = [fake_song(PIANO + str(n)) for n in range(50)]
    store = ObservedStore(lambda: put.append(done[0]))
    worker, found = make_worker(tmp_path / "songs", songs, store, count_and_split, stop=lambda: done[0] >= 40)
    record = worker.process_batch(found)
    assert outcomes(record) == ["split"] * 40
    assert put == [40] * 40
    assert record.files_written == 40


def test_no_song_is_marked_as_current_during_storing(tmp_path: Path) -> None:
    counters: SharedCounters = [0] * SHARED_COUNTER_COUNT
    seen: list[tuple[int, int]] = []

    def observe() -> None:
        seen.append((counters[SONG_INDEX], counters[STAGE]))

    worker, found = make_worker(
        tmp_path / "songs",
        [fake_song(PIANO + str(n)) for n in range(5)],
        ObservedStore(observe),
        counters=counters,
    )
    worker.process_batch(found)
    assert seen == [(NO_SONG, STAGE_STORING)] * 5
    assert counters[STAGE] == STAGE_IDLE


def lengths(tracks: Sequence[bytes], _families: Sequence[str]) -> Mapping[str, Sequence[Any]]:
    """Return the lengths of tracks as their only fact; fail for some."""
    if any(b"bad" in track for track in tracks):
        raise ZeroDivisionError
    values: dict[str, Sequence[Any]] = {name: [None] * len(tracks) for name in TRACK_FACT_NAMES}
    return values | {"final_onset_ticks": [*map(len, tracks)], "facts_version": [FACTS_VERSION] * len(tracks)}


def test_facts_that_fail_cost_the_facts_of_their_track(tmp_path: Path) -> None:
    songs = [fake_song(PIANO, BAD, BASS), fake_song(BAD), fake_song(DRUMS)]
    worker, found = make_worker(tmp_path / "songs", songs, NullStore(), compute_facts=lengths)
    record = worker.process_batch(found)
    assert outcomes(record) == ["split"] * 3
    counts = dict(zip(record.tracks["digest"], record.tracks["final_onset_ticks"], strict=True))
    expected = {
        track.digest: None if b"bad" in track.data else len(track.data)
        for song in songs
        for track in fake_split(song).tracks
    }
    assert counts == expected
    assert set(record.tracks["facts_version"]) == {FACTS_VERSION}


def test_facts_that_find_no_memory_are_never_left_out(tmp_path: Path) -> None:
    def fail(_tracks: Sequence[bytes], _families: Sequence[str]) -> Mapping[str, Sequence[Any]]:
        raise MemoryError

    worker, found = make_worker(tmp_path / "songs", [fake_song(PIANO)], NullStore(), compute_facts=fail)
    with pytest.raises(MemoryError):
        worker.process_batch(found)


def test_facts_have_a_stage_of_their_own(tmp_path: Path) -> None:
    counters: SharedCounters = [0] * SHARED_COUNTER_COUNT
    seen: list[tuple[int, int]] = []

    def observe(tracks: Sequence[bytes], families: Sequence[str]) -> Mapping[str, Sequence[Any]]:
        seen.append((counters[SONG_INDEX], counters[STAGE]))
        return lengths(tracks, families)

    songs = [fake_song(PIANO + str(n)) for n in range(5)]
    worker, found = make_worker(
        tmp_path / "songs", songs, NullStore(), compute_facts=observe, counters=counters
    )
    worker.process_batch(found)
    assert seen == [(NO_SONG, STAGE_FACTS)]
    assert counters[STAGE] == STAGE_IDLE


def test_facts_of_each_part_of_a_batch_have_a_position_of_their_own(tmp_path: Path) -> None:
    counters: SharedCounters = [0] * SHARED_COUNTER_COUNT
    seen: list[tuple[int, ...]] = []

    def observe(tracks: Sequence[bytes], families: Sequence[str]) -> Mapping[str, Sequence[Any]]:
        seen.append(tuple(counters[place] for place in POSITION_COUNTERS))
        return lengths(tracks, families)

    songs = [fake_song(PIANO + str(n)) for n in range(5)]
    worker, found = make_worker(
        tmp_path / "songs",
        songs,
        NullStore(),
        compute_facts=observe,
        counters=counters,
        limits=replace(WORKER_LIMITS, pending_bytes=0),
    )
    worker.process_batch(found)
    assert len({*seen}) == len(seen) == len(songs)


def test_songs_of_an_earlier_leased_batch_are_split_again(tmp_path: Path) -> None:
    """Check that no leased batch relies on another one, whose commit may be discarded."""
    songs = write_files(tmp_path / "songs", {"a.mid": fake_song(PIANO), "b.mid": fake_song(PIANO)})
    source = open_folders([songs])
    first, second = (found for found in source.walk() if isinstance(found, SongRef))
    for lease, outcome in ((None, None), (Lease(1, "token"), "split")):
        worker = Worker(source, NullStore(), fake_split, lambda _digests: frozenset(), 1 << 20)
        worker.process_batch((first,), lease=lease)
        assert [*worker.process_batch((second,), lease=lease).songs["outcome"]] == [outcome]
        worker.close()
