"""What is known of a run at one moment, and what two moments tell together.

Nearly all of a sample counts up from the beginning of the run. So any two samples give what went on between
them, and samples can be left out without falsifying the rest.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from typing import Any, NamedTuple

STAGES = ("read", "split", "hash", "store", "flush", "commit")
"""Stages of a run in their order. The digests of songs are taken while they are read."""

DEVICE_ROLES = ("source", "output", "catalogue", "temporary")
"""What devices are for."""


class StageTime(NamedTuple):
    """The time of one stage, all processes together, in seconds.

    Attributes:
        seconds: by the clock.
        waited: of these, those in which it waited for something else than a processor.
    """

    seconds: float = 0.0
    waited: float = 0.0


class DeviceIo(NamedTuple):
    """What a device did, whoever asked for it.

    Attributes:
        busy: seconds in which it had something to do.
        queue: seconds that requests spent in it and before it, added up.
        reads: requests, likewise ``writes``.
        read_bytes: bytes, likewise ``written_bytes``.
    """

    busy_seconds: float = 0.0
    queue_seconds: float = 0.0
    reads: int = 0
    writes: int = 0
    read_bytes: int = 0
    written_bytes: int = 0


@dataclass(frozen=True, slots=True)
class RunSample:
    """A run at one moment. What is not marked as of this moment counts up from the beginning of the run.

    Attributes:
        at: seconds since the run began.
        songs: songs that workers came to the end of.
        committed: songs that are in the catalogue by this run, the skipped ones not among them.
        skipped: songs that needed nothing.
        tracks: tracks put; ``tracks_new`` of them were not there yet.
        stages: by the names of ``STAGES``.
        idle: seconds that workers had no batch, added up.
        queued: seconds that workers were ready and had no processor, added up; 0 where no system tells.
        worker_cpu: seconds of processor time of the workers.
        coordinator_cpu: the same of the process that plans and commits; with ``workers`` 0 of the only one.
        cores: busy seconds of each processor, whoever used it.
        stolen: seconds that processors were not there for this machine, added up.
        devices: by their names, which ``Place.device_busy_seconds`` in the run's settings gives.
        commits: transactions; ``rows`` written by them.
        flushes: calls that made files durable.
        memory: bytes that our processes take at this moment; ``available`` more could be had.
        workers: processes that split at this moment; 0 for none but the coordinator.
        ready: those of them that have the splitter loaded; more than ``workers`` while some are to end.
        batch_size: most songs of a batch at this moment.
        in_flight: batches handed out and not committed at this moment, of at most ``in_flight_limit``.
        queue: of these, those that no worker has begun; ``collected`` those that wait for their commit.
        round_trip: seconds from asking the catalogue's server to its answer; 0 without a server.
        connections: to the catalogue's database by their state, at this moment.
        metering: seconds of processor time that taking samples took.
        polling: the same of what the coordinator does because time passes, whether songs come or not.
        total: songs that there will be; None while nobody knows.
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
        """The time of a stage so far."""
        return self.stages.get(name, StageTime())

    def as_dict(self) -> dict[str, Any]:
        """The same in terms of JSON."""
        return asdict(self) | {
            "stages": {name: list(stage) for name, stage in self.stages.items()},
            "devices": {name: list(traffic) for name, traffic in self.devices.items()},
            "core_busy_seconds": list(self.core_busy_seconds),
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> "RunSample":
        """The sample that ``as_dict`` told; what another version told beside is left out."""
        known = {one.name for one in fields(cls)}
        values = {name: value for name, value in data.items() if name in known}
        values["stages"] = {name: StageTime(*stage) for name, stage in data.get("stages", {}).items()}
        values["devices"] = {name: DeviceIo(*traffic) for name, traffic in data.get("devices", {}).items()}
        values["core_busy_seconds"] = tuple(data.get("core_busy_seconds", ()))
        return cls(**values)


@dataclass(frozen=True, slots=True)
class SampleWindow:
    """What went on between two samples of a run."""

    first: RunSample
    last: RunSample

    @property
    def seconds(self) -> float:
        """How long it was."""
        return max(1e-9, self.last.elapsed_seconds - self.first.elapsed_seconds)

    @property
    def songs(self) -> int:
        """Songs that workers came to the end of."""
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
        """Seconds of processor time of our processes."""
        return self.worker_cpu + self.coordinator_cpu

    @property
    def core_utilization(self) -> tuple[float, ...]:
        """How busy each processor was, whoever used it: 0 to 1."""
        pairs = zip(self.first.core_busy_seconds, self.last.core_busy_seconds, strict=False)
        return tuple(min(1.0, max(0.0, after - before) / self.seconds) for before, after in pairs)

    @property
    def other_cores_busy(self) -> float:
        """Processors that other programs kept busy, on average."""
        return max(0.0, sum(self.core_utilization) - self.own_cpu / self.seconds)

    def stage(self, name: str) -> StageTime:
        """The time of a stage, all processes together."""
        before, after = self.first.stage(name), self.last.stage(name)
        seconds = max(0.0, after.seconds - before.seconds)
        return StageTime(seconds, min(seconds, max(0.0, after.waited - before.waited)))

    def device(self, name: str) -> DeviceIo | None:
        """What a device did; None for one that tells nothing."""
        before, after = self.first.devices.get(name), self.last.devices.get(name)
        if before is None or after is None:
            return None
        return DeviceIo(*(max(0, new - old) for old, new in zip(before, after, strict=True)))  # type: ignore[arg-type]

    def device_utilization(self, name: str) -> float | None:
        """In which share of the time a device was busy: 0 to 1; None for one that does not tell."""
        traffic = self.device(name)
        return None if traffic is None else min(1.0, traffic.busy_seconds / self.seconds)
