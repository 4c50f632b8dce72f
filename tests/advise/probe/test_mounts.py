"""Tests of finding the disks and memory file systems to measure."""

import os
from collections import namedtuple
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest

from midiprism.advise.probe.disk_results import FreeSpace
from midiprism.advise.probe.mounts import (
    FileSystems,
    find_mount_points,
    is_measurable,
    mount_points_of,
)
from midiprism.metrics.devices import StorageLocation

Mount = namedtuple("Mount", "device mountpoint fstype opts")
PLENTY = FreeSpace(10**12, 10**8)


@dataclass
class FakeMounts:
    """Folders of a test as mounted file systems of 8 GB, of which no device is known.

    Attributes:
        free: free space by the name of a folder; the others have plenty.
    """

    folder: Path
    mounts: list[Mount] = field(default_factory=list)
    free: dict[str, FreeSpace] = field(default_factory=dict)

    def add(self, **mounts: tuple[str, str, str]) -> None:
        """Mount folders: device, file system and options by name."""
        for name, (device, file_system, options) in mounts.items():
            (self.folder / name).mkdir(exist_ok=True)
            self.mounts.append(Mount(device, str(self.folder / name), file_system, options))

    def locate(self, path: str) -> StorageLocation:
        for mount in self.mounts:
            if Path(path).is_relative_to(mount.mountpoint):
                return StorageLocation(
                    path, kind="disk", file_system=mount.fstype, mount_point=mount.mountpoint
                )
        return StorageLocation(path)

    @property
    def file_systems(self) -> FileSystems:
        return FileSystems(
            mounts=lambda: self.mounts,
            user_folders=lambda: [str(self.folder / "mine" / "home")],
            locate=self.locate,
            free_space=lambda folder: self.free.get(Path(folder).name, PLENTY),
            total_bytes=lambda _folder: 8 * 10**9,
            device_number=lambda folder: folder,
        )


@pytest.fixture
def fake_mounts(tmp_path: Path) -> FakeMounts:
    return FakeMounts(tmp_path)


def measured_names(file_systems: FileSystems) -> list[str]:
    return [
        Path(mount_point.location.path).name
        for mount_point in find_mount_points(file_systems)
        if mount_point.skip_reason is None
    ]


def test_disks_and_memory_are_measured(fake_mounts: FakeMounts) -> None:
    fake_mounts.add(
        disk=("/dev/sda1", "ext4", "rw"), memory=("tmpfs", "tmpfs", "rw"), pool=("tank", "zfs", "rw")
    )
    assert measured_names(fake_mounts.file_systems) == ["disk", "memory", "pool"]


def test_read_only_and_virtual_file_systems_are_not_found(fake_mounts: FakeMounts) -> None:
    fake_mounts.add(
        locked=("/dev/sda2", "ext4", "noatime,ro"),
        snap=("/dev/loop3", "squashfs", "rw"),
        image=("/dev/loop4", "ext4", "rw"),
        disc=("/dev/sr0", "iso9660", "rw"),
        proc=("proc", "proc", "rw"),
        layer=("overlay", "overlay", "rw"),
    )
    assert find_mount_points(fake_mounts.file_systems) == []


@pytest.mark.parametrize(
    ("point", "fstype", "measurable"),
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
def test_parts_of_the_system_are_not_measurable(point: str, fstype: str, measurable: bool) -> None:
    device = {"tmpfs": "tmpfs", "devtmpfs": "devtmpfs", "overlay": "overlay"}.get(fstype, "/dev/sda1")
    file_systems = FileSystems(total_bytes=lambda _folder: 8 * 10**9)
    assert is_measurable(Mount(device, point, fstype, "rw"), file_systems) == measurable


def test_a_small_memory_file_system_is_not_found(fake_mounts: FakeMounts) -> None:
    fake_mounts.add(memory=("tmpfs", "tmpfs", "rw"))
    file_systems = replace(fake_mounts.file_systems, total_bytes=lambda _folder: 10**8)
    assert find_mount_points(file_systems) == []


def test_network_file_systems_are_listed_without_accessing_them(fake_mounts: FakeMounts) -> None:
    def fail(path: str) -> Any:
        pytest.fail(f"{path} was accessed")

    fake_mounts.add(remote=("server:/export", "nfs4", "rw"))
    file_systems = replace(fake_mounts.file_systems, locate=fail, free_space=fail, is_writable=fail)
    (mount_point,) = find_mount_points(file_systems)
    assert mount_point.skip_reason is not None
    assert "network file system" in mount_point.skip_reason
    assert mount_point.location.kind == "network"


def test_a_device_that_is_mounted_twice_is_found_once(fake_mounts: FakeMounts) -> None:
    fake_mounts.add(first=("/dev/sda1", "btrfs", "rw"), second=("/dev/sda1", "btrfs", "rw"))
    file_systems = replace(
        fake_mounts.file_systems, locate=lambda path: replace(fake_mounts.locate(path), device="sda1")
    )
    assert measured_names(file_systems) == ["first"]


def test_a_user_folder_is_used_if_the_mount_point_cannot_be_written(
    fake_mounts: FakeMounts, tmp_path: Path
) -> None:
    fake_mounts.add(mine=("/dev/sda1", "ext4", "rw"), theirs=("/dev/sdb1", "ext4", "rw"))
    (tmp_path / "mine" / "home").mkdir()
    file_systems = replace(fake_mounts.file_systems, is_writable=lambda folder: Path(folder).name == "home")
    mine, theirs = find_mount_points(file_systems)
    assert (mine.location.path, mine.skip_reason) == (str(tmp_path / "mine" / "home"), None)
    assert theirs.location.path == str(tmp_path / "theirs")
    assert "cannot be written" in str(theirs.skip_reason)


def test_full_disks_are_skipped_with_the_reason(fake_mounts: FakeMounts) -> None:
    names = ("full", "no_inodes", "empty", "uncounted")
    fake_mounts.add(**{name: (f"/dev/{name}", "ext4", "rw") for name in names})
    fake_mounts.free = {
        "full": FreeSpace(10**8, 10**8),
        "no_inodes": FreeSpace(10**12, 5),
        "uncounted": FreeSpace(10**12, None),
    }
    mount_points = find_mount_points(fake_mounts.file_systems)
    reasons = {Path(it.location.path).name: it.skip_reason for it in mount_points}
    assert "only 0.1 GB are free" in str(reasons["full"])
    assert "space for only 5 more files" in str(reasons["no_inodes"])
    assert reasons["empty"] is reasons["uncounted"] is None


def test_named_folders_are_kept_in_their_order(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    folders = [str(tmp_path), str(tmp_path / "nowhere"), str(tmp_path / "file"), str(tmp_path)]
    mount_points = mount_points_of(folders, FileSystems(free_space=lambda _folder: PLENTY))
    assert [mount_point.skip_reason for mount_point in mount_points] == [
        None,
        "it does not exist: create it first",
        "it is not a folder",
        None,
    ]


def test_the_mount_points_of_this_machine_are_writable_or_have_a_reason() -> None:
    for mount_point in find_mount_points():
        assert mount_point.skip_reason is not None or os.access(mount_point.location.path, os.W_OK)
