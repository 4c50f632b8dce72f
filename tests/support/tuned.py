"""A machine on paper, for whoever tunes a run: a rate for any settings, and the clocks that go with it."""

import math
import random
from dataclasses import dataclass, replace

from midiprism.meter.sample import Sample, Stage
from midiprism.run.tuning import Decision, Knobs, Tuner

_LOADING = 3.0
"""Seconds until processes that were started are ready; they take a third of the rate meanwhile."""

_SWING_SECONDS = 15.0


@dataclass(frozen=True)
class Paper:
    """What a song costs, in seconds unless said, and what there is for it.

    Attributes:
        work: of a processor, in a worker.
        coordinator: the same, where it is planned and committed.
        waits: for the store, which serves ``width`` songs at once.
        lease: of the coordinator for each batch, one after the other.
        commit: of a worker for each batch, beside its other work.
        until_committed: from the end of a batch until it no longer counts as in flight.
        cores: processors.
    """

    work: float = 0.001
    coordinator: float = 0.000_2
    waits: float = 0.0
    width: int = 64
    lease: float = 0.0
    commit: float = 0.0
    until_committed: float = 0.0
    cores: int = 2

    def rate(self, knobs: Knobs) -> float:
        """Songs a second."""
        return min(self._bounds(knobs).values())

    def limit(self, knobs: Knobs) -> str:
        """What bounds that."""
        bounds = self._bounds(knobs)
        return min(bounds, key=bounds.__getitem__)

    def _bounds(self, knobs: Knobs) -> dict[str, float]:
        workers, batch = knobs.workers, knobs.batch_size
        cost = self.work + self.waits
        never = float("inf")
        return {
            "workers": workers / cost,
            "cores": self.cores / (self.work + self.coordinator) / (1 + 0.002 * max(0, workers - self.cores)),
            "store": self.width / self.waits if self.waits else never,
            "lease": batch / self.lease if self.lease else never,
            "commit": workers * batch / self.commit if self.commit else never,
            "in flight": knobs.in_flight * batch / (batch * cost + self.commit + self.until_committed),
        }


class Simulation:
    """A run on such a machine, second by second.

    Args:
        paper: the machine; it may be another one later.
        knobs: what is in force at first.
        tuner: decides.
        noise: of the rate of one second, as a share of it.
        swing: of the store by itself, as of a disk that others use too: standard deviation of the logarithm
            of what it takes, which is another one after some ``_SWING_SECONDS``.
        seed: of the noise.
        total: songs that there are; None for an unknown number.

    Attributes:
        decided: the decisions with their times.
        rates: of each second, without the noise.
    """

    def __init__(
        self,
        paper: Paper,
        knobs: Knobs,
        tuner: Tuner,
        *,
        noise: float = 0.0,
        swing: float = 0.0,
        seed: int = 0,
        total: int | None = None,
    ) -> None:
        self.paper = paper
        self.knobs = knobs
        self.decided: list[tuple[float, Decision]] = []
        self.rates: list[float] = []
        self._tuner = tuner
        self._noise = noise
        self._swing = swing
        self._swung = 0.0
        self._dice = random.Random(seed)
        self._loaded_at = _LOADING
        self._working = 0
        self._sample = Sample(cores=(0.0,) * paper.cores, available=16 << 30, total=total)

    def go(self, seconds: int) -> None:
        """Go on for so long."""
        for _ in range(seconds):
            self._second()
            decision = self._tuner.decide(self._sample, self.knobs)
            if decision is not None:
                assert decision.knobs != self.knobs
                self.decided.append((self._sample.at, decision))
                if decision.knobs.workers > self._working:
                    self._loaded_at = self._sample.at + _LOADING
                self.knobs = decision.knobs

    def _second(self) -> None:
        before = self._sample
        kept = math.exp(-1 / _SWING_SECONDS)
        self._swung = kept * self._swung + math.sqrt(1 - kept * kept) * self._dice.gauss(0, self._swing)
        paper = replace(self.paper, waits=self.paper.waits * math.exp(self._swung))
        at = before.at + 1
        loading = at <= self._loaded_at
        self._working = min(self._working, self.knobs.workers) if loading else self.knobs.workers
        now = replace(self.knobs, workers=max(1, self._working))
        rate = paper.rate(now) * (2 / 3 if loading else 1) * (1 if self._working else 0)
        self.rates.append(rate)
        rate = max(0.0, rate * (1 + self._dice.gauss(0, self._noise)))
        workers, limit = now.workers, paper.limit(now)
        worked, waited = rate * paper.work, rate * paper.waits
        rest = max(0.0, workers - worked - waited)
        waited += rest if limit in ("store", "workers") else 0.0
        crowded = limit in ("in flight", "commit")
        store = before.stage("store")
        stages = dict(before.stages)
        stages["store"] = Stage(store.seconds + waited, store.waited + waited)
        commits = rate / now.batch_size * paper.commit
        stages["commit"] = Stage(before.stage("commit").seconds + commits, 0.0)
        busy = min(paper.cores, worked + rate * paper.coordinator + (paper.cores if loading else 0))
        self._sample = replace(
            before,
            at=at,
            parents=before.parents + round(rate),
            stages=stages,
            idle=before.idle + (rest if limit in ("in flight", "commit", "lease") else 0.0),
            queued=before.queued + (rest if limit == "cores" else 0.0),
            worker_cpu=before.worker_cpu + worked,
            coordinator_cpu=before.coordinator_cpu + rate * paper.coordinator,
            cores=tuple(core + busy / paper.cores for core in before.cores),
            workers=self.knobs.workers,
            ready=self._working,
            batch_size=now.batch_size,
            in_flight=min(now.in_flight, workers + 1) if limit == "lease" else now.in_flight,
            in_flight_most=now.in_flight,
            queue=0 if crowded or limit == "lease" else max(0, now.in_flight - 2 * workers),
        )
