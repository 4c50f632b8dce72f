import os
from collections import namedtuple
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest

from midiprism.advise.probe import mounts as module
from midiprism.advise.probe.mounts import find_mount_points, mount_points_of

Mount = namedtuple("Mount", "device mountpoint fstype opts")
Mounting = Callable[..., None]


@pytest.fixture
def free_space(monkeypatch: pytest.MonkeyPatch) -> dict[str, tuple[int | None, int | None]]:
    """What is free, by the last part of a folder's path; elsewhere there is plenty."""
    room: dict[str, tuple[int | None, int | None]] = {}
    monkeypatch.setattr(module, "free_space", lambda folder: room.get(Path(folder).name, (10**12, 10**8)))
    return room


@pytest.fixture
def make_mounts(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, free_space: dict[str, tuple[int | None, int | None]]
) -> Mounting:
    """Has folders below the test's be mounts; each has its own number, and 8 GB."""
    numbers: dict[str, int] = {}

    def mounting(**kinds: tuple[str, str, str]) -> None:
        found = []
        for number, (name, (device, kind, options)) in enumerate(kinds.items(), 1):
            folder = tmp_path / name
            folder.mkdir(exist_ok=True)
            found.append(Mount(device, str(folder), kind, options))
            numbers[str(folder)] = number
        monkeypatch.setattr("psutil.disk_partitions", lambda **_all: found)

    monkeypatch.setattr("psutil.disk_usage", lambda _path: SimpleNamespace(total=8 * 10**9))
    monkeypatch.setattr(module, "_number", lambda folder: numbers.get(folder, folder))
    # All of them are on what the test is on, which has a device on one machine and none on another.
    monkeypatch.setattr("midiprism.metrics.devices._device", lambda _here, _source: "")
    monkeypatch.setattr(module, "_user_folders", lambda: iter([str(tmp_path / "mine" / "home")]))
    return mounting


def names(*, skipped: bool = False) -> list[str]:
    return [
        Path(spot.place.path).name
        for spot in find_mount_points()
        if (spot.skip_reason is not None) == skipped
    ]


def test_disks_and_memory_are_measured(make_mounts: Mounting) -> None:
    make_mounts(disk=("/dev/sda1", "ext4", "rw"), memory=("tmpfs", "tmpfs", "rw"), pool=("tank", "zfs", "rw"))
    assert names() == ["disk", "memory", "pool"]


def test_what_is_no_disk_is_not(make_mounts: Mounting) -> None:
    make_mounts(
        locked=("/dev/sda2", "ext4", "noatime,ro"),
        snap=("/dev/loop3", "squashfs", "rw"),
        image=("/dev/loop4", "ext4", "rw"),
        disc=("/dev/sr0", "iso9660", "rw"),
        proc=("proc", "proc", "rw"),
        layer=("overlay", "overlay", "rw"),
    )
    assert find_mount_points() == []


@pytest.mark.parametrize(
    ("point", "fstype", "place"),
    [
        ("/boot", "ext4", False),
        ("/boot/efi", "vfat", False),
        ("/bootleg", "ext4", True),
        ("/run/user/1000", "tmpfs", False),
        ("/run/media/disk", "ext4", False),
        ("/dev/shm", "tmpfs", True),
        ("/dev", "devtmpfs", False),
        ("/tmp", "tmpfs", True),
        ("/System/Volumes/VM", "apfs", False),
        ("/System/Volumes/Data", "apfs", True),
        ("/", "overlay", True),
    ],
)
def test_parts_of_the_system_are_no_places(
    point: str, fstype: str, place: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("psutil.disk_usage", lambda _path: SimpleNamespace(total=8 * 10**9))
    device = {"tmpfs": "tmpfs", "devtmpfs": "devtmpfs", "overlay": "overlay"}.get(fstype, "/dev/sda1")
    assert module._is_measurable(Mount(device, point, fstype, "rw")) == place


def test_little_memory_is_no_place(make_mounts: Mounting, monkeypatch: pytest.MonkeyPatch) -> None:
    make_mounts(memory=("tmpfs", "tmpfs", "rw"))
    monkeypatch.setattr("psutil.disk_usage", lambda _path: SimpleNamespace(total=10**8))
    assert find_mount_points() == []


def test_what_is_across_a_network_is_only_named_and_not_looked_at(
    make_mounts: Mounting, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_mounts(far=("server:/export", "nfs4", "rw"))
    monkeypatch.setattr(module, "place_of", lambda _path: pytest.fail("it was looked at"))
    monkeypatch.setattr(module, "free_space", lambda _path: pytest.fail("it was looked at"))
    (spot,) = find_mount_points()
    assert spot.skip_reason is not None
    assert "across a network" in spot.skip_reason
    assert spot.place.kind == "network"


def test_what_is_mounted_twice_is_one_place(make_mounts: Mounting, monkeypatch: pytest.MonkeyPatch) -> None:
    make_mounts(first=("/dev/sda1", "btrfs", "rw"), second=("/dev/sda1", "btrfs", "rw"))
    monkeypatch.setattr("midiprism.metrics.devices._device", lambda _here, source: source.rpartition("/")[2])
    assert names() == ["first"]


def test_where_a_mount_point_cannot_be_written_a_folder_of_ours_is_taken(
    make_mounts: Mounting, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_mounts(mine=("/dev/sda1", "ext4", "rw"), theirs=("/dev/sdb1", "ext4", "rw"))
    (tmp_path / "mine" / "home").mkdir()
    monkeypatch.setattr(module, "_is_writable", lambda folder: Path(folder).name == "home")
    (own, other) = find_mount_points()
    assert (own.place.path, own.skip_reason) == (str(tmp_path / "mine" / "home"), None)
    assert other.place.path == str(tmp_path / "theirs")
    assert "cannot be written" in str(other.skip_reason)


def test_places_without_room_are_skipped_with_the_reason(
    make_mounts: Mounting, free_space: dict[str, tuple[int | None, int | None]]
) -> None:
    make_mounts(
        **{name: (f"/dev/{name}", "ext4", "rw") for name in ("full", "crowded", "roomy", "uncounted")}
    )
    free_space |= {"full": (10**8, 10**8), "crowded": (10**12, 5), "uncounted": (10**12, None)}
    reasons = {Path(spot.place.path).name: spot.skip_reason for spot in find_mount_points()}
    assert "only 0.1 GB are free" in str(reasons["full"])
    assert "room for 5 more files" in str(reasons["crowded"])
    assert reasons["roomy"] is reasons["uncounted"] is None


def test_folders_that_are_named_are_taken_as_they_are(
    tmp_path: Path, free_space: dict[str, tuple[int | None, int | None]]
) -> None:
    (tmp_path / "file").write_text("x")
    spots = mount_points_of([str(tmp_path), str(tmp_path / "nowhere"), str(tmp_path / "file"), str(tmp_path)])
    assert [spot.skip_reason for spot in spots] == [
        None,
        "it is not there: make it first",
        "it is no folder",
        None,
    ]


def test_this_machine_has_places_or_says_why_not() -> None:
    for spot in find_mount_points():
        assert spot.skip_reason is not None or os.access(spot.place.path, os.W_OK)
