"""Describe the speeds of disks as JSON."""

import os
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from midiprism.advise.probe.disk_results import DiskSpeed
    from midiprism.advise.probe.mounts import MountPoint


def speeds_to_json(speeds: Sequence["DiskSpeed"]) -> dict[str, Any]:
    """Return the speeds in their order, and the path of the best place for a result."""
    from midiprism.advise.probe.disk_results import best_disk_for

    best = best_disk_for("output", speeds)
    return {
        "places": [_speed_to_json(speed, rank) for rank, speed in enumerate(speeds, 1)],
        "best": path_text(best.location.path) if best else None,
    }


def mount_point_to_json(mount_point: "MountPoint") -> dict[str, Any]:
    """Return a place that has not been measured."""
    return {
        "path": path_text(mount_point.location.path),
        "location": mount_point.location.as_dict(),
        "free_bytes": mount_point.free_bytes,
        "free_inodes": mount_point.free_inodes,
    }


def path_text(path: str) -> str:
    """Return a path as valid Unicode."""
    return os.fsencode(path).decode(errors="replace")


def _speed_to_json(speed: "DiskSpeed", rank: int) -> dict[str, Any]:
    return {
        **speed.as_dict(),
        "rank": rank,
        "path": path_text(speed.location.path),
        "creates_per_second": {
            str(processes): round(speed.creates_per_second(processes), 1) for processes in speed.create_us
        },
        "durable_creates_per_second": round(speed.durable_creates_per_second, 1),
        "reads_per_second": {
            str(processes): round(speed.reads_per_second(processes), 1) for processes in speed.read_us
        },
        "commit_links_per_second": round(speed.commit_links_per_second, 1),
        "shard_tracks_per_second": round(speed.shard_tracks_per_second, 1),
        "persistent": speed.persistent,
    }
