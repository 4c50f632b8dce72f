"""Worker processes become more and fewer while they are at work."""

import os
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from midiprism.metrics.snapshot import RunSample
from midiprism.metrics.stage_timers import SPLIT, STORE
from midiprism.pipeline import RerunPolicy, Settings
from midiprism.pipeline.executors.processes.batch_retry import FinishedBatch
from midiprism.pipeline.executors.processes.process_executor import ProcessExecutor
from midiprism.pipeline.executors.processes.worker_process import WorkerConfig
from midiprism.pipeline.planner import Batch
from midiprism.pipeline.tuner import Decision, Tunables
from midiprism.smf.types import SplitSong
from midiprism.sources import SongRef, open_folders
from midiprism.stores import FileStore
from support.fake_songs import BASS, PIANO, fake_song, fake_split, write_files
from support.result_content import result_content
from support.runs import run_split

SONGS = 120
PATIENCE = 60.0


@dataclass(frozen=True)
class Unhurried:
    """A splitter that takes its time."""

    seconds: float

    def __call__(self, data: bytes) -> SplitSong:
        time.sleep(self.seconds)
        return fake_split(data)


@pytest.fixture
def songs(tmp_path: Path) -> Path:
    return write_files(
        tmp_path / "songs", {f"{n:03}.mid": fake_song(PIANO + str(n), BASS) for n in range(SONGS)}
    )


@contextmanager
def hired(songs: Path, workers: int, seconds: float = 0.002) -> Iterator[tuple[ProcessExecutor, list[Batch]]]:
    """A pool, and batches of four songs."""
    library = open_folders([songs])
    found = [one for one in library.walk() if isinstance(one, SongRef)]
    out = songs.with_name("out")
    out.mkdir()
    duty = WorkerConfig(
        library, FileStore(out), Unhurried(seconds), 1 << 20, None, RerunPolicy(), 1, replaces=False
    )
    with ProcessExecutor(duty, workers, None, lambda: None) as pool:
        yield pool, [tuple(found[at : at + 4]) for at in range(0, SONGS, 4)]


def until(pool: ProcessExecutor, true: Callable[[list[FinishedBatch]], bool]) -> list[FinishedBatch]:
    """Take results until something is true of them, or of the pool."""
    done: list[FinishedBatch] = []
    deadline = time.monotonic() + PATIENCE
    while not true(done):
        assert time.monotonic() < deadline
        done += pool.completed()
    return done


def all_of(pool: ProcessExecutor) -> list[FinishedBatch]:
    return until(pool, lambda _done: not pool.in_flight)


def test_workers_become_more(songs: Path) -> None:
    with hired(songs, 1) as (pool, batches):
        for batch in batches:
            pool.submit(batch)
        done = until(pool, lambda done: len(done) > 2)
        assert (pool.workers_ready, len(pool.worker_pids())) == (1, 1)
        pool.resize(4)
        done += until(pool, lambda _done: pool.workers_ready == 4)
        assert len(set(pool.worker_pids())) == 4
        done += all_of(pool)
        assert pool.progress_counts()[0] == SONGS
    assert sorted(one.batch for one in done) == batches


def test_workers_that_are_too_many_finish_what_they_have_in_hand_and_end(songs: Path) -> None:
    with hired(songs, 4, seconds=0.01) as (pool, batches):
        for batch in batches:
            pool.submit(batch)
        done = until(pool, lambda _done: pool.workers_ready == 4)
        assert len(pool.worker_pids()) == 4
        first = pool.worker_pids()[0]
        pool.resize(1)
        assert len(pool.worker_pids()) == 4, "they have batches in hand"
        done += until(pool, lambda _done: pool.worker_pids() == [first])
        done += all_of(pool)
        assert pool.progress_counts() == (SONGS, 0, 2 * SONGS, SONGS + 1), "what they did counts"
        assert pool.timer_values()[2 * SPLIT] >= SONGS * 10_000_000
        assert pool.timer_values()[2 * STORE] > 0
    assert sorted(one.batch for one in done) == batches, "nothing is lost, nothing done twice"


def test_the_numbers_never_fall_while_workers_end(songs: Path) -> None:
    with hired(songs, 3) as (pool, batches):
        for batch in batches:
            pool.submit(batch)
        seen: list[tuple[int, ...]] = []

        def over(_done: list[FinishedBatch]) -> bool:
            seen.append((pool.progress_counts()[0], sum(pool.timer_values())))
            if len(seen) == 20:
                pool.resize(1)
            return not pool.in_flight and len(pool.worker_pids()) == 1

        deadline = time.monotonic() + PATIENCE
        while not over([]):
            assert time.monotonic() < deadline
            pool.completed()
        assert seen == sorted(seen)


def test_workers_may_be_wanted_again_before_they_are_gone(songs: Path) -> None:
    with hired(songs, 3, seconds=0.01) as (pool, batches):
        for batch in batches:
            pool.submit(batch)
        done = until(pool, lambda _done: pool.workers_ready == 3)
        before = pool.worker_pids()
        pool.resize(1)
        pool.resize(3)
        done += all_of(pool)
        assert pool.worker_pids() == before
    assert sorted(one.batch for one in done) == batches


@pytest.mark.parametrize("which", ["that stays", "that is to end"])
def test_a_worker_that_dies_after_a_change_is_replaced_only_if_it_is_wanted(songs: Path, which: str) -> None:
    with hired(songs, 1, seconds=0.01) as (pool, batches):
        for batch in batches:
            pool.submit(batch)
        done = until(pool, lambda done: len(done) > 2)
        pool.resize(3)
        done += until(pool, lambda _done: pool.workers_ready == 3)
        victim = pool.worker_pids()[0]
        if which == "that is to end":
            victim = pool.worker_pids()[-1]
            pool.resize(2)
        os.kill(victim, signal.SIGKILL)
        done += until(pool, lambda _done: victim not in pool.worker_pids())
        assert len(pool.worker_pids()) == (2 if which == "that is to end" else 3)
        done += all_of(pool)
    assert sorted(one.batch for one in done) == batches


class Steps:
    """Wants other numbers of workers, each when some more songs are done."""

    def __init__(self, *workers: int) -> None:
        self.left = list(workers)
        self.taken = 0

    def decide(self, sample: RunSample, knobs: Tunables) -> Decision | None:
        if not self.left or sample.songs < 40 * (self.taken + 1):
            return None
        self.taken += 1
        return Decision(replace(knobs, workers=self.left.pop(0)), "to see what happens")


@pytest.mark.parametrize(("first", "steps"), [(1, (3,)), (3, (1,)), (2, (5, 1, 4, 2))], ids=str)
def test_the_result_is_the_same_however_many_there_were(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, catalog_backend: str, first: int, steps: tuple[int, ...]
) -> None:
    monkeypatch.setattr("midiprism.metrics.sampler.PERIOD_SECONDS", 0.02)
    files = {f"{n % 9}/{n}.mid": fake_song(PIANO + str(n // 2), BASS + str(n)) for n in range(400)}
    source = write_files(tmp_path / "songs", files)
    tuner = Steps(*steps)
    settings = Settings(workers=first, batch_songs=3, in_flight=12)
    summary = run_split(source, tmp_path / "out", settings, splitter=Unhurried(0.004), tuner=tuner)
    assert not tuner.left, "all steps were taken"
    assert (summary.state, summary.songs_done, summary.songs_failed) == ("done", 400, 0)
    run_split(source, tmp_path / "whole")
    assert result_content(tmp_path / "out") == result_content(tmp_path / "whole")
