"""What might make a run faster while it goes on, by what its clocks say."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal, NamedTuple

from midiprism.meter.sample import Sample, Window
from midiprism.run.machine import default_in_flight
from midiprism.run.tuning import Knobs

Kind = Literal["more workers", "fewer workers", "more in flight", "larger batches"]

WORKER_BYTES = 250 << 20
"""That one more process may take."""

SONGS_IN_FLIGHT = 200_000
LARGEST_BATCH = 10_000
MOST_WORKERS = 64

_BLOCKED = 0.2
_MOSTLY_BLOCKED = 0.5
_IDLE = 0.1
_COMMITTING = 0.5
_CROWDED = 0.5
_QUEUED = 0.4
_ROOM = 1.15
_STEEPEST = 4
_STEEP = 2
_BATCH_SECONDS = 10.0
"""Longest that a larger batch may take a worker: so much a kill costs, and so long others wait at the end."""


class Use(NamedTuple):
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
    queued: float
    committing: float
    crowded: float
    room: float
    pace: float


class Move(NamedTuple):
    """What might be put in force.

    Attributes:
        gain: how many times the rate, at most.
        why: what speaks for it, as a clause.
        by_batches: whether work goes on by fits and starts, so that it takes many batches to measure.
    """

    kind: Kind
    knobs: Knobs
    gain: float
    why: str
    by_batches: bool = False


@dataclass(frozen=True, slots=True)
class Bounds:
    """What moves must keep to.

    Attributes:
        cpus: processors that this run may use.
        shared: whether workers commit their own batches.
        workers: whether their number may be changed; ``batch_size`` and ``in_flight`` likewise.
    """

    cpus: int
    shared: bool = False
    workers: bool = True
    batch_size: bool = True
    in_flight: bool = True

    def most_workers(self, sample: Sample, knobs: Knobs) -> int:
        """By processors, by memory, and by the batches that there are for them."""
        most = min(max(2 * self.cpus, MOST_WORKERS), knobs.workers + sample.available // WORKER_BYTES)
        return most if self.in_flight else min(most, knobs.in_flight)

    def most_in_flight(self, knobs: Knobs) -> int:
        """By memory."""
        return max(knobs.in_flight, SONGS_IN_FLIGHT // knobs.batch_size)

    def with_workers(self, knobs: Knobs, workers: int) -> Knobs:
        """So many workers, and enough in flight for them."""
        changed = replace(knobs, workers=workers)
        if not self.in_flight or workers <= knobs.workers:
            return changed
        enough = min(
            default_in_flight(workers, knobs.batch_size, shared=self.shared), self.most_in_flight(knobs)
        )
        return replace(changed, in_flight=max(knobs.in_flight, enough))

    def with_batches(self, knobs: Knobs, batch_size: int) -> Knobs:
        """Batches of that size, or of as many songs as the memory allows."""
        in_flight = knobs.in_flight
        if self.in_flight:
            in_flight = default_in_flight(knobs.workers, batch_size, shared=self.shared)
        batch_size = min(batch_size, max(knobs.batch_size, SONGS_IN_FLIGHT // in_flight))
        if self.in_flight:
            in_flight = max(in_flight, min(knobs.in_flight, SONGS_IN_FLIGHT // batch_size))
        return replace(knobs, batch_size=batch_size, in_flight=in_flight)


def use_of(samples: Sequence[Sample], cpus: int) -> Use:
    """What workers did with their time between the first of some samples and the last."""
    window = Window(samples[0], samples[-1])
    workers = sum(sample.ready for sample in samples[1:]) / (len(samples) - 1)
    time = max(1e-9, workers * window.seconds)
    queued, idle = min(1.0, window.queued / time), min(1.0, window.idle / time)
    rest = max(0.0, 1.0 - window.worker_cpu / time - queued - idle)
    waited = (window.stage("read").waited + window.stage("store").waited) / time
    # Of a stage that takes long nobody hears until it is over; who has work waiting is at work.
    backlog = all(sample.queue for sample in samples)
    most = max(cpus - window.others, cpus / 2)  # processors that others keep busy are shared, not lost
    return Use(
        blocked=rest if backlog else min(rest, waited),
        idle=idle,
        queued=queued,
        committing=window.stage("commit").seconds / time,
        crowded=sum(map(_crowded, samples)) / len(samples),
        room=most * window.seconds / max(1e-9, window.ours),
        pace=window.parents / max(1e-9, time * (1 - idle)),
    )


def moves(samples: Sequence[Sample], knobs: Knobs, bounds: Bounds) -> list[Move]:
    """What might help, the most promising first.

    Args:
        samples: of a time in which nothing was changed, at least two.
        knobs: what is in force.
        bounds: what to keep to.
    """
    use = use_of(samples, bounds.cpus)
    most = bounds.most_workers(samples[-1], knobs)
    found = _for_the_idle(use, knobs, bounds) if use.idle >= _IDLE else []
    if bounds.workers and knobs.workers < most:
        found += _more_workers(use, knobs, bounds, most)
    if bounds.workers and knobs.workers > bounds.cpus:
        found += _fewer_workers(use, knobs, bounds)
    return sorted(found, key=lambda move: -move.gain)  # of equal ones that which costs less comes first


def _more_workers(use: Use, knobs: Knobs, bounds: Bounds, most: int) -> list[Move]:
    if use.blocked >= _BLOCKED:
        gain = 1 / max(1e-9, 1 - use.blocked)
        why = f"processes wait for the source and the store for {use.blocked:.0%} of their time"
        steepest = _STEEPEST
    elif bounds.shared and use.idle >= _IDLE and use.committing >= _COMMITTING:
        gain = 1 / max(1e-9, 1 - use.idle)
        why = f"processes wait for their own commits for {use.idle:.0%} of their time"
        steepest = _STEEP
    else:
        return []
    gain = min(gain, use.room, steepest)
    workers = min(most, max(knobs.workers + 1, math.ceil(knobs.workers * gain)))
    if gain < _ROOM:
        return []
    by_batches = use.blocked < _BLOCKED
    return [Move("more workers", bounds.with_workers(knobs, workers), gain, why, by_batches)]


def _fewer_workers(use: Use, knobs: Knobs, bounds: Bounds) -> list[Move]:
    if use.queued >= _QUEUED:
        workers = math.ceil(knobs.workers * (1 - use.queued))
        why = f"processes are ready and have no processor for {use.queued:.0%} of their time"
    elif use.blocked >= _MOSTLY_BLOCKED:
        workers = knobs.workers // 2
        why = f"processes wait for {use.blocked:.0%} of their time, and fewer of them may do as much"
    else:
        return []
    return [Move("fewer workers", bounds.with_workers(knobs, max(bounds.cpus, workers)), 1.0, why)]


def _for_the_idle(use: Use, knobs: Knobs, bounds: Bounds) -> list[Move]:
    """What gives work to workers that have none."""
    gain = min(1 / max(1e-9, 1 - use.idle), use.room, _STEEPEST)
    found: list[Move] = []
    idle = f"processes have nothing to do for {use.idle:.0%} of their time"
    crowded = use.crowded >= _CROWDED
    longest = max(knobs.batch_size, min(LARGEST_BATCH, int(_BATCH_SECONDS * use.pace)))
    larger = bounds.with_batches(knobs, min(longest, knobs.batch_size * _STEEPEST))
    if (
        bounds.batch_size
        and larger.batch_size > knobs.batch_size
        and (bounds.shared or not crowded or not bounds.in_flight)
    ):
        why = f"{idle} while batches are handed out or committed"
        found.append(Move("larger batches", larger, gain, why, by_batches=True))
    in_flight = min(2 * knobs.in_flight, bounds.most_in_flight(knobs))
    if bounds.in_flight and crowded and in_flight > knobs.in_flight:
        why = f"{idle} while {knobs.in_flight} batches, as many as may be, are on their way to the catalogue"
        more = replace(knobs, in_flight=in_flight)
        found.append(Move("more in flight", more, gain, why, by_batches=True))
    if use.committing < _COMMITTING:
        found.reverse()
    return found


def _crowded(sample: Sample) -> bool:
    return sample.in_flight >= sample.in_flight_most - 1 and sample.queue == 0
