"""Find the disks and memory file systems that can be measured, and a writable folder on each."""

import os
import tempfile
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

import psutil

from midiprism.advise.probe.disk_results import FreeSpace, free_space
from midiprism.metrics.devices import (
    MEMORY_FILE_SYSTEMS,
    NETWORK_FILE_SYSTEMS,
    StorageLocation,
    locate_storage,
)

MIN_FREE_BYTES = 1_000_000_000
MIN_FREE_INODES = 20_000

_READ_ONLY_FILE_SYSTEMS = frozenset({"squashfs", "iso9660", "udf", "erofs"})
_SYSTEM_FOLDERS = ("/boot", "/efi", "/snap", "/run", "/sys", "/proc", "/recovery", "/System/Volumes")
_MACOS_DATA_VOLUME = "/System/Volumes/Data"
_SHARED_MEMORY = "/dev/shm"  # noqa: S108 - it is only searched for


class MountPoint(NamedTuple):
    """A folder on a file system.

    Attributes:
        location: the folder.
        free_bytes: free space, likewise ``free_inodes``; None if not counted.
        skip_reason: why it is not measured; None if it is.
    """

    location: StorageLocation
    free_bytes: int | None = None
    free_inodes: int | None = None
    skip_reason: str | None = None


def _is_writable(folder: str) -> bool:
    return os.access(folder, os.W_OK | os.X_OK)


def _total_bytes(folder: str) -> int:
    try:
        return psutil.disk_usage(folder).total
    except OSError:
        return 0


def _device_number(folder: str) -> object:
    try:
        return os.stat(folder).st_dev
    except OSError:
        return folder


def _user_folders() -> Iterator[str]:
    """Yield folders in which this user can probably write."""
    for find in (os.getcwd, lambda: os.path.expanduser("~"), tempfile.gettempdir, lambda: _SHARED_MEMORY):
        try:
            folder = find()
        except OSError:  # the current folder may have been removed
            continue
        if os.path.isdir(folder):
            yield folder


@dataclass(frozen=True, slots=True)
class FileSystems:
    """Answers about the file systems of the machine.

    Attributes:
        mounts: returns the mounted file systems, as ``psutil.disk_partitions`` does.
        user_folders: returns folders in which this user can probably write.
        locate: returns where a folder is.
        is_writable: returns whether this user may create files in a folder.
        free_space: returns what is free on the file system of a folder.
        total_bytes: returns the size of the file system of a folder; 0 if unknown.
        device_number: returns a number that is equal for folders on one file system.
    """

    mounts: Callable[[], Iterable[Any]] = lambda: psutil.disk_partitions(all=True)
    user_folders: Callable[[], Iterable[str]] = _user_folders
    locate: Callable[[str], StorageLocation] = locate_storage
    is_writable: Callable[[str], bool] = _is_writable
    free_space: Callable[[str], FreeSpace] = free_space
    total_bytes: Callable[[str], int] = _total_bytes
    device_number: Callable[[str], object] = _device_number


_THIS_MACHINE = FileSystems()


def mount_points_of(folders: Iterable[str], file_systems: FileSystems = _THIS_MACHINE) -> list[MountPoint]:
    """Return the given folders as mount points, also where they cannot be measured."""
    return [_mount_point_of(folder, file_systems) for folder in folders]


def find_mount_points(file_systems: FileSystems = _THIS_MACHINE) -> list[MountPoint]:
    """Return a folder on each file system that is on a disk or in memory and can be written.

    Network file systems are listed, but not accessed, since one whose server is away would block.
    """
    result: list[MountPoint] = []
    seen: set[object] = set()
    user_folders = list(file_systems.user_folders())
    for mount in file_systems.mounts():
        point = mount.mountpoint
        if _is_remote(mount):
            result.append(_remote_mount_point(mount))
            continue
        if not is_measurable(mount, file_systems) or not os.path.isdir(point):
            continue
        folder = next(
            (
                folder
                for folder in (point, *user_folders)
                if file_systems.is_writable(folder) and file_systems.locate(folder).mount_point == point
            ),
            point,
        )
        mount_point = _mount_point_of(folder, file_systems)
        # A disk that is mounted twice, or whose subvolumes are mounted, is listed once.
        key = mount_point.location.device or file_systems.device_number(folder)
        if mount_point.location.mount_point == point and key not in seen:
            seen.add(key)
            result.append(mount_point)
    return result


def is_measurable(mount: Any, file_systems: FileSystems = _THIS_MACHINE) -> bool:
    """Return whether a mount is a disk or memory that may be written and is not a part of the system."""
    options = mount.opts.split(",")
    if "ro" in options or mount.fstype in _READ_ONLY_FILE_SYSTEMS:
        return False
    if os.name == "nt":
        return "cdrom" not in options and bool(mount.fstype)
    point = mount.mountpoint
    if mount.fstype in MEMORY_FILE_SYSTEMS:
        allowed = _is_below(point, (_SHARED_MEMORY,)) or not _is_below(point, (*_SYSTEM_FOLDERS, "/dev"))
        return allowed and file_systems.total_bytes(point) > MIN_FREE_BYTES
    if _is_below(point, _SYSTEM_FOLDERS) and point != _MACOS_DATA_VOLUME:
        return False
    on_disk = mount.device.startswith("/dev/") and not mount.device.startswith("/dev/loop")
    # Neither a ZFS pool nor the root of a container is a device.
    return on_disk or mount.fstype == "zfs" or (point == "/" and mount.fstype == "overlay")


def _mount_point_of(folder: str, file_systems: FileSystems) -> MountPoint:
    location = file_systems.locate(folder)
    if not os.path.isdir(folder):
        exists = os.path.lexists(folder)
        reason = "it is not a folder" if exists else "it does not exist: create it first"
        return MountPoint(location, skip_reason=reason)
    free = file_systems.free_space(folder)
    skip_reason = None
    if not file_systems.is_writable(folder):
        skip_reason = "it cannot be written: name a folder there that can"
    elif free.free_bytes is not None and free.free_bytes < MIN_FREE_BYTES:
        skip_reason = f"only {free.free_bytes / 1e9:.1f} GB are free, less than {MIN_FREE_BYTES / 1e9:.0f} GB"
    elif free.inodes is not None and free.inodes < MIN_FREE_INODES:
        skip_reason = f"it has space for only {free.inodes:,} more files (inodes)"
    return MountPoint(location, free.free_bytes, free.inodes, skip_reason)


def _is_remote(mount: Any) -> bool:
    return mount.fstype.lower() in NETWORK_FILE_SYSTEMS or "remote" in mount.opts.split(",")


def _remote_mount_point(mount: Any) -> MountPoint:
    location = StorageLocation(
        path=mount.mountpoint, kind="network", file_system=mount.fstype, mount_point=mount.mountpoint
    )
    return MountPoint(location, skip_reason="it is a network file system: name it to measure it")


def _is_below(point: str, folders: Iterable[str]) -> bool:
    return any(point == folder or point.startswith(folder + "/") for folder in folders)
