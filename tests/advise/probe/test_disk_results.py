"""Tests of storing and comparing the speeds of disks."""

import json
import os
from collections import namedtuple
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from midiprism.advise.probe.disk_results import (
    DiskSpeed,
    FasterDisk,
    FreeSpace,
    best_disk_for,
    cache_file,
    find_faster_disk,
    load_disk_speed,
    load_disk_speeds,
    rank_for_output,
    save_disk_speed,
)
from midiprism.errors import StoreError
from midiprism.metrics.devices import StorageLocation, locate_storage
from support.disk_speeds import DATA_DISK, make_disk_speed

Mount = namedtuple("Mount", "device mountpoint fstype opts")
OTHER_DISK = StorageLocation("/other", "sdc1", "disk", file_system="xfs", mount_point="/other")


@pytest.fixture(autouse=True)
def cache_path(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    monkeypatch.setenv("MIDIPRISM_CACHE_DIR", str(tmp_path / "cache"))
    return tmp_path / "cache" / "disk-speeds.json"


@pytest.fixture
def make_disks(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[..., None]:
    """Make folders of the test look like file systems of their own."""

    def mount(**kinds: str) -> None:
        mounts = [Mount("/dev/nothing", "/", "ext4", "rw")]
        for name, kind in kinds.items():
            (tmp_path / name).mkdir(exist_ok=True)
            mounts.append(Mount(f"/dev/{name}", str((tmp_path / name).resolve()), kind, "rw"))
        monkeypatch.setattr("psutil.disk_partitions", lambda **_all: mounts)

    return mount


@pytest.fixture
def free_space(monkeypatch: pytest.MonkeyPatch) -> dict[str, FreeSpace]:
    """Return the free space by the name of a folder, to be filled by the test; the others have plenty."""
    free: dict[str, FreeSpace] = {}

    def fake_free_space(folder: str) -> FreeSpace:
        return free.get(os.path.basename(folder), FreeSpace(10**12, 10**8))

    monkeypatch.setattr("midiprism.advise.probe.disk_results.free_space", fake_free_space)
    return free


def test_stored_speeds_are_loaded_unchanged() -> None:
    speed = make_disk_speed()
    save_disk_speed(speed)
    assert load_disk_speeds() == [speed]
    bare = DiskSpeed(StorageLocation("/x", mount_point="/x"), "2026-01-01T00:00:00+00:00")
    assert DiskSpeed.from_dict(json.loads(json.dumps(bare.as_dict()))) == bare


def test_rates_are_computed_from_times() -> None:
    speed = make_disk_speed(create_us=20.0)
    assert speed.creates_per_second(1) == pytest.approx(50_000)
    assert speed.creates_per_second() == speed.creates_per_second(2) == pytest.approx(2e6 / 30)
    assert speed.creates_per_second(4) == 0
    assert speed.durable_creates_per_second == pytest.approx(1_000 / (1_000 * 15e-6 + 10e-3))
    assert speed.reads_per_second() == pytest.approx(200_000)
    assert speed.commit_links_per_second == pytest.approx(20_000 / (2e-3 + 20_000 * 10e-6))
    assert speed.shard_tracks_per_second == pytest.approx(50_000)


def test_unmeasured_operations_have_a_rate_of_zero() -> None:
    unmeasured = DiskSpeed(StorageLocation("/x"), "2026-01-01T00:00:00+00:00")
    assert (
        unmeasured.creates_per_second(),
        unmeasured.reads_per_second(),
        unmeasured.durable_creates_per_second,
        unmeasured.commit_links_per_second,
        unmeasured.shard_tracks_per_second,
    ) == (0, 0, 0, 0, 0)
    assert make_disk_speed(flush_ms=None).durable_creates_per_second == 0


def test_the_latest_speed_of_a_disk_is_kept() -> None:
    save_disk_speed(make_disk_speed(create_us=90.0, days=2))
    save_disk_speed(make_disk_speed(create_us=20.0, days=1))
    save_disk_speed(make_disk_speed(OTHER_DISK, create_us=50.0))
    assert [(speed.location.path, speed.create_us[1]) for speed in load_disk_speeds()] == [
        ("/other", 50.0),
        ("/data", 20.0),
    ]


def test_another_disk_at_the_same_mount_point_has_its_own_speed() -> None:
    save_disk_speed(make_disk_speed())
    save_disk_speed(make_disk_speed(replace(DATA_DISK, device="sdz1")))
    assert {speed.location.device for speed in load_disk_speeds()} == {"sdb1", "sdz1"}


def test_speeds_older_than_a_month_are_ignored(cache_path: Path) -> None:
    save_disk_speed(make_disk_speed(days=31))
    assert load_disk_speeds() == []
    save_disk_speed(make_disk_speed(days=29))
    assert len(load_disk_speeds()) == 1


def test_speeds_of_other_machines_in_a_shared_home_folder_are_ignored_but_kept(
    cache_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("platform.node", lambda: "other")
    save_disk_speed(make_disk_speed(create_us=90.0))
    monkeypatch.setattr("platform.node", lambda: "this")
    assert load_disk_speeds() == []
    save_disk_speed(make_disk_speed(create_us=20.0))
    assert [speed.create_us[1] for speed in load_disk_speeds()] == [20.0]
    monkeypatch.setattr("platform.node", lambda: "other")
    assert [speed.create_us[1] for speed in load_disk_speeds()] == [90.0]


@pytest.mark.parametrize(
    "damage",
    [
        b"",
        b"\xff\xfe",
        b"[]",
        b"{}",
        b"null",
        b'{"format": 2, "disks": []}',
        b'{"format": 1, "disks": 7}',
        b'{"format": 1, "disks": [7]}',
        b'{"format": 1, "disks": [{"host": "x"}]}',
        b"[" * 100_000,
    ],
)
def test_a_damaged_file_is_ignored_and_replaced(cache_path: Path, damage: bytes) -> None:
    cache_path.parent.mkdir()
    cache_path.write_bytes(damage)
    assert load_disk_speeds() == []
    assert load_disk_speed("/data") is None
    save_disk_speed(make_disk_speed())
    assert len(load_disk_speeds()) == 1


@pytest.mark.parametrize(
    "change",
    [
        {"create_us": {"x": 1}},
        {"create_us": None},
        {"create_us": {"1": "fast"}},
        {"create_us": {"1": float("nan")}},
        {"create_us": {"1": -1}},
        {"measured_at": "yesterday"},
        {"measured_at": "2026-01-01T00:00:00"},
        {"measured_at": None},
        {"location": {}},
        {"location": None},
        {"location": {"path": 7}},
        {"sequential_mb_s": [1]},
        {"counts": 3},
        {"seconds": "long"},
    ],
)
def test_damaged_speeds_are_ignored(cache_path: Path, change: dict[str, Any]) -> None:
    save_disk_speed(make_disk_speed(OTHER_DISK))
    data = json.loads(cache_path.read_text())
    data["disks"].append({**data["disks"][0], "speed": {**make_disk_speed().as_dict(), **change}})
    cache_path.write_text(json.dumps(data))
    with pytest.raises(ValueError, match=r"."):
        DiskSpeed.from_dict(data["disks"][1]["speed"])
    assert [speed.location.path for speed in load_disk_speeds()] == ["/other"]


def test_the_file_is_replaced_atomically(cache_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    save_disk_speed(make_disk_speed())
    before = cache_path.read_bytes()

    def full(_descriptor: int, _data: bytes) -> int:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr("os.write", full)
        with pytest.raises(StoreError, match="MIDIPRISM_CACHE_DIR"):
            save_disk_speed(make_disk_speed(create_us=99.0))
    assert cache_path.read_bytes() == before
    assert [path.name for path in cache_path.parent.iterdir()] == ["disk-speeds.json"]


def test_without_the_environment_variable_the_file_is_in_the_user_cache(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from platformdirs import user_cache_path

    monkeypatch.delenv("MIDIPRISM_CACHE_DIR")
    assert cache_file() == user_cache_path("midiprism") / "disk-speeds.json"


def test_a_path_has_the_speed_of_its_file_system(make_disks: Callable[..., None], tmp_path: Path) -> None:
    make_disks(fast="ext4", slow="ext4")
    save_disk_speed(make_disk_speed(locate_storage(str(tmp_path / "fast"))))
    speed = load_disk_speed(tmp_path / "fast" / "missing" / "out")
    assert speed is not None
    assert speed.location.path == str(tmp_path / "fast")
    assert load_disk_speed(tmp_path / "slow") is None
    make_disks(fast="xfs", slow="ext4")
    assert load_disk_speed(tmp_path / "fast") is None, "another file system is mounted now"


def test_disks_are_ranked_by_durable_creates() -> None:
    quick = make_disk_speed(create_us=10.0, flush_ms=900.0)
    steady = make_disk_speed(create_us=40.0, flush_ms=5.0)
    assert rank_for_output([quick, steady]) == [steady, quick]


def test_the_best_disk_depends_on_the_role() -> None:
    memory = make_disk_speed(
        StorageLocation("/m", kind="memory", file_system="tmpfs", mount_point="/m"),
        create_us=5.0,
        commit_us_each=5.0,
    )
    far = make_disk_speed(
        StorageLocation("/n", kind="network", file_system="nfs4", mount_point="/n"),
        create_us=8.0,
        read_us={1: 1.0},
    )
    disk = make_disk_speed(create_us=50.0, read_us={1: 90.0})
    assert best_disk_for("output", [memory, far, disk]) == disk
    assert best_disk_for("catalog", [memory, far, disk]) == disk
    assert best_disk_for("source", [memory, far, disk]) == far
    assert best_disk_for("temporary", [memory]) == memory
    assert best_disk_for("output", [memory, far]) is None
    assert best_disk_for("output") is None


def save_and_find_faster_disk(
    tmp_path: Path, slow_us: float = 100.0, fast_us: float = 20.0
) -> FasterDisk | None:
    save_disk_speed(make_disk_speed(locate_storage(str(tmp_path / "slow")), create_us=slow_us, flush_ms=0.0))
    save_disk_speed(make_disk_speed(locate_storage(str(tmp_path / "fast")), create_us=fast_us, flush_ms=0.0))
    return find_faster_disk(tmp_path / "slow" / "out")


def test_a_much_faster_disk_is_suggested(
    make_disks: Callable[..., None], free_space: dict[str, FreeSpace], tmp_path: Path
) -> None:
    make_disks(fast="ext4", slow="ext4")
    faster = save_and_find_faster_disk(tmp_path)
    assert faster is not None
    assert faster.faster.location.path == str(tmp_path / "fast")
    assert faster.current.location.path == str(tmp_path / "slow")
    assert faster.factor == pytest.approx(5.0)
    assert find_faster_disk(tmp_path / "fast" / "out") is None


def test_slow_flushes_count(
    make_disks: Callable[..., None], free_space: dict[str, FreeSpace], tmp_path: Path
) -> None:
    make_disks(fast="ext4", slow="ext4")
    assert save_and_find_faster_disk(tmp_path) is not None
    save_disk_speed(make_disk_speed(locate_storage(str(tmp_path / "fast")), create_us=20.0, flush_ms=1_000.0))
    assert find_faster_disk(tmp_path / "slow" / "out") is None


def test_a_slightly_faster_disk_is_not_suggested(
    make_disks: Callable[..., None], free_space: dict[str, FreeSpace], tmp_path: Path
) -> None:
    make_disks(fast="ext4", slow="ext4")
    assert save_and_find_faster_disk(tmp_path, slow_us=39.0) is None
    assert save_and_find_faster_disk(tmp_path, slow_us=41.0) is not None


def test_memory_is_not_suggested_for_results(
    make_disks: Callable[..., None], free_space: dict[str, FreeSpace], tmp_path: Path
) -> None:
    make_disks(fast="tmpfs", slow="ext4")
    assert save_and_find_faster_disk(tmp_path) is None


def test_nothing_is_suggested_without_measurements(make_disks: Callable[..., None], tmp_path: Path) -> None:
    make_disks(fast="ext4", slow="ext4")
    save_disk_speed(make_disk_speed(locate_storage(str(tmp_path / "fast"))))
    assert find_faster_disk(tmp_path / "slow" / "out") is None
    assert find_faster_disk(tmp_path / "fast" / "out") is None


def test_an_unmounted_disk_is_not_suggested(
    make_disks: Callable[..., None], free_space: dict[str, FreeSpace], tmp_path: Path
) -> None:
    make_disks(fast="ext4", slow="ext4")
    assert save_and_find_faster_disk(tmp_path) is not None
    make_disks(slow="ext4")
    assert find_faster_disk(tmp_path / "slow" / "out") is None
    make_disks(fast="ext4", slow="ext4")
    (tmp_path / "fast").rmdir()
    assert find_faster_disk(tmp_path / "slow" / "out") is None


@pytest.mark.parametrize(
    ("fast", "slow", "suggested"),
    [
        ((30 * 10**9, 10**8), (10**12, 10**8), True),
        ((10 * 10**9, 10**8), (10**12, 10**8), False),
        ((10 * 10**9, 10**8), (5 * 10**9, 10**8), True),
        ((5 * 10**8, 10**8), (10**8, 10**8), False),
        ((10**12, 1_000), (10**12, 10**8), False),
        ((10**12, None), (10**12, 10**8), True),
        ((None, None), (10**12, 10**8), False),
        ((10**12, 10**8), (None, None), True),
    ],
)
def test_only_disks_with_enough_space_are_suggested(
    make_disks: Callable[..., None],
    free_space: dict[str, FreeSpace],
    tmp_path: Path,
    fast: Any,
    slow: Any,
    suggested: bool,
) -> None:
    make_disks(fast="ext4", slow="ext4")
    free_space |= {"fast": FreeSpace(*fast), "slow": FreeSpace(*slow)}
    assert (save_and_find_faster_disk(tmp_path) is not None) == suggested
