"""A sample of a run at one moment, and the window between two samples.

Nearly all fields of a sample count up from the beginning of the run. So the difference of any two samples
says what happened between them, and dropping samples does not falsify the others.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from typing import Any, NamedTuple

STAGES = ("read", "split", "hash", "store", "flush", "commit")
"""Stages of a run in their order. Songs are hashed in ``read``, tracks in ``hash``."""

DEVICE_ROLES = ("source", "output", "catalog", "temporary")
"""The purposes of devices in a run."""


class StageTime(NamedTuple):
    """The time of one stage, summed over all processes, in seconds.

    Attributes:
        seconds: wall-clock time.
        waited: the part of it spent waiting for anything but a processor.
    """

    seconds: float = 0.0
    waited: float = 0.0


class DeviceIo(NamedTuple):
    """The traffic of a device, from all programs.

    Attributes:
        busy_seconds: time in which it served at least one request.
        queue_seconds: time from issuing a request to its end, summed over requests.
        reads: number of requests, likewise ``writes``.
    """

    busy_seconds: float = 0.0
    queue_seconds: float = 0.0
    reads: int = 0
    writes: int = 0
    read_bytes: int = 0
    written_bytes: int = 0

    def since(self, earlier: "DeviceIo") -> "DeviceIo":
        """Return the traffic since an earlier moment; a counter that was reset counts as 0."""
        return DeviceIo(
            busy_seconds=max(0.0, self.busy_seconds - earlier.busy_seconds),
            queue_seconds=max(0.0, self.queue_seconds - earlier.queue_seconds),
            reads=max(0, self.reads - earlier.reads),
            writes=max(0, self.writes - earlier.writes),
            read_bytes=max(0, self.read_bytes - earlier.read_bytes),
            written_bytes=max(0, self.written_bytes - earlier.written_bytes),
        )


@dataclass(frozen=True, slots=True)
class RunSample:
    """A run at one moment. Fields marked "now" are of that moment; the others count from the start of the
    run.

    Times are in seconds, and those of workers are summed over all of them.

    Attributes:
        elapsed_seconds: since the run began.
        songs: songs that workers have finished.
        songs_committed: songs that this run committed to the catalog, without the skipped ones.
        songs_skipped: songs that were up to date.
        tracks: tracks stored; ``tracks_new`` of them were not in the store yet.
        stages: time by stage, with the keys ``STAGES``.
        idle: time that workers had no batch.
        queued: time that workers were ready and had no processor; 0 where the system does not report it.
        worker_cpu: processor time of the workers.
        coordinator_cpu: processor time of the process that plans and commits; with 0 workers, of the only
            one.
        core_busy_seconds: busy time of each processor, used by any program.
        stolen: time that the hypervisor gave processors to other machines, summed over processors.
        devices: traffic by the name of the device, see ``StorageLocation.device``.
        commits: transactions; they wrote ``rows`` rows.
        flushes: calls that made files durable.
        memory_bytes: memory of the run's processes now; ``available_bytes`` more is available.
        workers: worker processes now; 0 if the coordinator splits.
        workers_ready: workers that have loaded the splitter, now; more than ``workers`` while some are
            ending.
        batch_size: most songs of a batch, now.
        in_flight: batches handed out and not committed now, of at most ``in_flight_limit``.
        batches_queued: those of them that no worker has begun; ``batches_collected`` wait for their commit.
        round_trip: time until the catalog's server answers, now; 0 without a server.
        connections: connections to the catalog's database by state, now.
        metering_cpu: processor time of taking samples.
        polling_cpu: processor time of the coordinator that passes whether songs come or not.
        songs_total: songs to expect; None while they are not counted.
    """

    elapsed_seconds: float = 0.0
    songs: int = 0
    songs_committed: int = 0
    songs_skipped: int = 0
    tracks: int = 0
    tracks_new: int = 0
    stages: Mapping[str, StageTime] = field(default_factory=dict)
    idle: float = 0.0
    queued: float = 0.0
    worker_cpu: float = 0.0
    coordinator_cpu: float = 0.0
    core_busy_seconds: tuple[float, ...] = ()
    stolen: float = 0.0
    devices: Mapping[str, DeviceIo] = field(default_factory=dict)
    commits: int = 0
    rows: int = 0
    flushes: int = 0
    memory_bytes: int = 0
    available_bytes: int = 0
    workers: int = 0
    workers_ready: int = 0
    batch_size: int = 0
    in_flight: int = 0
    in_flight_limit: int = 0
    batches_queued: int = 0
    batches_collected: int = 0
    round_trip: float = 0.0
    connections: Mapping[str, int] = field(default_factory=dict)
    metering_cpu: float = 0.0
    polling_cpu: float = 0.0
    songs_total: int | None = None

    def stage(self, name: str) -> StageTime:
        """Return the time of a stage so far."""
        return self.stages.get(name, StageTime())

    def as_dict(self) -> dict[str, Any]:
        """Return the sample in terms of JSON."""
        return asdict(self) | {
            "stages": {name: list(stage) for name, stage in self.stages.items()},
            "devices": {name: list(device_io) for name, device_io in self.devices.items()},
            "core_busy_seconds": list(self.core_busy_seconds),
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> "RunSample":
        """Return the sample that ``as_dict`` described. Unknown keys of another version are ignored."""
        known = {known_field.name for known_field in fields(cls)}
        values = {name: value for name, value in data.items() if name in known}
        values["stages"] = {name: StageTime(*stage) for name, stage in data.get("stages", {}).items()}
        values["devices"] = {
            name: DeviceIo(*device_io) for name, device_io in data.get("devices", {}).items()
        }
        values["core_busy_seconds"] = tuple(data.get("core_busy_seconds", ()))
        return cls(**values)


@dataclass(frozen=True, slots=True)
class SampleWindow:
    """The time between two samples of a run. Properties are differences of the fields of ``RunSample``."""

    first: RunSample
    last: RunSample

    @property
    def seconds(self) -> float:
        """The length of the window, never 0."""
        return max(1e-9, self.last.elapsed_seconds - self.first.elapsed_seconds)

    @property
    def songs(self) -> int:
        """Songs that workers finished."""
        return self.last.songs - self.first.songs

    @property
    def tracks(self) -> int:
        return self.last.tracks - self.first.tracks

    @property
    def tracks_new(self) -> int:
        return self.last.tracks_new - self.first.tracks_new

    @property
    def songs_committed(self) -> int:
        return self.last.songs_committed - self.first.songs_committed

    @property
    def rate(self) -> float:
        """Songs a second."""
        return self.songs / self.seconds

    @property
    def commits(self) -> int:
        return self.last.commits - self.first.commits

    @property
    def rows(self) -> int:
        return self.last.rows - self.first.rows

    @property
    def flushes(self) -> int:
        return self.last.flushes - self.first.flushes

    @property
    def idle(self) -> float:
        return self.last.idle - self.first.idle

    @property
    def queued(self) -> float:
        return self.last.queued - self.first.queued

    @property
    def worker_cpu(self) -> float:
        return self.last.worker_cpu - self.first.worker_cpu

    @property
    def coordinator_cpu(self) -> float:
        return self.last.coordinator_cpu - self.first.coordinator_cpu

    @property
    def own_cpu(self) -> float:
        """Processor time of the run's processes, in seconds."""
        return self.worker_cpu + self.coordinator_cpu

    @property
    def core_utilization(self) -> tuple[float, ...]:
        """Share of the time that each processor was busy for any program: 0 to 1."""
        pairs = zip(self.first.core_busy_seconds, self.last.core_busy_seconds, strict=False)
        return tuple(min(1.0, max(0.0, after - before) / self.seconds) for before, after in pairs)

    @property
    def other_cores_busy(self) -> float:
        """Processors that other programs kept busy, on average."""
        return max(0.0, sum(self.core_utilization) - self.own_cpu / self.seconds)

    def stage(self, name: str) -> StageTime:
        """Return the time of a stage in the window."""
        before, after = self.first.stage(name), self.last.stage(name)
        seconds = max(0.0, after.seconds - before.seconds)
        return StageTime(seconds, min(seconds, max(0.0, after.waited - before.waited)))

    def device(self, name: str) -> DeviceIo | None:
        """Return the traffic of a device; None if it is not counted."""
        before, after = self.first.devices.get(name), self.last.devices.get(name)
        return None if before is None or after is None else after.since(before)

    def device_utilization(self, name: str) -> float | None:
        """Return the share of the time that a device was busy: 0 to 1; None if it is not counted."""
        device_io = self.device(name)
        return None if device_io is None else min(1.0, device_io.busy_seconds / self.seconds)
