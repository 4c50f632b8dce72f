"""Runs as they are measured, made up."""

from typing import Any

from midiprism.meter.devices import Place
from midiprism.meter.sample import Sample, Stage, Traffic, Window

DISK = Place("/disk/out", "sda1", "disk", True, "ext4", "/disk")
OTHER = Place("/other", "sdb1", "disk", False, "ext4", "/other")
MEMORY = Place("/dev/shm/songs", "", "memory", None, "tmpfs", "/dev/shm")


def settings(output: Place = DISK, source: Place = MEMORY, **others: Any) -> dict[str, Any]:
    """What is recorded of a run when it begins."""
    catalogue = Place("a server", kind="server") if others.get("database") else output
    places = {"output": output, "source": source, "catalogue": catalogue, "temporary": MEMORY}
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


def window(
    songs: int = 4_000,
    seconds: float = 10.0,
    *,
    cpu: float = 1.0,
    read: float = 0.0,
    store: float = 0.0,
    store_cpu: float = 0.2,
    coordinator: float = 0.05,
    commit: tuple[float, float] = (0.1, 0.02),
    commits: int = 1,
    flush: float = 0.05,
    device: dict[str, float] | None = None,
    others: float = 0.0,
    cores: int = 4,
    **last: Any,
) -> Window:
    """Seconds of a run.

    Args:
        cpu: milliseconds of a worker for a song; ``store_cpu`` of them to store. Likewise ``read`` and
            ``store``, waiting; ``coordinator``; ``flush``.
        commit: computing for a song, in milliseconds, and waiting, in seconds of each commit.
        device: by name, how long it was busy, in seconds.
        others: processors that other programs kept busy.
    """
    computed, waited = commit[0] * songs / 1e3, commit[1] * commits
    worker_cpu, coordinator_cpu = cpu * songs / 1e3, coordinator * songs / 1e3 + computed
    busy = (worker_cpu + coordinator_cpu) / cores + others * seconds / cores
    devices = device or {}
    facts: dict[str, Any] = {
        "at": seconds,
        "parents": songs,
        "committed": songs,
        "tracks": 8 * songs,
        "tracks_new": 5 * songs,
        "stages": {
            "read": Stage(read * songs / 1e3 + 0.01, read * songs / 1e3),
            "split": Stage((cpu - store_cpu) * songs / 1e3 - 0.01, 0.0),
            "store": Stage((store_cpu + store) * songs / 1e3, store * songs / 1e3),
            "flush": Stage(flush * songs / 1e3, flush * songs / 1e3),
            "commit": Stage(computed + waited, waited),
        },
        "worker_cpu": worker_cpu,
        "coordinator_cpu": coordinator_cpu,
        "cores": (busy,) * cores,
        "commits": commits,
        "flushes": commits,
        "workers": 4,
        "batch_size": 250,
        "in_flight_most": 40,
        "devices": {name: Traffic(spent, 2 * spent, 100, 100) for name, spent in devices.items()},
    }
    first = Sample(cores=(0.0,) * cores, devices={name: Traffic() for name in devices})
    return Window(first, Sample(**(facts | last)))
