"""The settings with which a run would be fastest, by the model."""

from dataclasses import replace

from midiprism.advise.costs import Costs
from midiprism.advise.model import Setup, free_cores, rate
from midiprism.run.machine import default_in_flight

WORKERS = (1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64)
BATCHES = (100, 250, 500, 1_000, 2_000, 4_000)
IN_FLIGHT = (1, 2, 4, 8, 16, 32, 64, 128)

_ENOUGH = 0.98
_MOST_PER_CORE = 4
"""Workers for each processor that may be worth their memory, where they wait most of the time."""


def best_setup(costs: Costs, setup: Setup, *names: str) -> Setup:
    """The fastest settings of a grid, or rather those within 2% of it that change the least and are smallest.

    Args:
        names: of the settings that may be changed: ``workers``, ``batch_size``, ``in_flight``.
    """
    if setup.workers == 0:
        return setup
    # More workers would also take more of the processors from other programs: that is no reason for them.
    most = max(_MOST_PER_CORE * costs.cores, setup.workers)
    costs = replace(costs, cores=free_cores(costs, max(1, round(costs.cores))), others=0.0)
    workers = [it for it in WORKERS if it <= most] if "workers" in names else []
    batches = list(BATCHES) if "batch_size" in names else []
    found: dict[Setup, float] = {}
    for some in {setup.workers, *workers}:
        for batch in {setup.batch, *batches}:
            in_flight = {setup.in_flight}
            if "in_flight" in names:
                in_flight |= {*IN_FLIGHT, default_in_flight(some, batch, shared=setup.shared)}
            for many in in_flight:
                tried = replace(setup, workers=some, batch=batch, in_flight=many)
                found[tried] = rate(costs, tried)
    enough = _ENOUGH * max(found.values())
    if found[setup] >= enough:
        return setup

    def burden(tried: Setup) -> tuple[int, int, int, int]:
        changed = (tried.workers != setup.workers) + (tried.batch != setup.batch)
        changed += tried.in_flight != setup.in_flight
        return changed, tried.workers, tried.batch, tried.in_flight

    return min((tried for tried, songs in found.items() if songs >= enough), key=burden)


def values_of(setup: Setup, before: Setup) -> dict[str, int]:
    """The settings that are others than before, by the names of their options."""
    pairs = {
        "workers": (setup.workers, before.workers),
        "batch_size": (setup.batch, before.batch),
        "in_flight": (setup.in_flight, before.in_flight),
    }
    return {name: new for name, (new, old) in pairs.items() if new != old}
