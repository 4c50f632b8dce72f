"""A simulated machine for tuners: a rate for any settings, and the samples that go with it."""

import math
import random
from collections.abc import Mapping
from dataclasses import dataclass, replace

from midiprism.metrics.snapshot import RunSample, StageTime
from midiprism.pipeline.tuner import Decision, Tunables, Tuner

_LOADING_SECONDS = 3.0
"""Time until new workers are ready. Meanwhile the run has two thirds of its rate."""

_DRIFT_SECONDS = 15.0


@dataclass(frozen=True)
class MachineModel:
    """The costs of a song, in seconds unless stated otherwise, and the capacity of the machine.

    Attributes:
        worker_seconds: processor time of a worker.
        coordinator_seconds: processor time of the coordinator.
        store_seconds: waiting for the store, which serves ``store_width`` songs at once.
        lease_seconds: time of the coordinator for each batch, one after the other.
        commit_seconds: time of a worker to commit each batch, concurrently with its other work.
        commit_delay_seconds: time from the end of a batch until it no longer counts as in flight.
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
        """Return the songs per second."""
        return min(self._bounds(tunables).values())

    def bottleneck(self, tunables: Tunables) -> str:
        """Return the name of what bounds the rate."""
        bounds = self._bounds(tunables)
        return min(bounds, key=bounds.__getitem__)

    def _bounds(self, tunables: Tunables) -> Mapping[str, float]:
        workers, batch = tunables.workers, tunables.batch_size
        song_seconds = self.worker_seconds + self.store_seconds
        cpu_seconds = self.worker_seconds + self.coordinator_seconds
        oversubscription = 1 + 0.002 * max(0, workers - self.cores)
        batch_seconds = batch * song_seconds + self.commit_seconds + self.commit_delay_seconds
        unbounded = float("inf")
        return {
            "workers": workers / song_seconds,
            "cores": self.cores / cpu_seconds / oversubscription,
            "store": self.store_width / self.store_seconds if self.store_seconds else unbounded,
            "lease": batch / self.lease_seconds if self.lease_seconds else unbounded,
            "commit": workers * batch / self.commit_seconds if self.commit_seconds else unbounded,
            "in flight": tunables.in_flight * batch / batch_seconds,
        }


@dataclass(frozen=True)
class Variation:
    """The randomness of a simulation.

    Attributes:
        noise: standard deviation of the rate of one second, as a share of it.
        drift: standard deviation of the logarithm of ``store_seconds``, which drifts within some
            ``_DRIFT_SECONDS``, as that of a disk that other programs use too.
        seed: of the random numbers.
    """

    noise: float = 0.0
    drift: float = 0.0
    seed: int = 0


class RunSimulation:
    """A run on such a machine, second by second.

    Args:
        machine: the machine; it may be replaced while the run goes on.
        tunables: the settings at the start.
        tuner: changes the settings.
        variation: of the rate.
        songs_total: number of songs; None if unknown.
        available_bytes: memory that is available.

    Attributes:
        decisions: the decisions of the tuner with their times.
        rates: the rate of each second, without the noise.
    """

    def __init__(
        self,
        machine: MachineModel,
        tunables: Tunables,
        tuner: Tuner,
        variation: Variation = Variation(),
        *,
        songs_total: int | None = None,
        available_bytes: int = 16 << 30,
    ) -> None:
        self.machine = machine
        self.tunables = tunables
        self.decisions: list[tuple[float, Decision]] = []
        self.rates: list[float] = []
        self._tuner = tuner
        self._variation = variation
        self._log_store_drift = 0.0
        self._rng = random.Random(variation.seed)
        self._loaded_at = _LOADING_SECONDS
        self._ready_workers = 0
        self._sample = RunSample(
            core_busy_seconds=(0.0,) * machine.cores,
            available_bytes=available_bytes,
            songs_total=songs_total,
        )

    def advance(self, seconds: int) -> None:
        """Simulate some seconds."""
        for _ in range(seconds):
            self._advance_second()
            decision = self._tuner.decide(self._sample, self.tunables)
            if decision is not None:
                assert decision.tunables != self.tunables
                self.decisions.append((self._sample.elapsed_seconds, decision))
                if decision.tunables.workers > self._ready_workers:
                    self._loaded_at = self._sample.elapsed_seconds + _LOADING_SECONDS
                self.tunables = decision.tunables

    def _drifted_machine(self) -> MachineModel:
        memory = math.exp(-1 / _DRIFT_SECONDS)
        change = math.sqrt(1 - memory * memory) * self._rng.gauss(0, self._variation.drift)
        self._log_store_drift = memory * self._log_store_drift + change
        store_seconds = self.machine.store_seconds * math.exp(self._log_store_drift)
        return replace(self.machine, store_seconds=store_seconds)

    def _advance_second(self) -> None:
        before, machine = self._sample, self._drifted_machine()
        now = before.elapsed_seconds + 1
        loading = now <= self._loaded_at
        if loading:
            self._ready_workers = min(self._ready_workers, self.tunables.workers)
        else:
            self._ready_workers = self.tunables.workers
        tunables = replace(self.tunables, workers=max(1, self._ready_workers))
        rate = machine.rate(tunables) * (2 / 3 if loading else 1) * (1 if self._ready_workers else 0)
        self.rates.append(rate)
        rate = max(0.0, rate * (1 + self._rng.gauss(0, self._variation.noise)))
        workers, limit = tunables.workers, machine.bottleneck(tunables)
        worked, waited = rate * machine.worker_seconds, rate * machine.store_seconds
        rest = max(0.0, workers - worked - waited)
        waited += rest if limit in ("store", "workers") else 0.0
        store, commit = before.stage("store"), before.stage("commit")
        coordinator_cpu = rate * machine.coordinator_seconds
        core_busy = min(machine.cores, worked + coordinator_cpu + (machine.cores if loading else 0))
        queue_is_empty = limit in ("in flight", "commit", "lease")
        self._sample = replace(
            before,
            elapsed_seconds=now,
            songs=before.songs + round(rate),
            stages={
                "store": StageTime(store.seconds + waited, store.waited + waited),
                "commit": StageTime(
                    commit.seconds + rate / tunables.batch_size * machine.commit_seconds, 0.0
                ),
            },
            idle=before.idle + (rest if queue_is_empty else 0.0),
            queued=before.queued + (rest if limit == "cores" else 0.0),
            worker_cpu=before.worker_cpu + worked,
            coordinator_cpu=before.coordinator_cpu + coordinator_cpu,
            core_busy_seconds=tuple(busy + core_busy / machine.cores for busy in before.core_busy_seconds),
            workers=self.tunables.workers,
            workers_ready=self._ready_workers,
            batch_size=tunables.batch_size,
            in_flight=min(tunables.in_flight, workers + 1) if limit == "lease" else tunables.in_flight,
            in_flight_limit=tunables.in_flight,
            batches_queued=0 if queue_is_empty else max(0, tunables.in_flight - 2 * workers),
        )
