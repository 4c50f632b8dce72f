"""How many songs a second a run makes, by what a song costs it and by its settings.

The model is in docs/explanation/tuning.md, with its limits. In short: busy workers are a closed network of queues, whose
throughput is known for each number of them. Around it batches go round between workers, flush and commit, and
a round takes as long as the longest chain of steps of which each waits for the one before.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from midiprism.advise.model.costs import QUERY_ROUND_TRIPS, SONGS_PER_QUERY, Costs
from midiprism.advise.model.queueing import Station, ThroughputCurve, solve_network
from midiprism.advise.model.run_facts import RunFacts
from midiprism.metrics.snapshot import SampleWindow
from midiprism.pipeline.group_commit import MAX_GROUP_SECONDS as GROUP_SECONDS
from midiprism.pipeline.group_commit import MAX_GROUP_SONGS as GROUP_SONGS
from midiprism.pipeline.resource_defaults import BATCHES_PER_WORKER, default_batch_size, default_in_flight
from midiprism.pipeline.run_reports import RECORD_REST_FACTOR

LEASE_ROUND_TRIPS, PROGRESS_ROUND_TRIPS = 6, 6
"""Answers of a server for which the coordinator waits: to lease a batch, and to tell how far it is, each
second or a tenth of the time."""

_BATCHES_AHEAD_PER_WORKER = BATCHES_PER_WORKER - 0.75
"""Batches that a worker does while the coordinator is away: what waits, and what is left of that in hand."""

_SHARPNESS = 6.0
"""Where committing and planning take as long as each other, each now and then waits for the other."""

_MIN_SECONDS = 1e-7
_MIN_CORES = 0.05


@dataclass(frozen=True, slots=True)
class Setup:
    """Settings of a run.

    Attributes:
        workers: processes that split; 0 for none but the coordinator.
        batch: songs of a batch.
        in_flight: most batches handed out and not committed.
        shared: whether each worker commits its batches, as with a server, or the coordinator groups of them.
    """

    workers: int
    batch_size: int
    in_flight: int
    shared: bool = False


def predicted_rate(costs: Costs, setup: Setup) -> float:
    """Songs a second."""
    if setup.workers == 0:
        each = _seconds_inline(costs, setup)
    elif setup.shared:
        each = _seconds_with_worker_commits(costs, setup)
    else:
        each = _seconds_with_group_commits(costs, setup)
    processors = costs.worker_cpu + costs.coordinator_cpu + costs.commit_cpu + costs.server_cpu
    # The process that plans and commits asks for its share beside the workers.
    cores = free_cores(costs, min(setup.workers, setup.in_flight) + 1)
    return 1 / max(_MIN_SECONDS, each, processors / cores, costs.busiest_device_seconds)


def free_cores(costs: Costs, processes: int) -> float:
    """Processors that so many processes get: what others leave, or their share if all want to compute."""
    shared = costs.cores * processes / (processes + costs.other_programs_cpu)
    return max(_MIN_CORES, costs.cores - costs.other_programs_cpu, shared)


def worker_throughput(costs: Costs, setup: Setup) -> ThroughputCurve:
    """Songs a second by how many workers are busy."""
    customers = max(1, min(setup.workers, setup.in_flight))
    asking = (
        QUERY_ROUND_TRIPS * costs.round_trip / min(SONGS_PER_QUERY, setup.batch_size)
        if costs.queries_catalog
        else 0.0
    )
    waits = [
        Station(costs.source_wait, costs.source_concurrency),
        Station(costs.output_wait, costs.output_concurrency),
    ]
    # What goes on beside the workers takes its share of the processors: at most what goes with their bounds.
    beside = costs.commit_client_cpu + costs.coordinator_cpu + costs.server_cpu
    splitting = costs.worker_cpu - costs.commit_client_cpu
    cores = free_cores(costs, customers)
    fastest = max(
        (splitting + costs.source_wait + costs.output_wait + asking) / customers,
        (splitting + beside) / cores,
        *(it.demand / it.servers for it in waits if it.servers),
        _MIN_SECONDS,
    )
    left = max(_MIN_CORES, cores - beside / fastest)
    return solve_network([Station(splitting, left), *waits], asking, customers)


def _seconds_inline(costs: Costs, setup: Setup) -> float:
    """Seconds a song in one process, where nothing overlaps."""
    group = max(1, min(GROUP_SONGS, setup.batch_size * setup.in_flight))
    waits = costs.source_wait + costs.output_wait
    each = costs.coordinator_cpu + costs.flush_per_song + costs.commit_per_song
    return costs.worker_cpu + waits + each + (costs.flush_fixed + costs.commit_fixed) / group


def _seconds_with_worker_commits(costs: Costs, setup: Setup) -> float:
    """Seconds a song where a worker flushes and commits its batch while it splits the next one."""
    workers, batch, most = setup.workers, setup.batch_size, setup.in_flight
    busy = worker_throughput(costs, setup)
    each = costs.flush_per_song + costs.commit_per_song + costs.commit_client_cpu
    commit = costs.flush_fixed + costs.commit_fixed + each * batch
    lease = LEASE_ROUND_TRIPS * costs.round_trip + costs.coordinator_cpu * batch
    # The coordinator leases batches while it does not tell; each waits for the rest of that now and then.
    telling = PROGRESS_ROUND_TRIPS * costs.round_trip
    away = telling / (telling + max(1.0, RECORD_REST_FACTOR * telling))
    outside = lease + away * telling / 2 + commit
    at_once = min(workers, most)
    apart = busy.with_delay(most, outside / batch)
    together = most / (at_once / busy.at(at_once) + outside / batch)
    turn = batch / math.sqrt(apart * min(apart, together))
    planned = lease / (1 - away)
    both = math.pow(commit / workers, _SHARPNESS) + math.pow(planned, _SHARPNESS)
    return max(turn, math.pow(both, 1 / _SHARPNESS)) / batch


def _seconds_with_group_commits(costs: Costs, setup: Setup) -> float:
    """Seconds a song where the coordinator commits groups of batches, and plans and receives them beside."""
    workers, batch, most = setup.workers, setup.batch_size, setup.in_flight
    busy = worker_throughput(costs, setup)
    at_once = min(workers, most)
    fastest = busy.at(at_once) / batch
    group = min(most, -(-GROUP_SONGS // batch))
    flush = costs.flush_fixed + costs.flush_per_song * batch * group
    commit = costs.commit_fixed + costs.commit_per_song * batch * group
    plan = costs.coordinator_cpu * batch
    alone = max(group * plan + commit, flush + commit)
    if most > group:
        alone = max(alone, commit + max(0.0, group - _BATCHES_AHEAD_PER_WORKER * workers) / fastest)
    rounds = [group / fastest, alone]
    for lag in range(1, -(-most // group) + 3):
        # The last batch of a group is begun when the group so many before it has been committed.
        before = group * (lag + 1) - 1 - most
        if before >= 0:
            waves = before // workers
            last = at_once if most > group else max(1, min(at_once, most - waves * workers))
            working = (waves * workers / busy.at(workers) if waves else 0.0) + last / busy.at(last)
            rounds.append((working * batch + flush + commit + plan) / lag)
    soon = min(fastest, group / max(alone, _MIN_SECONDS), _timed_group_rate(costs, setup, at_once / fastest))
    return 1 / (batch * max(group / max(rounds), soon))


def _timed_group_rate(costs: Costs, setup: Setup, split_seconds: float) -> float:
    """Batches a second where a group is what comes together in two seconds, since songs are slow.

    A batch comes round after its splitting, the two seconds, and the flush and commit of all that have come.
    """
    fixed = costs.flush_fixed + costs.commit_fixed
    each = (costs.flush_per_song + costs.commit_per_song) * setup.batch_size
    once = split_seconds + GROUP_SECONDS + fixed + each
    more = GROUP_SECONDS * each
    return 2 * setup.in_flight / (once + math.sqrt(once * once + 4 * more * setup.in_flight))


def setup_of(window: SampleWindow, settings: Mapping[str, Any] | RunFacts) -> Setup:
    """The settings that were in force at the end of a part of a run."""
    facts = settings if isinstance(settings, RunFacts) else RunFacts.from_settings(settings)
    last = window.last
    batch = last.batch_size or default_batch_size(shared=facts.shared)
    in_flight = last.in_flight_limit or default_in_flight(last.workers, batch, shared=facts.shared)
    return Setup(last.workers, batch, in_flight, facts.shared)
