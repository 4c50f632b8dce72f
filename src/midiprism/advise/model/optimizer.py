"""The settings with which a run would be fastest, by the model."""

from dataclasses import replace

from midiprism.advise.model.costs import Costs
from midiprism.advise.model.throughput import Setup, free_cores, predicted_rate
from midiprism.pipeline.resource_defaults import default_in_flight

WORKERS_GRID = (1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64)
BATCH_SIZE_GRID = (100, 250, 500, 1_000, 2_000, 4_000)
IN_FLIGHT_GRID = (1, 2, 4, 8, 16, 32, 64, 128)

_GOOD_ENOUGH_SHARE = 0.98
_MAX_WORKERS_PER_CORE = 4
"""Workers for each processor that may be worth their memory, where they wait most of the time."""


def best_setup(costs: Costs, setup: Setup, *adjustable: str) -> Setup:
    """The fastest settings of a grid, or rather those within 2% of it that change the least and are smallest.

    Args:
        names: of the settings that may be changed: ``workers``, ``batch_size_adjustable``, ``in_flight_adjustable``.
    """
    if setup.workers == 0:
        return setup
    # More workers would also take more of the processors from other programs: that is no reason for them.
    most = max(_MAX_WORKERS_PER_CORE * costs.cores, setup.workers)
    costs = replace(costs, cores=free_cores(costs, max(1, round(costs.cores))), other_programs_cpu=0.0)
    workers = [it for it in WORKERS_GRID if it <= most] if "workers" in adjustable else []
    batches = list(BATCH_SIZE_GRID) if "batch_size" in adjustable else []
    found: dict[Setup, float] = {}
    for some in {setup.workers, *workers}:
        for batch in {setup.batch_size, *batches}:
            in_flight = {setup.in_flight}
            if "in_flight" in adjustable:
                in_flight |= {*IN_FLIGHT_GRID, default_in_flight(some, batch, shared=setup.shared)}
            for many in in_flight:
                tried = replace(setup, workers=some, batch_size=batch, in_flight=many)
                found[tried] = predicted_rate(costs, tried)
    enough = _GOOD_ENOUGH_SHARE * max(found.values())
    if found[setup] >= enough:
        return setup

    def burden(tried: Setup) -> tuple[int, int, int, int]:
        changed = (tried.workers != setup.workers) + (tried.batch_size != setup.batch_size)
        changed += tried.in_flight != setup.in_flight
        return changed, tried.workers, tried.batch_size, tried.in_flight

    return min((tried for tried, songs in found.items() if songs >= enough), key=burden)


def changed_settings(setup: Setup, before: Setup) -> dict[str, int]:
    """The settings that are others than before, by the names of their options."""
    pairs = {
        "workers": (setup.workers, before.workers),
        "batch_size": (setup.batch_size, before.batch_size),
        "in_flight": (setup.in_flight, before.in_flight),
    }
    return {name: new for name, (new, old) in pairs.items() if new != old}
