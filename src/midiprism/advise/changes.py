"""What a run would cost if something about it were otherwise: another place, store or catalogue.

Each function gives a change. Where nobody measured what it rests on, what would be changed counts as free, so
that what comes out is the most that can be gained.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from midiprism.advise.bottleneck import freed
from midiprism.advise.costs import SHARD_TRIPS, Busy, Costs
from midiprism.advise.facts import Facts, figures_of, width_of
from midiprism.advise.model import Setup
from midiprism.advise.places import Figures, best_for
from midiprism.run.machine import default_batch, default_in_flight

DATABASE = "postgresql://USER@HOST/DATABASE"
_CLOSEST, _FARTHEST = 1 / 3, 3.0

Effect = Callable[[Costs, Setup], tuple[Costs, Setup]]


@dataclass(frozen=True, slots=True)
class Change:
    """Something that could be otherwise.

    Attributes:
        effect: on costs and settings.
        values: what is to be set, by name, as a program can apply it.
        at_most: whether what it rests on was not measured.
        place: of the figures that it rests on.
    """

    effect: Effect
    values: dict[str, Any] = field(default_factory=dict)
    at_most: bool = False
    place: Figures | None = None


def other_output(facts: Facts, figures: Sequence[Figures], out: str, there: Figures | None = None) -> Change:
    """The result on another device. Its catalogue goes with it, where that is a file in it.

    Args:
        there: what was measured on that device; None for the fastest that is known.
    """
    here = figures_of(facts.places.get("output"), figures)
    if there is None:
        there = other_place("output", facts, figures)
    if there is None:
        return Change(
            lambda costs, setup: (_free_output(costs, facts), setup), {"output": "NEW"}, at_most=True
        )

    def effect(costs: Costs, setup: Setup) -> tuple[Costs, Setup]:
        moved = _moved_output(costs, there, here)
        return (moved if facts.shared else _moved_catalogue(moved, there, here)), setup

    return Change(effect, {"output": out}, place=there)


def other_catalogue(facts: Facts, figures: Sequence[Figures], out: str) -> Change:
    """A file of SQLite on another device."""
    here = figures_of(facts.places.get("output"), figures)
    there = other_place("catalogue", facts, figures)
    if there is None:
        values = {"catalogue": "NEW"}
        return Change(lambda costs, setup: (_prompt_catalogue(costs), setup), values, at_most=True)
    return Change(
        lambda costs, setup: (_moved_catalogue(costs, there, here), setup), {"catalogue": out}, place=there
    )


def apart(facts: Facts, figures: Sequence[Figures], out: str) -> Change:
    """The result on another device than the source, which serves both of them."""
    change = other_output(facts, figures, out)
    if not change.at_most:
        return change

    def effect(costs: Costs, setup: Setup) -> tuple[Costs, Setup]:
        shared = facts.device("source")
        roles = ("output",) if facts.shared else ("output", "catalogue")
        moved = tuple(
            it._replace(device="another") if it.device == shared and it.role in roles else it
            for it in costs.busy
        )
        return replace(costs, busy=moved), setup

    return Change(effect, change.values, at_most=True)


def parquet(facts: Facts, figures: Sequence[Figures]) -> Change:
    """Many tracks in one file, which whoever commits them writes."""
    here = figures_of(facts.places.get("output"), figures)
    microseconds = here.shard_us if here is not None else None

    def effect(costs: Costs, setup: Setup) -> tuple[Costs, Setup]:
        each = (microseconds or 0.0) / 1e6 * costs.tracks_new
        without = replace(
            _free_output(costs, None),
            worker_cpu=costs.worker_cpu - costs.store_cpu,
            store_cpu=0.0,
        )
        if setup.shared:
            written = replace(
                without,
                worker_cpu=without.worker_cpu + each,
                client_cpu=without.client_cpu + each,
                commit_fixed=without.commit_fixed + SHARD_TRIPS * without.round_trip,
            )
        else:
            written = replace(without, flush_each=each, server_cpu=without.server_cpu + each)
        return written, setup

    return Change(effect, {"store": "parquet"}, at_most=not microseconds)


def on_server(facts: Facts) -> Change:
    """The catalogue on a server, where each worker commits what it has split."""

    def effect(costs: Costs, setup: Setup) -> tuple[Costs, Setup]:
        moved = replace(
            freed(costs, "catalogue"),
            worker_cpu=costs.worker_cpu + costs.commit_cpu,
            client_cpu=costs.commit_cpu,
        )
        return moved, _usual(facts, setup, shared=True)

    return Change(effect, {"database": DATABASE}, at_most=True)


def in_file(facts: Facts, figures: Sequence[Figures]) -> Change:
    """The catalogue in a file of the result, which the coordinator commits to."""
    here = figures_of(facts.places.get("output"), figures)
    known = here is not None and here.commit_us_each is not None and here.commit_ms is not None

    def effect(costs: Costs, setup: Setup) -> tuple[Costs, Setup]:
        fixed = each = 0.0
        if here is not None and known:
            fixed, each = (here.commit_ms or 0.0) / 1e3, (here.commit_us_each or 0.0) / 1e6 * costs.tracks
        moved = replace(
            freed(costs, "catalogue"),
            worker_cpu=costs.worker_cpu - costs.client_cpu,
            client_cpu=0.0,
            server_cpu=0.0,
            commit_fixed=fixed,
            commit_each=each,
            commit_cpu=each,
        )
        return moved, _usual(facts, setup, shared=False)

    return Change(effect, {"database": ""}, at_most=not known)


def set_to(setup: Setup, values: dict[str, Any]) -> Change:
    """Other settings."""
    return Change(
        lambda costs, before: (
            costs,
            replace(before, workers=setup.workers, batch=setup.batch, in_flight=setup.in_flight),
        ),
        values,
    )


def _usual(facts: Facts, setup: Setup, *, shared: bool) -> Setup:
    """What is in force where the catalogue is of the other kind: what was asked for, else the defaults."""
    batch = facts.asked.get("batch_size") or default_batch(shared=shared)
    usual = default_in_flight(setup.workers, batch, shared=shared)
    return Setup(setup.workers, batch, facts.asked.get("in_flight") or usual, shared)


def other_place(role: str, facts: Facts, figures: Sequence[Figures]) -> Figures | None:
    """The fastest place that is not the one where the output is."""
    here = figures_of(facts.places.get("output"), figures)
    return best_for(role, [one for one in figures if one is not here])


def _free_output(costs: Costs, facts: Facts | None) -> Costs:
    """Costs with nothing for the output; and, with facts, for a catalogue that is a file in it."""
    free = freed(costs, "output")
    return _prompt_catalogue(free) if facts is not None and not facts.shared else free


def _prompt_catalogue(costs: Costs) -> Costs:
    """Costs with no waiting for a file of SQLite. What computing its commits takes stays the same."""
    return replace(costs, commit_fixed=0.0, busy=_without("catalogue", costs.busy))


def _moved_output(costs: Costs, there: Figures, here: Figures | None) -> Costs:
    """With a file for each track, which are created and flushed elsewhere.

    What the run and the probe say of this place tells how far the probe is off; where it was not probed, what
    was measured there is taken as it is.
    """
    now = costs.store_cpu + costs.output_wait
    create = there.create_us.get(1, 0.0) / 1e6 * costs.tracks_new
    if here is not None and here.create_us.get(1, 0.0) > 0 and costs.tracks_new > 0:
        create *= _corrected(now / (here.create_us[1] / 1e6 * costs.tracks_new))
    fixed, each = 0.0, costs.flush_each
    if there.flush_ms is not None and there.flush_files:
        each = there.flush_ms / 1e3 / there.flush_files * costs.tracks_new
        if here is not None and here.flush_ms and here.flush_files:
            ratio = (there.flush_ms / there.flush_files) / (here.flush_ms / here.flush_files)
            fixed, each = costs.flush_fixed * ratio, costs.flush_each * ratio
    return replace(
        costs,
        output_wait=max(0.0, create - costs.store_cpu),
        output_width=width_of(there.create_us),
        flush_fixed=fixed,
        flush_each=each,
        busy=_without("output", costs.busy),
    )


def _moved_catalogue(costs: Costs, there: Figures, here: Figures | None) -> Costs:
    """With a file of SQLite elsewhere. What computing it takes stays the same."""
    fixed = costs.commit_fixed
    if there.commit_ms is not None:
        fixed = there.commit_ms / 1e3
        if here is not None and here.commit_ms:
            fixed = costs.commit_fixed * there.commit_ms / here.commit_ms
    return replace(costs, commit_fixed=fixed, busy=_without("catalogue", costs.busy))


def _corrected(ratio: float) -> float:
    return min(_FARTHEST, max(_CLOSEST, ratio))


def _without(role: str, busy: tuple[Busy, ...]) -> tuple[Busy, ...]:
    return tuple(it for it in busy if it.role != role)
