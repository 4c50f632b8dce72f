"""Which device holds a folder, what kind it is, and what it does."""

import os
from dataclasses import asdict, dataclass
from typing import Any

import psutil

from midiprism.metrics.snapshot import DeviceIo

MEMORY_FILE_SYSTEMS = frozenset({"tmpfs", "ramfs", "devtmpfs"})
"""File systems in memory."""

NETWORK_FILE_SYSTEMS = frozenset(
    {"nfs", "nfs4", "cifs", "smb", "smb2", "smb3", "smbfs", "afpfs", "afs", "ncpfs", "9p", "webdav", "davfs"}
    | {"ceph", "glusterfs", "lustre", "beegfs", "gpfs", "fuse.sshfs", "fuse.glusterfs", "fuse.ceph"}
    | {"fuse.s3fs", "fuse.rclone", "fuse.davfs2", "fuse.gcsfuse"}
)
"""File systems across a network, in small letters."""

_SYSFS_BLOCK = "/sys/class/block"


@dataclass(frozen=True, slots=True)
class StorageLocation:
    """Where a folder is.

    Attributes:
        path: the folder, absolute.
        device: the name by which the system counts what its disk does, as ``sda1``; empty for none.
        kind: ``memory``, ``network``, ``disk``, ``unknown``; of a database ``server`` or ``local server``.
        spins: whether it is a disk of which the system says that it turns; None where it does not say.
        file_system: as ``ext4``; empty where nobody knows.
        mount_point: of that file system.
    """

    path: str
    device: str = ""
    kind: str = "unknown"
    rotational: bool | None = None
    file_system: str = ""
    mount_point: str = ""

    @property
    def display_name(self) -> str:
        """What people call it."""
        if self.kind == "memory":
            return f"memory ({self.file_system})"
        if self.device:
            return f"/dev/{self.device}" if os.name == "posix" else self.device
        return self.file_system or self.mount_point or "a disk that tells nothing of itself"

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> "StorageLocation":
        """The place that ``as_dict`` told."""
        return cls(**{name: data[name] for name in cls.__slots__ if name in data})


def locate_storage(path: str) -> StorageLocation:
    """Where a folder is, or is to be: the nearest one above it that exists tells."""
    here = os.path.realpath(path)
    mount = _find_mount(here)
    if mount is None:
        return StorageLocation(os.path.abspath(path))
    point, source, file_system = mount
    while not os.path.exists(here) and os.path.dirname(here) != here:
        here = os.path.dirname(here)
    device = _device(here, source)
    if file_system in MEMORY_FILE_SYSTEMS:
        kind = "memory"
    elif file_system.lower() in NETWORK_FILE_SYSTEMS:
        kind = "network"
    else:
        kind = "disk" if device else "unknown"
    return StorageLocation(os.path.abspath(path), device, kind, _is_rotational(device), file_system, point)


def network_file_system(path: str) -> str | None:
    """The kind of the file system that holds ``path``, which may not exist yet, if it is across a network."""
    place = locate_storage(path)
    return place.file_system if place.kind == "network" else None


def read_device_io(device_names: set[str]) -> dict[str, DeviceIo]:
    """What these devices did since the machine was started; those that are not counted are left out."""
    if not device_names:
        return {}
    try:
        counted = psutil.disk_io_counters(perdisk=True, nowrap=False) or {}
    except (OSError, RuntimeError):  # not every system tells
        return {}
    return {name: _to_device_io(counted[name]) for name in device_names if name in counted}


def _to_device_io(counted: Any) -> DeviceIo:
    queue = (counted.read_time + counted.write_time) / 1000
    busy = getattr(counted, "busy_time", None)
    return DeviceIo(
        queue if busy is None else busy / 1000,
        queue,
        counted.read_count,
        counted.write_count,
        counted.read_bytes,
        counted.write_bytes,
    )


def _find_mount(path: str) -> tuple[str, str, str] | None:
    """Mount point, source and kind of the file system that holds a folder."""
    best: tuple[str, str, str] | None = None
    try:
        mounts = psutil.disk_partitions(all=True)
    except (OSError, RuntimeError):
        return None
    for mount in mounts:
        point = mount.mountpoint.rstrip(os.sep) + os.sep
        inside = (path.rstrip(os.sep) + os.sep).startswith(point)
        if inside and (best is None or len(point) >= len(best[0].rstrip(os.sep)) + 1):
            best = mount.mountpoint, mount.device, mount.fstype
    return best


def _device(path: str, mount_source: str) -> str:
    """The name of the block device behind a folder; empty for none."""
    try:
        numbers = os.stat(path).st_dev
        if os.path.exists(mount_source):
            special = os.stat(mount_source)
            numbers = special.st_rdev or numbers
        link = os.readlink(f"/sys/dev/block/{os.major(numbers)}:{os.minor(numbers)}")
    except (OSError, AttributeError):
        return ""
    return os.path.basename(link)


def _is_rotational(device: str) -> bool | None:
    """What the kernel says of a disk, or of the disk of a partition."""
    if not device:
        return None
    here = os.path.realpath(os.path.join(_SYSFS_BLOCK, device))
    for folder in (here, os.path.dirname(here)):
        try:
            with open(os.path.join(folder, "queue", "rotational"), encoding="ascii") as file:
                return file.read().strip() == "1"
        except OSError:
            continue
    return None
