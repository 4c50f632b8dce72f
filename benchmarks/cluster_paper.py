"""A cluster on paper: tasks of a generation, handed to nodes one by one, with stragglers.

Times per song and per request are those of ``ClusterSpeed``, which state where they come from. Passes end
before the next begins, as in midiprism.
"""

import heapq
import math
import random
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from midiprism.generations.estimate import ChunkSize, CostEstimate, SplitRatios, estimate_cost
from midiprism.generations.pass_c import RANGE_BYTES
from midiprism.generations.planning import ChunkLimits
from midiprism.generations.prices import Prices
from midiprism.generations.usage import Usage
from midiprism.objects import MAX_READS_IN_FLIGHT, RequestCounts

RECORD_BYTES_PER_LANE = 3.2
"""Of a record of pass A, in JSON, for a lane of few digests."""

MEMORY_PER_LANE = 12.1
"""Bytes of memory for a lane of a chunk, once its record is read: ``cluster_simulation lanes``."""

SECONDS_PER_LANE = 1.8e-7
"""Processor time for that, measured likewise."""

MEMORY_PER_DIGEST = 51.0
"""Bytes of memory of a task of pass B for a digest: ``cluster_simulation prefix``."""


@dataclass(frozen=True)
class ClusterSpeed:
    """Speeds of a node and of the store.

    Attributes:
        cores: processors of a node.
        bytes_per_second: between a node and the store.
        latency: seconds until an answer begins.
        client_seconds: processor time of the client for a request.
        requests_per_second: that the store answers for all nodes together.
        list_seconds: of a page of a listing, of which one is under way at a time.
        plan_seconds: processor time of the head for a song of the plan.
        spread: standard deviation of the logarithm of the factor by which a task is slower or faster.
    """

    cores: int = 8
    bytes_per_second: float = 1.25e9
    latency: float = 0.03
    client_seconds: float = 0.0002
    requests_per_second: float = 5_500.0 * 16
    list_seconds: float = 0.15
    plan_seconds: float = 1.5e-5
    spread: float = 0.25


class Forecast(NamedTuple):
    """A generation on a cluster.

    Attributes:
        seconds: of each pass.
        requests: of all nodes.
        dollars: for requests, and for the nodes while they are held.
        largest_task: bytes of memory of a task of pass B.
        records: bytes of memory that the records of pass A take in each process.
        largest_object: name and bytes.
    """

    seconds: dict[str, float]
    requests: RequestCounts
    dollars: tuple[float, float]
    largest_task: float
    records: float
    largest_object: tuple[str, float]


def forecast(
    songs: int, nodes: int, prefixes: int, song_bytes: int, *, packed: bool, speed: ClusterSpeed
) -> Forecast:
    """Return what a generation takes on a cluster.

    Args:
        songs: number of songs.
        nodes: number of nodes, each with one process.
        prefixes: of the result.
        song_bytes: of a song, on average.
        packed: whether songs are read from large objects in ranges, not one by one.
        speed: of nodes and store.
    """
    limits = ChunkLimits()
    per_chunk = min(limits.songs_for(songs), limits.max_bytes // song_bytes)
    count = math.ceil(songs / per_chunk)
    size = per_chunk * song_bytes
    reads = math.ceil(size / RANGE_BYTES) if packed else per_chunk
    listed = count if packed else songs
    estimate = estimate_cost([ChunkSize(per_chunk, size, reads)] * count, prefixes, listed)
    lanes = 2 * prefixes * count
    records = Usage(requests=RequestCounts(gets=count, bytes_read=int(lanes * RECORD_BYTES_PER_LANE)))
    load = _task_seconds(records, speed, 1) + lanes * SECONDS_PER_LANE
    ratios = SplitRatios()
    digests = songs * (1 + ratios.tracks)
    seconds = {
        "plan": estimate.by_pass["plan"].requests.lists * speed.list_seconds + songs * speed.plan_seconds
    }
    for name, cores in (("a", speed.cores), ("b", 1), ("c", speed.cores)):
        usage = estimate.by_pass[name]
        task = _task_seconds(_per_task(usage), speed, cores)
        start = load if name == "b" else 0.0
        scheduled = _schedule([task] * usage.tasks, nodes, start, speed.spread)
        counts = usage.requests
        seconds[name] = max(scheduled, (counts.gets + counts.puts) / speed.requests_per_second)
    seconds["commit"] = _task_seconds(estimate.by_pass["commit"], speed, 1) + load
    requests = _with_processes(estimate, records, nodes, prefixes)
    # Nodes are started once the plan is there.
    planning = seconds["plan"]
    hours = (planning + (sum(seconds.values()) - planning) * nodes) / 3600 * speed.cores
    prices = Prices()
    manifest = 290.0 * (estimate.by_pass["c"].requests.puts + count + prefixes)
    objects = {"bits of a prefix": digests / prefixes / 8, "index of a prefix": digests / prefixes * 16 * 0.7}
    objects |= {"manifest": manifest, "part of a pack": 64 << 20}
    largest = max(objects.items(), key=lambda item: item[1])
    return Forecast(
        seconds,
        requests,
        (prices.request_dollars(Usage(requests=requests)), hours * prices.core),
        digests / prefixes * MEMORY_PER_DIGEST,
        lanes * MEMORY_PER_LANE,
        largest,
    )


def _with_processes(estimate: CostEstimate, records: Usage, nodes: int, prefixes: int) -> RequestCounts:
    """Return the requests of all nodes: each but the first reads the records of passes A and B again."""
    again = RequestCounts(gets=records.requests.gets + prefixes, bytes_read=records.requests.bytes_read)
    total = estimate.total.requests
    return RequestCounts(*(mine + (nodes - 1) * more for mine, more in zip(total, again, strict=True)))


def _per_task(usage: Usage) -> Usage:
    counts = RequestCounts(*(math.ceil(count / usage.tasks) for count in usage.requests))
    return Usage(1, core_seconds=usage.core_seconds / usage.tasks, requests=counts)


def _task_seconds(usage: Usage, speed: ClusterSpeed, cores: int) -> float:
    """Return the time of a task: what takes longest of processors, client, latency and network."""
    counts = usage.requests
    requests = counts.gets + counts.puts + counts.heads
    return (
        max(
            usage.core_seconds / cores,
            requests * speed.client_seconds,
            math.ceil(requests / MAX_READS_IN_FLIGHT) * speed.latency,
            (counts.bytes_read + counts.bytes_written) / speed.bytes_per_second,
        )
        + 4 * speed.latency
    )


def _schedule(tasks: Sequence[float], nodes: int, start: float, spread: float) -> float:
    """Return when the last task ends, if each node takes the next one when it has done one."""
    rng = random.Random(1)
    free = [start] * min(nodes, len(tasks))
    for task in tasks:
        heapq.heapreplace(free, free[0] + task * rng.lognormvariate(0, spread))
    return max(free)
