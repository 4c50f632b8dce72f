"""Which places there are to measure: disks and memory that are mounted, and a folder in each for us."""

import os
import tempfile
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

import psutil

from midiprism.advise.probe.disk_results import free_space
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
_SHARED_MEMORY = "/dev/shm"  # noqa: S108 - only looked for


class MountPoint(NamedTuple):
    """A folder in which a place may be measured.

    Attributes:
        place: of the folder.
        reason: why it is not to be measured; None where it is.
    """

    place: StorageLocation
    free_bytes: int | None = None
    free_inodes: int | None = None
    skip_reason: str | None = None


def mount_points_of(folders: Iterable[str]) -> list[MountPoint]:
    """Folders that somebody named, as they are."""
    return [_mount_point_of(folder) for folder in folders]


def find_mount_points() -> list[MountPoint]:
    """A folder in each file system that is on a disk or in memory and can be written."""
    found: list[MountPoint] = []
    seen: set[object] = set()
    own = list(_user_folders())
    for mount in psutil.disk_partitions(all=True):
        point = mount.mountpoint
        if _is_remote(mount):
            found.append(_remote_mount_point(mount))
            continue
        if not _is_measurable(mount) or not os.path.isdir(point):
            continue
        folder = next(
            (one for one in (point, *own) if _is_writable(one) and _is_mounted_at(one, point)), point
        )
        spot = _mount_point_of(folder)
        # What is mounted twice, or divided into parts that can be mounted, is one place.
        key = spot.place.device or _device_number(folder)
        if spot.place.mount_point == point and key not in seen:
            seen.add(key)
            found.append(spot)
    return found


def _mount_point_of(folder: str) -> MountPoint:
    place = locate_storage(folder)
    if not os.path.isdir(folder):
        there = os.path.lexists(folder)
        return MountPoint(place, skip_reason="it is no folder" if there else "it is not there: make it first")
    free_bytes, free_inodes = free_space(folder)
    reason = None
    if not _is_writable(folder):
        reason = "it cannot be written: name a folder there that can"
    elif free_bytes is not None and free_bytes < MIN_FREE_BYTES:
        reason = f"only {free_bytes / 1e9:.1f} GB are free, less than {MIN_FREE_BYTES / 1e9:.0f} GB"
    elif free_inodes is not None and free_inodes < MIN_FREE_INODES:
        reason = f"it has room for {free_inodes:,} more files only (inodes)"
    return MountPoint(place, free_bytes, free_inodes, reason)


def _is_measurable(mount: Any) -> bool:
    """Whether a mount is a disk of its own, or memory, that may be written."""
    options = mount.opts.split(",")
    if "ro" in options or mount.fstype in _READ_ONLY_FILE_SYSTEMS:
        return False
    if os.name == "nt":
        return "cdrom" not in options and bool(mount.fstype)
    point = mount.mountpoint
    if mount.fstype in MEMORY_FILE_SYSTEMS:
        inside = _is_below(point, (_SHARED_MEMORY,)) or not _is_below(point, (*_SYSTEM_FOLDERS, "/dev"))
        return inside and _total_bytes(point) > MIN_FREE_BYTES
    if _is_below(point, _SYSTEM_FOLDERS) and point != _MACOS_DATA_VOLUME:
        return False
    on_disk = mount.device.startswith("/dev/") and not mount.device.startswith("/dev/loop")
    # A pool is no device, and neither is what a container has for its root.
    return on_disk or mount.fstype == "zfs" or (point == "/" and mount.fstype == "overlay")


def _is_remote(mount: Any) -> bool:
    return mount.fstype.lower() in NETWORK_FILE_SYSTEMS or "remote" in mount.opts.split(",")


def _remote_mount_point(mount: Any) -> MountPoint:
    # Not looked at: a server that is away would be waited for.
    place = StorageLocation(mount.mountpoint, "", "network", None, mount.fstype, mount.mountpoint)
    return MountPoint(place, skip_reason="it is across a network: name it to measure it")


def _user_folders() -> Iterator[str]:
    """Folders that are likely to be ours."""
    for find in (os.getcwd, lambda: os.path.expanduser("~"), tempfile.gettempdir, lambda: _SHARED_MEMORY):
        try:
            folder = find()
        except OSError:  # the current folder may be gone
            continue
        if os.path.isdir(folder):
            yield folder


def _is_writable(folder: str) -> bool:
    return os.access(folder, os.W_OK | os.X_OK)


def _is_mounted_at(folder: str, point: str) -> bool:
    return locate_storage(folder).mount_point == point


def _is_below(point: str, folders: Iterable[str]) -> bool:
    return any(point == folder or point.startswith(folder + "/") for folder in folders)


def _total_bytes(point: str) -> int:
    try:
        return psutil.disk_usage(point).total
    except OSError:
        return 0


def _device_number(folder: str) -> object:
    try:
        return os.stat(folder).st_dev
    except OSError:
        return folder
