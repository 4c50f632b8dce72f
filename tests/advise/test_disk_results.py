import json
import os
from collections import namedtuple
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from midiprism.advise.probe import disk_results as places
from midiprism.advise.probe.disk_results import (
    DiskSpeed,
    best_place_for,
    find_faster_place,
    load_disk_speed,
    load_disk_speeds,
    rank_for_output,
    save_disk_speed,
)
from midiprism.errors import StoreError
from midiprism.metrics.devices import StorageLocation, locate_storage
from support.disk_figures import figures

Mount = namedtuple("Mount", "device mountpoint fstype opts")


@pytest.fixture(autouse=True)
def cache(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    monkeypatch.setenv("MIDIPRISM_CACHE_DIR", str(tmp_path / "cache"))
    return tmp_path / "cache" / "places.json"


@pytest.fixture
def make_disks(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[..., None]:
    """Has folders below the test's be file systems of their own."""

    def mount(**kinds: str) -> None:
        mounts = [Mount("/dev/nothing", "/", "ext4", "rw")]
        for name, kind in kinds.items():
            (tmp_path / name).mkdir(exist_ok=True)
            mounts.append(Mount(f"/dev/{name}", str((tmp_path / name).resolve()), kind, "rw"))
        monkeypatch.setattr("psutil.disk_partitions", lambda **_all: mounts)

    return mount


@pytest.fixture
def free_space(monkeypatch: pytest.MonkeyPatch) -> dict[str, tuple[int | None, int | None]]:
    """What is free, by the last part of a folder's path; elsewhere there is plenty."""
    free: dict[str, tuple[int | None, int | None]] = {}
    monkeypatch.setattr(
        places, "free_room", lambda folder: free.get(os.path.basename(folder), (10**12, 10**8))
    )
    return free


def test_figures_survive_being_stored() -> None:
    known = figures()
    save_disk_speed(known)
    assert load_disk_speeds() == [known]
    bare = DiskSpeed(StorageLocation("/x", mount_point="/x"), "2026-01-01T00:00:00+00:00")
    assert DiskSpeed.from_dict(json.loads(json.dumps(bare.as_dict()))) == bare


def test_rates_follow_from_the_times() -> None:
    known = figures(create_us=20.0)
    assert known.creates_per_second(1) == pytest.approx(50_000)
    assert known.creates_per_second() == known.creates_per_second(2) == pytest.approx(2e6 / 30)
    assert known.creates_per_second(4) == 0
    assert known.durable_creates_per_second == pytest.approx(1_000 / (1_000 * 15e-6 + 10e-3))
    assert known.reads_per_second() == pytest.approx(200_000)
    assert known.commit_links_per_second == pytest.approx(20_000 / (2e-3 + 20_000 * 10e-6))
    assert known.shard_tracks_per_second == pytest.approx(50_000)


def test_what_was_not_measured_has_no_rate() -> None:
    none = DiskSpeed(StorageLocation("/x"), "2026-01-01T00:00:00+00:00")
    assert (
        none.creates_per_second(),
        none.reads_per_second(),
        none.durable_creates_per_second,
        none.commit_links_per_second,
        none.shard_tracks_per_second,
    ) == (0, 0, 0, 0, 0)
    assert figures(flush_ms=None).durable_creates_per_second == 0


def test_a_place_has_its_latest_figures() -> None:
    save_disk_speed(figures(create_us=90.0, days=2))
    save_disk_speed(figures(create_us=20.0, days=1))
    save_disk_speed(figures(StorageLocation("/other", "sdc1", "disk", None, "xfs", "/other"), create_us=50.0))
    assert [(one.place.path, one.create_us[1]) for one in load_disk_speeds()] == [
        ("/other", 50.0),
        ("/data", 20.0),
    ]


def test_another_disk_at_the_same_mount_point_is_another_place() -> None:
    save_disk_speed(figures())
    save_disk_speed(figures(StorageLocation("/data", "sdz1", "disk", None, "ext4", "/data")))
    assert {one.place.device for one in load_disk_speeds()} == {"sdb1", "sdz1"}


def test_what_is_older_than_a_month_does_not_count(cache: Path) -> None:
    save_disk_speed(figures(days=31))
    assert load_disk_speeds() == []
    save_disk_speed(figures(days=29))
    assert len(load_disk_speeds()) == 1


def test_what_another_machine_measured_in_a_home_that_is_shared_is_left(
    cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("platform.node", lambda: "other")
    save_disk_speed(figures(create_us=90.0))
    monkeypatch.setattr("platform.node", lambda: "this")
    assert load_disk_speeds() == []
    save_disk_speed(figures(create_us=20.0))
    assert [one.create_us[1] for one in load_disk_speeds()] == [20.0]
    monkeypatch.setattr("platform.node", lambda: "other")
    assert [one.create_us[1] for one in load_disk_speeds()] == [90.0]


@pytest.mark.parametrize(
    "damage",
    [
        b"",
        b"\xff\xfe",
        b"[]",
        b"{}",
        b"null",
        b'{"format": 2, "places": []}',
        b'{"format": 1, "places": 7}',
        b'{"format": 1, "places": [7]}',
        b'{"format": 1, "places": [{"host": "x"}]}',
        b"[" * 100_000,
    ],
)
def test_a_damaged_file_is_ignored_and_replaced(cache: Path, damage: bytes) -> None:
    cache.parent.mkdir()
    cache.write_bytes(damage)
    assert load_disk_speeds() == []
    assert load_disk_speed("/data") is None
    save_disk_speed(figures())
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
        {"place": {}},
        {"place": None},
        {"place": {"path": 7}},
        {"sequential_mb_s": [1]},
        {"counts": 3},
        {"seconds": "long"},
    ],
)
def test_damaged_figures_are_left_out(cache: Path, change: dict[str, Any]) -> None:
    save_disk_speed(figures(StorageLocation("/other", "sdc1", "disk", None, "xfs", "/other")))
    data = json.loads(cache.read_text())
    data["places"].append({**data["places"][0], "figures": {**figures().as_dict(), **change}})
    cache.write_text(json.dumps(data))
    with pytest.raises(ValueError, match=r"."):
        DiskSpeed.from_dict(data["places"][1]["figures"])
    assert [one.place.path for one in load_disk_speeds()] == ["/other"]


def test_the_file_is_written_whole_or_not_at_all(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    save_disk_speed(figures())
    before = cache.read_bytes()

    def full(_descriptor: int, _data: bytes) -> int:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr("os.write", full)
        with pytest.raises(StoreError, match="MIDIPRISM_CACHE_DIR"):
            save_disk_speed(figures(create_us=99.0))
    assert cache.read_bytes() == before
    assert [path.name for path in cache.parent.iterdir()] == ["places.json"]


def test_without_a_named_folder_figures_are_beside_the_kernel(monkeypatch: pytest.MonkeyPatch) -> None:
    from platformdirs import user_cache_path

    monkeypatch.delenv("MIDIPRISM_CACHE_DIR")
    assert places.cache_file() == user_cache_path("midiprism") / "places.json"


def test_the_file_system_of_a_path_has_its_figures(make_disks: Callable[..., None], tmp_path: Path) -> None:
    make_disks(fast="ext4", slow="ext4")
    save_disk_speed(figures(locate_storage(str(tmp_path / "fast"))))
    found = load_disk_speed(tmp_path / "fast" / "not there yet" / "out")
    assert found is not None
    assert found.place.path == str(tmp_path / "fast")
    assert load_disk_speed(tmp_path / "slow") is None
    make_disks(fast="xfs", slow="ext4")
    assert load_disk_speed(tmp_path / "fast") is None, "another file system is there now"


def test_places_are_ranked_by_files_that_are_created_and_flushed() -> None:
    quick = figures(create_us=10.0, flush_ms=900.0)
    steady = figures(create_us=40.0, flush_ms=5.0)
    assert rank_for_output([quick, steady]) == [steady, quick]


def test_the_best_place_depends_on_what_it_is_for() -> None:
    memory = figures(
        StorageLocation("/m", "", "memory", None, "tmpfs", "/m"), create_us=5.0, commit_us_each=5.0
    )
    far = figures(StorageLocation("/n", "", "network", None, "nfs4", "/n"), create_us=8.0, read_us={1: 1.0})
    disk = figures(create_us=50.0, read_us={1: 90.0})
    assert best_place_for("output", [memory, far, disk]) == disk
    assert best_place_for("catalogue", [memory, far, disk]) == disk
    assert best_place_for("source", [memory, far, disk]) == far
    assert best_place_for("temporary", [memory]) == memory
    assert best_place_for("output", [memory, far]) is None
    assert best_place_for("output") is None


def better(tmp_path: Path, slow_us: float = 100.0, fast_us: float = 20.0) -> Any:
    save_disk_speed(figures(locate_storage(str(tmp_path / "slow")), create_us=slow_us, flush_ms=0.0))
    save_disk_speed(figures(locate_storage(str(tmp_path / "fast")), create_us=fast_us, flush_ms=0.0))
    return find_faster_place(tmp_path / "slow" / "out")


def test_a_place_that_is_much_better_is_told(
    make_disks: Callable[..., None], free_space: dict[str, Any], tmp_path: Path
) -> None:
    make_disks(fast="ext4", slow="ext4")
    found = better(tmp_path)
    assert found.there.place.path == str(tmp_path / "fast")
    assert found.here.place.path == str(tmp_path / "slow")
    assert found.factor == pytest.approx(5.0)
    assert find_faster_place(tmp_path / "fast" / "out") is None


def test_flushing_counts(make_disks: Callable[..., None], free_space: dict[str, Any], tmp_path: Path) -> None:
    make_disks(fast="ext4", slow="ext4")
    assert better(tmp_path) is not None
    save_disk_speed(figures(locate_storage(str(tmp_path / "fast")), create_us=20.0, flush_ms=1_000.0))
    assert find_faster_place(tmp_path / "slow" / "out") is None


def test_a_place_that_is_little_better_is_not_told(
    make_disks: Callable[..., None], free_space: dict[str, Any], tmp_path: Path
) -> None:
    make_disks(fast="ext4", slow="ext4")
    assert better(tmp_path, slow_us=39.0) is None
    assert better(tmp_path, slow_us=41.0) is not None


def test_memory_is_no_place_for_results(
    make_disks: Callable[..., None], free_space: dict[str, Any], tmp_path: Path
) -> None:
    make_disks(fast="tmpfs", slow="ext4")
    assert better(tmp_path) is None


def test_nothing_is_told_where_nothing_was_measured(make_disks: Callable[..., None], tmp_path: Path) -> None:
    make_disks(fast="ext4", slow="ext4")
    save_disk_speed(figures(locate_storage(str(tmp_path / "fast"))))
    assert find_faster_place(tmp_path / "slow" / "out") is None
    assert find_faster_place(tmp_path / "fast" / "out") is None


def test_a_place_that_is_not_mounted_any_more_is_not_told(
    make_disks: Callable[..., None], free_space: dict[str, Any], tmp_path: Path
) -> None:
    make_disks(fast="ext4", slow="ext4")
    assert better(tmp_path) is not None
    make_disks(slow="ext4")
    assert find_faster_place(tmp_path / "slow" / "out") is None
    make_disks(fast="ext4", slow="ext4")
    (tmp_path / "fast").rmdir()
    assert find_faster_place(tmp_path / "slow" / "out") is None


@pytest.mark.parametrize(
    ("fast", "slow", "told"),
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
def test_a_better_place_has_room(
    make_disks: Callable[..., None],
    free_space: dict[str, Any],
    tmp_path: Path,
    fast: Any,
    slow: Any,
    told: bool,
) -> None:
    make_disks(fast="ext4", slow="ext4")
    free_space |= {"fast": fast, "slow": slow}
    assert (better(tmp_path) is not None) == told
