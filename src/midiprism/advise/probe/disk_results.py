"""What is known of places from ``midiprism probe``: kept for a month, per mount point, and compared."""

import json
import math
import os
import platform
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple

from platformdirs import user_cache_path

from midiprism.errors import StoreError
from midiprism.metrics.devices import StorageLocation, locate_storage

FORMAT_VERSION = 1
MAX_AGE_DAYS = 30
MUCH_FASTER_FACTOR = 2.0
"""From this factor on, another place is worth a word at the start of a run."""

LINKS_PER_COMMIT = 20_000
"""Of a commit: as many songs as a run commits together, with five tracks each."""

_UNSUITABLE_KINDS = {
    "source": {"memory"},
    "output": {"memory", "network"},
    "catalogue": {"memory", "network"},
    "temporary": set[str](),
}

_ENOUGH_BYTES = 20_000_000_000
_ENOUGH_INODES = 1_000_000
"""So much is room enough for most results, where there is more beside them now."""

_MIN_BYTES = 1_000_000_000


class SequentialSpeed(NamedTuple):
    """How fast one large file is written and flushed, and read, in MB/s."""

    write: float
    read: float


@dataclass(frozen=True, slots=True)
class DiskSpeed:
    """What was measured in one place. What could not be measured is None, or not in its mapping.

    Attributes:
        place: where.
        measured_at: when, UTC, ISO 8601.
        free_bytes: then, likewise ``free_inodes``; None where nobody counts them.
        create_us: by how many processes at once: microseconds that each of them took to create, write and
            close a file of 3 KB. So ``n`` of them made ``n * 1e6 / create_us[n]`` files a second.
        read_us: the same for opening, reading and closing a file of 15 KB.
        reads_cached: whether the contents were read from memory, since nothing makes the system forget them.
        flush_ms: to make ``flush_files`` files durable that were just created.
        sequential_mb_s: of one large file.
        commit_us_each: of a commit to a catalogue of SQLite, for each link from a song to a track.
        commit_ms: the rest of it, which does not depend on their number.
        shard_us: for each track of 3 KB that is written to Parquet, compressed and flushed.
        counts: how many of each there were.
        seconds: how long it took.
    """

    place: StorageLocation
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
        """Files created a second by so many processes; None for as many as made most. 0 for not measured."""
        return _files_per_second(self.create_us, processes)

    def reads_per_second(self, processes: int | None = None) -> float:
        """Files read a second; see ``creates``."""
        return _files_per_second(self.read_us, processes)

    @property
    def durable_creates_per_second(self) -> float:
        """Files a second that are created by as many processes as make most, and flushed; 0 for not
        measured."""
        created = self.creates_per_second()
        if not created or self.flush_ms is None or not self.flush_files:
            return 0.0
        return 1 / (1 / created + self.flush_ms / 1e3 / self.flush_files)

    @property
    def commit_links_per_second(self) -> float:
        """Links a second that are recorded by commits of ``LINKS_PER_COMMIT``; 0 for not measured."""
        if self.commit_us_each is None or self.commit_ms is None:
            return 0.0
        seconds = self.commit_ms / 1e3 + LINKS_PER_COMMIT * self.commit_us_each / 1e6
        return LINKS_PER_COMMIT / seconds if seconds > 0 else 0.0

    @property
    def shard_tracks_per_second(self) -> float:
        """Tracks a second that are written to Parquet; 0 for not measured."""
        return 1e6 / self.shard_us if self.shard_us else 0.0

    @property
    def persistent(self) -> bool:
        """Whether what is put there is still there when the machine was switched off."""
        return self.place.kind != "memory"

    def as_dict(self) -> dict[str, Any]:
        """The same in terms of JSON."""
        return {
            "place": self.place.as_dict(),
            "measured_at": self.measured_at,
            "free_bytes": self.free_bytes,
            "free_inodes": self.free_inodes,
            "create_us": {str(at_once): value for at_once, value in self.create_us.items()},
            "read_us": {str(at_once): value for at_once, value in self.read_us.items()},
            "reads_cached": self.reads_cached,
            "flush_ms": self.flush_ms,
            "flush_files": self.flush_files,
            "sequential_mb_s": self.sequential_mb_s._asdict() if self.sequential_mb_s else None,
            "commit_us_each": self.commit_us_each,
            "commit_ms": self.commit_ms,
            "shard_us": self.shard_us,
            "counts": dict(self.counts),
            "seconds": self.seconds,
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> "DiskSpeed":
        """The figures that ``as_dict`` told.

        Raises:
            ValueError: they are not such.
        """
        try:
            sequential = data["sequential_mb_s"]
            return cls(
                _parse_place(data["place"]),
                _parse_time(data["measured_at"]).isoformat(timespec="seconds"),
                _parse_optional_int(data["free_bytes"]),
                _parse_optional_int(data["free_inodes"]),
                {int(at_once): _parse_number(value) for at_once, value in data["create_us"].items()},
                {int(at_once): _parse_number(value) for at_once, value in data["read_us"].items()},
                bool(data["reads_cached"]),
                _parse_optional_number(data["flush_ms"]),
                int(data["flush_files"]),
                SequentialSpeed(_parse_number(sequential["write"]), _parse_number(sequential["read"]))
                if sequential
                else None,
                _parse_optional_number(data["commit_us_each"]),
                _parse_optional_number(data["commit_ms"]),
                _parse_optional_number(data["shard_us"]),
                {str(name): int(count) for name, count in data["counts"].items()},
                _parse_number(data["seconds"]),
            )
        except (KeyError, TypeError, AttributeError) as error:
            raise ValueError(f"These are no figures of a place: {error}.") from error


class FasterPlace(NamedTuple):
    """A place where files are created much faster.

    Attributes:
        here: what is known of the place in question.
        there: of the better one.
        factor: how many times as fast that is, with flushing.
    """

    current: DiskSpeed
    faster: DiskSpeed
    factor: float


def cache_file() -> Path:
    """Where figures are kept; ``MIDIPRISM_CACHE_DIR`` names another folder."""
    named = os.environ.get("MIDIPRISM_CACHE_DIR")
    return (Path(named) if named else user_cache_path("midiprism")) / "places.json"


def load_disk_speeds() -> list[DiskSpeed]:
    """What was measured on this machine and is not out of date, the newest first. A file that is damaged
    counts as none."""
    try:
        with open(cache_file(), encoding="ascii") as file:
            data = json.load(file)
        entries = data["places"] if data["format"] == FORMAT_VERSION else []
        own = [entry["figures"] for entry in entries if entry["host"] == platform.node()]
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return []
    found = []
    for one in own:
        try:
            found.append(DiskSpeed.from_dict(one))
        except ValueError:
            continue
    oldest = datetime.now(UTC) - timedelta(days=MAX_AGE_DAYS)
    fresh = [one for one in found if _parse_time(one.measured_at) >= oldest]
    return sorted(fresh, key=lambda one: one.measured_at, reverse=True)


def save_disk_speed(disk_speed: DiskSpeed) -> None:
    """Keep figures, in the place of earlier ones of the same mount point. The file is written whole or not at
    all.

    Raises:
        StoreError: it cannot be written.
    """
    from midiprism.fs.atomic_write import atomic_replace
    from midiprism.fs.exclusive_create import write_all

    kept = [disk_speed, *(one for one in load_disk_speeds() if not _same_mount(one.place, disk_speed.place))]
    host = platform.node()
    data = {
        "format": FORMAT_VERSION,
        "places": [{"host": host, "figures": one.as_dict()} for one in kept] + _entries_of_other_hosts(host),
    }
    place = cache_file()
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
        with atomic_replace(str(place)) as descriptor:
            write_all(descriptor, json.dumps(data, indent=1).encode("ascii"))
    except OSError as error:
        raise StoreError(
            f"The figures cannot be kept in {place}: {error.strerror or error}. MIDIPRISM_CACHE_DIR names "
            "another folder for them."
        ) from error


def load_disk_speed(path: str | os.PathLike[str]) -> DiskSpeed | None:
    """What is known of the file system that holds a path, which may not exist yet; None for nothing."""
    place = locate_storage(os.fspath(path))
    return next((one for one in load_disk_speeds() if _same_mount(one.place, place)), None)


def rank_for_output(disk_speeds: Iterable[DiskSpeed]) -> list[DiskSpeed]:
    """Places by how fast they take a result with a file for each track, the fastest first."""
    return sorted(disk_speeds, key=lambda one: one.durable_creates_per_second, reverse=True)


def best_place_for(role: str, disk_speeds: Iterable[DiskSpeed] | None = None) -> DiskSpeed | None:
    """The fastest place for ``source``, ``output``, ``catalogue`` or ``temporary``; None where none is known.

    Only what is temporary is put into memory, and neither results nor catalogues go across a network.

    Args:
        role: one of ``midiprism.metrics.snapshot.ROLES``.
        figures: of which places; None for those that are stored.
    """
    keys: dict[str, Callable[[DiskSpeed], float]] = {
        "source": lambda one: one.reads_per_second(),
        "output": lambda one: one.durable_creates_per_second,
        "catalogue": lambda one: one.commit_links_per_second,
        "temporary": lambda one: one.sequential_mb_s.write if one.sequential_mb_s else 0.0,
    }
    key = keys[role]
    unfit = _UNSUITABLE_KINDS[role]
    among = load_disk_speeds() if disk_speeds is None else disk_speeds
    known = [one for one in among if key(one) > 0 and one.place.kind not in unfit]
    return max(known, key=key, default=None)


def find_faster_place(out: str | os.PathLike[str]) -> FasterPlace | None:
    """A place that is mounted, has room, lasts, and takes files at least ``MUCH_FASTER_FACTOR`` times as fast as the
    one of ``out``, by what was measured in both; None if none is known. Only looks.
    """
    here = load_disk_speed(out)
    if here is None or not here.durable_creates_per_second:
        return None
    there = best_place_for("output", [one for one in load_disk_speeds() if _has_enough_space(one, here)])
    if there is None:
        return None
    factor = there.durable_creates_per_second / here.durable_creates_per_second
    return FasterPlace(here, there, factor) if factor >= MUCH_FASTER_FACTOR else None


def free_space(folder: str) -> tuple[int | None, int | None]:
    """Bytes and inodes that are free for us on the file system of a folder; None for what nobody counts."""
    if not hasattr(os, "statvfs"):
        import shutil

        try:
            return shutil.disk_usage(folder).free, None
        except OSError:
            return None, None
    try:
        disk = os.statvfs(folder)
    except OSError:
        return None, None
    return disk.f_bavail * disk.f_frsize, disk.f_favail if disk.f_files else None


def _has_enough_space(candidate: DiskSpeed, current: DiskSpeed) -> bool:
    """Whether a place is still there, and has room for most results, or as much as ``here``."""
    folder = candidate.place.path
    if not os.path.isdir(folder) or not _same_mount(locate_storage(folder), candidate.place):
        return False
    (room, inodes), (room_here, inodes_here) = (
        free_space(folder),
        free_space(_nearest_existing(current.place.path)),
    )
    enough = max(_MIN_BYTES, min(_ENOUGH_BYTES, _ENOUGH_BYTES if room_here is None else room_here))
    if room is None or room < enough:
        return False
    return inodes is None or inodes >= min(
        _ENOUGH_INODES, _ENOUGH_INODES if inodes_here is None else inodes_here
    )


def _nearest_existing(path: str) -> str:
    while not os.path.exists(path) and os.path.dirname(path) != path:
        path = os.path.dirname(path)
    return path


def _same_mount(one: StorageLocation, other: StorageLocation) -> bool:
    """Whether two folders are on one file system; another one at the same mount point is not that one."""
    return (one.mount_point, one.device, one.file_system) == (
        other.mount_point,
        other.device,
        other.file_system,
    )


def _entries_of_other_hosts(host: str) -> list[Any]:
    """What other machines have stored in the same folder, as it is."""
    try:
        with open(cache_file(), encoding="ascii") as file:
            data = json.load(file)
        if data["format"] != FORMAT_VERSION:
            return []
        return [entry for entry in data["places"] if entry["host"] != host]
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return []


def _files_per_second(microseconds: Mapping[int, float], processes: int | None) -> float:
    if processes is None:
        return max((_files_per_second(microseconds, known) for known in microseconds), default=0.0)
    value = microseconds.get(processes, 0.0)
    return processes * 1e6 / value if value > 0 else 0.0


def _parse_place(data: Mapping[str, Any]) -> StorageLocation:
    place = StorageLocation.from_dict(dict(data))
    texts = (place.path, place.device, place.kind, place.file_system, place.mount_point)
    if not all(isinstance(text, str) for text in texts) or place.rotational not in (None, True, False):
        raise TypeError("the place is none")
    return place


def _parse_time(text: str) -> datetime:
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise ValueError(f"{text} has no time zone.")
    return moment.astimezone(UTC)


def _parse_number(value: Any) -> float:
    number = float(value)
    if not math.isfinite(number) or number < 0:
        raise ValueError(f"{value} is no figure.")
    return number


def _parse_optional_number(value: Any) -> float | None:
    return None if value is None else _parse_number(value)


def _parse_optional_int(value: Any) -> int | None:
    return None if value is None else int(value)
