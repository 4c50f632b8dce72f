"""Find the device that holds a folder, its kind, and its traffic."""

import os
from dataclasses import asdict, dataclass
from typing import Any, NamedTuple

import psutil

from midiprism.metrics.snapshot import DeviceIo

MEMORY_FILE_SYSTEMS = frozenset({"tmpfs", "ramfs", "devtmpfs"})
"""File systems in memory."""

NETWORK_FILE_SYSTEMS = frozenset(
    {"nfs", "nfs4", "cifs", "smb", "smb2", "smb3", "smbfs", "afpfs", "afs", "ncpfs", "9p", "webdav", "davfs"}
    | {"ceph", "glusterfs", "lustre", "beegfs", "gpfs", "fuse.sshfs", "fuse.glusterfs", "fuse.ceph"}
    | {"fuse.s3fs", "fuse.rclone", "fuse.davfs2", "fuse.gcsfuse"}
)
"""Network file systems, in small letters."""

_SYSFS_BLOCK = "/sys/class/block"


@dataclass(frozen=True, slots=True)
class StorageLocation:
    """A folder and the file system that holds it.

    Attributes:
        path: the folder, absolute.
        device: the name under which the system counts the traffic of its disk, such as ``sda1``; empty for
            none.
        kind: ``memory``, ``network``, ``disk``, ``unknown``; of a database ``server`` or ``local server``.
        rotational: whether the system says that the disk spins; None where it does not say.
        file_system: its kind, such as ``ext4``; empty where it is not known.
        mount_point: where that file system is mounted.
    """

    path: str
    device: str = ""
    kind: str = "unknown"
    rotational: bool | None = None
    file_system: str = ""
    mount_point: str = ""

    @property
    def display_name(self) -> str:
        """The name that people know it by."""
        if self.kind == "memory":
            return f"memory ({self.file_system})"
        if self.device:
            return f"/dev/{self.device}" if os.name == "posix" else self.device
        return self.file_system or self.mount_point or "an unknown disk"

    @property
    def file_system_id(self) -> tuple[str, str, str]:
        """Mount point, device and kind: equal for two folders on one file system.

        Another file system that is mounted at the same point later differs.
        """
        return self.mount_point, self.device, self.file_system

    def as_dict(self) -> dict[str, Any]:
        """Return the location in terms of JSON."""
        return asdict(self)

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> "StorageLocation":
        """Return the location that ``as_dict`` described."""
        return cls(**{name: data[name] for name in cls.__slots__ if name in data})


def locate_storage(path: str) -> StorageLocation:
    """Return where a folder is. If it does not exist, its nearest existing ancestor counts."""
    folder = os.path.realpath(path)
    mount = _find_mount(folder)
    if mount is None:
        return StorageLocation(os.path.abspath(path))
    while not os.path.exists(folder) and os.path.dirname(folder) != folder:
        folder = os.path.dirname(folder)
    device = block_device_of(folder, mount.source)
    if mount.file_system in MEMORY_FILE_SYSTEMS:
        kind = "memory"
    elif mount.file_system.lower() in NETWORK_FILE_SYSTEMS:
        kind = "network"
    else:
        kind = "disk" if device else "unknown"
    return StorageLocation(
        path=os.path.abspath(path),
        device=device,
        kind=kind,
        rotational=_is_rotational(device),
        file_system=mount.file_system,
        mount_point=mount.point,
    )


def network_file_system(path: str) -> str | None:
    """Return the kind of the network file system of ``path``, which may not exist yet; None for others."""
    location = locate_storage(path)
    return location.file_system if location.kind == "network" else None


def read_device_io(device_names: set[str]) -> dict[str, DeviceIo]:
    """Return the traffic of devices since the machine was started, leaving out those that are not counted."""
    if not device_names:
        return {}
    try:
        counters = psutil.disk_io_counters(perdisk=True, nowrap=False) or {}
    except (OSError, RuntimeError):  # not every system counts
        return {}
    return {name: _to_device_io(counters[name]) for name in device_names if name in counters}


def _to_device_io(counters: Any) -> DeviceIo:
    queue_seconds = (counters.read_time + counters.write_time) / 1000
    busy_milliseconds = getattr(counters, "busy_time", None)
    return DeviceIo(
        busy_seconds=queue_seconds if busy_milliseconds is None else busy_milliseconds / 1000,
        queue_seconds=queue_seconds,
        reads=counters.read_count,
        writes=counters.write_count,
        read_bytes=counters.read_bytes,
        written_bytes=counters.write_bytes,
    )


class _Mount(NamedTuple):
    """A mounted file system; ``source`` is its device or server."""

    point: str
    source: str
    file_system: str


def _find_mount(path: str) -> _Mount | None:
    """Return the mount that holds a path: the one with the longest mount point, of equals the last."""
    best: _Mount | None = None
    try:
        mounts = psutil.disk_partitions(all=True)
    except (OSError, RuntimeError):
        return None
    for mount in mounts:
        point = mount.mountpoint.rstrip(os.sep) + os.sep
        inside = (path.rstrip(os.sep) + os.sep).startswith(point)
        if inside and (best is None or len(point) >= len(best.point.rstrip(os.sep)) + 1):
            best = _Mount(mount.mountpoint, mount.device, mount.fstype)
    return best


def block_device_of(path: str, mount_source: str) -> str:
    """Return the name of the block device behind a folder; empty for none."""
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
    """Return whether the kernel says that the disk of a device spins; None if it does not say."""
    if not device:
        return None
    device_folder = os.path.realpath(os.path.join(_SYSFS_BLOCK, device))
    for folder in (device_folder, os.path.dirname(device_folder)):
        try:
            with open(os.path.join(folder, "queue", "rotational"), encoding="ascii") as file:
                return file.read().strip() == "1"
        except OSError:
            continue
    return None
