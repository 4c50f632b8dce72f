"""Which places there are to measure: disks and memory that are mounted, and a folder in each for us."""

import os
import tempfile
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

import psutil

from midiprism.advise.places import free_room
from midiprism.meter.devices import FAR, MEMORY, Place, place_of

LEAST_BYTES = 1_000_000_000
LEAST_INODES = 20_000

_NO_DISKS = frozenset({"squashfs", "iso9660", "udf", "erofs"})
_SYSTEMS = ("/boot", "/efi", "/snap", "/run", "/sys", "/proc", "/recovery", "/System/Volumes")
_MACS = "/System/Volumes/Data"
_SHARED_MEMORY = "/dev/shm"  # noqa: S108 - only looked for


class Spot(NamedTuple):
    """A folder in which a place may be measured.

    Attributes:
        place: of the folder.
        reason: why it is not to be measured; None where it is.
    """

    place: Place
    free_bytes: int | None = None
    free_inodes: int | None = None
    reason: str | None = None


def named(folders: Iterable[str]) -> list[Spot]:
    """Folders that somebody named, as they are."""
    return [_spot(folder) for folder in folders]


def mounted() -> list[Spot]:
    """A folder in each file system that is on a disk or in memory and can be written."""
    found: list[Spot] = []
    seen: set[object] = set()
    own = list(_own_folders())
    for mount in psutil.disk_partitions(all=True):
        point = mount.mountpoint
        if _is_far(mount):
            found.append(_far(mount))
            continue
        if not _is_place(mount) or not os.path.isdir(point):
            continue
        folder = next((one for one in (point, *own) if _is_writable(one) and _is_on(one, point)), point)
        spot = _spot(folder)
        # What is mounted twice, or divided into parts that can be mounted, is one place.
        key = spot.place.device or _number(folder)
        if spot.place.mount_point == point and key not in seen:
            seen.add(key)
            found.append(spot)
    return found


def _spot(folder: str) -> Spot:
    place = place_of(folder)
    if not os.path.isdir(folder):
        there = os.path.lexists(folder)
        return Spot(place, reason="it is no folder" if there else "it is not there: make it first")
    free_bytes, free_inodes = free_room(folder)
    reason = None
    if not _is_writable(folder):
        reason = "it cannot be written: name a folder there that can"
    elif free_bytes is not None and free_bytes < LEAST_BYTES:
        reason = f"only {free_bytes / 1e9:.1f} GB are free, less than {LEAST_BYTES / 1e9:.0f} GB"
    elif free_inodes is not None and free_inodes < LEAST_INODES:
        reason = f"it has room for {free_inodes:,} more files only (inodes)"
    return Spot(place, free_bytes, free_inodes, reason)


def _is_place(mount: Any) -> bool:
    """Whether a mount is a disk of its own, or memory, that may be written."""
    options = mount.opts.split(",")
    if "ro" in options or mount.fstype in _NO_DISKS:
        return False
    if os.name == "nt":
        return "cdrom" not in options and bool(mount.fstype)
    point = mount.mountpoint
    if mount.fstype in MEMORY:
        inside = _below(point, (_SHARED_MEMORY,)) or not _below(point, (*_SYSTEMS, "/dev"))
        return inside and _total(point) > LEAST_BYTES
    if _below(point, _SYSTEMS) and point != _MACS:
        return False
    on_disk = mount.device.startswith("/dev/") and not mount.device.startswith("/dev/loop")
    # A pool is no device, and neither is what a container has for its root.
    return on_disk or mount.fstype == "zfs" or (point == "/" and mount.fstype == "overlay")


def _is_far(mount: Any) -> bool:
    return mount.fstype.lower() in FAR or "remote" in mount.opts.split(",")


def _far(mount: Any) -> Spot:
    # Not looked at: a server that is away would be waited for.
    place = Place(mount.mountpoint, "", "network", None, mount.fstype, mount.mountpoint)
    return Spot(place, reason="it is across a network: name it to measure it")


def _own_folders() -> Iterator[str]:
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


def _is_on(folder: str, point: str) -> bool:
    return place_of(folder).mount_point == point


def _below(point: str, folders: Iterable[str]) -> bool:
    return any(point == folder or point.startswith(folder + "/") for folder in folders)


def _total(point: str) -> int:
    try:
        return psutil.disk_usage(point).total
    except OSError:
        return 0


def _number(folder: str) -> object:
    try:
        return os.stat(folder).st_dev
    except OSError:
        return folder
