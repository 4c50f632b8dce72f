"""Predict the costs of a run after a change: another disk, store or catalog.

Each function returns a change. Where the effect of a change was not measured, what it affects counts as free,
so that the prediction is an upper bound.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from midiprism.advise.model.costs import SHARD_ROUND_TRIPS, Costs
from midiprism.advise.model.optimizer import changed_settings
from midiprism.advise.model.run_facts import RunFacts, concurrency_of, disk_speed_of
from midiprism.advise.probe.disk_results import DiskSpeed, best_disk_for
from midiprism.pipeline.resource_defaults import default_batch_size, default_in_flight
from midiprism.pipeline.tuner import Tunables

DATABASE_PLACEHOLDER = "postgresql://USER@HOST/DATABASE"
FOLDER_PLACEHOLDER = "NEW"
_MIN_CORRECTION, _MAX_CORRECTION = 1 / 3, 3.0

Effect = Callable[[Costs, Tunables], tuple[Costs, Tunables]]


@dataclass(frozen=True, slots=True)
class Change:
    """Something about a run that could be different.

    Attributes:
        effect: returns costs and settings after the change.
        values: what to set, by name; see ``Strategy.changes``.
        upper_bound: whether the effect was not measured, so that the prediction is an upper bound.
        disk_speed: the measured speed that the prediction is based on, if any.
    """

    effect: Effect
    values: dict[str, Any] = field(default_factory=dict)
    upper_bound: bool = False
    disk_speed: DiskSpeed | None = None


def stop_other_programs() -> Change:
    """Return the change of leaving all processors to the run."""
    return Change(lambda costs, tunables: (replace(costs, other_programs_cpu=0.0), tunables))


def move_output(
    facts: RunFacts, disk_speeds: Sequence[DiskSpeed], out: str, target: DiskSpeed | None = None
) -> Change:
    """Return the change of moving the result, and a catalog that is a file in it, to another disk.

    Args:
        facts: the settings of the run.
        disk_speeds: of known disks.
        out: new folder of the result.
        target: speed of the other disk; None for the fastest that is known.
    """
    current = disk_speed_of(facts.locations.get("output"), disk_speeds)
    if target is None:
        target = fastest_other_disk("output", facts, disk_speeds)
    if target is None:
        return Change(
            lambda costs, tunables: (_without_output_costs(costs, facts), tunables),
            {"output": FOLDER_PLACEHOLDER},
            upper_bound=True,
        )

    def effect(costs: Costs, tunables: Tunables) -> tuple[Costs, Tunables]:
        moved = _with_output_on(costs, target, current)
        return (moved if facts.workers_commit else _with_catalog_on(moved, target, current)), tunables

    return Change(effect, {"output": out}, disk_speed=target)


def move_catalog(facts: RunFacts, disk_speeds: Sequence[DiskSpeed], out: str) -> Change:
    """Return the change of moving a catalog in SQLite to another disk."""
    current = disk_speed_of(facts.locations.get("output"), disk_speeds)
    target = fastest_other_disk("catalog", facts, disk_speeds)
    if target is None:
        return Change(
            lambda costs, tunables: (_without_catalog_waits(costs), tunables),
            {"catalog": FOLDER_PLACEHOLDER},
            upper_bound=True,
        )
    return Change(
        lambda costs, tunables: (_with_catalog_on(costs, target, current), tunables),
        {"catalog": out},
        disk_speed=target,
    )


def separate_devices(facts: RunFacts, disk_speeds: Sequence[DiskSpeed], out: str) -> Change:
    """Return the change of moving the result to another device than the source, where one serves both."""
    change = move_output(facts, disk_speeds, out)
    if not change.upper_bound:
        return change

    def effect(costs: Costs, tunables: Tunables) -> tuple[Costs, Tunables]:
        source_device = facts.device("source")
        roles = ("output",) if facts.workers_commit else ("output", "catalog")
        device_busy = tuple(
            busy._replace(device="another") if busy.device == source_device and busy.role in roles else busy
            for busy in costs.device_busy
        )
        return replace(costs, device_busy=device_busy), tunables

    return Change(effect, change.values, upper_bound=True)


def use_parquet(facts: RunFacts, disk_speeds: Sequence[DiskSpeed]) -> Change:
    """Return the change of storing many tracks in one file, which the committing process writes."""
    current = disk_speed_of(facts.locations.get("output"), disk_speeds)
    microseconds = current.shard_us if current is not None else None

    def effect(costs: Costs, tunables: Tunables) -> tuple[Costs, Tunables]:
        seconds = (microseconds or 0.0) / 1e6 * costs.tracks_new
        without_files = replace(
            costs.with_free("output"), worker_cpu=costs.worker_cpu - costs.store_cpu, store_cpu=0.0
        )
        if not costs.workers_commit:
            with_shards = replace(
                without_files, flush_per_song=seconds, server_cpu=without_files.server_cpu + seconds
            )
            return with_shards, tunables
        with_shards = replace(
            without_files,
            worker_cpu=without_files.worker_cpu + seconds,
            commit_client_cpu=without_files.commit_client_cpu + seconds,
            commit_fixed=without_files.commit_fixed + SHARD_ROUND_TRIPS * without_files.round_trip,
        )
        return with_shards, tunables

    return Change(effect, {"store": "parquet"}, upper_bound=not microseconds)


def use_postgresql(facts: RunFacts) -> Change:
    """Return the change of moving the catalog to a server, where each worker commits what it has split."""

    def effect(costs: Costs, tunables: Tunables) -> tuple[Costs, Tunables]:
        moved = replace(
            costs.with_free("catalog"),
            worker_cpu=costs.worker_cpu + costs.commit_cpu,
            commit_client_cpu=costs.commit_cpu,
            workers_commit=True,
        )
        return moved, _default_tunables(facts, tunables, workers_commit=True)

    return Change(effect, {"database": DATABASE_PLACEHOLDER}, upper_bound=True)


def use_sqlite(facts: RunFacts, disk_speeds: Sequence[DiskSpeed]) -> Change:
    """Return the change of moving the catalog to a file of the result, to which the coordinator commits."""
    current = disk_speed_of(facts.locations.get("output"), disk_speeds)
    measured = current is not None and current.commit_us_each is not None and current.commit_ms is not None

    def effect(costs: Costs, tunables: Tunables) -> tuple[Costs, Tunables]:
        fixed = per_song = 0.0
        if current is not None and measured:
            fixed = (current.commit_ms or 0.0) / 1e3
            per_song = (current.commit_us_each or 0.0) / 1e6 * costs.tracks
        moved = replace(
            costs.with_free("catalog"),
            worker_cpu=costs.worker_cpu - costs.commit_client_cpu,
            server_cpu=0.0,
            commit_fixed=fixed,
            commit_per_song=per_song,
            commit_cpu=per_song,
            workers_commit=False,
        )
        return moved, _default_tunables(facts, tunables, workers_commit=False)

    return Change(effect, {"database": ""}, upper_bound=not measured)


def change_settings(tunables: Tunables, before: Tunables) -> Change:
    """Return the change to other settings."""
    return Change(lambda costs, _: (costs, tunables), dict(changed_settings(tunables, before).items()))


def _default_tunables(facts: RunFacts, tunables: Tunables, *, workers_commit: bool) -> Tunables:
    """Return the settings with the other kind of catalog: those that the user chose, else the defaults."""
    batch_size = facts.requested.get("batch_size") or default_batch_size(shared=workers_commit)
    default = default_in_flight(tunables.workers, batch_size, shared=workers_commit)
    return Tunables(tunables.workers, batch_size, facts.requested.get("in_flight") or default)


def fastest_other_disk(role: str, facts: RunFacts, disk_speeds: Sequence[DiskSpeed]) -> DiskSpeed | None:
    """Return the fastest disk for a role that is not the one of the output."""
    current = disk_speed_of(facts.locations.get("output"), disk_speeds)
    return best_disk_for(role, [speed for speed in disk_speeds if speed is not current])


def _without_output_costs(costs: Costs, facts: RunFacts) -> Costs:
    """Return the costs if the output were free, and with it a catalog that is a file in it."""
    free = costs.with_free("output")
    return free if facts.workers_commit else _without_catalog_waits(free)


def _without_catalog_waits(costs: Costs) -> Costs:
    """Return the costs without waiting for SQLite; computing its commits takes as long as before."""
    return replace(costs.without_role("catalog"), commit_fixed=0.0)


def _with_output_on(costs: Costs, target: DiskSpeed, current: DiskSpeed | None) -> Costs:
    """Return the costs if the files of tracks are created and flushed on another disk.

    The probe's error on the current disk, compared with the run, corrects the speed of the target; if the
    current disk was not probed, the target's speed is used as measured.
    """
    create = target.create_us.get(1, 0.0) / 1e6 * costs.tracks_new
    if current is not None and current.create_us.get(1, 0.0) > 0 and costs.tracks_new > 0:
        expected = current.create_us[1] / 1e6 * costs.tracks_new
        create *= _clamp_correction((costs.store_cpu + costs.output_wait) / expected)
    flush_fixed, flush_per_song = 0.0, costs.flush_per_song
    if target.flush_ms is not None and target.flush_files:
        flush_per_song = target.flush_ms / 1e3 / target.flush_files * costs.tracks_new
        if current is not None and current.flush_ms and current.flush_files:
            ratio = (target.flush_ms / target.flush_files) / (current.flush_ms / current.flush_files)
            flush_fixed, flush_per_song = costs.flush_fixed * ratio, costs.flush_per_song * ratio
    return replace(
        costs.without_role("output"),
        output_wait=max(0.0, create - costs.store_cpu),
        output_concurrency=concurrency_of(target.create_us),
        flush_fixed=flush_fixed,
        flush_per_song=flush_per_song,
    )


def _with_catalog_on(costs: Costs, target: DiskSpeed, current: DiskSpeed | None) -> Costs:
    """Return the costs if a file of SQLite is on another disk. Computing commits takes as long as before."""
    fixed = costs.commit_fixed
    if target.commit_ms is not None:
        fixed = target.commit_ms / 1e3
        if current is not None and current.commit_ms:
            fixed = costs.commit_fixed * target.commit_ms / current.commit_ms
    return replace(costs.without_role("catalog"), commit_fixed=fixed)


def _clamp_correction(ratio: float) -> float:
    return min(_MAX_CORRECTION, max(_MIN_CORRECTION, ratio))
