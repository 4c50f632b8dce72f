"""The recorded settings of a run, as far as advice depends on them."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from midiprism.advise.probe.disk_results import DiskSpeed
from midiprism.metrics.devices import StorageLocation

TunableName = Literal["workers", "batch_size", "in_flight"]
TUNABLE_NAMES: tuple[TunableName, ...] = ("workers", "batch_size", "in_flight")
"""Settings that may change from one run to the next."""

_UNLIMITED_SHARE = 0.8


@dataclass(frozen=True, slots=True)
class RunFacts:
    """The settings of a run, as they were recorded when it began.

    Attributes:
        out: folder of its result.
        sources: what is split.
        split_options: options of the command that began it, without those of ``requested``.
        identity_options: options with which a new result becomes what this one is.
        database_options: options that name its catalog in PostgreSQL; empty for a file in ``out``.
        store: ``files`` or ``parquet``.
        cpus: processors that it may use.
        requested: settings of ``TUNABLE_NAMES`` that the user chose.
        locations: where source, output, catalog and temporary files are, by role.
        moved: whether the result has moved since the run, so that they are not there any more.
    """

    out: str = "OUT"
    sources: tuple[str, ...] = ()
    split_options: tuple[str, ...] = ()
    identity_options: tuple[str, ...] = ()
    database_options: str = ""
    store: str = "files"
    cpus: int = 1
    requested: Mapping[TunableName, int] = field(default_factory=dict)
    locations: Mapping[str, StorageLocation] = field(default_factory=dict)
    moved: bool = False

    @classmethod
    def from_settings(cls, settings: Mapping[str, Any]) -> "RunFacts":
        """Return the facts in the recorded settings of a run; what is missing there gets a default."""
        locations = {
            role: StorageLocation.from_dict(dict(location))
            for role, location in settings.get("locations", {}).items()
        }
        rerun_options = [
            f"--{name.replace('_', '-')}" for name in ("redo", "retry_failed") if settings.get(name)
        ]
        identity = {name: settings.get(name) for name in ("by", "context")}
        return cls(
            out=settings.get("out") or (locations["output"].path if "output" in locations else "OUT"),
            sources=tuple(settings.get("sources") or ()),
            split_options=(*(settings.get("source_options") or ()), *rerun_options),
            identity_options=tuple(f"--{name}={value}" for name, value in identity.items() if value),
            database_options=settings.get("database") or "",
            store=settings.get("store") or "files",
            cpus=int(settings.get("cpus") or 1),
            requested={name: settings[name] for name in TUNABLE_NAMES if settings.get(name) is not None},
            locations=locations,
        )

    @property
    def workers_commit(self) -> bool:
        """True if the catalog is on a server, so that each worker commits its own batches."""
        return bool(self.database_options)

    @property
    def local_server(self) -> bool:
        """True if that server is on this machine."""
        location = self.locations.get("catalog")
        return self.workers_commit and location is not None and location.kind == "local server"

    def device(self, role: str) -> str:
        """Return the device that serves a role; empty if none is known or counted."""
        location = self.locations.get(role)
        return "" if location is None or (role == "catalog" and self.workers_commit) else location.device

    def location_title(self, role: str) -> str:
        """Return the name that people know the location of a role by."""
        location = self.locations.get(role)
        return "an unknown place" if location is None else location.display_name


def disk_speed_of(location: StorageLocation | None, disk_speeds: Iterable[DiskSpeed]) -> DiskSpeed | None:
    """Return what was measured on the file system of a location; None if nothing was."""
    if location is None or not location.mount_point:
        return None
    same = (speed for speed in disk_speeds if speed.location.file_system_id == location.file_system_id)
    return next(same, None)


def concurrency_of(microseconds: Mapping[int, float]) -> float | None:
    """Return how many requests a disk serves at once; None if no limit was found.

    Args:
        microseconds: time of one request, by how many were made at once.
    """
    alone, most = microseconds.get(1, 0.0), max(microseconds, default=1)
    if alone <= 0 or most == 1:
        return None
    served = (processes * alone / each for processes, each in microseconds.items() if each > 0)
    concurrency = max(served, default=1.0)
    return max(1.0, concurrency) if concurrency < _UNLIMITED_SHARE * most else None
