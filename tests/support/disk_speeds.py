"""Imaginary speeds of disks."""

from datetime import UTC, datetime, timedelta
from typing import Any

from midiprism.advise.probe.disk_results import DiskSpeed, SequentialSpeed
from midiprism.metrics.devices import StorageLocation

DATA_DISK = StorageLocation(
    "/data", "sdb1", "disk", rotational=False, file_system="ext4", mount_point="/data"
)


def make_disk_speed(
    location: StorageLocation = DATA_DISK, *, days: float = 0.0, create_us: float = 20.0, **others: Any
) -> DiskSpeed:
    """Return a speed that was measured some days ago.

    Args:
        location: the disk.
        days: age of the measurement.
        create_us: time to create a file by one process; two processes take 1.5 times as long.
        others: other fields that differ from the defaults.
    """
    fields: dict[str, Any] = {
        "location": location,
        "measured_at": (datetime.now(UTC) - timedelta(days=days)).isoformat(timespec="seconds"),
        "free_bytes": 10**12,
        "free_inodes": 10**8,
        "create_us": {1: create_us, 2: create_us * 1.5},
        "read_us": {1: 10.0, 8: 40.0},
        "flush_ms": 10.0,
        "flush_files": 1_000,
        "sequential_mb_s": SequentialSpeed(500.0, 900.0),
        "commit_us_each": 10.0,
        "commit_ms": 2.0,
        "shard_us": 20.0,
        "counts": {"creates_1": 1_000},
        "seconds": 3.5,
    }
    return DiskSpeed(**(fields | others))
