"""Tests of probes of disks."""

import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from midiprism.advise.probe.disk_results import DiskSpeed
from midiprism.advise.probe.io_workers import create_file, read_file
from midiprism.advise.probe.probe import ProbeOptions, probe
from midiprism.advise.probe.temp_dir import TEMP_DIR_PREFIX
from midiprism.errors import StoreError, UsageError
from midiprism.fs.fsync import Flusher
from support import disk_functions

SMALL = ProbeOptions(
    process_counts=(1,),
    max_files=64,
    max_songs=16,
    folders=4,
    block_bytes=4096,
    shard_row_counts=(5, 10),
    large_batch=60,
    commit_rounds=1,
)
"""The fewest files that give every figure."""


class FakeDisk:
    """A clock that only file operations advance: creating a file by 5 ms, reading one by 2 ms."""

    def __init__(self) -> None:
        self.now = 100.0
        self.created = 0

    def clock(self) -> float:
        return self.now

    def create(self, path: str, data: bytes) -> None:
        create_file(path, data)
        self.now += 0.005
        self.created += 1

    def read(self, path: str) -> None:
        assert read_file(path)
        self.now += 0.002

    def probe(self, folder: Path, options: ProbeOptions = SMALL) -> DiskSpeed:
        return probe(folder, options, create=self.create, read=self.read, clock=self.clock)


def test_everything_is_measured_and_nothing_is_left(tmp_path: Path) -> None:
    speed = probe(tmp_path, replace(SMALL, process_counts=(1, 2)))
    assert list(tmp_path.iterdir()) == []
    assert list(speed.create_us) == [1, 2]
    assert list(speed.read_us) == [1, 2]
    assert speed.counts["creates_1"] == speed.counts["creates_2"] == speed.flush_files == 64
    assert speed.counts["reads_1"] == speed.counts["reads_2"] == 16
    assert speed.flush_ms is not None
    assert speed.sequential_mb_s is not None
    assert min(speed.sequential_mb_s) > 0
    assert speed.location.path == str(tmp_path)
    assert speed.free_bytes
    rates = (
        speed.creates_per_second(),
        speed.durable_creates_per_second,
        speed.reads_per_second(),
        speed.commit_links_per_second,
        speed.shard_tracks_per_second,
    )
    assert min(rates) > 0
    assert DiskSpeed.from_dict(speed.as_dict()) == speed


def test_times_are_those_of_the_given_operations(tmp_path: Path) -> None:
    speed = FakeDisk().probe(tmp_path)
    assert speed.create_us == {1: pytest.approx(5_000)}
    assert speed.read_us == {1: pytest.approx(2_000)}
    assert speed.creates_per_second() == pytest.approx(200)
    assert speed.durable_creates_per_second == pytest.approx(200), "flushing does not advance the clock"


def test_a_slow_disk_is_measured_with_fewer_files(tmp_path: Path) -> None:
    disk = FakeDisk()
    speed = disk.probe(tmp_path, replace(SMALL, budget_seconds=0.98))
    assert speed.create_us == {1: pytest.approx(5_000)}
    assert speed.counts["creates_1"] == disk.created == 10, "as many as 5% of the time allows"
    assert speed.flush_files == 10


def test_measurements_without_time_left_are_skipped(tmp_path: Path) -> None:
    class VerySlowDisk(FakeDisk):
        def create(self, path: str, data: bytes) -> None:
            super().create(path, data)
            self.now += 60.0

    disk = VerySlowDisk()
    speed = disk.probe(tmp_path, replace(SMALL, process_counts=(1, 1)))
    assert speed.counts == {"creates_1": 1}
    assert disk.created == 1
    assert speed.create_us == {1: pytest.approx(60.005e6)}
    assert (speed.read_us, speed.sequential_mb_s, speed.commit_ms, speed.shard_us) == ({}, None, None, None)
    assert speed.commit_links_per_second == 0
    assert list(tmp_path.iterdir()) == []


def test_only_the_flush_of_the_tracks_counts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    disk = FakeDisk()
    flush = Flusher.flush
    flush_seconds = iter([2.0, 0.25])

    def flush_slowly(self: Flusher) -> None:
        flush(self)
        disk.now += next(flush_seconds)

    monkeypatch.setattr(Flusher, "flush", flush_slowly)
    speed = disk.probe(tmp_path)
    assert speed.flush_ms == pytest.approx(250)
    assert speed.flush_files == disk.created == 64
    assert speed.durable_creates_per_second == pytest.approx(64 / (64 * 0.005 + 0.25))


def test_processes_work_concurrently(tmp_path: Path) -> None:
    options = replace(SMALL, process_counts=(1, 4))
    speed = probe(tmp_path, options, create=disk_functions.create_slowly, read=disk_functions.read_slowly)
    for microseconds in (speed.create_us, speed.read_us):
        assert microseconds[1] >= 5_000
        assert microseconds[4] >= 5_000
    assert speed.creates_per_second(4) > speed.creates_per_second(1), "each process only waits for itself"
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("process_counts", [(1,), (2,)])
def test_a_full_disk_fails_and_nothing_is_left(tmp_path: Path, process_counts: tuple[int, ...]) -> None:
    options = replace(SMALL, process_counts=process_counts)
    with pytest.raises(StoreError, match="cannot be measured: No space left on device"):
        probe(tmp_path, options, create=disk_functions.fail_disk_full)
    assert list(tmp_path.iterdir()) == []


def test_an_exception_in_another_process_is_raised(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError, match="UnknownError"):
        probe(tmp_path, replace(SMALL, process_counts=(2,)), create=disk_functions.fail_unpicklable)
    assert list(tmp_path.iterdir()) == []


def test_a_process_that_dies_fails(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="has died"):
        probe(tmp_path, replace(SMALL, process_counts=(2,)), create=disk_functions.exit_process)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("error", [KeyboardInterrupt, ZeroDivisionError])
def test_the_folder_is_removed_after_any_exception(tmp_path: Path, error: type[BaseException]) -> None:
    def create_and_fail(path: str, data: bytes) -> None:
        create_file(path, data)
        assert len(list(tmp_path.iterdir())) == 1
        raise error

    with pytest.raises(error):
        probe(tmp_path, SMALL, create=create_and_fail)
    assert list(tmp_path.iterdir()) == []


KILLED_PROBE = """
import os, signal, sys
from midiprism.advise.probe.probe import ProbeOptions, probe
def kill_self(path, data):
    os.kill(os.getpid(), signal.SIGKILL)
probe(sys.argv[1], ProbeOptions(process_counts=(1,)), create=kill_self)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="there is no SIGKILL")
def test_the_next_probe_removes_what_a_killed_one_left(tmp_path: Path) -> None:
    killed = subprocess.run([sys.executable, "-c", KILLED_PROBE, str(tmp_path)], check=False)
    assert killed.returncode == -signal.SIGKILL
    (leftover,) = tmp_path.iterdir()
    assert leftover.name.startswith(TEMP_DIR_PREFIX)
    assert len(list(leftover.iterdir())) > 1
    probe(tmp_path, SMALL)
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_does_not_exist_or_cannot_be_written_fails(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(StoreError, match="is not a folder: name one that exists"):
        probe(tmp_path / "nowhere")

    def refuse(**_options: object) -> str:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("tempfile.mkdtemp", refuse)
    with pytest.raises(StoreError, match="cannot be written: Permission denied"):
        probe(tmp_path, SMALL)


def test_without_pyarrow_everything_else_is_measured(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_arguments: object) -> None:
        raise UsageError("Parquet needs the package pyarrow.")

    monkeypatch.setattr("midiprism.advise.probe.synthetic.ParquetShards", fail)
    speed = probe(tmp_path, SMALL)
    assert speed.shard_us is None
    assert speed.commit_links_per_second > 0
