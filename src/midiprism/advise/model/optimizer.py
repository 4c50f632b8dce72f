"""Find the settings with which a run would be fastest, by the model."""

from collections.abc import Collection
from dataclasses import replace

from midiprism.advise.model.costs import Costs
from midiprism.advise.model.run_facts import TunableName
from midiprism.advise.model.throughput import free_cores, predicted_rate
from midiprism.pipeline.resource_defaults import default_in_flight
from midiprism.pipeline.tuner import Tunables

WORKERS_GRID = (1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64)
BATCH_SIZE_GRID = (100, 250, 500, 1_000, 2_000, 4_000)
IN_FLIGHT_GRID = (1, 2, 4, 8, 16, 32, 64, 128)

_GOOD_ENOUGH_SHARE = 0.98
_MAX_WORKERS_PER_CORE = 4
"""Workers per processor that are worth their memory where they wait most of the time."""


def best_tunables(costs: Costs, tunables: Tunables, adjustable: Collection[TunableName]) -> Tunables:
    """Return the best settings of a grid: of those within 2% of the fastest, the ones that change the least.

    Of equal ones, the smallest.
    """
    if tunables.workers == 0:
        return tunables
    # More workers would also take processor time away from other programs: that is no reason to add them.
    max_workers = max(_MAX_WORKERS_PER_CORE * costs.cores, tunables.workers)
    costs = replace(costs, cores=free_cores(costs, max(1, round(costs.cores))), other_programs_cpu=0.0)
    rates = {
        candidate: predicted_rate(costs, candidate)
        for candidate in _grid(tunables, adjustable, max_workers, workers_commit=costs.workers_commit)
    }
    good_enough = _GOOD_ENOUGH_SHARE * max(rates.values())
    if rates[tunables] >= good_enough:
        return tunables

    def burden(candidate: Tunables) -> tuple[int, int, int, int]:
        changes = len(changed_settings(candidate, tunables))
        return changes, candidate.workers, candidate.batch_size, candidate.in_flight

    return min((candidate for candidate, rate in rates.items() if rate >= good_enough), key=burden)


def _grid(
    tunables: Tunables, adjustable: Collection[TunableName], max_workers: float, *, workers_commit: bool
) -> set[Tunables]:
    workers_values, batch_sizes = {tunables.workers}, {tunables.batch_size}
    if "workers" in adjustable:
        workers_values |= {workers for workers in WORKERS_GRID if workers <= max_workers}
    if "batch_size" in adjustable:
        batch_sizes |= set(BATCH_SIZE_GRID)
    grid = set()
    for workers in workers_values:
        for batch_size in batch_sizes:
            in_flight_values = {tunables.in_flight}
            if "in_flight" in adjustable:
                default = default_in_flight(workers, batch_size, shared=workers_commit)
                in_flight_values |= {*IN_FLIGHT_GRID, default}
            grid |= {Tunables(workers, batch_size, in_flight) for in_flight in in_flight_values}
    return grid


def changed_settings(tunables: Tunables, before: Tunables) -> dict[TunableName, int]:
    """Return the settings that differ from those before, by name."""
    pairs: dict[TunableName, tuple[int, int]] = {
        "workers": (tunables.workers, before.workers),
        "batch_size": (tunables.batch_size, before.batch_size),
        "in_flight": (tunables.in_flight, before.in_flight),
    }
    return {name: new for name, (new, old) in pairs.items() if new != old}
