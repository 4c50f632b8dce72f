"""What would make a run faster, by how much, and what to type for it."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from midiprism.advise.bottleneck import MIN_GAIN
from midiprism.advise.model import what_if as may_be
from midiprism.advise.model.costs import Costs, measure_costs
from midiprism.advise.model.optimizer import best_setup, changed_settings
from midiprism.advise.model.run_facts import TUNABLE_SETTINGS, RunFacts
from midiprism.advise.model.throughput import Setup, predicted_rate, setup_of
from midiprism.advise.model.what_if import Change
from midiprism.advise.probe.disk_results import DiskSpeed
from midiprism.advise.report.commands import commands_for
from midiprism.advise.report.explanations import (
    LEVELS,
    STRATEGY_INFO,
    STRATEGY_OF_SETTING,
    Level,
    StrategyId,
    explain_gain,
    explain_no_gain,
    explain_not_applicable,
)
from midiprism.metrics.snapshot import SampleWindow

PlanName = Literal["A", "B", "C"]

_MAX_UNKNOWN_WAIT_SHARE = 0.2
_DEVICE_CHANGES: frozenset[StrategyId] = frozenset({"output-device", "catalogue-device", "separate-devices"})
_CATALOG_CHANGES: frozenset[StrategyId] = frozenset({"catalogue-device", "postgresql", "sqlite"})
_NEW_PLACE_CHANGES: frozenset[StrategyId] = _DEVICE_CHANGES | _CATALOG_CHANGES | {"parquet"}


@dataclass(frozen=True, slots=True)
class Strategy:
    """One thing that could be otherwise.

    Attributes:
        id: which.
        title: what it is, in a few words.
        reason: why it helps, or why not.
        commands: what to type, one after the other; none where there is nothing to change.
        effort: to do it.
        risk: what it may cost, in one sentence.
        rate: songs a second that are predicted; None for what is out of the question.
        gain: how many times as fast that is.
        at_most: whether it is only known that it is not more than that.
        helps: whether it is worth it.
        probe: the command that measures what is not known; empty for none.
        changes: the same for a program, as far as it changes: ``workers``, ``batch_size_adjustable``, ``in_flight_adjustable``;
            ``output`` and ``catalogue``, folders, or ``NEW`` where one is still to be chosen; ``store``;
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
    at_most: bool
    helps: bool
    probe: str = ""
    changes: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class SpeedupPlan:
    """Strategies that go together.

    Attributes:
        name: ``A`` is a restart with other settings, ``B`` beside it another place, store or catalogue, ``C``
            all that helps together.
        strategies: which they are; none where nothing of the kind helps.
        effort: of the one that asks for most.
        risk: of all of them.
        rate: see ``Strategy``, like what else has the same name there.
    """

    name: PlanName
    title: str
    strategies: tuple[StrategyId, ...]
    commands: tuple[str, ...]
    effort: Level
    risk: str
    rate: float
    gain: float
    at_most: bool
    changes: Mapping[str, Any] = field(default_factory=dict)

    @property
    def sentences(self) -> tuple[str, ...]:
        """What it comes to."""
        if not self.strategies:
            return ("There is nothing of the kind to gain.",)
        titles = "; ".join(STRATEGY_INFO[one].title for one in self.strategies)
        return (f"{titles}.", f"Effort: {self.effort}. Risk: {self.risk}")


@dataclass(frozen=True, slots=True)
class RunModel:
    """A run as the model has it.

    Attributes:
        songs: a second, as measured; ``now`` by the model.
        figures: of places.
    """

    facts: RunFacts
    costs: Costs
    setup: Setup
    measured_rate: float
    modelled_rate: float
    disk_speeds: Sequence[DiskSpeed]

    def apply(self, *changes: Change) -> tuple[Costs, Setup]:
        """Its costs and settings with these changes."""
        costs, setup = self.costs, self.setup
        for change in changes:
            costs, setup = change.effect(costs, setup)
        return costs, setup

    def gain(self, *changes: Change) -> float:
        """How many times as fast it is with these changes."""
        return predicted_rate(*self.apply(*changes)) / self.modelled_rate

    def best_gain(self, *changes: Change) -> tuple[float, Setup]:
        """How many times as fast it is with these changes and the best settings for them."""
        costs, setup = self.apply(*changes)
        best = best_setup(costs, setup, *TUNABLE_SETTINGS)
        return predicted_rate(costs, best) / self.modelled_rate, best


def strategies_for(
    window: SampleWindow, settings: Mapping[str, Any], disk_speeds: Sequence[DiskSpeed] = ()
) -> list[Strategy]:
    """All strategies, those that help first, and of them the one that helps most; none if nothing was split.

    Args:
        settings: what was recorded of the run when it began.
        figures: of places, as ``midiprism probe`` measured them.
    """
    run = model_run(window, settings, disk_speeds)
    if run is None:
        return []
    found = [_make_strategy(run, name, change) for name, change in _candidate_changes(run).items()]
    return sorted(found, key=lambda one: (not one.helps, -(one.gain or 0.0)))


def plans_for(
    window: SampleWindow, settings: Mapping[str, Any], disk_speeds: Sequence[DiskSpeed] = ()
) -> list[SpeedupPlan]:
    """Plans A, B and C; none if nothing was split. See ``strategies_for``."""
    run = model_run(window, settings, disk_speeds)
    if run is None:
        return []
    others = {
        name: it
        for name, it in _candidate_changes(run).items()
        if it is not None and name in _NEW_PLACE_CHANGES
    }
    return [
        _make_plan(run, "A", "restart with other settings", {}),
        _make_plan(
            run, "B", "with the other place, store or catalogue that helps most", _best_change(run, others)
        ),
        _make_plan(run, "C", "all that helps, together", _helpful_changes(run, others)),
    ]


def model_run(
    window: SampleWindow, settings: Mapping[str, Any], disk_speeds: Sequence[DiskSpeed] = ()
) -> RunModel | None:
    """A run as the model has it; None if nothing was split. See ``strategies_for``."""
    facts = RunFacts.from_settings(settings)
    costs = measure_costs(window, facts, disk_speeds)
    if costs is None:
        return None
    setup = setup_of(window, facts)
    return RunModel(facts, costs, setup, window.rate, predicted_rate(costs, setup), disk_speeds)


def _candidate_changes(run: RunModel) -> dict[StrategyId, Change | None]:
    """What each strategy changes; None for one that is out of the question."""
    facts, figures = run.facts, run.disk_speeds
    output, catalogue = (_new_output_folder(facts, role, figures) for role in ("output", "catalogue"))
    device = facts.device("output")
    one_device = bool(device) and device == facts.device("source")
    files, server = facts.store == "files", facts.shared
    return {
        "output-device": may_be.move_output(facts, figures, output),
        "catalogue-device": None if server else may_be.move_catalog(facts, figures, catalogue),
        "temporary-device": None,
        "batches": best_setting(run, "batch_size"),
        "workers": best_setting(run, "workers"),
        "in-flight": best_setting(run, "in_flight"),
        "parquet": may_be.use_parquet(facts, figures) if files else None,
        "postgresql": None if server else may_be.use_postgresql(facts),
        "sqlite": may_be.use_sqlite(facts, figures) if server else None,
        "separate-devices": may_be.separate_devices(facts, figures, output) if one_device else None,
    }


def best_setting(run: RunModel, name: str) -> Change:
    """The best of one setting. How many batches are in flight follows the others, if nobody asked for it."""
    follows = () if "in_flight" in run.facts.requested else ("in_flight",)
    best = best_setup(run.costs, run.setup, name, *follows)
    return may_be.change_settings(best, dict(changed_settings(best, run.setup)))


def _new_output_folder(facts: RunFacts, role: str, disk_speeds: Sequence[DiskSpeed]) -> str:
    """Where the result would be in the fastest other place that is known."""
    there = may_be.fastest_other_place(role, facts, disk_speeds)
    return "NEW" if there is None else os.path.join(there.place.path, os.path.basename(facts.out))


def _make_strategy(run: RunModel, name: StrategyId, change: Change | None) -> Strategy:
    title, effort, risk = STRATEGY_INFO[name]
    if change is None:
        reason = explain_not_applicable(name)
        return Strategy(name, title, reason, (), effort, risk, None, None, at_most=False, helps=False)
    gain = run.gain(change)
    helps = gain >= MIN_GAIN
    return Strategy(
        name,
        title,
        explain_gain(name, run.facts, run.costs, run.setup, change)
        if helps
        else explain_no_gain(name, run.costs, run.setup),
        commands_for(run.facts, change.values),
        effort,
        risk,
        run.measured_rate * gain,
        gain,
        change.at_most or (helps and _may_queue(run, name)),
        helps,
        "midiprism probe" if change.at_most and name != "postgresql" else "",
        change.values,
    )


def _may_queue(run: RunModel, name: StrategyId) -> bool:
    """Whether it puts more requests to a device of which nobody knows how many it serves at once."""
    costs = run.costs
    if name not in ("workers", "in-flight"):
        return False
    pairs = ((costs.source_wait, costs.source_concurrency), (costs.output_wait, costs.output_concurrency))
    unknown = sum(wait for wait, width in pairs if width is None)
    return unknown > _MAX_UNKNOWN_WAIT_SHARE * (costs.worker_cpu + costs.source_wait + costs.output_wait)


def _best_change(run: RunModel, candidates: Mapping[StrategyId, Change]) -> dict[StrategyId, Change]:
    """The change that helps most, with the best settings for it: if any was measured, one of those."""
    enough = run.best_gain()[0] * MIN_GAIN
    gains = {name: run.best_gain(change)[0] for name, change in candidates.items()}
    helping = [name for name, gain in gains.items() if gain >= enough]
    best = max(helping, key=lambda name: (not candidates[name].at_most, gains[name]), default=None)
    return {} if best is None else {best: candidates[best]}


def _helpful_changes(run: RunModel, candidates: Mapping[StrategyId, Change]) -> dict[StrategyId, Change]:
    """The changes that help beside each other, the best first."""
    chosen: dict[StrategyId, Change] = {}
    left = dict(candidates)
    reached = run.best_gain()[0]
    while left:
        gains = {name: run.best_gain(*chosen.values(), change)[0] for name, change in left.items()}
        best = max(gains, key=lambda name: gains[name])
        if gains[best] < reached * MIN_GAIN:
            break
        reached = gains[best]
        chosen[best] = left.pop(best)
        left = {name: it for name, it in left.items() if not _are_exclusive(name, best)}
    return chosen


def _are_exclusive(one: StrategyId, other: StrategyId) -> bool:
    return {one, other} <= _DEVICE_CHANGES or {one, other} <= _CATALOG_CHANGES


def _make_plan(
    run: RunModel, name: PlanName, title: str, selected: Mapping[StrategyId, Change]
) -> SpeedupPlan:
    gain, best = run.best_gain(*selected.values())
    settings = changed_settings(best, run.setup)
    changes: dict[str, Any] = {**settings}
    for change in selected.values():
        changes |= change.values
    chosen = (*(STRATEGY_OF_SETTING[it] for it in settings), *selected)
    about = [STRATEGY_INFO[it] for it in chosen]
    queueing = "output-device" not in selected and any(_may_queue(run, it) for it in chosen)
    return SpeedupPlan(
        name,
        title,
        chosen,
        commands_for(run.facts, changes),
        max((it.effort for it in about), key=LEVELS.index, default="low"),
        " ".join(dict.fromkeys(it.risk for it in about)),
        run.measured_rate * gain,
        gain,
        queueing or any(change.at_most for change in selected.values()),
        changes,
    )
