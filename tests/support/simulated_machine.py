"""A machine on paper, for whoever tunes a run: a rate for any settings, and the clocks that go with it."""

import math
import random
from dataclasses import dataclass, replace

from midiprism.metrics.snapshot import RunSample, StageTime
from midiprism.pipeline.tuner import Decision, Tunables, Tuner

_LOADING_SECONDS = 3.0
"""Seconds until processes that were started are ready; they take a third of the rate meanwhile."""

_SWING_SECONDS = 15.0


@dataclass(frozen=True)
class MachineModel:
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

    worker_seconds: float = 0.001
    coordinator_seconds: float = 0.000_2
    store_seconds: float = 0.0
    store_width: int = 64
    lease_seconds: float = 0.0
    commit_seconds: float = 0.0
    commit_delay_seconds: float = 0.0
    cores: int = 2

    def rate(self, tunables: Tunables) -> float:
        """Songs a second."""
        return min(self._bounds(tunables).values())

    def bottleneck(self, tunables: Tunables) -> str:
        """What bounds that."""
        bounds = self._bounds(tunables)
        return min(bounds, key=bounds.__getitem__)

    def _bounds(self, tunables: Tunables) -> dict[str, float]:
        workers, batch = tunables.workers, tunables.batch_size
        cost = self.worker_seconds + self.store_seconds
        never = float("inf")
        return {
            "workers": workers / cost,
            "cores": self.cores
            / (self.worker_seconds + self.coordinator_seconds)
            / (1 + 0.002 * max(0, workers - self.cores)),
            "store": self.store_width / self.store_seconds if self.store_seconds else never,
            "lease": batch / self.lease_seconds if self.lease_seconds else never,
            "commit": workers * batch / self.commit_seconds if self.commit_seconds else never,
            "in flight": tunables.in_flight
            * batch
            / (batch * cost + self.commit_seconds + self.commit_delay_seconds),
        }


class RunSimulation:
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
        machine: MachineModel,
        tunables: Tunables,
        tuner: Tuner,
        *,
        noise: float = 0.0,
        swing: float = 0.0,
        seed: int = 0,
        total: int | None = None,
    ) -> None:
        self.machine = machine
        self.tunables = tunables
        self.decisions: list[tuple[float, Decision]] = []
        self.rates: list[float] = []
        self._tuner = tuner
        self._noise = noise
        self._swing_deviation = swing
        self._store_drift = 0.0
        self._rng = random.Random(seed)
        self._loaded_at = _LOADING_SECONDS
        self._ready_workers = 0
        self._sample = RunSample(
            core_busy_seconds=(0.0,) * machine.cores, available_bytes=16 << 30, songs_total=total
        )

    def advance(self, seconds: int) -> None:
        """Go on for so long."""
        for _ in range(seconds):
            self._advance_second()
            decision = self._tuner.decide(self._sample, self.tunables)
            if decision is not None:
                assert decision.tunables != self.tunables
                self.decisions.append((self._sample.elapsed_seconds, decision))
                if decision.tunables.workers > self._ready_workers:
                    self._loaded_at = self._sample.elapsed_seconds + _LOADING_SECONDS
                self.tunables = decision.tunables

    def _advance_second(self) -> None:
        before = self._sample
        kept = math.exp(-1 / _SWING_SECONDS)
        self._store_drift = kept * self._store_drift + math.sqrt(1 - kept * kept) * self._rng.gauss(
            0, self._swing_deviation
        )
        paper = replace(self.machine, store_seconds=self.machine.store_seconds * math.exp(self._store_drift))
        at = before.elapsed_seconds + 1
        loading = at <= self._loaded_at
        self._ready_workers = (
            min(self._ready_workers, self.tunables.workers) if loading else self.tunables.workers
        )
        now = replace(self.tunables, workers=max(1, self._ready_workers))
        rate = paper.rate(now) * (2 / 3 if loading else 1) * (1 if self._ready_workers else 0)
        self.rates.append(rate)
        rate = max(0.0, rate * (1 + self._rng.gauss(0, self._noise)))
        workers, limit = now.workers, paper.bottleneck(now)
        worked, waited = rate * paper.worker_seconds, rate * paper.store_seconds
        rest = max(0.0, workers - worked - waited)
        waited += rest if limit in ("store", "workers") else 0.0
        crowded = limit in ("in flight", "commit")
        store = before.stage("store")
        stages = dict(before.stages)
        stages["store"] = StageTime(store.seconds + waited, store.waited + waited)
        commits = rate / now.batch_size * paper.commit_seconds
        stages["commit"] = StageTime(before.stage("commit").seconds + commits, 0.0)
        busy = min(paper.cores, worked + rate * paper.coordinator_seconds + (paper.cores if loading else 0))
        self._sample = replace(
            before,
            elapsed_seconds=at,
            songs=before.songs + round(rate),
            stages=stages,
            idle=before.idle + (rest if limit in ("in flight", "commit", "lease") else 0.0),
            queued=before.queued + (rest if limit == "cores" else 0.0),
            worker_cpu=before.worker_cpu + worked,
            coordinator_cpu=before.coordinator_cpu + rate * paper.coordinator_seconds,
            core_busy_seconds=tuple(core + busy / paper.cores for core in before.core_busy_seconds),
            workers=self.tunables.workers,
            workers_ready=self._ready_workers,
            batch_size=now.batch_size,
            in_flight=min(now.in_flight, workers + 1) if limit == "lease" else now.in_flight,
            in_flight_limit=now.in_flight,
            batches_queued=0 if crowded or limit == "lease" else max(0, now.in_flight - 2 * workers),
        )
