"""What was recorded of a run when it began, as far as advice rests on it."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from midiprism.advise.probe.disk_results import DiskSpeed
from midiprism.metrics.devices import StorageLocation

TUNABLE_SETTINGS = ("workers", "batch_size", "in_flight")
"""Those of a run that may change from one to the next."""

_UNLIMITED_SHARE = 0.8


@dataclass(frozen=True, slots=True)
class RunFacts:
    """Of a run.

    Attributes:
        out: the folder of its result.
        sources: what is split.
        options: of the command that began it, without those that may be changed.
        identity: options that a new result needs to become what this one is.
        database: options that name its catalogue in PostgreSQL; empty for a file in ``out``.
        store: ``files`` or ``parquet``.
        cpus: processors that it may use.
        asked: ``workers``, ``batch_size_adjustable`` and ``in_flight_adjustable``, as far as whoever began it said them.
        places: what is where, by role.
    """

    out: str = "OUT"
    sources: tuple[str, ...] = ()
    split_options: tuple[str, ...] = ()
    identity_options: tuple[str, ...] = ()
    database_options: str = ""
    store: str = "files"
    cpus: int = 1
    requested: Mapping[str, int] = field(default_factory=dict)
    places: Mapping[str, StorageLocation] = field(default_factory=dict)

    @classmethod
    def from_settings(cls, settings: Mapping[str, Any]) -> "RunFacts":
        """The same out of the settings of a run, as they are recorded."""
        places = {
            role: StorageLocation.from_dict(dict(told)) for role, told in settings.get("places", {}).items()
        }
        wishes = [f"--{name.replace('_', '-')}" for name in ("redo", "retry_failed") if settings.get(name)]
        named = {name: settings.get(name) for name in ("by", "context")}
        return cls(
            settings.get("out") or (places["output"].path if "output" in places else "OUT"),
            tuple(settings.get("sources") or ()),
            (*(settings.get("reading") or ()), *wishes),
            tuple(f"--{name}={value}" for name, value in named.items() if value),
            settings.get("database") or "",
            settings.get("store") or "files",
            int(settings.get("cpus") or 1),
            {name: settings[name] for name in TUNABLE_SETTINGS if settings.get(name) is not None},
            places,
        )

    @property
    def shared(self) -> bool:
        """Whether the catalogue is on a server."""
        return bool(self.database_options)

    @property
    def local_server(self) -> bool:
        """Whether that server is on this machine."""
        place = self.places.get("catalogue")
        return self.shared and place is not None and place.kind == "local server"

    def device(self, role: str) -> str:
        """The device that serves a role; empty for none that is known, or that counts nothing."""
        place = self.places.get(role)
        return "" if place is None or (role == "catalogue" and self.shared) else place.device

    def place_title(self, role: str) -> str:
        """What people call it."""
        place = self.places.get(role)
        return "a place that nobody knows" if place is None else place.display_name


def disk_speed_of(place: StorageLocation | None, disk_speeds: Iterable[DiskSpeed]) -> DiskSpeed | None:
    """What was measured on the file system of a place; None for nothing."""
    if place is None or not place.mount_point:
        return None
    here = (place.mount_point, place.device, place.file_system)
    among = ((one.place.mount_point, one.place.device, one.place.file_system, one) for one in disk_speeds)
    return next((one for *there, one in among if tuple(there) == here), None)


def concurrency_of(microseconds: Mapping[int, float]) -> float | None:
    """How many requests a place serves at once, by what each takes of so many; None for no limit in sight."""
    alone, most = microseconds.get(1, 0.0), max(microseconds, default=1)
    if alone <= 0 or most == 1:
        return None
    width = max((at_once * alone / each for at_once, each in microseconds.items() if each > 0), default=1.0)
    return max(1.0, width) if width < _UNLIMITED_SHARE * most else None
