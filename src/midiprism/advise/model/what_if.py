"""What a run would cost if something about it were otherwise: another place, store or catalogue.

Each function gives a change. Where nobody measured what it rests on, what would be changed counts as free, so
that what comes out is the most that can be gained.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from midiprism.advise.bottleneck import with_free_resource
from midiprism.advise.model.costs import SHARD_ROUND_TRIPS, Costs, DeviceBusy
from midiprism.advise.model.run_facts import RunFacts, concurrency_of, disk_speed_of
from midiprism.advise.model.throughput import Setup
from midiprism.advise.probe.disk_results import DiskSpeed, best_place_for
from midiprism.pipeline.resource_defaults import default_batch_size, default_in_flight

DATABASE_PLACEHOLDER = "postgresql://USER@HOST/DATABASE"
_MIN_CORRECTION, _MAX_CORRECTION = 1 / 3, 3.0

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
    disk_speed: DiskSpeed | None = None


def move_output(
    facts: RunFacts, disk_speeds: Sequence[DiskSpeed], out: str, target: DiskSpeed | None = None
) -> Change:
    """The result on another device. Its catalogue goes with it, where that is a file in it.

    Args:
        there: what was measured on that device; None for the fastest that is known.
    """
    here = disk_speed_of(facts.places.get("output"), disk_speeds)
    if target is None:
        target = fastest_other_place("output", facts, disk_speeds)
    if target is None:
        return Change(
            lambda costs, setup: (_without_output_costs(costs, facts), setup), {"output": "NEW"}, at_most=True
        )

    def effect(costs: Costs, setup: Setup) -> tuple[Costs, Setup]:
        moved = _with_output_at(costs, target, here)
        return (moved if facts.shared else _with_catalog_at(moved, target, here)), setup

    return Change(effect, {"output": out}, disk_speed=target)


def move_catalog(facts: RunFacts, disk_speeds: Sequence[DiskSpeed], out: str) -> Change:
    """A file of SQLite on another device."""
    here = disk_speed_of(facts.places.get("output"), disk_speeds)
    there = fastest_other_place("catalogue", facts, disk_speeds)
    if there is None:
        values = {"catalogue": "NEW"}
        return Change(lambda costs, setup: (_without_catalog_waits(costs), setup), values, at_most=True)
    return Change(
        lambda costs, setup: (_with_catalog_at(costs, there, here), setup),
        {"catalogue": out},
        disk_speed=there,
    )


def separate_devices(facts: RunFacts, disk_speeds: Sequence[DiskSpeed], out: str) -> Change:
    """The result on another device than the source, which serves both of them."""
    change = move_output(facts, disk_speeds, out)
    if not change.at_most:
        return change

    def effect(costs: Costs, setup: Setup) -> tuple[Costs, Setup]:
        shared = facts.device("source")
        roles = ("output",) if facts.shared else ("output", "catalogue")
        moved = tuple(
            it._replace(device="another") if it.device == shared and it.role in roles else it
            for it in costs.device_busy
        )
        return replace(costs, device_busy=moved), setup

    return Change(effect, change.values, at_most=True)


def use_parquet(facts: RunFacts, disk_speeds: Sequence[DiskSpeed]) -> Change:
    """Many tracks in one file, which whoever commits them writes."""
    here = disk_speed_of(facts.places.get("output"), disk_speeds)
    microseconds = here.shard_us if here is not None else None

    def effect(costs: Costs, setup: Setup) -> tuple[Costs, Setup]:
        each = (microseconds or 0.0) / 1e6 * costs.tracks_new
        without = replace(
            _without_output_costs(costs, None),
            worker_cpu=costs.worker_cpu - costs.store_cpu,
            store_cpu=0.0,
        )
        if setup.shared:
            written = replace(
                without,
                worker_cpu=without.worker_cpu + each,
                commit_client_cpu=without.commit_client_cpu + each,
                commit_fixed=without.commit_fixed + SHARD_ROUND_TRIPS * without.round_trip,
            )
        else:
            written = replace(without, flush_per_song=each, server_cpu=without.server_cpu + each)
        return written, setup

    return Change(effect, {"store": "parquet"}, at_most=not microseconds)


def use_postgresql(facts: RunFacts) -> Change:
    """The catalogue on a server, where each worker commits what it has split."""

    def effect(costs: Costs, setup: Setup) -> tuple[Costs, Setup]:
        moved = replace(
            with_free_resource(costs, "catalogue"),
            worker_cpu=costs.worker_cpu + costs.commit_cpu,
            commit_client_cpu=costs.commit_cpu,
        )
        return moved, _default_setup(facts, setup, shared=True)

    return Change(effect, {"database": DATABASE_PLACEHOLDER}, at_most=True)


def use_sqlite(facts: RunFacts, disk_speeds: Sequence[DiskSpeed]) -> Change:
    """The catalogue in a file of the result, which the coordinator commits to."""
    here = disk_speed_of(facts.places.get("output"), disk_speeds)
    known = here is not None and here.commit_us_each is not None and here.commit_ms is not None

    def effect(costs: Costs, setup: Setup) -> tuple[Costs, Setup]:
        fixed = each = 0.0
        if here is not None and known:
            fixed, each = (here.commit_ms or 0.0) / 1e3, (here.commit_us_each or 0.0) / 1e6 * costs.tracks
        moved = replace(
            with_free_resource(costs, "catalogue"),
            worker_cpu=costs.worker_cpu - costs.commit_client_cpu,
            commit_client_cpu=0.0,
            server_cpu=0.0,
            commit_fixed=fixed,
            commit_per_song=each,
            commit_cpu=each,
        )
        return moved, _default_setup(facts, setup, shared=False)

    return Change(effect, {"database": ""}, at_most=not known)


def change_settings(setup: Setup, values: dict[str, Any]) -> Change:
    """Other settings."""
    return Change(
        lambda costs, before: (
            costs,
            replace(before, workers=setup.workers, batch_size=setup.batch_size, in_flight=setup.in_flight),
        ),
        values,
    )


def _default_setup(facts: RunFacts, setup: Setup, *, shared: bool) -> Setup:
    """What is in force where the catalogue is of the other kind: what was asked for, else the defaults."""
    batch = facts.requested.get("batch_size") or default_batch_size(shared=shared)
    usual = default_in_flight(setup.workers, batch, shared=shared)
    return Setup(setup.workers, batch, facts.requested.get("in_flight") or usual, shared)


def fastest_other_place(role: str, facts: RunFacts, disk_speeds: Sequence[DiskSpeed]) -> DiskSpeed | None:
    """The fastest place that is not the one where the output is."""
    here = disk_speed_of(facts.places.get("output"), disk_speeds)
    return best_place_for(role, [one for one in disk_speeds if one is not here])


def _without_output_costs(costs: Costs, facts: RunFacts | None) -> Costs:
    """Costs with nothing for the output; and, with facts, for a catalogue that is a file in it."""
    free = with_free_resource(costs, "output")
    return _without_catalog_waits(free) if facts is not None and not facts.shared else free


def _without_catalog_waits(costs: Costs) -> Costs:
    """Costs with no waiting for a file of SQLite. What computing its commits takes stays the same."""
    return replace(costs, commit_fixed=0.0, device_busy=_without_role("catalogue", costs.device_busy))


def _with_output_at(costs: Costs, target: DiskSpeed, current: DiskSpeed | None) -> Costs:
    """With a file for each track, which are created and flushed elsewhere.

    What the run and the probe say of this place tells how far the probe is off; where it was not probed, what
    was measured there is taken as it is.
    """
    now = costs.store_cpu + costs.output_wait
    create = target.create_us.get(1, 0.0) / 1e6 * costs.tracks_new
    if current is not None and current.create_us.get(1, 0.0) > 0 and costs.tracks_new > 0:
        create *= _clamp_correction(now / (current.create_us[1] / 1e6 * costs.tracks_new))
    fixed, each = 0.0, costs.flush_per_song
    if target.flush_ms is not None and target.flush_files:
        each = target.flush_ms / 1e3 / target.flush_files * costs.tracks_new
        if current is not None and current.flush_ms and current.flush_files:
            ratio = (target.flush_ms / target.flush_files) / (current.flush_ms / current.flush_files)
            fixed, each = costs.flush_fixed * ratio, costs.flush_per_song * ratio
    return replace(
        costs,
        output_wait=max(0.0, create - costs.store_cpu),
        output_concurrency=concurrency_of(target.create_us),
        flush_fixed=fixed,
        flush_per_song=each,
        device_busy=_without_role("output", costs.device_busy),
    )


def _with_catalog_at(costs: Costs, target: DiskSpeed, current: DiskSpeed | None) -> Costs:
    """With a file of SQLite elsewhere. What computing it takes stays the same."""
    fixed = costs.commit_fixed
    if target.commit_ms is not None:
        fixed = target.commit_ms / 1e3
        if current is not None and current.commit_ms:
            fixed = costs.commit_fixed * target.commit_ms / current.commit_ms
    return replace(costs, commit_fixed=fixed, device_busy=_without_role("catalogue", costs.device_busy))


def _clamp_correction(ratio: float) -> float:
    return min(_MAX_CORRECTION, max(_MIN_CORRECTION, ratio))


def _without_role(role: str, busy: tuple[DeviceBusy, ...]) -> tuple[DeviceBusy, ...]:
    return tuple(it for it in busy if it.role != role)
