"""Runs as they are measured, made up."""

from typing import Any

from midiprism.metrics.devices import StorageLocation
from midiprism.metrics.snapshot import DeviceIo, RunSample, SampleWindow, StageTime

DISK = StorageLocation("/disk/out", "sda1", "disk", True, "ext4", "/disk")
OTHER_DISK = StorageLocation("/other", "sdb1", "disk", False, "ext4", "/other")
MEMORY = StorageLocation("/dev/shm/songs", "", "memory", None, "tmpfs", "/dev/shm")


def run_settings(
    output: StorageLocation = DISK, source: StorageLocation = MEMORY, **others: Any
) -> dict[str, Any]:
    """What is recorded of a run when it begins."""
    catalog = StorageLocation("a server", kind="server") if others.get("database") else output
    places = {"output": output, "source": source, "catalog": catalog, "temporary": MEMORY}
    facts: dict[str, Any] = {
        "by": "auto",
        "context": "conductor",
        "store": "files",
        "out": output.path,
        "sources": ["/my songs"],
        "reading": [],
        "workers": None,
        "batch_size": None,
        "in_flight": None,
        "redo": False,
        "retry_failed": False,
        "database": None,
        "cpus": 4,
        "places": {role: place.as_dict() for role, place in places.items()},
    }
    return facts | others


def metrics_window(
    songs: int = 4_000,
    seconds: float = 10.0,
    *,
    cpu_ms: float = 1.0,
    read_ms: float = 0.0,
    store_ms: float = 0.0,
    store_cpu_ms: float = 0.2,
    coordinator_ms: float = 0.05,
    commit: tuple[float, float] = (0.1, 0.02),
    commits: int = 1,
    flush_ms: float = 0.05,
    device_busy_seconds: dict[str, float] | None = None,
    other_cores: float = 0.0,
    cores: int = 4,
    **last: Any,
) -> SampleWindow:
    """Seconds of a run.

    Args:
        cpu: milliseconds of a worker for a song; ``store_cpu_ms`` of them to store. Likewise ``read`` and
            ``store``, waiting; ``coordinator``; ``flush``.
        commit: computing for a song, in milliseconds, and waiting, in seconds of each commit.
        device: by name, how long it was busy, in seconds.
        others: processors that other programs kept busy.
    """
    computed, waited = commit[0] * songs / 1e3, commit[1] * commits
    worker_cpu, coordinator_cpu = cpu_ms * songs / 1e3, coordinator_ms * songs / 1e3 + computed
    busy = (worker_cpu + coordinator_cpu) / cores + other_cores * seconds / cores
    devices = device_busy_seconds or {}
    facts: dict[str, Any] = {
        "elapsed_seconds": seconds,
        "songs": songs,
        "songs_committed": songs,
        "tracks": 8 * songs,
        "tracks_new": 5 * songs,
        "stages": {
            "read": StageTime(read_ms * songs / 1e3 + 0.01, read_ms * songs / 1e3),
            "split": StageTime((cpu_ms - store_cpu_ms) * songs / 1e3 - 0.01, 0.0),
            "store": StageTime((store_cpu_ms + store_ms) * songs / 1e3, store_ms * songs / 1e3),
            "flush": StageTime(flush_ms * songs / 1e3, flush_ms * songs / 1e3),
            "commit": StageTime(computed + waited, waited),
        },
        "worker_cpu": worker_cpu,
        "coordinator_cpu": coordinator_cpu,
        "core_busy_seconds": (busy,) * cores,
        "commits": commits,
        "flushes": commits,
        "workers": 4,
        "batch_size": 250,
        "in_flight_limit": 40,
        "devices": {name: DeviceIo(spent, 2 * spent, 100, 100) for name, spent in devices.items()},
    }
    first = RunSample(core_busy_seconds=(0.0,) * cores, devices={name: DeviceIo() for name in devices})
    return SampleWindow(first, RunSample(**(facts | last)))
