"""Predict which strategies and plans would make a run faster, by how much, and with which commands."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from midiprism.advise.bottleneck import MIN_GAIN
from midiprism.advise.model import what_if
from midiprism.advise.model.costs import Costs, measure_costs
from midiprism.advise.model.optimizer import best_tunables, changed_settings
from midiprism.advise.model.run_facts import TUNABLE_NAMES, RunFacts, TunableName
from midiprism.advise.model.throughput import predicted_rate, tunables_of
from midiprism.advise.model.what_if import Change
from midiprism.advise.probe.disk_results import DiskSpeed
from midiprism.advise.report.commands import commands_for
from midiprism.advise.report.explanations import (
    DEVICE_STRATEGIES,
    LEVELS,
    STRATEGY_INFO,
    STRATEGY_OF_SETTING,
    Level,
    StrategyId,
    explain_gain,
    explain_no_gain,
    explain_not_applicable,
    join_risks,
)
from midiprism.metrics.snapshot import SampleWindow
from midiprism.pipeline.tuner import Tunables

PlanName = Literal["A", "B", "C"]

_MAX_UNKNOWN_WAIT_SHARE = 0.2
_MIN_OTHER_CORES = 0.1
_CATALOG_CHANGES: frozenset[StrategyId] = frozenset({"catalog-device", "postgresql", "sqlite"})
_RESULT_CHANGES: frozenset[StrategyId] = DEVICE_STRATEGIES | _CATALOG_CHANGES | {"parquet"}


@dataclass(frozen=True, slots=True)
class Strategy:
    """One change to a run.

    Attributes:
        id: its name.
        title: what it changes, in a few words.
        reason: why it helps, or why not.
        commands: the commands to type, in order; empty if nothing changes.
        effort: of the user.
        risk: the disadvantages, in one sentence.
        rate: predicted songs per second; None if the strategy does not apply.
        gain: how many times as fast that is.
        upper_bound: whether rate and gain are upper bounds, since the effect was not measured.
        helps: whether the gain is worth it.
        probe_command: the command that measures the effect; empty for none.
        changes: the same for a program, as far as it changes: ``workers``, ``batch_size``, ``in_flight``;
            ``output`` and ``catalog``, folders, or ``NEW`` for one that is still to be chosen; ``store``;
            ``database``, an address, or empty for a file.
    """

    id: StrategyId
    title: str
    reason: str
    commands: tuple[str, ...]
    effort: Level
    risk: str
    rate: float | None
    gain: float | None
    upper_bound: bool
    helps: bool
    probe_command: str = ""
    changes: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class SpeedupPlan:
    """Strategies to apply together. Attributes that ``Strategy`` has too mean the same.

    Attributes:
        name: ``A`` is a restart with other settings; ``B`` also changes the disk, store or catalog that helps
            most; ``C`` is everything that helps.
        strategies: empty if nothing of the kind helps.
        effort: the highest of the strategies.
        risk: of all strategies.
        gain: 1 if there are no strategies.
    """

    name: PlanName
    title: str
    strategies: tuple[StrategyId, ...]
    commands: tuple[str, ...]
    effort: Level
    risk: str
    rate: float
    gain: float
    upper_bound: bool
    changes: Mapping[str, Any] = field(default_factory=dict)

    @property
    def sentences(self) -> tuple[str, ...]:
        """The plan in words."""
        if not self.strategies:
            return ("Nothing of this kind would make the run faster.",)
        titles = "; ".join(STRATEGY_INFO[strategy].title for strategy in self.strategies)
        return (f"{titles}.", f"Effort: {self.effort}. Risk: {self.risk}")


@dataclass(frozen=True, slots=True)
class RunModel:
    """The model of a run.

    Attributes:
        measured_rate: songs per second, as measured; ``modelled_rate`` is the prediction for the same
            settings.
        disk_speeds: of known disks.
    """

    facts: RunFacts
    costs: Costs
    tunables: Tunables
    measured_rate: float
    modelled_rate: float
    disk_speeds: Sequence[DiskSpeed]

    def apply(self, *changes: Change) -> tuple[Costs, Tunables]:
        """Return costs and settings after changes."""
        costs, tunables = self.costs, self.tunables
        for change in changes:
            costs, tunables = change.effect(costs, tunables)
        return costs, tunables

    def gain(self, *changes: Change) -> float:
        """Return how many times as fast the run is after changes."""
        return predicted_rate(*self.apply(*changes)) / self.modelled_rate

    def best_gain(self, *changes: Change) -> tuple[float, Tunables]:
        """Return the gain of changes with the best settings for them, and these settings."""
        costs, tunables = self.apply(*changes)
        best = best_tunables(costs, tunables, TUNABLE_NAMES)
        return predicted_rate(costs, best) / self.modelled_rate, best


def model_run(
    window: SampleWindow, facts: RunFacts, disk_speeds: Sequence[DiskSpeed] = ()
) -> RunModel | None:
    """Return the model of a run; None if nothing was split in the window."""
    costs = measure_costs(window, facts, disk_speeds)
    if costs is None:
        return None
    tunables = tunables_of(window, facts)
    return RunModel(
        facts=facts,
        costs=costs,
        tunables=tunables,
        measured_rate=window.rate,
        modelled_rate=predicted_rate(costs, tunables),
        disk_speeds=disk_speeds,
    )


def strategies_for(run: RunModel) -> list[Strategy]:
    """Return all strategies: first those that help, the most helpful first; before them to stop others."""
    strategies = [_make_strategy(run, name, change) for name, change in _candidate_changes(run).items()]
    # Measured beside other programs, all other predictions are less sure.
    return sorted(
        strategies,
        key=lambda strategy: (not strategy.helps, strategy.id != "other-programs", -(strategy.gain or 0.0)),
    )


def plans_for(run: RunModel) -> list[SpeedupPlan]:
    """Return the plans A, B and C."""
    result_changes = {
        name: change
        for name, change in _candidate_changes(run).items()
        if change is not None and name in _RESULT_CHANGES
    }
    return [
        _make_plan(run, "A", "restart with other settings", {}),
        _make_plan(
            run,
            "B",
            "with the other disk, store or catalog that helps most",
            _best_change(run, result_changes),
        ),
        _make_plan(run, "C", "everything that helps, together", _helpful_changes(run, result_changes)),
    ]


def _candidate_changes(run: RunModel) -> dict[StrategyId, Change | None]:
    """Return the change of each strategy; None if it does not apply to the run."""
    facts, speeds = run.facts, run.disk_speeds
    output, catalog = (_new_output_folder(facts, role, speeds) for role in ("output", "catalog"))
    device = facts.device("output")
    one_device = bool(device) and device == facts.device("source")
    on_server = facts.workers_commit
    others = run.costs.other_programs_cpu
    changes: dict[StrategyId, Change | None] = {
        "other-programs": what_if.stop_other_programs() if others >= _MIN_OTHER_CORES else None,
        "output-device": what_if.move_output(facts, speeds, output),
        "catalog-device": None if on_server else what_if.move_catalog(facts, speeds, catalog),
        "temporary-device": None,
        "batches": best_setting(run, "batch_size"),
        "workers": best_setting(run, "workers"),
        "in-flight": best_setting(run, "in_flight"),
        "parquet": what_if.use_parquet(facts, speeds) if facts.store == "files" else None,
        "postgresql": None if on_server else what_if.use_postgresql(facts),
        "sqlite": what_if.use_sqlite(facts, speeds) if on_server else None,
        "separate-devices": what_if.separate_devices(facts, speeds, output) if one_device else None,
    }
    # The run says nothing about the disk that the result is on now.
    return changes | dict.fromkeys(DEVICE_STRATEGIES) if facts.moved else changes


def best_setting(run: RunModel, name: TunableName) -> Change:
    """Return the change to the best value of one setting.

    The number of batches in flight follows the other settings unless the user chose it.
    """
    adjustable: set[TunableName] = {name}
    if "in_flight" not in run.facts.requested:
        adjustable.add("in_flight")
    return what_if.change_settings(best_tunables(run.costs, run.tunables, adjustable), run.tunables)


def _new_output_folder(facts: RunFacts, role: str, disk_speeds: Sequence[DiskSpeed]) -> str:
    """Return the folder that the result would have on the fastest other disk that is known."""
    target = what_if.fastest_other_disk(role, facts, disk_speeds)
    if target is None:
        return what_if.FOLDER_PLACEHOLDER
    return os.path.join(target.location.path, os.path.basename(facts.out))


def _make_strategy(run: RunModel, name: StrategyId, change: Change | None) -> Strategy:
    info = STRATEGY_INFO[name]
    if change is None:
        return Strategy(
            id=name,
            title=info.title,
            reason=explain_not_applicable(name, moved=run.facts.moved),
            commands=(),
            effort=info.effort,
            risk=info.risk,
            rate=None,
            gain=None,
            upper_bound=False,
            helps=False,
        )
    gain = run.gain(change)
    helps = gain >= MIN_GAIN
    if helps:
        reason = explain_gain(name, run.facts, run.costs, run.tunables, change)
    else:
        reason = explain_no_gain(name, run.costs, run.tunables)
    return Strategy(
        id=name,
        title=info.title,
        reason=reason,
        commands=commands_for(run.facts, change.values),
        effort=info.effort,
        risk=info.risk,
        rate=run.measured_rate * gain,
        gain=gain,
        upper_bound=change.upper_bound or (helps and _may_queue(run, name)),
        helps=helps,
        probe_command="midiprism probe" if change.upper_bound and name != "postgresql" else "",
        changes=change.values,
    )


def _may_queue(run: RunModel, name: StrategyId) -> bool:
    """Return whether a strategy sends more requests to a disk whose concurrency is not known."""
    costs = run.costs
    if name not in ("workers", "in-flight"):
        return False
    unknown = 0.0
    if costs.source_concurrency is None:
        unknown += costs.source_wait
    if costs.output_concurrency is None:
        unknown += costs.output_wait
    return unknown > _MAX_UNKNOWN_WAIT_SHARE * (costs.worker_cpu + costs.source_wait + costs.output_wait)


def _best_change(run: RunModel, candidates: Mapping[StrategyId, Change]) -> dict[StrategyId, Change]:
    """Return the most helpful change with the best settings for it, preferring changes that were measured."""
    enough = run.best_gain()[0] * MIN_GAIN
    gains = {name: run.best_gain(change)[0] for name, change in candidates.items()}
    helpful = [name for name, gain in gains.items() if gain >= enough]
    best = max(helpful, key=lambda name: (not candidates[name].upper_bound, gains[name]), default=None)
    return {} if best is None else {best: candidates[best]}


def _helpful_changes(run: RunModel, candidates: Mapping[StrategyId, Change]) -> dict[StrategyId, Change]:
    """Return the changes that still help in addition to each other, the best first."""
    chosen: dict[StrategyId, Change] = {}
    remaining = dict(candidates)
    reached = run.best_gain()[0]
    while remaining:
        gains = {name: run.best_gain(*chosen.values(), change)[0] for name, change in remaining.items()}
        best = max(gains, key=lambda name: gains[name])
        if gains[best] < reached * MIN_GAIN:
            break
        reached = gains[best]
        chosen[best] = remaining.pop(best)
        remaining = {name: change for name, change in remaining.items() if not _are_exclusive(name, best)}
    return chosen


def _are_exclusive(first: StrategyId, second: StrategyId) -> bool:
    return {first, second} <= DEVICE_STRATEGIES or {first, second} <= _CATALOG_CHANGES


def _needed_settings(run: RunModel, changes: Sequence[Change]) -> tuple[float, dict[TunableName, int]]:
    """Return the gain of changes with the best settings for them, and those settings that it needs.

    A setting that contributes too little stays as it is.
    """
    costs, _ = run.apply(*changes)
    _, best = run.best_gain(*changes)
    enough = predicted_rate(costs, best) / MIN_GAIN
    for name in changed_settings(best, run.tunables):
        simpler = replace(best, **{name: getattr(run.tunables, name)})
        if predicted_rate(costs, simpler) > enough:
            best = simpler
    return predicted_rate(costs, best) / run.modelled_rate, changed_settings(best, run.tunables)


def _make_plan(
    run: RunModel, name: PlanName, title: str, selected: Mapping[StrategyId, Change]
) -> SpeedupPlan:
    gain, settings = _needed_settings(run, [*selected.values()])
    changes: dict[str, Any] = dict(settings.items())
    for change in selected.values():
        changes |= change.values
    strategies = (*(STRATEGY_OF_SETTING[setting] for setting in settings), *selected)
    infos = [STRATEGY_INFO[strategy] for strategy in strategies]
    may_queue = "output-device" not in selected and any(_may_queue(run, strategy) for strategy in strategies)
    return SpeedupPlan(
        name=name,
        title=title,
        strategies=strategies,
        commands=commands_for(run.facts, changes),
        effort=max((info.effort for info in infos), key=LEVELS.index, default="low"),
        risk=join_risks(strategies),
        rate=run.measured_rate * gain,
        gain=gain,
        upper_bound=may_queue or any(change.upper_bound for change in selected.values()),
        changes=changes,
    )
