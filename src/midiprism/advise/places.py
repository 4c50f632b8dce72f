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
from midiprism.meter.devices import Place, place_of

FORMAT_VERSION = 1
KEPT_DAYS = 30
MUCH_BETTER = 2.0
"""From this factor on, another place is worth a word at the start of a run."""

LINKS_TOGETHER = 20_000
"""Of a commit: as many songs as a run commits together, with five tracks each."""

_UNFIT = {
    "source": {"memory"},
    "output": {"memory", "network"},
    "catalogue": {"memory", "network"},
    "temporary": set[str](),
}

_ROOM_BYTES = 20_000_000_000
_ROOM_INODES = 1_000_000
"""So much is room enough for most results, where there is more beside them now."""

_LEAST_BYTES = 1_000_000_000


class Sequential(NamedTuple):
    """How fast one large file is written and flushed, and read, in MB/s."""

    write: float
    read: float


@dataclass(frozen=True, slots=True)
class Figures:
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

    place: Place
    measured_at: str
    free_bytes: int | None = None
    free_inodes: int | None = None
    create_us: Mapping[int, float] = field(default_factory=dict)
    read_us: Mapping[int, float] = field(default_factory=dict)
    reads_cached: bool = False
    flush_ms: float | None = None
    flush_files: int = 0
    sequential_mb_s: Sequential | None = None
    commit_us_each: float | None = None
    commit_ms: float | None = None
    shard_us: float | None = None
    counts: Mapping[str, int] = field(default_factory=dict)
    seconds: float = 0.0

    def creates(self, at_once: int | None = None) -> float:
        """Files created a second by so many processes; None for as many as made most. 0 for not measured."""
        return _rate(self.create_us, at_once)

    def reads(self, at_once: int | None = None) -> float:
        """Files read a second; see ``creates``."""
        return _rate(self.read_us, at_once)

    @property
    def durable_creates(self) -> float:
        """Files a second that are created by as many processes as make most, and flushed; 0 for not
        measured."""
        created = self.creates()
        if not created or self.flush_ms is None or not self.flush_files:
            return 0.0
        return 1 / (1 / created + self.flush_ms / 1e3 / self.flush_files)

    @property
    def commits(self) -> float:
        """Links a second that are recorded by commits of ``LINKS_TOGETHER``; 0 for not measured."""
        if self.commit_us_each is None or self.commit_ms is None:
            return 0.0
        seconds = self.commit_ms / 1e3 + LINKS_TOGETHER * self.commit_us_each / 1e6
        return LINKS_TOGETHER / seconds if seconds > 0 else 0.0

    @property
    def shards(self) -> float:
        """Tracks a second that are written to Parquet; 0 for not measured."""
        return 1e6 / self.shard_us if self.shard_us else 0.0

    @property
    def lasting(self) -> bool:
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
    def from_dict(cls, data: Mapping[str, Any]) -> "Figures":
        """The figures that ``as_dict`` told.

        Raises:
            ValueError: they are not such.
        """
        try:
            sequential = data["sequential_mb_s"]
            return cls(
                _place(data["place"]),
                _moment(data["measured_at"]).isoformat(timespec="seconds"),
                _whole(data["free_bytes"]),
                _whole(data["free_inodes"]),
                {int(at_once): _number(value) for at_once, value in data["create_us"].items()},
                {int(at_once): _number(value) for at_once, value in data["read_us"].items()},
                bool(data["reads_cached"]),
                _perhaps(data["flush_ms"]),
                int(data["flush_files"]),
                Sequential(_number(sequential["write"]), _number(sequential["read"])) if sequential else None,
                _perhaps(data["commit_us_each"]),
                _perhaps(data["commit_ms"]),
                _perhaps(data["shard_us"]),
                {str(name): int(count) for name, count in data["counts"].items()},
                _number(data["seconds"]),
            )
        except (KeyError, TypeError, AttributeError) as error:
            raise ValueError(f"These are no figures of a place: {error}.") from error


class Better(NamedTuple):
    """A place where files are created much faster.

    Attributes:
        here: what is known of the place in question.
        there: of the better one.
        factor: how many times as fast that is, with flushing.
    """

    here: Figures
    there: Figures
    factor: float


def cache_file() -> Path:
    """Where figures are kept; ``MIDIPRISM_CACHE_DIR`` names another folder."""
    named = os.environ.get("MIDIPRISM_CACHE_DIR")
    return (Path(named) if named else user_cache_path("midiprism")) / "places.json"


def stored() -> list[Figures]:
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
            found.append(Figures.from_dict(one))
        except ValueError:
            continue
    oldest = datetime.now(UTC) - timedelta(days=KEPT_DAYS)
    fresh = [one for one in found if _moment(one.measured_at) >= oldest]
    return sorted(fresh, key=lambda one: one.measured_at, reverse=True)


def store(figures: Figures) -> None:
    """Keep figures, in the place of earlier ones of the same mount point. The file is written whole or not at
    all.

    Raises:
        StoreError: it cannot be written.
    """
    from midiprism.store.whole import replaced_file, write_all

    kept = [figures, *(one for one in stored() if not _same_mount(one.place, figures.place))]
    host = platform.node()
    data = {
        "format": FORMAT_VERSION,
        "places": [{"host": host, "figures": one.as_dict()} for one in kept] + _of_others(host),
    }
    place = cache_file()
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
        with replaced_file(str(place)) as descriptor:
            write_all(descriptor, json.dumps(data, indent=1).encode("ascii"))
    except OSError as error:
        raise StoreError(
            f"The figures cannot be kept in {place}: {error.strerror or error}. MIDIPRISM_CACHE_DIR names "
            "another folder for them."
        ) from error


def figures_for(path: str | os.PathLike[str]) -> Figures | None:
    """What is known of the file system that holds a path, which may not exist yet; None for nothing."""
    place = place_of(os.fspath(path))
    return next((one for one in stored() if _same_mount(one.place, place)), None)


def ranked(figures: Iterable[Figures]) -> list[Figures]:
    """Places by how fast they take a result with a file for each track, the fastest first."""
    return sorted(figures, key=lambda one: one.durable_creates, reverse=True)


def best_for(role: str, figures: Iterable[Figures] | None = None) -> Figures | None:
    """The fastest place for ``source``, ``output``, ``catalogue`` or ``temporary``; None where none is known.

    Only what is temporary is put into memory, and neither results nor catalogues go across a network.

    Args:
        role: one of ``midiprism.meter.sample.ROLES``.
        figures: of which places; None for those that are stored.
    """
    keys: dict[str, Callable[[Figures], float]] = {
        "source": lambda one: one.reads(),
        "output": lambda one: one.durable_creates,
        "catalogue": lambda one: one.commits,
        "temporary": lambda one: one.sequential_mb_s.write if one.sequential_mb_s else 0.0,
    }
    key = keys[role]
    unfit = _UNFIT[role]
    among = stored() if figures is None else figures
    known = [one for one in among if key(one) > 0 and one.place.kind not in unfit]
    return max(known, key=key, default=None)


def better_place(out: str | os.PathLike[str]) -> Better | None:
    """A place that is mounted, has room, lasts, and takes files at least ``MUCH_BETTER`` times as fast as the
    one of ``out``, by what was measured in both; None if none is known. Only looks.
    """
    here = figures_for(out)
    if here is None or not here.durable_creates:
        return None
    there = best_for("output", [one for one in stored() if _has_room(one, here)])
    if there is None:
        return None
    factor = there.durable_creates / here.durable_creates
    return Better(here, there, factor) if factor >= MUCH_BETTER else None


def free_room(folder: str) -> tuple[int | None, int | None]:
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


def _has_room(one: Figures, here: Figures) -> bool:
    """Whether a place is still there, and has room for most results, or as much as ``here``."""
    folder = one.place.path
    if not os.path.isdir(folder) or not _same_mount(place_of(folder), one.place):
        return False
    (room, inodes), (room_here, inodes_here) = free_room(folder), free_room(_existing(here.place.path))
    enough = max(_LEAST_BYTES, min(_ROOM_BYTES, _ROOM_BYTES if room_here is None else room_here))
    if room is None or room < enough:
        return False
    return inodes is None or inodes >= min(_ROOM_INODES, _ROOM_INODES if inodes_here is None else inodes_here)


def _existing(path: str) -> str:
    while not os.path.exists(path) and os.path.dirname(path) != path:
        path = os.path.dirname(path)
    return path


def _same_mount(one: Place, other: Place) -> bool:
    """Whether two folders are on one file system; another one at the same mount point is not that one."""
    return (one.mount_point, one.device, one.file_system) == (
        other.mount_point,
        other.device,
        other.file_system,
    )


def _of_others(host: str) -> list[Any]:
    """What other machines have stored in the same folder, as it is."""
    try:
        with open(cache_file(), encoding="ascii") as file:
            data = json.load(file)
        if data["format"] != FORMAT_VERSION:
            return []
        return [entry for entry in data["places"] if entry["host"] != host]
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return []


def _rate(microseconds: Mapping[int, float], at_once: int | None) -> float:
    if at_once is None:
        return max((_rate(microseconds, known) for known in microseconds), default=0.0)
    value = microseconds.get(at_once, 0.0)
    return at_once * 1e6 / value if value > 0 else 0.0


def _place(data: Mapping[str, Any]) -> Place:
    place = Place.from_dict(dict(data))
    texts = (place.path, place.device, place.kind, place.file_system, place.mount_point)
    if not all(isinstance(text, str) for text in texts) or place.spins not in (None, True, False):
        raise TypeError("the place is none")
    return place


def _moment(text: str) -> datetime:
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise ValueError(f"{text} has no time zone.")
    return moment.astimezone(UTC)


def _number(value: Any) -> float:
    number = float(value)
    if not math.isfinite(number) or number < 0:
        raise ValueError(f"{value} is no figure.")
    return number


def _perhaps(value: Any) -> float | None:
    return None if value is None else _number(value)


def _whole(value: Any) -> int | None:
    return None if value is None else int(value)
