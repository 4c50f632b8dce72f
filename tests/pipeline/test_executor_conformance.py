"""Tests of the promises of every executor."""

import os
import time
from dataclasses import dataclass, replace
from itertools import chain
from pathlib import Path

import pytest

from midiprism.catalog import Lease
from midiprism.errors import StoreError
from midiprism.pipeline.executor import Telemetry
from midiprism.pipeline.executors import EXECUTORS
from midiprism.pipeline.resource_defaults import WorkerLimits
from midiprism.smf.types import SplitSong
from midiprism.stores import StoreOptions
from midiprism.stores.parquet.store import ParquetStore
from support.executor_runs import (
    SlowSplitter,
    drive,
    find_batches,
    make_context,
    make_worker_config,
)
from support.fake_songs import BASS, PIANO, fake_song, fake_split, read_tree, write_files
from support.result_content import result_content
from support.runs import make_settings, run_split

SONGS = 24

pytestmark = pytest.mark.parametrize("name", EXECUTORS)


@pytest.fixture
def songs(tmp_path: Path) -> Path:
    files = {f"{n:03}.mid": fake_song(PIANO + str(n), BASS) for n in range(SONGS)}
    return write_files(tmp_path / "songs", files)


def test_every_batch_is_returned_once_with_its_lease(name: str, songs: Path, tmp_path: Path) -> None:
    context = make_context(make_worker_config(songs, tmp_path / "out"))
    batches = find_batches(songs)
    with drive(EXECUTORS[name], context) as driver:
        for number, batch in enumerate(batches):
            driver.submit(batch, Lease(number, str(number)))
        driver.run_all()
    assert driver.finished_batches == batches
    for finished in driver.finished:
        assert finished.committed is None
        assert [song.path for song in finished.record.song_records()] == [ref.path for ref in finished.batch]
        assert finished.record.lease == Lease(
            batches.index(finished.batch), str(batches.index(finished.batch))
        )


def test_a_batch_with_large_tracks_comes_back_in_pieces(name: str, songs: Path, tmp_path: Path) -> None:
    config = replace(
        make_worker_config(songs, tmp_path / "out"),
        store=ParquetStore(tmp_path / "out", StoreOptions(commits_in_order=True)),
        limits=WorkerLimits(pending_bytes=0, record_bytes=200),
    )
    batches = find_batches(songs, 12)
    with drive(EXECUTORS[name], make_context(config)) as driver:
        for number, batch in enumerate(batches):
            driver.submit(batch, Lease(number, str(number)))
        driver.run_all()
    assert len(driver.finished) > len(batches)
    assert sorted(ref for batch in driver.finished_batches for ref in batch) == [*chain(*batches)]
    for finished in driver.finished:
        assert [song.path for song in finished.record.song_records()] == [ref.path for ref in finished.batch]
        assert finished.record.packed_tracks.size < 400
        assert finished.record.lease in (Lease(0, "0"), Lease(1, "1"))


def test_tracks_are_stored_once(name: str, songs: Path, tmp_path: Path) -> None:
    context = make_context(make_worker_config(songs, tmp_path / "out"), workers=2)
    with drive(EXECUTORS[name], context) as driver:
        for batch in find_batches(songs):
            driver.submit(batch)
        driver.run_all()
    assert len(read_tree(tmp_path / "out" / "tracks")) == SONGS + 1


def test_telemetry_is_returned_with_the_batches(name: str, songs: Path, tmp_path: Path) -> None:
    context = make_context(make_worker_config(songs, tmp_path / "out"))
    with drive(EXECUTORS[name], context) as driver:
        for batch in find_batches(songs):
            driver.submit(batch)
        assert driver.telemetry == replace(Telemetry(), in_flight=len(find_batches(songs)))
        driver.run_all()
        telemetry = driver.telemetry
    assert telemetry.counts == (SONGS, 0, 2 * SONGS, SONGS + 1)
    assert any(telemetry.timer_values)
    assert (telemetry.in_flight, telemetry.batches_queued) == (0, 0)
    assert telemetry.loading_seconds > 0
    assert os.getpid() not in telemetry.worker_pids


def test_counts_never_fall(name: str, songs: Path, tmp_path: Path) -> None:
    seen: list[int] = []
    config = make_worker_config(songs, tmp_path / "out", SlowSplitter(0.01))
    context = replace(make_context(config), on_progress=lambda telemetry: seen.append(telemetry.counts.songs))
    with drive(EXECUTORS[name], context) as driver:
        for batch in find_batches(songs):
            driver.submit(batch)
        while driver.telemetry.in_flight:
            driver.step()
            seen.append(driver.telemetry.counts.songs)
    assert seen == sorted(seen)
    assert seen[-1] == SONGS


@dataclass(frozen=True)
class AnnouncingSplitter:
    """A slow splitter that creates a file when it starts."""

    announcement: Path

    def __call__(self, data: bytes) -> SplitSong:
        self.announcement.touch()
        time.sleep(0.05)
        return fake_split(data)


def test_a_batch_ends_early_once_the_run_stops(name: str, songs: Path, tmp_path: Path) -> None:
    announcement = tmp_path / "begun"
    config = make_worker_config(songs, tmp_path / "out", AnnouncingSplitter(announcement))
    context = replace(make_context(config), stop=announcement.exists)
    with drive(EXECUTORS[name], context) as driver:
        (batch,) = find_batches(songs, size=SONGS)
        driver.submit(batch)
        driver.run_all()
    (finished,) = driver.finished
    assert finished.batch == batch
    assert len(finished.record.songs) < SONGS


@dataclass(frozen=True)
class FailingSplitter:
    """A splitter that meets a full disk."""

    def __call__(self, data: bytes) -> SplitSong:
        raise StoreError("The disk is full.")


def test_an_error_of_a_worker_is_raised_to_the_caller(name: str, songs: Path, tmp_path: Path) -> None:
    context = make_context(make_worker_config(songs, tmp_path / "out", FailingSplitter()))
    with drive(EXECUTORS[name], context) as driver:
        for batch in find_batches(songs):
            driver.submit(batch)
        with pytest.raises(StoreError, match="The disk is full"):
            driver.run_all()


def test_resizing_loses_nothing(name: str, songs: Path, tmp_path: Path) -> None:
    context = make_context(make_worker_config(songs, tmp_path / "out", SlowSplitter(0.002)))
    batches = find_batches(songs, size=2)
    with drive(EXECUTORS[name], context) as driver:
        for batch in batches:
            driver.submit(batch)
        for workers in (3, 1, 2):
            driver.executor.resize(workers)
            driver.step()
        driver.run_all()
    assert driver.finished_batches == batches


def test_closing_ends_batches_in_flight(name: str, songs: Path, tmp_path: Path) -> None:
    context = make_context(make_worker_config(songs, tmp_path / "out", SlowSplitter(0.2)))
    started = time.monotonic()
    with drive(EXECUTORS[name], context) as driver:
        for batch in find_batches(songs):
            driver.submit(batch)
    assert time.monotonic() - started < SONGS * 0.2


def test_nothing_is_started_without_a_batch(name: str, songs: Path, tmp_path: Path) -> None:
    context = make_context(make_worker_config(songs, tmp_path / "out"))
    with drive(EXECUTORS[name], context) as driver:
        driver.executor.resize(3)
    assert not os.path.exists(tmp_path / "out" / "tracks")


def test_a_whole_run_gives_the_same_result(name: str, songs: Path, tmp_path: Path) -> None:
    settings = make_settings(executor=name, workers=2, batch_songs=5)
    summary = run_split(songs, tmp_path / "out", settings)
    assert (summary.state, summary.songs_done) == ("done", SONGS)
    run_split(songs, tmp_path / "whole")
    assert result_content(tmp_path / "out") == result_content(tmp_path / "whole")
