"""The measured speeds of disks: store them for a month, per file system, and compare them."""

import contextlib
import json
import math
import os
import platform
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple

from platformdirs import user_cache_path

from midiprism.errors import StoreError
from midiprism.metrics.devices import StorageLocation, locate_storage

FORMAT_VERSION = 1
MAX_AGE_DAYS = 30
MUCH_FASTER_FACTOR = 2.0
"""A disk that is this many times as fast is suggested at the start of a run."""

LINKS_PER_COMMIT = 20_000
"""Links of a typical commit: as many songs as a run commits together, with five tracks each."""

_UNSUITABLE_KINDS = {
    "source": {"memory"},
    "output": {"memory", "network"},
    "catalog": {"memory", "network"},
    "temporary": set[str](),
}

_ENOUGH_BYTES = 20_000_000_000
_ENOUGH_INODES = 1_000_000
"""Space for most results; a disk needs no more than this, however much the present one has."""

_MIN_BYTES = 1_000_000_000


class SequentialSpeed(NamedTuple):
    """The speeds at which one large file is written and flushed, and read, in MB/s."""

    write: float
    read: float


@dataclass(frozen=True, slots=True)
class DiskSpeed:
    """The measured speed of one disk. What could not be measured is None, or missing in its mapping.

    Attributes:
        location: a folder on the disk.
        measured_at: time of the measurement, UTC, ISO 8601.
        free_bytes: free space at that time, likewise ``free_inodes``; None if not counted.
        create_us: by the number of processes: microseconds that each took to create, write and close a file
            of 3 KB. So ``n`` processes create ``n * 1e6 / create_us[n]`` files per second.
        read_us: the same for opening, reading and closing a file of 15 KB.
        reads_cached: whether the contents were read from memory, since the system cannot drop its cache.
        flush_ms: time to make ``flush_files`` new files durable.
        sequential_mb_s: speeds of one large file.
        commit_us_each: time of a commit to SQLite for each link of a song to a track.
        commit_ms: the part of a commit that does not depend on the number of links.
        shard_us: time to write a track of 3 KB to Parquet, compressed and flushed.
        counts: how often each operation was measured.
        seconds: duration of the measurement.
    """

    location: StorageLocation
    measured_at: str
    free_bytes: int | None = None
    free_inodes: int | None = None
    create_us: Mapping[int, float] = field(default_factory=dict)
    read_us: Mapping[int, float] = field(default_factory=dict)
    reads_cached: bool = False
    flush_ms: float | None = None
    flush_files: int = 0
    sequential_mb_s: SequentialSpeed | None = None
    commit_us_each: float | None = None
    commit_ms: float | None = None
    shard_us: float | None = None
    counts: Mapping[str, int] = field(default_factory=dict)
    seconds: float = 0.0

    def creates_per_second(self, processes: int | None = None) -> float:
        """Return the files created per second by some processes (None: the best number); 0 if unmeasured."""
        return _files_per_second(self.create_us, processes)

    def reads_per_second(self, processes: int | None = None) -> float:
        """Return the files read per second; see ``creates_per_second``."""
        return _files_per_second(self.read_us, processes)

    @property
    def durable_creates_per_second(self) -> float:
        """Files created and flushed per second by the fastest number of processes; 0 if unmeasured."""
        creates = self.creates_per_second()
        if not creates or self.flush_ms is None or not self.flush_files:
            return 0.0
        return 1 / (1 / creates + self.flush_ms / 1e3 / self.flush_files)

    @property
    def commit_links_per_second(self) -> float:
        """Links recorded per second by commits of ``LINKS_PER_COMMIT``; 0 if unmeasured."""
        if self.commit_us_each is None or self.commit_ms is None:
            return 0.0
        seconds = self.commit_ms / 1e3 + LINKS_PER_COMMIT * self.commit_us_each / 1e6
        return LINKS_PER_COMMIT / seconds if seconds > 0 else 0.0

    @property
    def shard_tracks_per_second(self) -> float:
        """Tracks written to Parquet per second; 0 if unmeasured."""
        return 1e6 / self.shard_us if self.shard_us else 0.0

    @property
    def persistent(self) -> bool:
        """True if files survive switching the machine off."""
        return self.location.kind != "memory"

    def as_dict(self) -> dict[str, Any]:
        """Return the speed in terms of JSON, where the keys of mappings are texts."""
        return asdict(self) | {
            "create_us": {str(processes): value for processes, value in self.create_us.items()},
            "read_us": {str(processes): value for processes, value in self.read_us.items()},
            "sequential_mb_s": self.sequential_mb_s._asdict() if self.sequential_mb_s else None,
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> "DiskSpeed":
        """Return the speed that ``as_dict`` described.

        Raises:
            ValueError: ``data`` does not describe one.
        """
        try:
            sequential = data["sequential_mb_s"]
            return cls(
                location=_parse_location(data["location"]),
                measured_at=_parse_time(data["measured_at"]).isoformat(timespec="seconds"),
                free_bytes=_parse_optional_int(data["free_bytes"]),
                free_inodes=_parse_optional_int(data["free_inodes"]),
                create_us={int(count): _parse_number(value) for count, value in data["create_us"].items()},
                read_us={int(count): _parse_number(value) for count, value in data["read_us"].items()},
                reads_cached=bool(data["reads_cached"]),
                flush_ms=_parse_optional_number(data["flush_ms"]),
                flush_files=int(data["flush_files"]),
                sequential_mb_s=SequentialSpeed(
                    write=_parse_number(sequential["write"]), read=_parse_number(sequential["read"])
                )
                if sequential
                else None,
                commit_us_each=_parse_optional_number(data["commit_us_each"]),
                commit_ms=_parse_optional_number(data["commit_ms"]),
                shard_us=_parse_optional_number(data["shard_us"]),
                counts={str(name): int(count) for name, count in data["counts"].items()},
                seconds=_parse_number(data["seconds"]),
            )
        except (KeyError, TypeError, AttributeError) as error:
            raise ValueError(f"This does not describe the speed of a disk: {error}.") from error


class FasterDisk(NamedTuple):
    """A disk on which files are created much faster than on the current one.

    Attributes:
        current: speed of the disk in question.
        faster: speed of the other disk.
        factor: how many times as fast that is, including flushes.
    """

    current: DiskSpeed
    faster: DiskSpeed
    factor: float


def cache_file() -> Path:
    """Return the file that keeps the speeds; ``MIDIPRISM_CACHE_DIR`` names another folder for it."""
    folder = os.environ.get("MIDIPRISM_CACHE_DIR")
    return (Path(folder) if folder else user_cache_path("midiprism")) / "disk-speeds.json"


def load_disk_speeds() -> list[DiskSpeed]:
    """Return the speeds measured on this machine that are not outdated, the newest first.

    A damaged file, or a damaged entry in it, is ignored.
    """
    speeds = []
    for entry in _read_entries():
        if entry.host == platform.node():
            with contextlib.suppress(ValueError):
                speeds.append(DiskSpeed.from_dict(entry.speed))
    oldest = datetime.now(UTC) - timedelta(days=MAX_AGE_DAYS)
    fresh = [speed for speed in speeds if _parse_time(speed.measured_at) >= oldest]
    return sorted(fresh, key=lambda speed: speed.measured_at, reverse=True)


def save_disk_speed(disk_speed: DiskSpeed) -> None:
    """Store a speed, replacing earlier ones of the same file system. The file is replaced atomically.

    Raises:
        StoreError: the file cannot be written.
    """
    from midiprism.fs.atomic_write import atomic_replace
    from midiprism.fs.exclusive_create import write_all

    host = platform.node()
    file_system = disk_speed.location.file_system_id
    others = [speed for speed in load_disk_speeds() if speed.location.file_system_id != file_system]
    entries = [_Entry(host, speed.as_dict()) for speed in (disk_speed, *others)]
    # Machines that share a home folder share the file.
    entries += [entry for entry in _read_entries() if entry.host != host]
    data = {"format": FORMAT_VERSION, "disks": [entry._asdict() for entry in entries]}
    path = cache_file()
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with atomic_replace(str(path)) as descriptor:
            write_all(descriptor, json.dumps(data, indent=1).encode("ascii"))
    except OSError as error:
        raise StoreError(
            f"The speeds cannot be stored in {path}: {error.strerror or error}. Set MIDIPRISM_CACHE_DIR to "
            "another folder."
        ) from error


def load_disk_speed(path: str | os.PathLike[str]) -> DiskSpeed | None:
    """Return the stored speed of the disk of a path, which may not exist yet; None if unmeasured."""
    file_system = locate_storage(os.fspath(path)).file_system_id
    return next((speed for speed in load_disk_speeds() if speed.location.file_system_id == file_system), None)


def rank_for_output(disk_speeds: Iterable[DiskSpeed]) -> list[DiskSpeed]:
    """Return disks by how fast they store a result with a file per track, the fastest first."""
    return sorted(disk_speeds, key=lambda speed: speed.durable_creates_per_second, reverse=True)


def best_disk_for(role: str, disk_speeds: Iterable[DiskSpeed] | None = None) -> DiskSpeed | None:
    """Return the fastest disk for a role; None if none is known.

    Only temporary files may be in memory. Results and catalogs may not be on a network file system.

    Args:
        role: one of ``midiprism.metrics.snapshot.DEVICE_ROLES``.
        disk_speeds: the disks to choose from; None for the stored ones.
    """
    rates: dict[str, Callable[[DiskSpeed], float]] = {
        "source": lambda speed: speed.reads_per_second(),
        "output": lambda speed: speed.durable_creates_per_second,
        "catalog": lambda speed: speed.commit_links_per_second,
        "temporary": lambda speed: speed.sequential_mb_s.write if speed.sequential_mb_s else 0.0,
    }
    rate, unsuitable = rates[role], _UNSUITABLE_KINDS[role]
    candidates = load_disk_speeds() if disk_speeds is None else disk_speeds
    suitable = [speed for speed in candidates if rate(speed) > 0 and speed.location.kind not in unsuitable]
    return max(suitable, key=rate, default=None)


def find_faster_disk(out: str | os.PathLike[str]) -> FasterDisk | None:
    """Return a disk that stores files at least ``MUCH_FASTER_FACTOR`` times as fast as that of ``out``.

    Both must have been measured. The other disk is mounted, persistent and has enough space. None if there is
    no such disk.
    """
    current = load_disk_speed(out)
    if current is None or not current.durable_creates_per_second:
        return None
    candidates = [speed for speed in load_disk_speeds() if _has_enough_space(speed, current)]
    faster = best_disk_for("output", candidates)
    if faster is None:
        return None
    factor = faster.durable_creates_per_second / current.durable_creates_per_second
    return FasterDisk(current, faster, factor) if factor >= MUCH_FASTER_FACTOR else None


class FreeSpace(NamedTuple):
    """Free bytes and inodes of a file system; None if not counted."""

    free_bytes: int | None
    inodes: int | None


def free_space(folder: str) -> FreeSpace:
    """Return what is free for this user on the file system of a folder."""
    if not hasattr(os, "statvfs"):
        import shutil

        try:
            return FreeSpace(shutil.disk_usage(folder).free, None)
        except OSError:
            return FreeSpace(None, None)
    try:
        disk = os.statvfs(folder)
    except OSError:
        return FreeSpace(None, None)
    return FreeSpace(disk.f_bavail * disk.f_frsize, disk.f_favail if disk.f_files else None)


def _has_enough_space(candidate: DiskSpeed, current: DiskSpeed) -> bool:
    """Return whether a disk is mounted, and has space for most results or as much as the current one."""
    folder = candidate.location.path
    if (
        not os.path.isdir(folder)
        or locate_storage(folder).file_system_id != candidate.location.file_system_id
    ):
        return False
    free = free_space(folder)
    free_now = free_space(_nearest_existing(current.location.path))
    needed_bytes = _ENOUGH_BYTES if free_now.free_bytes is None else min(_ENOUGH_BYTES, free_now.free_bytes)
    if free.free_bytes is None or free.free_bytes < max(_MIN_BYTES, needed_bytes):
        return False
    needed_inodes = _ENOUGH_INODES if free_now.inodes is None else min(_ENOUGH_INODES, free_now.inodes)
    return free.inodes is None or free.inodes >= needed_inodes


def _nearest_existing(path: str) -> str:
    while not os.path.exists(path) and os.path.dirname(path) != path:
        path = os.path.dirname(path)
    return path


class _Entry(NamedTuple):
    """A speed as it is stored, and the machine that measured it."""

    host: str
    speed: Mapping[str, Any]


def _read_entries() -> list[_Entry]:
    """Return the entries of the file; none if it is damaged."""
    try:
        with open(cache_file(), encoding="ascii") as file:
            data = json.load(file)
        if data["format"] != FORMAT_VERSION:
            return []
        return [_Entry(entry["host"], entry["speed"]) for entry in data["disks"]]
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return []


def _files_per_second(microseconds: Mapping[int, float], processes: int | None) -> float:
    if processes is None:
        return max((_files_per_second(microseconds, count) for count in microseconds), default=0.0)
    value = microseconds.get(processes, 0.0)
    return processes * 1e6 / value if value > 0 else 0.0


def _parse_location(data: Mapping[str, Any]) -> StorageLocation:
    location = StorageLocation.from_dict(dict(data))
    texts = (location.path, *location.file_system_id, location.kind)
    if not all(isinstance(text, str) for text in texts) or location.rotational not in (None, True, False):
        raise TypeError("the location is damaged")
    return location


def _parse_time(text: str) -> datetime:
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise ValueError(f"{text} has no time zone.")
    return moment.astimezone(UTC)


def _parse_number(value: Any) -> float:
    number = float(value)
    if not math.isfinite(number) or number < 0:
        raise ValueError(f"{value} is not a finite positive number.")
    return number


def _parse_optional_number(value: Any) -> float | None:
    return None if value is None else _parse_number(value)


def _parse_optional_int(value: Any) -> int | None:
    return None if value is None else int(value)
