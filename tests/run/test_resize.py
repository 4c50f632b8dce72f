"""Worker processes become more and fewer while they are at work."""

import os
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from midiprism.library import Found, open_folders
from midiprism.meter.clocks import SPLIT, STORE
from midiprism.meter.sample import Sample
from midiprism.run import Settings, Wish
from midiprism.run.child import Duty
from midiprism.run.jobs import Done
from midiprism.run.plan import Batch
from midiprism.run.processes import ProcessPool
from midiprism.run.tuning import Decision, Knobs
from midiprism.smf.types import Split
from midiprism.store import FileStore
from support.fake import BASS, PIANO, fake_split, song, write
from support.runs import run
from support.trouble import everything

SONGS = 120
PATIENCE = 60.0


@dataclass(frozen=True)
class Unhurried:
    """A splitter that takes its time."""

    seconds: float

    def __call__(self, data: bytes) -> Split:
        time.sleep(self.seconds)
        return fake_split(data)


@pytest.fixture
def songs(tmp_path: Path) -> Path:
    return write(tmp_path / "songs", {f"{n:03}.mid": song(PIANO + str(n), BASS) for n in range(SONGS)})


@contextmanager
def hired(songs: Path, workers: int, seconds: float = 0.002) -> Iterator[tuple[ProcessPool, list[Batch]]]:
    """A pool, and batches of four songs."""
    library = open_folders([songs])
    found = [one for one in library.walk() if isinstance(one, Found)]
    out = songs.with_name("out")
    out.mkdir()
    duty = Duty(library, FileStore(out), Unhurried(seconds), 1 << 20, None, Wish(), 1, replaces=False)
    with ProcessPool(duty, workers, None, lambda: None) as pool:
        yield pool, [tuple(found[at : at + 4]) for at in range(0, SONGS, 4)]


def until(pool: ProcessPool, true: Callable[[list[Done]], bool]) -> list[Done]:
    """Take results until something is true of them, or of the pool."""
    done: list[Done] = []
    deadline = time.monotonic() + PATIENCE
    while not true(done):
        assert time.monotonic() < deadline
        done += pool.results()
    return done


def all_of(pool: ProcessPool) -> list[Done]:
    return until(pool, lambda _done: not pool.in_flight)


def test_workers_become_more(songs: Path) -> None:
    with hired(songs, 1) as (pool, batches):
        for batch in batches:
            pool.submit(batch)
        done = until(pool, lambda done: len(done) > 2)
        assert (pool.ready, len(pool.pids())) == (1, 1)
        pool.resize(4)
        done += until(pool, lambda _done: pool.ready == 4)
        assert len(set(pool.pids())) == 4
        done += all_of(pool)
        assert pool.counts()[0] == SONGS
    assert sorted(one.batch for one in done) == batches


def test_workers_that_are_too_many_finish_what_they_have_in_hand_and_end(songs: Path) -> None:
    with hired(songs, 4, seconds=0.01) as (pool, batches):
        for batch in batches:
            pool.submit(batch)
        done = until(pool, lambda _done: pool.ready == 4)
        assert len(pool.pids()) == 4
        first = pool.pids()[0]
        pool.resize(1)
        assert len(pool.pids()) == 4, "they have batches in hand"
        done += until(pool, lambda _done: pool.pids() == [first])
        done += all_of(pool)
        assert pool.counts() == (SONGS, 0, 2 * SONGS, SONGS + 1), "what they did counts"
        assert pool.clocks()[2 * SPLIT] >= SONGS * 10_000_000
        assert pool.clocks()[2 * STORE] > 0
    assert sorted(one.batch for one in done) == batches, "nothing is lost, nothing done twice"


def test_the_numbers_never_fall_while_workers_end(songs: Path) -> None:
    with hired(songs, 3) as (pool, batches):
        for batch in batches:
            pool.submit(batch)
        seen: list[tuple[int, ...]] = []

        def over(_done: list[Done]) -> bool:
            seen.append((pool.counts()[0], sum(pool.clocks())))
            if len(seen) == 20:
                pool.resize(1)
            return not pool.in_flight and len(pool.pids()) == 1

        deadline = time.monotonic() + PATIENCE
        while not over([]):
            assert time.monotonic() < deadline
            pool.results()
        assert seen == sorted(seen)


def test_workers_may_be_wanted_again_before_they_are_gone(songs: Path) -> None:
    with hired(songs, 3, seconds=0.01) as (pool, batches):
        for batch in batches:
            pool.submit(batch)
        done = until(pool, lambda _done: pool.ready == 3)
        before = pool.pids()
        pool.resize(1)
        pool.resize(3)
        done += all_of(pool)
        assert pool.pids() == before
    assert sorted(one.batch for one in done) == batches


@pytest.mark.parametrize("which", ["that stays", "that is to end"])
def test_a_worker_that_dies_after_a_change_is_replaced_only_if_it_is_wanted(songs: Path, which: str) -> None:
    with hired(songs, 1, seconds=0.01) as (pool, batches):
        for batch in batches:
            pool.submit(batch)
        done = until(pool, lambda done: len(done) > 2)
        pool.resize(3)
        done += until(pool, lambda _done: pool.ready == 3)
        victim = pool.pids()[0]
        if which == "that is to end":
            victim = pool.pids()[-1]
            pool.resize(2)
        os.kill(victim, signal.SIGKILL)
        done += until(pool, lambda _done: victim not in pool.pids())
        assert len(pool.pids()) == (2 if which == "that is to end" else 3)
        done += all_of(pool)
    assert sorted(one.batch for one in done) == batches


class Steps:
    """Wants other numbers of workers, each when some more songs are done."""

    def __init__(self, *workers: int) -> None:
        self.left = list(workers)
        self.taken = 0

    def decide(self, sample: Sample, knobs: Knobs) -> Decision | None:
        if not self.left or sample.parents < 40 * (self.taken + 1):
            return None
        self.taken += 1
        return Decision(replace(knobs, workers=self.left.pop(0)), "to see what happens")


@pytest.mark.parametrize(("first", "steps"), [(1, (3,)), (3, (1,)), (2, (5, 1, 4, 2))], ids=str)
def test_the_result_is_the_same_however_many_there_were(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, catalogs: str, first: int, steps: tuple[int, ...]
) -> None:
    monkeypatch.setattr("midiprism.meter.sampler.PERIOD", 0.02)
    files = {f"{n % 9}/{n}.mid": song(PIANO + str(n // 2), BASS + str(n)) for n in range(400)}
    source = write(tmp_path / "songs", files)
    tuner = Steps(*steps)
    settings = Settings(workers=first, batch_parents=3, in_flight=12)
    summary = run(source, tmp_path / "out", settings, splitter=Unhurried(0.004), tuner=tuner)
    assert not tuner.left, "all steps were taken"
    assert (summary.state, summary.parents_done, summary.parents_failed) == ("done", 400, 0)
    run(source, tmp_path / "whole")
    assert everything(tmp_path / "out") == everything(tmp_path / "whole")
