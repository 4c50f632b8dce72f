"""What might make a run faster while it goes on, by what its clocks say."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal, NamedTuple

from midiprism.metrics.snapshot import RunSample, SampleWindow
from midiprism.pipeline.resource_defaults import default_in_flight
from midiprism.pipeline.tuner import Tunables

CandidateKind = Literal["more workers", "fewer workers", "more in flight", "larger batches"]

WORKER_MEMORY_BYTES = 250 << 20
"""That one more process may take."""

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
"""Longest that a larger batch may take a worker: so much a kill costs, and so long others wait at the end."""


class WorkerTimeShares(NamedTuple):
    """What workers did with their time: shares of it.

    Attributes:
        blocked: waiting for the source or the store.
        idle: without a batch.
        queued: ready, without a processor.
        committing: with a commit of their own under way, beside the others.
        crowded: share of the moments in which as much was in flight as may be, and none of it was waiting.
        room: how many times as much processor time workers could have.
        pace: songs a second of a worker that is not idle.
    """

    blocked: float
    idle: float
    cpu_wait: float
    committing: float
    at_in_flight_limit: float
    cpu_headroom: float
    songs_per_worker_second: float


class Candidate(NamedTuple):
    """What might be put in force.

    Attributes:
        gain: how many times the rate, at most.
        why: what speaks for it, as a clause.
        by_batches: whether work goes on by fits and starts, so that it takes many batches to measure.
    """

    kind: CandidateKind
    tunables: Tunables
    gain: float
    reason: str
    needs_full_batches: bool = False


@dataclass(frozen=True, slots=True)
class Bounds:
    """What moves must keep to.

    Attributes:
        cpus: processors that this run may use.
        shared: whether workers commit their own batches.
        workers: whether their number may be changed; ``batch_size_adjustable`` and ``in_flight_adjustable`` likewise.
    """

    cpus: int
    shared: bool = False
    workers_adjustable: bool = True
    batch_size_adjustable: bool = True
    in_flight_adjustable: bool = True

    def max_workers(self, sample: RunSample, tunables: Tunables) -> int:
        """By processors, by memory, and by the batches that there are for them."""
        most = min(
            max(2 * self.cpus, MAX_WORKERS), tunables.workers + sample.available_bytes // WORKER_MEMORY_BYTES
        )
        return most if self.in_flight_adjustable else min(most, tunables.in_flight)

    def max_in_flight(self, tunables: Tunables) -> int:
        """By memory."""
        return max(tunables.in_flight, MAX_SONGS_IN_FLIGHT // tunables.batch_size)

    def with_workers(self, tunables: Tunables, workers: int) -> Tunables:
        """So many workers, and enough in flight for them."""
        changed = replace(tunables, workers=workers)
        if not self.in_flight_adjustable or workers <= tunables.workers:
            return changed
        enough = min(
            default_in_flight(workers, tunables.batch_size, shared=self.shared), self.max_in_flight(tunables)
        )
        return replace(changed, in_flight=max(tunables.in_flight, enough))

    def with_batch_size(self, tunables: Tunables, batch_size: int) -> Tunables:
        """Batches of that size, or of as many songs as the memory allows."""
        in_flight = tunables.in_flight
        if self.in_flight_adjustable:
            in_flight = default_in_flight(tunables.workers, batch_size, shared=self.shared)
        batch_size = min(batch_size, max(tunables.batch_size, MAX_SONGS_IN_FLIGHT // in_flight))
        if self.in_flight_adjustable:
            in_flight = max(in_flight, min(tunables.in_flight, MAX_SONGS_IN_FLIGHT // batch_size))
        return replace(tunables, batch_size=batch_size, in_flight=in_flight)


def worker_time_shares(samples: Sequence[RunSample], cpus: int) -> WorkerTimeShares:
    """What workers did with their time between the first of some samples and the last."""
    window = SampleWindow(samples[0], samples[-1])
    workers = sum(sample.workers_ready for sample in samples[1:]) / (len(samples) - 1)
    time = max(1e-9, workers * window.seconds)
    queued, idle = min(1.0, window.queued / time), min(1.0, window.idle / time)
    rest = max(0.0, 1.0 - window.worker_cpu / time - queued - idle)
    waited = (window.stage("read").waited + window.stage("store").waited) / time
    # Of a stage that takes long nobody hears until it is over; who has work waiting is at work.
    backlog = all(sample.batches_queued for sample in samples)
    most = max(
        cpus - window.other_cores_busy, cpus / 2
    )  # processors that others keep busy are shared, not lost
    return WorkerTimeShares(
        blocked=rest if backlog else min(rest, waited),
        idle=idle,
        cpu_wait=queued,
        committing=window.stage("commit").seconds / time,
        at_in_flight_limit=sum(map(_is_at_in_flight_limit, samples)) / len(samples),
        cpu_headroom=most * window.seconds / max(1e-9, window.own_cpu),
        songs_per_worker_second=window.songs / max(1e-9, time * (1 - idle)),
    )


def find_candidates(samples: Sequence[RunSample], tunables: Tunables, bounds: Bounds) -> list[Candidate]:
    """What might help, the most promising first.

    Args:
        samples: of a time in which nothing was changed, at least two.
        knobs: what is in force.
        bounds: what to keep to.
    """
    use = worker_time_shares(samples, bounds.cpus)
    most = bounds.max_workers(samples[-1], tunables)
    found = _idle_workers_candidates(use, tunables, bounds) if use.idle >= _MIN_IDLE else []
    if bounds.workers_adjustable and tunables.workers < most:
        found += _more_workers_candidates(use, tunables, bounds, most)
    if bounds.workers_adjustable and tunables.workers > bounds.cpus:
        found += _fewer_workers_candidates(use, tunables, bounds)
    return sorted(found, key=lambda move: -move.gain)  # of equal ones that which costs less comes first


def _more_workers_candidates(
    shares: WorkerTimeShares, tunables: Tunables, bounds: Bounds, max_workers: int
) -> list[Candidate]:
    if shares.blocked >= _MIN_BLOCKED:
        gain = 1 / max(1e-9, 1 - shares.blocked)
        why = f"processes wait for the source and the store for {shares.blocked:.0%} of their time"
        steepest = _MAX_GROWTH
    elif bounds.shared and shares.idle >= _MIN_IDLE and shares.committing >= _MIN_COMMITTING:
        gain = 1 / max(1e-9, 1 - shares.idle)
        why = f"processes wait for their own commits for {shares.idle:.0%} of their time"
        steepest = _MAX_COMMIT_GROWTH
    else:
        return []
    gain = min(gain, shares.cpu_headroom, steepest)
    workers = min(max_workers, max(tunables.workers + 1, math.ceil(tunables.workers * gain)))
    if gain < _MIN_GAIN:
        return []
    by_batches = shares.blocked < _MIN_BLOCKED
    return [Candidate("more workers", bounds.with_workers(tunables, workers), gain, why, by_batches)]


def _fewer_workers_candidates(
    shares: WorkerTimeShares, tunables: Tunables, bounds: Bounds
) -> list[Candidate]:
    if shares.cpu_wait >= _MIN_CPU_WAIT:
        workers = math.ceil(tunables.workers * (1 - shares.cpu_wait))
        why = f"processes are ready and have no processor for {shares.cpu_wait:.0%} of their time"
    elif shares.blocked >= _MOSTLY_BLOCKED:
        workers = tunables.workers // 2
        why = f"processes wait for {shares.blocked:.0%} of their time, and fewer of them may do as much"
    else:
        return []
    return [Candidate("fewer workers", bounds.with_workers(tunables, max(bounds.cpus, workers)), 1.0, why)]


def _idle_workers_candidates(shares: WorkerTimeShares, tunables: Tunables, bounds: Bounds) -> list[Candidate]:
    """What gives work to workers that have none."""
    gain = min(1 / max(1e-9, 1 - shares.idle), shares.cpu_headroom, _MAX_GROWTH)
    found: list[Candidate] = []
    idle = f"processes have nothing to do for {shares.idle:.0%} of their time"
    crowded = shares.at_in_flight_limit >= _MIN_AT_LIMIT
    longest = max(
        tunables.batch_size, min(MAX_BATCH_SIZE, int(_MAX_BATCH_SECONDS * shares.songs_per_worker_second))
    )
    larger = bounds.with_batch_size(tunables, min(longest, tunables.batch_size * _MAX_GROWTH))
    if (
        bounds.batch_size_adjustable
        and larger.batch_size > tunables.batch_size
        and (bounds.shared or not crowded or not bounds.in_flight_adjustable)
    ):
        why = f"{idle} while batches are handed out or committed"
        found.append(Candidate("larger batches", larger, gain, why, needs_full_batches=True))
    in_flight = min(2 * tunables.in_flight, bounds.max_in_flight(tunables))
    if bounds.in_flight_adjustable and crowded and in_flight > tunables.in_flight:
        why = (
            f"{idle} while {tunables.in_flight} batches, as many as may be, are on their way to the catalogue"
        )
        more = replace(tunables, in_flight=in_flight)
        found.append(Candidate("more in flight", more, gain, why, needs_full_batches=True))
    if shares.committing < _MIN_COMMITTING:
        found.reverse()
    return found


def _is_at_in_flight_limit(sample: RunSample) -> bool:
    return sample.in_flight >= sample.in_flight_limit - 1 and sample.batches_queued == 0
