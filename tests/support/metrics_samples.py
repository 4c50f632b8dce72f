"""Settings and samples of imaginary runs."""

from typing import Any

from midiprism.advise.model.run_facts import RunFacts
from midiprism.metrics.devices import StorageLocation
from midiprism.metrics.snapshot import DeviceIo, RunSample, SampleWindow, StageTime

DISK = StorageLocation("/disk/out", "sda1", "disk", rotational=True, file_system="ext4", mount_point="/disk")
OTHER_DISK = StorageLocation(
    "/other", "sdb1", "disk", rotational=False, file_system="ext4", mount_point="/other"
)
MEMORY = StorageLocation("/dev/shm/songs", "", "memory", file_system="tmpfs", mount_point="/dev/shm")
REMOTE_SERVER = StorageLocation("a server", kind="server")
LOCAL_SERVER = StorageLocation("a server", kind="local server")


def run_settings(
    output: StorageLocation = DISK,
    source: StorageLocation = MEMORY,
    server: StorageLocation = REMOTE_SERVER,
    **others: Any,
) -> dict[str, Any]:
    """Return the settings that are recorded of a run when it begins.

    Args:
        output: where the result is.
        source: where the songs are.
        server: where the catalog is if ``database`` is among the other settings.
        others: settings that differ from the defaults.
    """
    catalog = server if others.get("database") else output
    locations = {"output": output, "source": source, "catalog": catalog, "temporary": MEMORY}
    settings: dict[str, Any] = {
        "by": "auto",
        "context": "conductor",
        "store": "files",
        "out": output.path,
        "sources": ["/my songs"],
        "source_options": [],
        "workers": None,
        "batch_size": None,
        "in_flight": None,
        "redo": False,
        "retry_failed": False,
        "database": None,
        "cpus": 4,
        "locations": {role: location.as_dict() for role, location in locations.items()},
    }
    return settings | others


def run_facts(
    output: StorageLocation = DISK,
    source: StorageLocation = MEMORY,
    server: StorageLocation = REMOTE_SERVER,
    **others: Any,
) -> RunFacts:
    """Return the facts in ``run_settings``."""
    return RunFacts.from_settings(run_settings(output, source, server, **others))


def metrics_window(
    songs: int = 4_000,
    seconds: float = 10.0,
    *,
    cpu_ms: float = 1.0,
    read_ms: float = 0.0,
    store_ms: float = 0.0,
    store_cpu_ms: float = 0.2,
    coordinator_ms: float = 0.05,
    commit_cpu_ms: float = 0.1,
    commit_wait: float = 0.02,
    commits: int = 1,
    flush_ms: float = 0.05,
    device_busy_seconds: dict[str, float] | None = None,
    other_cores: float = 0.0,
    cores: int = 4,
    **last: Any,
) -> SampleWindow:
    """Return a window of a run. Arguments in milliseconds are per song.

    Args:
        songs: number of songs.
        seconds: length of the window.
        cpu_ms: processor time of a worker; ``store_cpu_ms`` of it is for storing.
        read_ms: waiting to read; likewise ``store_ms``.
        coordinator_ms: processor time of the coordinator without commits.
        commit_cpu_ms: processor time of commits.
        commit_wait: seconds that each commit waits.
        commits: number of commits and of flushes.
        flush_ms: waiting for flushes.
        device_busy_seconds: how long devices were busy, by name.
        other_cores: processors that other programs kept busy.
        cores: processors of the machine.
        last: other fields of the last sample.
    """
    commit_cpu, commit_waited = commit_cpu_ms * songs / 1e3, commit_wait * commits
    worker_cpu, coordinator_cpu = cpu_ms * songs / 1e3, coordinator_ms * songs / 1e3 + commit_cpu
    core_busy = (worker_cpu + coordinator_cpu) / cores + other_cores * seconds / cores
    devices = device_busy_seconds or {}
    fields: dict[str, Any] = {
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
            "commit": StageTime(commit_cpu + commit_waited, commit_waited),
        },
        "worker_cpu": worker_cpu,
        "coordinator_cpu": coordinator_cpu,
        "core_busy_seconds": (core_busy,) * cores,
        "commits": commits,
        "flushes": commits,
        "workers": 4,
        "batch_size": 250,
        "in_flight_limit": 40,
        "devices": {
            name: DeviceIo(busy_seconds=busy, queue_seconds=2 * busy, reads=100, writes=100)
            for name, busy in devices.items()
        },
    }
    first = RunSample(core_busy_seconds=(0.0,) * cores, devices={name: DeviceIo() for name in devices})
    return SampleWindow(first, RunSample(**(fields | last)))
