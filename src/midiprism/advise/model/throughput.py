"""Predict the rate of a run from the costs of a song and the run's settings.

docs/explanation/tuning.md describes the model and its limits. In short: busy workers are a closed network of
queues, whose throughput is known for each number of workers. Around it, batches circulate between workers,
flush and commit. A round takes as long as the longest chain of steps that wait for each other.
"""

import math

from midiprism.advise.model.costs import Costs, query_seconds
from midiprism.advise.model.queueing import Station, ThroughputCurve, solve_network
from midiprism.advise.model.run_facts import RunFacts
from midiprism.metrics.snapshot import SampleWindow
from midiprism.pipeline.group_commit import MAX_GROUP_SECONDS, MAX_GROUP_SONGS
from midiprism.pipeline.resource_defaults import BATCHES_PER_WORKER, default_batch_size, default_in_flight
from midiprism.pipeline.settings import RECORD_REST_FACTOR
from midiprism.pipeline.tuner import Tunables

LEASE_ROUND_TRIPS = 6
"""Round trips in which the coordinator leases a batch."""

PROGRESS_ROUND_TRIPS = 6
"""Round trips in which the coordinator records progress, each second or more rarely."""

_BATCHES_AHEAD_PER_WORKER = BATCHES_PER_WORKER - 0.75
"""Batches that a worker processes while the coordinator commits: those in its queue, and the rest of the
present one."""

_SHARPNESS = 6.0
"""Exponent that joins two bounds: where committing and planning take equally long, each sometimes waits for
the other."""

_MIN_SECONDS = 1e-7
_MIN_CORES = 0.05


def predicted_rate(costs: Costs, tunables: Tunables) -> float:
    """Return the songs per second."""
    if tunables.workers == 0:
        seconds = _seconds_inline(costs, tunables)
    elif costs.workers_commit:
        seconds = _seconds_with_worker_commits(costs, tunables)
    else:
        seconds = _seconds_with_group_commits(costs, tunables)
    cpu = costs.worker_cpu + costs.coordinator_cpu + costs.commit_cpu + costs.server_cpu
    # The coordinator competes for processors with the workers.
    cores = free_cores(costs, min(tunables.workers, tunables.in_flight) + 1)
    return 1 / max(_MIN_SECONDS, seconds, cpu / cores, costs.busiest_device_seconds)


def free_cores(costs: Costs, processes: int) -> float:
    """Return how many processors ``processes`` get: those that others leave, or a fair share of all."""
    fair_share = costs.cores * processes / (processes + costs.other_programs_cpu)
    return max(_MIN_CORES, costs.cores - costs.other_programs_cpu, fair_share)


def worker_throughput(costs: Costs, tunables: Tunables) -> ThroughputCurve:
    """Return the songs per second by the number of busy workers."""
    workers = max(1, min(tunables.workers, tunables.in_flight))
    query_wait = query_seconds(costs.round_trip, tunables.batch_size) if costs.queries_catalog else 0.0
    disks = [
        Station(costs.source_wait, costs.source_concurrency),
        Station(costs.output_wait, costs.output_concurrency),
    ]
    # Other work of the run takes processor time from the workers: at most as much as the bounds of its rate
    # allow.
    other_cpu = costs.commit_client_cpu + costs.coordinator_cpu + costs.server_cpu
    split_cpu = costs.worker_cpu - costs.commit_client_cpu
    cores = free_cores(costs, workers)
    least_seconds = max(
        (split_cpu + costs.source_wait + costs.output_wait + query_wait) / workers,
        (split_cpu + other_cpu) / cores,
        *(disk.demand / disk.servers for disk in disks if disk.servers),
        _MIN_SECONDS,
    )
    cores_left = max(_MIN_CORES, cores - other_cpu / least_seconds)
    return solve_network([Station(split_cpu, cores_left), *disks], query_wait, workers)


def _seconds_inline(costs: Costs, tunables: Tunables) -> float:
    """Return the seconds per song in one process, where nothing overlaps."""
    group = max(1, min(MAX_GROUP_SONGS, tunables.batch_size * tunables.in_flight))
    waits = costs.source_wait + costs.output_wait
    per_song = costs.coordinator_cpu + costs.flush_per_song + costs.commit_per_song
    return costs.worker_cpu + waits + per_song + (costs.flush_fixed + costs.commit_fixed) / group


def _seconds_with_worker_commits(costs: Costs, tunables: Tunables) -> float:
    """Return the seconds per song where a worker flushes and commits a batch while it splits the next one."""
    workers, batch, in_flight = tunables.workers, tunables.batch_size, tunables.in_flight
    curve = worker_throughput(costs, tunables)
    per_song = costs.flush_per_song + costs.commit_per_song + costs.commit_client_cpu
    commit = costs.flush_fixed + costs.commit_fixed + per_song * batch
    lease = LEASE_ROUND_TRIPS * costs.round_trip + costs.coordinator_cpu * batch
    # The coordinator does not lease while it records progress: a lease sometimes waits for the rest of that.
    recording = PROGRESS_ROUND_TRIPS * costs.round_trip
    recording_share = recording / (recording + max(1.0, RECORD_REST_FACTOR * recording))
    outside = lease + recording_share * recording / 2 + commit
    busy_workers = min(workers, in_flight)
    independent = curve.with_delay(in_flight, outside / batch)
    in_step = in_flight / (busy_workers / curve.at(busy_workers) + outside / batch)
    round_seconds = batch / math.sqrt(independent * min(independent, in_step))
    planning = lease / (1 - recording_share)
    bound = math.pow(commit / workers, _SHARPNESS) + math.pow(planning, _SHARPNESS)
    return max(round_seconds, math.pow(bound, 1 / _SHARPNESS)) / batch


def _seconds_with_group_commits(costs: Costs, tunables: Tunables) -> float:
    """Return the seconds per song where the coordinator plans, collects, and commits groups of batches."""
    workers, batch, in_flight = tunables.workers, tunables.batch_size, tunables.in_flight
    curve = worker_throughput(costs, tunables)
    busy_workers = min(workers, in_flight)
    fastest = curve.at(busy_workers) / batch
    group = min(in_flight, -(-MAX_GROUP_SONGS // batch))
    flush = costs.flush_fixed + costs.flush_per_song * batch * group
    commit = costs.commit_fixed + costs.commit_per_song * batch * group
    plan = costs.coordinator_cpu * batch
    coordinator = max(group * plan + commit, flush + commit)
    if in_flight > group:
        coordinator = max(
            coordinator, commit + max(0.0, group - _BATCHES_AHEAD_PER_WORKER * workers) / fastest
        )
    rounds = [group / fastest, coordinator]
    for lag in range(1, -(-in_flight // group) + 3):
        # The last batch of a group begins once the group ``lag`` groups earlier has been committed.
        ahead = group * (lag + 1) - 1 - in_flight
        if ahead >= 0:
            waves = ahead // workers
            last = (
                busy_workers if in_flight > group else max(1, min(busy_workers, in_flight - waves * workers))
            )
            working = (waves * workers / curve.at(workers) if waves else 0.0) + last / curve.at(last)
            rounds.append((working * batch + flush + commit + plan) / lag)
    timed = _timed_group_rate(costs, tunables, busy_workers / fastest)
    early = min(fastest, group / max(coordinator, _MIN_SECONDS), timed)
    return 1 / (batch * max(group / max(rounds), early))


def _timed_group_rate(costs: Costs, tunables: Tunables, split_seconds: float) -> float:
    """Return the batches per second where songs are so slow that a group is what arrives in two seconds.

    The round of a batch takes its splitting, the two seconds, and the flush and commit of all batches that
    have arrived.
    """
    fixed = costs.flush_fixed + costs.commit_fixed
    per_batch = (costs.flush_per_song + costs.commit_per_song) * tunables.batch_size
    constant = split_seconds + MAX_GROUP_SECONDS + fixed + per_batch
    linear = MAX_GROUP_SECONDS * per_batch
    return (
        2 * tunables.in_flight / (constant + math.sqrt(constant * constant + 4 * linear * tunables.in_flight))
    )


def tunables_of(window: SampleWindow, facts: RunFacts) -> Tunables:
    """Return the settings that were in force at the end of a window."""
    last = window.last
    batch_size = last.batch_size or default_batch_size(shared=facts.workers_commit)
    default = default_in_flight(last.workers, batch_size, shared=facts.workers_commit)
    return Tunables(last.workers, batch_size, last.in_flight_limit or default)
