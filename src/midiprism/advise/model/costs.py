"""The costs of one song in a run: processor time, waiting, and its share of flushes and commits."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal, NamedTuple

from midiprism.advise.model.run_facts import RunFacts, concurrency_of, disk_speed_of
from midiprism.advise.probe.disk_results import DiskSpeed
from midiprism.metrics.snapshot import SampleWindow

Resource = Literal["cpu", "output", "source", "catalog", "coordinator"]
RESOURCES: tuple[Resource, ...] = ("cpu", "output", "source", "catalog", "coordinator")
"""The resources that can limit a run."""

COMMIT_ROUND_TRIPS = 28
"""Round trips of a commit in PostgreSQL: BEGIN, the lease (4), tracks (6), songs (7), links (2), paths (6),
the batch, COMMIT. Each COPY has two."""

SHARD_ROUND_TRIPS = 4
"""Additional round trips where tracks are in shards: two for the shards, and two for positions in them."""

QUERY_ROUND_TRIPS = 3
"""Round trips in which a worker queries what the catalog knows of ``SONGS_PER_QUERY`` songs."""

SONGS_PER_QUERY = 32

_MANY_CORES = 1_000.0
_MIN_DEVICE_BUSY = 0.05
"""Least share of busy time from which the capacity of a device can be estimated."""


class DeviceBusy(NamedTuple):
    """Seconds that a device is busy for one song in one role."""

    device: str
    role: str
    seconds: float


@dataclass(frozen=True, slots=True)
class Costs:
    """The costs of one song, in seconds unless stated otherwise.

    Attributes:
        worker_cpu: processor time of a worker. ``store_cpu`` of it is for storing, ``commit_client_cpu`` for
            commits on a server.
        source_wait: waiting of a worker to read, if no other worker is served before it.
        output_wait: the same to store.
        coordinator_cpu: processor time of the one process that plans and collects.
        commit_cpu: processor time of the commit where the coordinator commits; part of ``commit_per_song``.
        server_cpu: processor time of a database server on the same machine.
        other_programs_cpu: number of processors that other programs want, of the ``cores`` of the run.
        flush_fixed: of each flush; ``flush_per_song`` for each song in it.
        commit_fixed: of each commit; ``commit_per_song`` for each song in it. Computing in a worker is not
            included.
        round_trip: time until a server answers; 0 without a server.
        workers_commit: whether each worker commits its own batches, as on a server; otherwise the coordinator
            commits groups of batches.
        queries_catalog: whether workers ask a server what earlier runs recorded.
        tracks: number of tracks of a song; ``tracks_new`` of them were not in the store yet.
        source_concurrency: number of reads that the source serves at once; None for no limit.
        output_concurrency: the same for creating files in the output.
        device_busy: how long devices are busy.
    """

    worker_cpu: float = 0.0
    store_cpu: float = 0.0
    commit_client_cpu: float = 0.0
    source_wait: float = 0.0
    output_wait: float = 0.0
    coordinator_cpu: float = 0.0
    commit_cpu: float = 0.0
    server_cpu: float = 0.0
    other_programs_cpu: float = 0.0
    cores: float = 1.0
    flush_fixed: float = 0.0
    flush_per_song: float = 0.0
    commit_fixed: float = 0.0
    commit_per_song: float = 0.0
    round_trip: float = 0.0
    workers_commit: bool = False
    queries_catalog: bool = False
    tracks: float = 0.0
    tracks_new: float = 0.0
    source_concurrency: float | None = None
    output_concurrency: float | None = None
    device_busy: tuple[DeviceBusy, ...] = ()

    @property
    def busiest_device_seconds(self) -> float:
        """Seconds that the busiest device is busy for one song, which bounds the rate of the run."""
        seconds_by_device: dict[str, float] = {}
        for busy in self.device_busy:
            seconds_by_device[busy.device] = seconds_by_device.get(busy.device, 0.0) + busy.seconds
        return max(seconds_by_device.values(), default=0.0)

    def without_role(self, role: str) -> "Costs":
        """Return the costs if no device were busy in a role."""
        return replace(self, device_busy=tuple(busy for busy in self.device_busy if busy.role != role))

    def with_free(self, resource: Resource) -> "Costs":
        """Return the costs if a resource cost nothing."""
        rest = self.without_role(resource)
        if resource == "cpu":
            return replace(
                rest,
                worker_cpu=0.0,
                commit_client_cpu=0.0,
                server_cpu=0.0,
                other_programs_cpu=0.0,
                cores=_MANY_CORES,
                commit_per_song=min(self.commit_per_song, self.commit_cpu or math.inf),
            )
        if resource == "source":
            return replace(rest, source_wait=0.0)
        if resource == "output":
            return replace(rest, output_wait=0.0, flush_fixed=0.0, flush_per_song=0.0)
        if resource == "catalog":
            return replace(
                rest,
                commit_client_cpu=0.0,
                commit_fixed=0.0,
                commit_per_song=0.0,
                commit_cpu=0.0,
                round_trip=0.0,
                queries_catalog=False,
            )
        return replace(rest, coordinator_cpu=0.0)


def measure_costs(
    window: SampleWindow, facts: RunFacts, disk_speeds: Sequence[DiskSpeed] = ()
) -> Costs | None:
    """Return the costs of a song between two samples of a run; None if no song was split.

    The time of a commit or flush is divided into a fixed part and one per song. In SQLite, the waiting of a
    commit is fixed and its computing is per song. On a server, ``COMMIT_ROUND_TRIPS`` round trips are fixed.
    Two disk requests of a flush are fixed.

    Args:
        window: the two samples.
        facts: the settings of the run.
        disk_speeds: of known disks, with the number of requests that each serves at once.
    """
    songs, last = window.songs, window.last
    if songs <= 0:
        return None
    read, store = window.stage("read"), window.stage("store")
    store_cpu = (store.seconds - store.waited) / songs
    computed = sum(
        window.stage(name).seconds - window.stage(name).waited for name in ("read", "split", "hash")
    )
    worker_cpu = window.worker_cpu / songs
    if last.workers == 0 or worker_cpu <= 0:
        worker_cpu = computed / songs + store_cpu
    contention = _cpu_contention(window, computed + store_cpu * songs)
    commit_cpu = _commit_cpu(window, contention)
    coordinator_cpu = (window.coordinator_cpu - _background_cpu(window)) / songs
    if not facts.workers_commit:
        coordinator_cpu -= commit_cpu
    if last.workers == 0:
        coordinator_cpu -= worker_cpu
    server_cpu, other_cores = _cpu_of_others(window, facts)
    queries_catalog = facts.workers_commit and last.songs_skipped > 0
    query_wait = query_seconds(last.round_trip, max(1, last.batch_size)) if queries_catalog else 0.0
    source_concurrency = _concurrency(facts, "source", disk_speeds)
    output_concurrency = _concurrency(facts, "output", disk_speeds)
    flush_fixed, flush_per_song = _flush_costs(window, facts)
    commit_fixed, commit_per_song = _commit_costs(window, facts)
    return Costs(
        worker_cpu=worker_cpu,
        store_cpu=min(worker_cpu, store_cpu),
        commit_client_cpu=min(worker_cpu, commit_cpu) if facts.workers_commit else 0.0,
        source_wait=_uncontended_wait(read.waited / songs, source_concurrency, window),
        output_wait=_uncontended_wait(
            max(0.0, store.waited / songs - query_wait), output_concurrency, window
        ),
        coordinator_cpu=max(0.0, coordinator_cpu),
        commit_cpu=0.0 if facts.workers_commit else commit_cpu,
        server_cpu=server_cpu,
        other_programs_cpu=other_cores * contention,
        cores=float(facts.cpus),
        flush_fixed=flush_fixed,
        flush_per_song=flush_per_song,
        commit_fixed=commit_fixed,
        commit_per_song=commit_per_song,
        round_trip=last.round_trip if facts.workers_commit else 0.0,
        workers_commit=facts.workers_commit,
        queries_catalog=queries_catalog,
        tracks=window.tracks / songs,
        tracks_new=window.tracks_new / songs,
        source_concurrency=source_concurrency,
        output_concurrency=output_concurrency,
        device_busy=_device_busy(window, facts),
    )


def query_seconds(round_trip: float, batch_size: int) -> float:
    """Return the time that a worker waits per song to query what the catalog knows of it."""
    return QUERY_ROUND_TRIPS * round_trip / min(SONGS_PER_QUERY, batch_size)


def _cpu_contention(window: SampleWindow, computed: float) -> float:
    """Return how much more processor time programs want than they get, by how long workers queued."""
    return 1 + window.queued / computed if computed > 0 else 1.0


def _commit_cpu(window: SampleWindow, contention: float) -> float:
    """Return the processor time of commits per song, without queueing for processors."""
    commit = window.stage("commit")
    seconds = (commit.seconds - commit.waited) / contention
    return min(seconds, max(0.0, window.coordinator_cpu + window.worker_cpu)) / window.songs


def _cpu_of_others(window: SampleWindow, facts: RunFacts) -> tuple[float, float]:
    """Return the processor time per song of a local server, and the processors that others keep busy."""
    other_cores = max(0.0, window.other_cores_busy - max(0, len(window.core_utilization) - facts.cpus))
    if not facts.local_server:
        return 0.0, other_cores
    # The server computes while a commit waits for it.
    server_seconds = min(other_cores * window.seconds, window.stage("commit").seconds)
    return server_seconds / window.songs, other_cores - server_seconds / window.seconds


def _background_cpu(window: SampleWindow) -> float:
    """Return the processor time of the coordinator that does not depend on songs."""
    first, last = window.first, window.last
    return max(0.0, last.metering_cpu - first.metering_cpu + last.polling_cpu - first.polling_cpu)


def _concurrency(
    facts: RunFacts, role: Literal["source", "output"], disk_speeds: Sequence[DiskSpeed]
) -> float | None:
    """Return how many requests a disk serves at once; 1 if it spins and is unmeasured; None for no limit."""
    location = facts.locations.get(role)
    speed = disk_speed_of(location, disk_speeds)
    measured = None if speed is None else speed.read_us if role == "source" else speed.create_us
    if measured:
        return concurrency_of(measured)
    return 1.0 if location is not None and location.rotational else None


def _uncontended_wait(waited: float, concurrency: float | None, window: SampleWindow) -> float:
    """Return how long a worker would have waited if no other worker had been served before it.

    By the arrival theorem, a request finds as many others as there are on average without it.
    """
    workers = min(window.last.workers, window.last.in_flight_limit or window.last.workers)
    if concurrency is None or workers <= 1:
        return waited
    others = (workers - 1) / workers * window.rate * waited
    return waited / max(1.0, (1 + others) / concurrency)


def _commit_costs(window: SampleWindow, facts: RunFacts) -> tuple[float, float]:
    """Return the fixed part of a commit, and the part per song."""
    commit = window.stage("commit")
    if window.commits <= 0 or commit.seconds <= 0:
        return 0.0, 0.0
    songs = _songs_per_call(window, window.commits)
    waited = commit.waited / window.commits
    if facts.workers_commit:
        fixed = min(waited, COMMIT_ROUND_TRIPS * window.last.round_trip)
        return fixed, (waited - fixed) / songs
    return waited, (commit.seconds - commit.waited) / window.commits / songs


def _flush_costs(window: SampleWindow, facts: RunFacts) -> tuple[float, float]:
    """Return the fixed part of a flush, and the part per song."""
    if window.flushes <= 0:
        return 0.0, 0.0
    seconds = window.stage("flush").seconds / window.flushes
    device_io = window.device(facts.device("output"))
    requests = 0 if device_io is None else device_io.reads + device_io.writes
    fixed = (
        min(seconds, 2 * device_io.queue_seconds / requests) if device_io is not None and requests else 0.0
    )
    return fixed, (seconds - fixed) / _songs_per_call(window, window.flushes)


def _songs_per_call(window: SampleWindow, calls: int) -> float:
    """Return the songs of one flush or commit."""
    return max(1.0, (window.songs_committed if window.songs_committed > 0 else window.songs) / calls)


def _device_busy(window: SampleWindow, facts: RunFacts) -> tuple[DeviceBusy, ...]:
    """Return how long devices were busy per song, divided among their roles in proportion to the waiting."""
    waited = {
        "source": window.stage("read").waited,
        "output": window.stage("store").waited + window.stage("flush").waited,
        "catalog": window.stage("commit").waited,
    }
    result = []
    for device in sorted({facts.device(role) for role in waited} - {""}):
        roles = [role for role in waited if facts.device(role) == device]
        utilization = window.device_utilization(device)
        # A disk that does not spin serves several requests at once: busy does not mean that it is full.
        if utilization is None or utilization < _MIN_DEVICE_BUSY or not facts.locations[roles[0]].rotational:
            continue
        total = math.fsum(waited[role] for role in roles)
        for role in roles:
            share = waited[role] / total if total > 0 else 1 / len(roles)
            result.append(DeviceBusy(device, role, share * utilization * window.seconds / window.songs))
    return tuple(result)
