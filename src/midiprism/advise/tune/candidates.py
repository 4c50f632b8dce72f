"""Find changes of settings that might make a run faster, from how its workers spend their time."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal, NamedTuple

from midiprism.metrics.snapshot import RunSample, SampleWindow
from midiprism.pipeline.resource_defaults import default_in_flight
from midiprism.pipeline.tuner import Tunables

CandidateKind = Literal["more workers", "fewer workers", "more in flight", "larger batches"]

WORKER_MEMORY_BYTES = 250 << 20
"""Memory that another worker may take."""

MAX_SONGS_IN_FLIGHT = 200_000
MAX_BATCH_SIZE = 10_000
MAX_WORKERS = 64

_MIN_BLOCKED = 0.2
_MOSTLY_BLOCKED = 0.5
_MIN_IDLE = 0.1
_MIN_COMMITTING = 0.5
_MIN_AT_LIMIT = 0.5
_MIN_CPU_WAIT = 0.4
_MIN_GAIN = 1.15
_MAX_GROWTH = 4
_MAX_COMMIT_GROWTH = 2
_MAX_BATCH_SECONDS = 10.0
"""Longest time of a worker for one batch: a kill loses that much work, and the run's end waits that long."""


class WorkerTimeShares(NamedTuple):
    """The shares of their time that workers spent in different ways.

    Attributes:
        blocked: waiting for the source or the store.
        idle: without a batch.
        cpu_wait: ready, without a processor.
        committing: with a commit of their own running, next to other work.
        at_in_flight_limit: share of the samples with as many batches in flight as allowed, none of them
            queued.
        cpu_headroom: how many times as much processor time the run could have.
        songs_per_worker_second: songs per second of a worker that is not idle.
    """

    blocked: float
    idle: float
    cpu_wait: float
    committing: float
    at_in_flight_limit: float
    cpu_headroom: float
    songs_per_worker_second: float


class Candidate(NamedTuple):
    """A change of settings that might help.

    Attributes:
        tunables: the settings after the change.
        gain: how many times as fast the run could be at most.
        reason: the reason, as a clause.
        needs_full_batches: whether the rate varies from batch to batch, so that measuring it takes many of
            them.
    """

    kind: CandidateKind
    tunables: Tunables
    gain: float
    reason: str
    needs_full_batches: bool = False


@dataclass(frozen=True, slots=True)
class Bounds:
    """The limits of changes.

    Attributes:
        cpus: processors that the run may use.
        workers_commit: whether workers commit their own batches.
        workers_adjustable: whether the number of workers may change; the others likewise.
    """

    cpus: int
    workers_commit: bool = False
    workers_adjustable: bool = True
    batch_size_adjustable: bool = True
    in_flight_adjustable: bool = True

    def max_workers(self, sample: RunSample, tunables: Tunables) -> int:
        """Return how many workers the processors, the memory and the batches allow."""
        by_memory = tunables.workers + sample.available_bytes // WORKER_MEMORY_BYTES
        limit = min(max(2 * self.cpus, MAX_WORKERS), by_memory)
        return limit if self.in_flight_adjustable else min(limit, tunables.in_flight)

    def max_in_flight(self, tunables: Tunables) -> int:
        """Return how many batches in flight the memory allows."""
        return max(tunables.in_flight, MAX_SONGS_IN_FLIGHT // tunables.batch_size)

    def with_workers(self, tunables: Tunables, workers: int) -> Tunables:
        """Return settings with another number of workers, and enough batches in flight for them."""
        in_flight = tunables.in_flight
        if self.in_flight_adjustable and workers > tunables.workers:
            enough = default_in_flight(workers, tunables.batch_size, shared=self.workers_commit)
            in_flight = max(in_flight, min(enough, self.max_in_flight(tunables)))
        return replace(tunables, workers=workers, in_flight=in_flight)

    def with_batch_size(self, tunables: Tunables, batch_size: int) -> Tunables:
        """Return settings with another batch size, at most as large as the memory allows."""
        in_flight = tunables.in_flight
        if self.in_flight_adjustable:
            in_flight = default_in_flight(tunables.workers, batch_size, shared=self.workers_commit)
        batch_size = min(batch_size, max(tunables.batch_size, MAX_SONGS_IN_FLIGHT // in_flight))
        if self.in_flight_adjustable:
            in_flight = max(in_flight, min(tunables.in_flight, MAX_SONGS_IN_FLIGHT // batch_size))
        return replace(tunables, batch_size=batch_size, in_flight=in_flight)


def worker_time_shares(samples: Sequence[RunSample], cpus: int) -> WorkerTimeShares:
    """Return how workers spent their time between the first and the last of some samples."""
    window = SampleWindow(samples[0], samples[-1])
    workers = sum(sample.workers_ready for sample in samples[1:]) / (len(samples) - 1)
    worker_seconds = max(1e-9, workers * window.seconds)
    cpu_wait = min(1.0, window.queued / worker_seconds)
    idle = min(1.0, window.idle / worker_seconds)
    rest = max(0.0, 1.0 - window.worker_cpu / worker_seconds - cpu_wait - idle)
    waited = (window.stage("read").waited + window.stage("store").waited) / worker_seconds
    # A long stage is counted only at its end. But while batches are queued, all workers are working.
    backlog = all(sample.batches_queued for sample in samples)
    # Processors that other programs keep busy are shared with them, not lost.
    usable_cpus = max(cpus - window.other_cores_busy, cpus / 2)
    return WorkerTimeShares(
        blocked=rest if backlog else min(rest, waited),
        idle=idle,
        cpu_wait=cpu_wait,
        committing=window.stage("commit").seconds / worker_seconds,
        at_in_flight_limit=sum(map(_is_at_in_flight_limit, samples)) / len(samples),
        cpu_headroom=usable_cpus * window.seconds / max(1e-9, window.own_cpu),
        songs_per_worker_second=window.songs / max(1e-9, worker_seconds * (1 - idle)),
    )


def find_candidates(samples: Sequence[RunSample], tunables: Tunables, bounds: Bounds) -> list[Candidate]:
    """Return the changes that might help, the most promising first.

    Args:
        samples: at least two, from a time in which the settings did not change.
        tunables: the present settings.
        bounds: limits of the changes.
    """
    shares = worker_time_shares(samples, bounds.cpus)
    max_workers = bounds.max_workers(samples[-1], tunables)
    candidates = _idle_workers_candidates(shares, tunables, bounds) if shares.idle >= _MIN_IDLE else []
    if bounds.workers_adjustable and tunables.workers < max_workers:
        candidates += _more_workers_candidates(shares, tunables, bounds, max_workers)
    if bounds.workers_adjustable and tunables.workers > bounds.cpus:
        candidates += _fewer_workers_candidates(shares, tunables, bounds)
    # The sort is stable: of equal gains, the cheaper change stays first.
    return sorted(candidates, key=lambda candidate: -candidate.gain)


def _more_workers_candidates(
    shares: WorkerTimeShares, tunables: Tunables, bounds: Bounds, max_workers: int
) -> list[Candidate]:
    if shares.blocked >= _MIN_BLOCKED:
        gain = 1 / max(1e-9, 1 - shares.blocked)
        reason = f"workers wait for the source and the store for {shares.blocked:.0%} of their time"
        max_growth = _MAX_GROWTH
    elif bounds.workers_commit and shares.idle >= _MIN_IDLE and shares.committing >= _MIN_COMMITTING:
        gain = 1 / max(1e-9, 1 - shares.idle)
        reason = f"workers wait for their own commits for {shares.idle:.0%} of their time"
        max_growth = _MAX_COMMIT_GROWTH
    else:
        return []
    gain = min(gain, shares.cpu_headroom, max_growth)
    if gain < _MIN_GAIN:
        return []
    workers = min(max_workers, max(tunables.workers + 1, math.ceil(tunables.workers * gain)))
    return [
        Candidate(
            "more workers",
            bounds.with_workers(tunables, workers),
            gain,
            reason,
            needs_full_batches=shares.blocked < _MIN_BLOCKED,
        )
    ]


def _fewer_workers_candidates(
    shares: WorkerTimeShares, tunables: Tunables, bounds: Bounds
) -> list[Candidate]:
    if shares.cpu_wait >= _MIN_CPU_WAIT:
        workers = math.ceil(tunables.workers * (1 - shares.cpu_wait))
        reason = f"workers are ready and have no processor for {shares.cpu_wait:.0%} of their time"
    elif shares.blocked >= _MOSTLY_BLOCKED:
        workers = tunables.workers // 2
        reason = f"workers wait for {shares.blocked:.0%} of their time, and fewer workers may do as much"
    else:
        return []
    fewer = bounds.with_workers(tunables, max(bounds.cpus, workers))
    return [Candidate("fewer workers", fewer, 1.0, reason)]


def _idle_workers_candidates(shares: WorkerTimeShares, tunables: Tunables, bounds: Bounds) -> list[Candidate]:
    """Return the changes that give work to idle workers."""
    gain = min(1 / max(1e-9, 1 - shares.idle), shares.cpu_headroom, _MAX_GROWTH)
    candidates: list[Candidate] = []
    idle = f"workers have nothing to do for {shares.idle:.0%} of their time"
    at_limit = shares.at_in_flight_limit >= _MIN_AT_LIMIT
    affordable = min(MAX_BATCH_SIZE, int(_MAX_BATCH_SECONDS * shares.songs_per_worker_second))
    batch_size = min(max(tunables.batch_size, affordable), tunables.batch_size * _MAX_GROWTH)
    larger = bounds.with_batch_size(tunables, batch_size)
    if (
        bounds.batch_size_adjustable
        and larger.batch_size > tunables.batch_size
        and (bounds.workers_commit or not at_limit or not bounds.in_flight_adjustable)
    ):
        reason = f"{idle} while batches are handed out or committed"
        candidates.append(Candidate("larger batches", larger, gain, reason, needs_full_batches=True))
    in_flight = min(2 * tunables.in_flight, bounds.max_in_flight(tunables))
    if bounds.in_flight_adjustable and at_limit and in_flight > tunables.in_flight:
        reason = f"{idle} while {tunables.in_flight} batches, as many as allowed, are not committed yet"
        more = replace(tunables, in_flight=in_flight)
        candidates.append(Candidate("more in flight", more, gain, reason, needs_full_batches=True))
    if shares.committing < _MIN_COMMITTING:
        candidates.reverse()
    return candidates


def _is_at_in_flight_limit(sample: RunSample) -> bool:
    return sample.in_flight >= sample.in_flight_limit - 1 and sample.batches_queued == 0
