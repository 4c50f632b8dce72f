"""Tests of taking samples of a run."""

import os
import subprocess
import sys
import time
from collections.abc import Collection

from midiprism.metrics.devices import locate_storage
from midiprism.metrics.sampler import Sampler
from midiprism.metrics.snapshot import RunSample


class FakeRun:
    def __init__(self) -> None:
        self.songs = 0
        self.pids: list[int] = []

    def sample(self) -> RunSample:
        self.songs += 10
        return RunSample(songs=self.songs)

    def worker_pids(self) -> Collection[int]:
        return self.pids


def test_samples_are_taken_periodically_and_count_from_the_start() -> None:
    run = FakeRun()
    with Sampler(run, {}, period_seconds=0.01) as sampler:
        until = time.perf_counter() + 5
        while sampler.window(60) is None and time.perf_counter() < until:
            time.sleep(0.01)
        sum(range(2_000_000))
        last = sampler.take_sample()
    assert last.songs > 10
    assert last.coordinator_cpu > 0
    assert len(last.core_busy_seconds) == (os.cpu_count() or 1)
    assert all(core >= 0 for core in last.core_busy_seconds)
    assert last.memory_bytes > 1 << 20
    assert last.available_bytes > 0
    assert last.metering_cpu > 0


def test_each_sample_is_recorded_once() -> None:
    sampler = Sampler(FakeRun(), {})
    sampler.take_sample()
    sampler.take_sample()
    assert [sample.songs for sample in sampler.take_unrecorded()] == [10, 20]
    assert sampler.take_unrecorded() == []
    sampler.take_sample()
    assert [sample.songs for sample in sampler.take_unrecorded()] == [30]


def test_a_window_has_the_requested_length_or_all_samples() -> None:
    sampler = Sampler(FakeRun(), {})
    assert sampler.window(10) is None
    sampler.take_sample()
    assert sampler.window(10) is None
    sampler.take_sample()
    sampler.take_sample()
    whole, least = sampler.window(1_000), sampler.window(0)
    assert whole is not None
    assert least is not None
    assert (whole.first.songs, whole.last.songs) == (10, 30)
    assert (least.first.songs, least.last.songs) == (20, 30)


def test_the_processor_time_of_an_ended_worker_still_counts() -> None:
    run = FakeRun()
    sampler = Sampler(run, {"output": locate_storage(os.getcwd())})
    code = "import time\nwhile time.process_time() < 0.2: pass\nprint(flush=True)\ninput()"
    child = subprocess.Popen(
        [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    run.pids.append(child.pid)
    assert child.stdout is not None
    child.stdout.readline()
    cpu_while_working = sampler.take_sample().worker_cpu
    child.communicate("\n")
    cpu_after_its_end = sampler.take_sample().worker_cpu  # its process id is still listed
    run.pids.clear()
    assert cpu_while_working >= 0.15
    assert cpu_after_its_end >= cpu_while_working
    assert sampler.take_sample().worker_cpu >= cpu_while_working
