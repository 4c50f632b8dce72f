"""What one song costs a run: processor time, waiting, and its share of flushes and commits."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from midiprism.advise.model.run_facts import RunFacts, concurrency_of, disk_speed_of
from midiprism.advise.probe.disk_results import DiskSpeed
from midiprism.metrics.snapshot import SampleWindow

COMMIT_ROUND_TRIPS = 28
"""Answers for which a commit in PostgreSQL waits: BEGIN, the lease (4), tracks (6), songs (7), links (2),
paths (6), the batch, COMMIT. Each COPY has two."""

SHARD_ROUND_TRIPS = 4
"""Those beside them where tracks lie in shards: two shards, and what lies where in them (2)."""

QUERY_ROUND_TRIPS = 3
SONGS_PER_QUERY = 32
"""A worker asks what is known of so many songs, by so many statements."""

_MIN_DEVICE_BUSY = 0.05
"""A device that is busy less than this tells nothing of what it could do."""


class DeviceBusy(NamedTuple):
    """Seconds that a device is busy for a song, for what it is used."""

    device: str
    role: str
    seconds: float


@dataclass(frozen=True, slots=True)
class Costs:
    """Seconds for one song, if nothing else is said.

    Attributes:
        worker_cpu: processor time of a worker.
        store_cpu: what of that goes into storing; ``commit_client_cpu`` into commits on a server.
        source_wait: that a worker waits when it reads, if no other one is served before it.
        output_wait: the same when it stores.
        coordinator_cpu: processor time to plan and to collect, which one process does.
        commit_cpu: processor time of the commit, where that is done by this process; beside what it waits
            for a processor it is a part of ``commit_per_song``.
        server_cpu: processor time of a database server that runs on the same machine.
        others: processors that other programs want, of ``cores`` that there are for the run.
        flush_fixed: of each flush; ``flush_per_song`` for a song in it.
        commit_fixed: of each commit; ``commit_per_song`` for a song in it. Without what a worker computes for it.
        round_trip: for one answer of a server; 0 without one.
        asks: whether workers ask a server for what earlier runs know.
        tracks: of a song; ``tracks_new`` of them were not there yet.
        source_width: how many reads are served at once; None for as many as come.
        output_width: the same for creating files.
        busy: what devices do for a song.
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
    queries_catalog: bool = False
    tracks: float = 0.0
    tracks_new: float = 0.0
    source_concurrency: float | None = None
    output_concurrency: float | None = None
    device_busy: tuple[DeviceBusy, ...] = ()

    @property
    def busiest_device_seconds(self) -> float:
        """That the busiest device is busy for a song: it cannot serve more of them than one in that time."""
        total: dict[str, float] = {}
        for device, _, seconds in self.device_busy:
            total[device] = total.get(device, 0.0) + seconds
        return max(total.values(), default=0.0)


def measure_costs(
    window: SampleWindow, settings: Mapping[str, Any] | RunFacts, disk_speeds: Sequence[DiskSpeed] = ()
) -> Costs | None:
    """What a song cost between two samples of a run; None where none was split.

    What a commit or a flush takes is divided by a rule. Of a commit to a file what it waits is fixed, and
    what it computes goes by songs. Of one to a server ``COMMIT_ROUND_TRIPS`` answers are fixed. Of a flush two
    requests of the disk are.

    Args:
        settings: what was recorded of the run when it began.
        figures: of places, which tell how many requests they serve at once.
    """
    facts = settings if isinstance(settings, RunFacts) else RunFacts.from_settings(settings)
    songs, last = window.songs, window.last
    if songs <= 0:
        return None
    read, store, commit = (window.stage(name) for name in ("read", "store", "commit"))
    store_cpu = (store.seconds - store.waited) / songs
    computed = sum(
        window.stage(name).seconds - window.stage(name).waited for name in ("read", "split", "hash")
    )
    worker_cpu = window.worker_cpu / songs
    if last.workers == 0 or worker_cpu <= 0:
        worker_cpu = computed / songs + store_cpu
    committing = (commit.seconds - commit.waited) / songs
    crowding = _cpu_contention(window, computed + store_cpu * songs)
    # Whoever commits waits for a processor as workers do.
    committing = min(committing / crowding, max(0.0, window.coordinator_cpu + window.worker_cpu) / songs)
    commit_cpu, client_cpu = (0.0, committing) if facts.shared else (committing, 0.0)
    coordinator = (window.coordinator_cpu - _background_cpu(window)) / songs - commit_cpu
    if last.workers == 0:
        coordinator -= worker_cpu
    others = max(0.0, window.other_cores_busy - max(0, len(window.core_utilization) - facts.cpus))
    server_cpu = 0.0
    if facts.local_server:  # it works while somebody waits for it
        server_cpu = min(others * window.seconds, commit.seconds) / songs
        others -= server_cpu * window.rate
    asks = facts.shared and last.songs_skipped > 0
    asking = (
        QUERY_ROUND_TRIPS * last.round_trip / min(SONGS_PER_QUERY, max(1, last.batch_size)) if asks else 0.0
    )
    widths = _concurrencies(facts, disk_speeds)
    flush_fixed, flush_each = _flush_costs(window, facts)
    commit_fixed, commit_each = _commit_costs(window, facts)
    return Costs(
        worker_cpu=worker_cpu,
        store_cpu=min(worker_cpu, store_cpu),
        commit_client_cpu=min(worker_cpu, client_cpu),
        source_wait=_uncontended_wait(read.waited / songs, widths["source"], window),
        output_wait=_uncontended_wait(max(0.0, store.waited / songs - asking), widths["output"], window),
        coordinator_cpu=max(0.0, coordinator),
        commit_cpu=commit_cpu,
        server_cpu=server_cpu,
        other_programs_cpu=others * crowding,
        cores=float(facts.cpus),
        flush_fixed=flush_fixed,
        flush_per_song=flush_each,
        commit_fixed=commit_fixed,
        commit_per_song=commit_each,
        round_trip=last.round_trip if facts.shared else 0.0,
        queries_catalog=asks,
        tracks=window.tracks / songs,
        tracks_new=window.tracks_new / songs,
        source_concurrency=widths["source"],
        output_concurrency=widths["output"],
        device_busy=_device_busy(window, facts),
    )


def _cpu_contention(window: SampleWindow, computed: float) -> float:
    """How many times as many processors programs want as they get, by how long workers waited for one."""
    return 1 + window.queued / computed if computed > 0 else 1.0


def _background_cpu(window: SampleWindow) -> float:
    """Processor time of the coordinator that no song asks for."""
    first, last = window.first, window.last
    return max(0.0, last.metering_cpu - first.metering_cpu + last.polling_cpu - first.polling_cpu)


def _concurrencies(facts: RunFacts, disk_speeds: Sequence[DiskSpeed]) -> dict[str, float | None]:
    """How many requests places serve at once; a disk that turns one, if nobody measured it."""
    found: dict[str, float | None] = {}
    for role in ("source", "output"):
        place = facts.places.get(role)
        known = disk_speed_of(place, disk_speeds)
        measured = None if known is None else known.read_us if role == "source" else known.create_us
        if measured:
            found[role] = concurrency_of(measured)
        else:
            found[role] = 1.0 if place is not None and place.rotational else None
    return found


def _uncontended_wait(waited: float, concurrency: float | None, window: SampleWindow) -> float:
    """How long a worker would have waited alone, of what it waited among others who were served before it.

    By the arrival theorem it finds there as many as are there on average without it.
    """
    workers = min(window.last.workers, window.last.in_flight_limit or window.last.workers)
    if concurrency is None or workers <= 1:
        return waited
    found = (workers - 1) / workers * window.rate * waited
    return waited / max(1.0, (1 + found) / concurrency)


def _commit_costs(window: SampleWindow, facts: RunFacts) -> tuple[float, float]:
    commit = window.stage("commit")
    if window.commits <= 0 or commit.seconds <= 0:
        return 0.0, 0.0
    songs = _songs_per_call(window, window.commits)
    waited = commit.waited / window.commits
    if facts.shared:
        fixed = min(waited, COMMIT_ROUND_TRIPS * window.last.round_trip)
        return fixed, (waited - fixed) / songs
    return waited, (commit.seconds - commit.waited) / window.commits / songs


def _flush_costs(window: SampleWindow, facts: RunFacts) -> tuple[float, float]:
    flush = window.stage("flush")
    if window.flushes <= 0:
        return 0.0, 0.0
    seconds = flush.seconds / window.flushes
    traffic = window.device(facts.device("output"))
    requests = 0 if traffic is None else traffic.reads + traffic.writes
    fixed = min(seconds, 2 * traffic.queue_seconds / requests) if traffic is not None and requests else 0.0
    return fixed, (seconds - fixed) / _songs_per_call(window, window.flushes)


def _songs_per_call(window: SampleWindow, calls: int) -> float:
    """Songs of a flush or commit, of which there were so many."""
    return max(1.0, (window.songs_committed if window.songs_committed > 0 else window.songs) / calls)


def _device_busy(window: SampleWindow, facts: RunFacts) -> tuple[DeviceBusy, ...]:
    """What devices did for a song, divided among what they are for by how long that was waited for."""
    waits = {
        "source": window.stage("read").waited,
        "output": window.stage("store").waited + window.stage("flush").waited,
        "catalogue": window.stage("commit").waited,
    }
    found = []
    for device in sorted({facts.device(role) for role in waits} - {""}):
        roles = [role for role in waits if facts.device(role) == device]
        share = window.device_utilization(device)
        # What does not turn serves several requests at once: busy does not mean that no more fit.
        if share is None or share < _MIN_DEVICE_BUSY or not facts.places[roles[0]].rotational:
            continue
        total = math.fsum(waits[role] for role in roles)
        for role in roles:
            part = waits[role] / total if total > 0 else 1 / len(roles)
            found.append(DeviceBusy(device, role, part * share * window.seconds / window.songs))
    return tuple(found)
