"""Describe strategies in words: what each changes and requires, and why it helps or not."""

from collections.abc import Iterable
from typing import Literal, NamedTuple

from midiprism.advise.model.costs import Costs
from midiprism.advise.model.run_facts import RunFacts, TunableName
from midiprism.advise.model.what_if import Change
from midiprism.pipeline.tuner import Tunables

Level = Literal["low", "medium", "high"]
LEVELS: tuple[Level, ...] = ("low", "medium", "high")

StrategyId = Literal[
    "other-programs",
    "output-device",
    "catalog-device",
    "temporary-device",
    "batches",
    "workers",
    "in-flight",
    "parquet",
    "postgresql",
    "sqlite",
    "separate-devices",
]
DEVICE_STRATEGIES: frozenset[StrategyId] = frozenset({"output-device", "catalog-device", "separate-devices"})
STRATEGY_OF_SETTING: dict[TunableName, StrategyId] = {
    "workers": "workers",
    "batch_size": "batches",
    "in_flight": "in-flight",
}


class StrategyInfo(NamedTuple):
    """The properties of a strategy that are the same for every run."""

    title: str
    effort: Level
    risk: str


RESTART_RISK = "None: everything done is kept, and the next run resumes."
_MOVE_RISK = "It needs space for the result on the other device, and time to copy it there."
_NEW_RESULT_RISK = "It needs a new result, for which the songs of this one are split again."

STRATEGY_INFO: dict[StrategyId, StrategyInfo] = {
    "other-programs": StrategyInfo("the other programs stopped", "low", "None for the run."),
    "output-device": StrategyInfo("the result on another device", "medium", _MOVE_RISK),
    "catalog-device": StrategyInfo("the catalog on another device, with its result", "medium", _MOVE_RISK),
    "temporary-device": StrategyInfo("temporary files on another device", "low", RESTART_RISK),
    "batches": StrategyInfo("batches of another size", "low", RESTART_RISK),
    "workers": StrategyInfo("another number of workers", "low", RESTART_RISK),
    "in-flight": StrategyInfo("another number of batches in flight", "low", RESTART_RISK),
    "parquet": StrategyInfo("tracks in Parquet files instead of a file each", "high", _NEW_RESULT_RISK),
    "postgresql": StrategyInfo("the catalog on a PostgreSQL server", "high", _NEW_RESULT_RISK),
    "sqlite": StrategyInfo("the catalog in a file of the result", "high", _NEW_RESULT_RISK),
    "separate-devices": StrategyInfo("source and output on different devices", "medium", _MOVE_RISK),
}


def explain_gain(name: StrategyId, facts: RunFacts, costs: Costs, tunables: Tunables, change: Change) -> str:
    """Return why a strategy helps."""
    basis = ""
    if change.disk_speed is not None:
        basis = f" {change.disk_speed.location.display_name} was measured to be faster."
    elif change.upper_bound:
        basis = " The actual gain was not measured."
    return f"{_cause(name, facts, costs, tunables, change)}{basis}"


def explain_no_gain(name: StrategyId, costs: Costs, tunables: Tunables) -> str:
    """Return why a strategy would not help."""
    if name == "other-programs":
        return "The run does not wait for processors."
    if name in STRATEGY_OF_SETTING.values():
        return "The present setting is as good as the best that the model finds."
    if name in ("output-device", "separate-devices", "parquet"):
        waiting, computing = 1000 * (costs.output_wait + costs.flush_per_song), 1000 * costs.worker_cpu
        return (
            f"It would change little: a song waits {waiting:,.2f} ms for its files, and takes "
            f"{computing:,.2f} ms of processor time."
        )
    commit = 1000 * (costs.commit_per_song + costs.commit_fixed / max(1, tunables.batch_size))
    return f"It would change little: the share of a song in a commit is {commit:,.2f} ms."


def join_risks(names: Iterable[StrategyId]) -> str:
    """Return the risks of strategies that are applied together."""
    risks = dict.fromkeys(STRATEGY_INFO[name].risk for name in names)
    if len(risks) > 1:
        risks.pop(RESTART_RISK, None)
    return " ".join(risks)


def explain_not_applicable(name: StrategyId, *, moved: bool = False) -> str:
    """Return why a strategy does not apply to the run.

    Args:
        moved: whether the result was moved after the run.
    """
    if moved and name in DEVICE_STRATEGIES:
        return "The result was moved after this run: the next run shows how fast it is there."
    return {
        "other-programs": "Other programs left the processors to the run.",
        "temporary-device": "A run never waits for temporary files.",
        "catalog-device": "The catalog is on a server, and so are its disks.",
        "parquet": "The tracks are in Parquet files already.",
        "postgresql": "The catalog is in PostgreSQL already.",
        "sqlite": "The catalog is a file of SQLite already.",
        "separate-devices": "Source and output are not on one device, as far as the system tells.",
    }[name]


def _cause(name: StrategyId, facts: RunFacts, costs: Costs, tunables: Tunables, change: Change) -> str:
    if name == "other-programs":
        return f"Other programs kept {costs.other_programs_cpu:.1f} of the {costs.cores:.0f} processors busy."
    if name == "output-device":
        waits = 1000 * (costs.output_wait + costs.flush_per_song)
        return f"A song waits {waits:,.2f} ms for its files on {facts.location_title('output')}."
    if name == "batches":
        larger = change.values.get("batch_size", tunables.batch_size) > tunables.batch_size
        return (
            "More songs share a flush, a commit and the server's answers to it."
            if larger
            else "Smaller batches are finished sooner, so that no worker waits for the last of them."
        )
    if name == "workers":
        more = change.values.get("workers", 0) > tunables.workers
        return "Processors are free while workers wait." if more else "Fewer workers compete less."
    if name == "in-flight":
        return "Workers are idle until batches are committed."
    if name == "parquet":
        return f"A song creates {costs.tracks_new:,.1f} files; with Parquet it creates none."
    if name == "postgresql":
        return "One process plans and commits; with a server each worker commits its own batches."
    if name == "separate-devices":
        return f"{facts.location_title('output')} serves both source and output."
    return f"Each commit waits {1000 * costs.commit_fixed:,.0f} ms."
