"""What one song costs a run: processor time, waiting, and its share of flushes and commits."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from midiprism.advise.facts import Facts, figures_of, width_of
from midiprism.advise.places import Figures
from midiprism.meter.sample import Window

COMMIT_TRIPS = 28
"""Answers for which a commit in PostgreSQL waits: BEGIN, the lease (4), tracks (6), parents (7), links (2),
paths (6), the batch, COMMIT. Each COPY has two."""

SHARD_TRIPS = 4
"""Those beside them where tracks lie in shards: two shards, and what lies where in them (2)."""

ASK_TRIPS = 3
READ_AT_ONCE = 32
"""A worker asks what is known of so many songs, by so many statements."""

_DEVICE_BUSY = 0.05
"""A device that is busy less than this tells nothing of what it could do."""


class Busy(NamedTuple):
    """Seconds that a device is busy for a song, for what it is used."""

    device: str
    role: str
    seconds: float


@dataclass(frozen=True, slots=True)
class Costs:
    """Seconds for one song, if nothing else is said.

    Attributes:
        worker_cpu: processor time of a worker.
        store_cpu: what of that goes into storing; ``client_cpu`` into commits on a server.
        source_wait: that a worker waits when it reads, if no other one is served before it.
        output_wait: the same when it stores.
        coordinator_cpu: processor time to plan and to collect, which one process does.
        commit_cpu: processor time of the commit, where that is done by this process; beside what it waits
            for a processor it is a part of ``commit_each``.
        server_cpu: processor time of a database server that runs on the same machine.
        others: processors that other programs want, of ``cores`` that there are for the run.
        flush_fixed: of each flush; ``flush_each`` for a song in it.
        commit_fixed: of each commit; ``commit_each`` for a song in it. Without what a worker computes for it.
        round_trip: for one answer of a server; 0 without one.
        asks: whether workers ask a server for what earlier runs know.
        tracks: of a song; ``tracks_new`` of them were not there yet.
        source_width: how many reads are served at once; None for as many as come.
        output_width: the same for creating files.
        busy: what devices do for a song.
    """

    worker_cpu: float = 0.0
    store_cpu: float = 0.0
    client_cpu: float = 0.0
    source_wait: float = 0.0
    output_wait: float = 0.0
    coordinator_cpu: float = 0.0
    commit_cpu: float = 0.0
    server_cpu: float = 0.0
    others: float = 0.0
    cores: float = 1.0
    flush_fixed: float = 0.0
    flush_each: float = 0.0
    commit_fixed: float = 0.0
    commit_each: float = 0.0
    round_trip: float = 0.0
    asks: bool = False
    tracks: float = 0.0
    tracks_new: float = 0.0
    source_width: float | None = None
    output_width: float | None = None
    busy: tuple[Busy, ...] = ()

    @property
    def device_seconds(self) -> float:
        """That the busiest device is busy for a song: it cannot serve more of them than one in that time."""
        total: dict[str, float] = {}
        for device, _, seconds in self.busy:
            total[device] = total.get(device, 0.0) + seconds
        return max(total.values(), default=0.0)


def costs_of(
    window: Window, settings: Mapping[str, Any] | Facts, figures: Sequence[Figures] = ()
) -> Costs | None:
    """What a song cost between two samples of a run; None where none was split.

    What a commit or a flush takes is divided by a rule. Of a commit to a file what it waits is fixed, and
    what it computes goes by songs. Of one to a server ``COMMIT_TRIPS`` answers are fixed. Of a flush two
    requests of the disk are.

    Args:
        settings: what was recorded of the run when it began.
        figures: of places, which tell how many requests they serve at once.
    """
    facts = settings if isinstance(settings, Facts) else Facts.of(settings)
    songs, last = window.parents, window.last
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
    crowding = _crowding(window, computed + store_cpu * songs)
    # Whoever commits waits for a processor as workers do.
    committing = min(committing / crowding, max(0.0, window.coordinator_cpu + window.worker_cpu) / songs)
    commit_cpu, client_cpu = (0.0, committing) if facts.shared else (committing, 0.0)
    coordinator = (window.coordinator_cpu - _by_time(window)) / songs - commit_cpu
    if last.workers == 0:
        coordinator -= worker_cpu
    others = max(0.0, window.others - max(0, len(window.cores) - facts.cpus))
    server_cpu = 0.0
    if facts.local_server:  # it works while somebody waits for it
        server_cpu = min(others * window.seconds, commit.seconds) / songs
        others -= server_cpu * window.rate
    asks = facts.shared and last.skipped > 0
    asking = ASK_TRIPS * last.round_trip / min(READ_AT_ONCE, max(1, last.batch_size)) if asks else 0.0
    widths = _widths(facts, figures)
    flush_fixed, flush_each = _flush(window, facts)
    commit_fixed, commit_each = _commit(window, facts)
    return Costs(
        worker_cpu=worker_cpu,
        store_cpu=min(worker_cpu, store_cpu),
        client_cpu=min(worker_cpu, client_cpu),
        source_wait=_alone(read.waited / songs, widths["source"], window),
        output_wait=_alone(max(0.0, store.waited / songs - asking), widths["output"], window),
        coordinator_cpu=max(0.0, coordinator),
        commit_cpu=commit_cpu,
        server_cpu=server_cpu,
        others=others * crowding,
        cores=float(facts.cpus),
        flush_fixed=flush_fixed,
        flush_each=flush_each,
        commit_fixed=commit_fixed,
        commit_each=commit_each,
        round_trip=last.round_trip if facts.shared else 0.0,
        asks=asks,
        tracks=window.tracks / songs,
        tracks_new=window.tracks_new / songs,
        source_width=widths["source"],
        output_width=widths["output"],
        busy=_busy(window, facts),
    )


def _crowding(window: Window, computed: float) -> float:
    """How many times as many processors programs want as they get, by how long workers waited for one."""
    return 1 + window.queued / computed if computed > 0 else 1.0


def _by_time(window: Window) -> float:
    """Processor time of the coordinator that no song asks for."""
    first, last = window.first, window.last
    return max(0.0, last.metering - first.metering + last.polling - first.polling)


def _widths(facts: Facts, figures: Sequence[Figures]) -> dict[str, float | None]:
    """How many requests places serve at once; a disk that turns one, if nobody measured it."""
    found: dict[str, float | None] = {}
    for role in ("source", "output"):
        place = facts.places.get(role)
        known = figures_of(place, figures)
        measured = None if known is None else known.read_us if role == "source" else known.create_us
        if measured:
            found[role] = width_of(measured)
        else:
            found[role] = 1.0 if place is not None and place.spins else None
    return found


def _alone(waited: float, width: float | None, window: Window) -> float:
    """How long a worker would have waited alone, of what it waited among others who were served before it.

    By the arrival theorem it finds there as many as are there on average without it.
    """
    workers = min(window.last.workers, window.last.in_flight_most or window.last.workers)
    if width is None or workers <= 1:
        return waited
    found = (workers - 1) / workers * window.rate * waited
    return waited / max(1.0, (1 + found) / width)


def _commit(window: Window, facts: Facts) -> tuple[float, float]:
    commit = window.stage("commit")
    if window.commits <= 0 or commit.seconds <= 0:
        return 0.0, 0.0
    songs = _together(window, window.commits)
    waited = commit.waited / window.commits
    if facts.shared:
        fixed = min(waited, COMMIT_TRIPS * window.last.round_trip)
        return fixed, (waited - fixed) / songs
    return waited, (commit.seconds - commit.waited) / window.commits / songs


def _flush(window: Window, facts: Facts) -> tuple[float, float]:
    flush = window.stage("flush")
    if window.flushes <= 0:
        return 0.0, 0.0
    seconds = flush.seconds / window.flushes
    traffic = window.device(facts.device("output"))
    requests = 0 if traffic is None else traffic.reads + traffic.writes
    fixed = min(seconds, 2 * traffic.queue / requests) if traffic is not None and requests else 0.0
    return fixed, (seconds - fixed) / _together(window, window.flushes)


def _together(window: Window, times: int) -> float:
    """Songs of a flush or commit, of which there were so many."""
    return max(1.0, (window.committed if window.committed > 0 else window.parents) / times)


def _busy(window: Window, facts: Facts) -> tuple[Busy, ...]:
    """What devices did for a song, divided among what they are for by how long that was waited for."""
    waits = {
        "source": window.stage("read").waited,
        "output": window.stage("store").waited + window.stage("flush").waited,
        "catalogue": window.stage("commit").waited,
    }
    found = []
    for device in sorted({facts.device(role) for role in waits} - {""}):
        roles = [role for role in waits if facts.device(role) == device]
        share = window.busy(device)
        # What does not turn serves several requests at once: busy does not mean that no more fit.
        if share is None or share < _DEVICE_BUSY or not facts.places[roles[0]].spins:
            continue
        total = math.fsum(waits[role] for role in roles)
        for role in roles:
            part = waits[role] / total if total > 0 else 1 / len(roles)
            found.append(Busy(device, role, part * share * window.seconds / window.parents))
    return tuple(found)
