import multiprocessing
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from midiprism.advise.probe import io_workers as crew_module
from midiprism.advise.probe import probe as probe_module
from midiprism.advise.probe import synthetic as rows
from midiprism.advise.probe.disk_results import DiskSpeed
from midiprism.advise.probe.io_workers import IoWorkers, create_file, read_file, run_timed
from midiprism.advise.probe.probe import probe
from midiprism.advise.probe.synthetic import measure_commits, measure_shards
from midiprism.advise.probe.temp_dir import TEMP_DIR_PREFIX, remove_leftovers, temp_dir
from midiprism.errors import StoreError, UsageError
from midiprism.fs.fsync import Flusher
from midiprism.results.lock import lock_exclusive
from support import disk_functions as slow


class Clock:
    """A clock that goes on only when it is told to, and a disk of which everything takes a given time."""

    def __init__(self) -> None:
        self.now = 100.0
        self.made = 0

    def __call__(self) -> float:
        return self.now

    def create(self, path: str, data: bytes) -> None:
        create_file(path, data)
        self.now += 0.005
        self.made += 1

    def read(self, path: str) -> None:
        assert read_file(path)
        self.now += 0.002


@pytest.fixture
def small_probe(monkeypatch: pytest.MonkeyPatch) -> None:
    """As little as tells anything."""
    for name, value in {"_FILES": 64, "_SONGS": 16, "_FOLDERS": 4, "_BLOCK": 4096}.items():
        monkeypatch.setattr(probe_module, name, value)
    monkeypatch.setattr(rows, "_SHARD_ROW_COUNTS", (5, 10))
    monkeypatch.setattr(rows, "_LARGE_BATCH", 60)
    monkeypatch.setattr(rows, "_ROUNDS", 1)


def test_every_figure_is_measured_and_nothing_is_left(tmp_path: Path, small_probe: None) -> None:
    found = probe(tmp_path, process_counts=(1, 2))
    assert list(tmp_path.iterdir()) == []
    assert list(found.create_us) == [1, 2]
    assert list(found.read_us) == [1, 2]
    assert found.counts["creates_1"] == found.counts["creates_2"] == found.flush_files == 64
    assert found.counts["reads_1"] == found.counts["reads_2"] == 16
    assert found.flush_ms is not None
    assert found.sequential_mb_s is not None
    assert min(found.sequential_mb_s) > 0
    assert found.place.path == str(tmp_path)
    assert found.free_bytes
    rates = (
        found.creates_per_second(),
        found.durable_creates_per_second,
        found.reads_per_second(),
        found.commit_links_per_second,
        found.shard_tracks_per_second,
    )
    assert min(rates) > 0
    assert DiskSpeed.from_dict(found.as_dict()) == found


def test_times_are_those_of_what_creates_and_reads(tmp_path: Path, small_probe: None) -> None:
    clock = Clock()
    found = probe(tmp_path, create=clock.create, read=clock.read, process_counts=(1,), clock=clock)
    assert found.create_us == {1: pytest.approx(5_000)}
    assert found.read_us == {1: pytest.approx(2_000)}
    assert found.creates_per_second() == pytest.approx(200)
    assert found.durable_creates_per_second == pytest.approx(200), (
        "the clock stood still while it was flushed"
    )


def test_a_slow_place_is_measured_with_fewer_files(tmp_path: Path, small_probe: None) -> None:
    clock = Clock()
    found = probe(
        tmp_path, create=clock.create, read=clock.read, budget_seconds=0.98, process_counts=(1,), clock=clock
    )
    assert found.create_us == {1: pytest.approx(5_000)}
    assert found.counts["creates_1"] == clock.made == 10, "5 hundredths of the time"
    assert found.flush_files == 10


def test_what_there_is_no_time_for_is_not_measured(tmp_path: Path, small_probe: None) -> None:
    clock = Clock()

    def endless(path: str, data: bytes) -> None:
        clock.create(path, data)
        clock.now += 60.0

    found = probe(tmp_path, create=endless, read=clock.read, process_counts=(1, 1), clock=clock)
    assert found.counts == {"creates_1": 1}
    assert clock.made == 1
    assert found.create_us == {1: pytest.approx(60.005e6)}
    assert (found.read_us, found.sequential_mb_s, found.commit_ms, found.shard_us) == ({}, None, None, None)
    assert found.commit_links_per_second == 0
    assert list(tmp_path.iterdir()) == []


def test_of_the_flushes_only_that_of_the_tracks_counts(
    tmp_path: Path, small_probe: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = Clock()
    flush = Flusher.flush
    seconds = iter([2.0, 0.25])

    def slowly(self: Flusher) -> None:
        flush(self)
        clock.now += next(seconds)

    monkeypatch.setattr(Flusher, "flush_ms", slowly)
    found = probe(tmp_path, create=clock.create, read=clock.read, process_counts=(1,), clock=clock)
    assert found.flush_ms == pytest.approx(250)
    assert found.flush_files == clock.made == 64
    assert found.durable_creates_per_second == pytest.approx(64 / (64 * 0.005 + 0.25))


def test_processes_do_it_at_once(tmp_path: Path, small_probe: None) -> None:
    found = probe(tmp_path, create=slow.create_slowly, read=slow.read_slowly, process_counts=(1, 4))
    for times in (found.create_us, found.read_us):
        assert times[1] >= 5_000
        assert times[4] >= 5_000
    assert found.creates_per_second(4) > found.creates_per_second(1), "each waits for itself"
    assert list(tmp_path.iterdir()) == []


def test_a_full_disk_is_told_and_nothing_is_left(tmp_path: Path, small_probe: None) -> None:
    for at_once in ((1,), (2,)):
        with pytest.raises(StoreError, match="cannot be measured: No space left on device"):
            probe(tmp_path, create=slow.fail_disk_full, process_counts=at_once)
        assert list(tmp_path.iterdir()) == []


def test_a_mistake_in_another_process_is_told(tmp_path: Path, small_probe: None) -> None:
    with pytest.raises(RuntimeError, match="UnknownError"):
        probe(tmp_path, create=slow.fail_unpicklable, process_counts=(2,))
    assert list(tmp_path.iterdir()) == []


def test_a_process_that_dies_is_told(tmp_path: Path, small_probe: None) -> None:
    with pytest.raises(StoreError, match="has died"):
        probe(tmp_path, create=slow.exit_process, process_counts=(2,))
    assert list(tmp_path.iterdir()) == []


def test_a_process_that_does_not_answer_is_given_up(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    with IoWorkers(1, slow.create_slowly, slow.read_slowly) as crew:
        monkeypatch.setattr(crew_module, "_TIMEOUT_SECONDS", 0.0)
        with pytest.raises(StoreError, match="did not answer"):
            crew.create_files([[str(tmp_path / "a")]], b"x", 1.0)


def test_no_process_is_left(tmp_path: Path) -> None:
    before = set(multiprocessing.active_children())
    with IoWorkers(2, slow.create_slowly, slow.read_slowly) as crew:
        turns = crew.create_files([[str(tmp_path / "a")], [str(tmp_path / "b")]], b"x", 1.0)
        assert [turn.files for turn in turns] == [1, 1]
    assert set(multiprocessing.active_children()) == before


@pytest.mark.parametrize("trouble", [KeyboardInterrupt, ZeroDivisionError])
def test_the_folder_is_removed_however_it_ends(
    tmp_path: Path, small_probe: None, trouble: type[BaseException]
) -> None:
    def interrupted(path: str, data: bytes) -> None:
        create_file(path, data)
        assert len(list(tmp_path.iterdir())) == 1
        raise trouble

    with pytest.raises(trouble):
        probe(tmp_path, create=interrupted, process_counts=(1,))
    assert list(tmp_path.iterdir()) == []


KILLED = """
import os, signal, sys
from midiprism.advise.probe.probe import probe
def killed(path, data):
    os.kill(os.getpid(), signal.SIGKILL)
probe(sys.argv[1], create=killed, at_once=(1,))
"""


@pytest.mark.skipif(sys.platform == "win32", reason="there is no SIGKILL")
def test_what_a_killed_probe_left_is_removed_by_the_next(tmp_path: Path, small_probe: None) -> None:
    done = subprocess.run([sys.executable, "-c", KILLED, str(tmp_path)], check=False)
    assert done.returncode == -signal.SIGKILL
    (left,) = tmp_path.iterdir()
    assert left.name.startswith(TEMP_DIR_PREFIX)
    assert len(list(left.iterdir())) > 1
    probe(tmp_path, process_counts=(1,))
    assert list(tmp_path.iterdir()) == []


def test_a_probe_that_is_on_is_left_alone(tmp_path: Path) -> None:
    with temp_dir(str(tmp_path)) as first:
        assert remove_leftovers(str(tmp_path)) == []
        with temp_dir(str(tmp_path)) as second:
            assert Path(first) != Path(second)
            assert len(list(tmp_path.iterdir())) == 2
        assert [str(path) for path in tmp_path.iterdir()] == [first]
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_another_probe_took_away_is_made_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    taken: list[str] = []

    def late(folder: str) -> object:
        if not taken:
            taken.append(folder)
            shutil.rmtree(folder)
        return lock_exclusive(folder)

    monkeypatch.setattr("midiprism.advise.probe.temp_dir.lock_exclusive", late)
    with temp_dir(str(tmp_path)) as made:
        assert [made] != taken
        assert os.path.isdir(made)
    assert list(tmp_path.iterdir()) == []


def test_links_and_files_of_that_name_are_left_alone(tmp_path: Path) -> None:
    kept = tmp_path / "kept"
    kept.mkdir()
    (kept / "diary").write_text("dear diary")
    (tmp_path / f"{TEMP_DIR_PREFIX}link").symlink_to(kept)
    (tmp_path / f"{TEMP_DIR_PREFIX}file").write_text("x")
    with temp_dir(str(tmp_path)):
        pass
    assert (kept / "diary").read_text() == "dear diary"
    assert {path.name for path in tmp_path.iterdir()} == {
        "kept",
        f"{TEMP_DIR_PREFIX}link",
        f"{TEMP_DIR_PREFIX}file",
    }


@pytest.mark.skipif(not hasattr(os, "getuid"), reason="folders belong to nobody there")
def test_folders_of_others_are_left_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / f"{TEMP_DIR_PREFIX}theirs").mkdir()
    own = os.getuid()
    monkeypatch.setattr(os, "getuid", lambda: own + 1)
    assert remove_leftovers(str(tmp_path)) == []
    monkeypatch.setattr(os, "getuid", lambda: own)
    assert remove_leftovers(str(tmp_path)) == [str(tmp_path / f"{TEMP_DIR_PREFIX}theirs")]


def test_what_cannot_be_written_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(StoreError, match="is not a folder that is there"):
        probe(tmp_path / "nowhere")

    def refused(**_options: object) -> str:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("tempfile.mkdtemp", refused)
    with pytest.raises(StoreError, match="cannot be written: Permission denied"):
        probe(tmp_path, process_counts=(1,))


def test_a_turn_does_at_least_one_and_ends_in_time() -> None:
    clock = Clock()

    def work(path: str) -> None:
        clock.now += 1.0

    assert run_timed(work, ["a", "b", "c"], 1.5, clock)[:2] == (2, 100.0)
    assert run_timed(work, ["a", "b"], 0.0, clock).files == 1
    assert run_timed(work, ["a", "b"], 9.0, clock).files == 2


def test_commits_cost_a_part_that_each_has_and_one_for_each_link(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from midiprism.catalog.sqlite.catalog import SqliteCatalog

    clock = Clock()
    commit, close = SqliteCatalog.commit, SqliteCatalog.close

    def timed(self: SqliteCatalog, run_id: int, batches: object, now: str, keeper: object = None) -> object:
        done = commit(self, run_id, batches, now)  # type: ignore[arg-type]
        clock.now += 0.010 + 20e-6 * sum(one.links for one in done)
        return done

    def folding(self: SqliteCatalog) -> None:
        close(self)
        clock.now += 0.1

    monkeypatch.setattr(SqliteCatalog, "commit_seconds", timed)
    monkeypatch.setattr(SqliteCatalog, "close", folding)
    found = measure_commits(str(tmp_path / "catalog.sqlite"), 1.0, clock)
    assert found.fixed_milliseconds == pytest.approx(10.0)
    assert found.commits == 10
    links = 5 * (50 + 5 * (50 + 800))
    assert found.microseconds_per_link == pytest.approx(20.0 + 0.1 / links * 1e6)
    assert measure_commits(str(tmp_path / "other.sqlite"), 0.05, clock).commits == 2


def test_shards_are_measured_once_where_they_take_long(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from midiprism.stores.parquet.schema import ColumnValues, count_rows
    from midiprism.stores.parquet.shard_set import ParquetShards

    clock = Clock()
    monkeypatch.setattr(rows, "_SHARD_ROW_COUNTS", (5, 10))
    write: Callable[..., object] = ParquetShards.write_tracks

    def timed(self: ParquetShards, stem: str, cells: ColumnValues) -> object:
        clock.now += 0.001 * count_rows(cells)
        return write(self, stem, cells)

    monkeypatch.setattr(ParquetShards, "write_tracks", timed)
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    found = [
        measure_shards(str(tmp_path / "a"), 1.0, clock),
        measure_shards(str(tmp_path / "b"), 0.009, clock),
    ]
    assert [(round(one.microseconds_per_track), one.tracks) for one in found if one] == [
        (1_000, 15),
        (1_000, 5),
    ]


def test_without_pyarrow_all_the_rest_is_measured(
    tmp_path: Path, small_probe: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    def missing(*_arguments: object) -> None:
        raise UsageError("Parquet needs the package pyarrow.")

    monkeypatch.setattr(rows, "ParquetShards", missing)
    found = probe(tmp_path, process_counts=(1,))
    assert found.shard_us is None
    assert found.commit_links_per_second > 0
