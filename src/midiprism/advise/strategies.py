"""What would make a run faster, by how much, and what to type for it."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from midiprism.advise import changes as may_be
from midiprism.advise.bottleneck import WORTH
from midiprism.advise.changes import Change
from midiprism.advise.commands import commands_for
from midiprism.advise.costs import Costs, costs_of
from midiprism.advise.facts import SETTINGS, Facts
from midiprism.advise.model import Setup, rate, setup_of
from midiprism.advise.places import Figures
from midiprism.advise.reasons import (
    ABOUT,
    LEVELS,
    OF_SETTING,
    Level,
    StrategyId,
    out_of_the_question,
    why,
    why_not,
)
from midiprism.advise.search import best_setup, values_of
from midiprism.meter.sample import Window

PlanName = Literal["A", "B", "C"]

_MUCH = 0.2
_MOVES: frozenset[StrategyId] = frozenset({"output-device", "catalogue-device", "separate-devices"})
_CATALOGUES: frozenset[StrategyId] = frozenset({"catalogue-device", "postgresql", "sqlite"})
_ELSEWHERE: frozenset[StrategyId] = _MOVES | _CATALOGUES | {"parquet"}


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
        changes: the same for a program, as far as it changes: ``workers``, ``batch_size``, ``in_flight``;
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
class Plan:
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
        titles = "; ".join(ABOUT[one].title for one in self.strategies)
        return (f"{titles}.", f"Effort: {self.effort}. Risk: {self.risk}")


@dataclass(frozen=True, slots=True)
class Modelled:
    """A run as the model has it.

    Attributes:
        songs: a second, as measured; ``now`` by the model.
        figures: of places.
    """

    facts: Facts
    costs: Costs
    setup: Setup
    songs: float
    now: float
    figures: Sequence[Figures]

    def after(self, *changes: Change) -> tuple[Costs, Setup]:
        """Its costs and settings with these changes."""
        costs, setup = self.costs, self.setup
        for change in changes:
            costs, setup = change.effect(costs, setup)
        return costs, setup

    def gain(self, *changes: Change) -> float:
        """How many times as fast it is with these changes."""
        return rate(*self.after(*changes)) / self.now

    def best(self, *changes: Change) -> tuple[float, Setup]:
        """How many times as fast it is with these changes and the best settings for them."""
        costs, setup = self.after(*changes)
        best = best_setup(costs, setup, *SETTINGS)
        return rate(costs, best) / self.now, best


def strategies_for(
    window: Window, settings: Mapping[str, Any], figures: Sequence[Figures] = ()
) -> list[Strategy]:
    """All strategies, those that help first, and of them the one that helps most; none if nothing was split.

    Args:
        settings: what was recorded of the run when it began.
        figures: of places, as ``midiprism probe`` measured them.
    """
    run = modelled(window, settings, figures)
    if run is None:
        return []
    found = [_strategy(run, name, change) for name, change in _changes(run).items()]
    return sorted(found, key=lambda one: (not one.helps, -(one.gain or 0.0)))


def plans_for(window: Window, settings: Mapping[str, Any], figures: Sequence[Figures] = ()) -> list[Plan]:
    """Plans A, B and C; none if nothing was split. See ``strategies_for``."""
    run = modelled(window, settings, figures)
    if run is None:
        return []
    others = {name: it for name, it in _changes(run).items() if it is not None and name in _ELSEWHERE}
    return [
        _plan(run, "A", "restart with other settings", {}),
        _plan(run, "B", "with the other place, store or catalogue that helps most", _one(run, others)),
        _plan(run, "C", "all that helps, together", _together(run, others)),
    ]


def modelled(window: Window, settings: Mapping[str, Any], figures: Sequence[Figures] = ()) -> Modelled | None:
    """A run as the model has it; None if nothing was split. See ``strategies_for``."""
    facts = Facts.of(settings)
    costs = costs_of(window, facts, figures)
    if costs is None:
        return None
    setup = setup_of(window, facts)
    return Modelled(facts, costs, setup, window.rate, rate(costs, setup), figures)


def _changes(run: Modelled) -> dict[StrategyId, Change | None]:
    """What each strategy changes; None for one that is out of the question."""
    facts, figures = run.facts, run.figures
    output, catalogue = (_new_place(facts, role, figures) for role in ("output", "catalogue"))
    device = facts.device("output")
    one_device = bool(device) and device == facts.device("source")
    files, server = facts.store == "files", facts.shared
    return {
        "output-device": may_be.other_output(facts, figures, output),
        "catalogue-device": None if server else may_be.other_catalogue(facts, figures, catalogue),
        "temporary-device": None,
        "batches": best_setting(run, "batch_size"),
        "workers": best_setting(run, "workers"),
        "in-flight": best_setting(run, "in_flight"),
        "parquet": may_be.parquet(facts, figures) if files else None,
        "postgresql": None if server else may_be.on_server(facts),
        "sqlite": may_be.in_file(facts, figures) if server else None,
        "separate-devices": may_be.apart(facts, figures, output) if one_device else None,
    }


def best_setting(run: Modelled, name: str) -> Change:
    """The best of one setting. How many batches are in flight follows the others, if nobody asked for it."""
    follows = () if "in_flight" in run.facts.asked else ("in_flight",)
    best = best_setup(run.costs, run.setup, name, *follows)
    return may_be.set_to(best, dict(values_of(best, run.setup)))


def _new_place(facts: Facts, role: str, figures: Sequence[Figures]) -> str:
    """Where the result would be in the fastest other place that is known."""
    there = may_be.other_place(role, facts, figures)
    return "NEW" if there is None else os.path.join(there.place.path, os.path.basename(facts.out))


def _strategy(run: Modelled, name: StrategyId, change: Change | None) -> Strategy:
    title, effort, risk = ABOUT[name]
    if change is None:
        reason = out_of_the_question(name)
        return Strategy(name, title, reason, (), effort, risk, None, None, at_most=False, helps=False)
    gain = run.gain(change)
    helps = gain >= WORTH
    return Strategy(
        name,
        title,
        why(name, run.facts, run.costs, run.setup, change) if helps else why_not(name, run.costs, run.setup),
        commands_for(run.facts, change.values),
        effort,
        risk,
        run.songs * gain,
        gain,
        change.at_most or (helps and _may_queue(run, name)),
        helps,
        "midiprism probe" if change.at_most and name != "postgresql" else "",
        change.values,
    )


def _may_queue(run: Modelled, name: StrategyId) -> bool:
    """Whether it puts more requests to a device of which nobody knows how many it serves at once."""
    costs = run.costs
    if name not in ("workers", "in-flight"):
        return False
    pairs = ((costs.source_wait, costs.source_width), (costs.output_wait, costs.output_width))
    unknown = sum(wait for wait, width in pairs if width is None)
    return unknown > _MUCH * (costs.worker_cpu + costs.source_wait + costs.output_wait)


def _one(run: Modelled, others: Mapping[StrategyId, Change]) -> dict[StrategyId, Change]:
    """The change that helps most, with the best settings for it: if any was measured, one of those."""
    enough = run.best()[0] * WORTH
    gains = {name: run.best(change)[0] for name, change in others.items()}
    helping = [name for name, gain in gains.items() if gain >= enough]
    best = max(helping, key=lambda name: (not others[name].at_most, gains[name]), default=None)
    return {} if best is None else {best: others[best]}


def _together(run: Modelled, others: Mapping[StrategyId, Change]) -> dict[StrategyId, Change]:
    """The changes that help beside each other, the best first."""
    chosen: dict[StrategyId, Change] = {}
    left = dict(others)
    reached = run.best()[0]
    while left:
        gains = {name: run.best(*chosen.values(), change)[0] for name, change in left.items()}
        best = max(gains, key=lambda name: gains[name])
        if gains[best] < reached * WORTH:
            break
        reached = gains[best]
        chosen[best] = left.pop(best)
        left = {name: it for name, it in left.items() if not _exclude_each_other(name, best)}
    return chosen


def _exclude_each_other(one: StrategyId, other: StrategyId) -> bool:
    return {one, other} <= _MOVES or {one, other} <= _CATALOGUES


def _plan(run: Modelled, name: PlanName, title: str, others: Mapping[StrategyId, Change]) -> Plan:
    gain, best = run.best(*others.values())
    settings = values_of(best, run.setup)
    changes: dict[str, Any] = {**settings}
    for change in others.values():
        changes |= change.values
    chosen = (*(OF_SETTING[it] for it in settings), *others)
    about = [ABOUT[it] for it in chosen]
    queueing = "output-device" not in others and any(_may_queue(run, it) for it in chosen)
    return Plan(
        name,
        title,
        chosen,
        commands_for(run.facts, changes),
        max((it.effort for it in about), key=LEVELS.index, default="low"),
        " ".join(dict.fromkeys(it.risk for it in about)),
        run.songs * gain,
        gain,
        queueing or any(change.at_most for change in others.values()),
        changes,
    )
