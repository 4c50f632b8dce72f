"""Strategies in words: what each is and asks for, and why it helps or not."""

from typing import Literal, NamedTuple

from midiprism.advise.model.costs import Costs
from midiprism.advise.model.run_facts import RunFacts
from midiprism.advise.model.throughput import Setup
from midiprism.advise.model.what_if import Change

Level = Literal["low", "medium", "high"]
LEVELS: tuple[Level, ...] = ("low", "medium", "high")

StrategyId = Literal[
    "output-device",
    "catalogue-device",
    "temporary-device",
    "batches",
    "workers",
    "in-flight",
    "parquet",
    "postgresql",
    "sqlite",
    "separate-devices",
]
STRATEGY_OF_SETTING: dict[str, StrategyId] = {
    "workers": "workers",
    "batch_size": "batches",
    "in_flight": "in-flight",
}


class StrategyInfo(NamedTuple):
    """What holds for a strategy in any run."""

    title: str
    effort: Level
    risk: str


_RESTART_RISK = "None: what is done is kept, and the next run goes on."
_MOVE_RISK = "It needs room for the result on the other device, and time to copy it there."
_NEW_RESULT_RISK = "It needs a new result: what this one holds is split again there."

STRATEGY_INFO: dict[StrategyId, StrategyInfo] = {
    "output-device": StrategyInfo("the result on another device", "medium", _MOVE_RISK),
    "catalogue-device": StrategyInfo(
        "the catalogue on another device, with its result", "medium", _MOVE_RISK
    ),
    "temporary-device": StrategyInfo("temporary files on another device", "low", _RESTART_RISK),
    "batches": StrategyInfo("batches of another size", "low", _RESTART_RISK),
    "workers": StrategyInfo("another number of workers", "low", _RESTART_RISK),
    "in-flight": StrategyInfo("another number of batches in flight", "low", _RESTART_RISK),
    "parquet": StrategyInfo("tracks in Parquet files instead of a file each", "high", _NEW_RESULT_RISK),
    "postgresql": StrategyInfo("the catalogue on a PostgreSQL server", "high", _NEW_RESULT_RISK),
    "sqlite": StrategyInfo("the catalogue in a file of the result", "high", _NEW_RESULT_RISK),
    "separate-devices": StrategyInfo("source and output on different devices", "medium", _MOVE_RISK),
}


def explain_gain(name: StrategyId, facts: RunFacts, costs: Costs, setup: Setup, change: Change) -> str:
    """Why it helps."""
    rests = ""
    if change.disk_speed is not None:
        rests = f" {change.disk_speed.place.display_name} was measured to be faster."
    elif change.at_most:
        rests = " How much of that is really gained was not measured."
    return f"{_cause(name, facts, costs, setup, change)}{rests}"


def explain_no_gain(name: StrategyId, costs: Costs, setup: Setup) -> str:
    """Why it would not help."""
    if name in STRATEGY_OF_SETTING.values():
        return "What is in force is as good as the best that the model finds."
    if name in ("output-device", "separate-devices", "parquet"):
        waits, computes = 1000 * (costs.output_wait + costs.flush_per_song), 1000 * costs.worker_cpu
        return (
            f"It would change little: a song waits {waits:,.2f} ms for its files, beside {computes:,.2f} ms "
            "of processor time."
        )
    commit = 1000 * (costs.commit_per_song + costs.commit_fixed / max(1, setup.batch_size))
    return f"It would change little: a song's share of a commit is {commit:,.2f} ms, beside other work."


def explain_not_applicable(name: StrategyId) -> str:
    """Why it cannot help in this run."""
    return {
        "temporary-device": "A run waits for nothing that it puts into temporary files.",
        "catalogue-device": "The catalogue is on a server, and so are its disks.",
        "parquet": "The tracks lie in Parquet files already.",
        "postgresql": "The catalogue is in PostgreSQL already.",
        "sqlite": "The catalogue is a file of SQLite already.",
        "separate-devices": "Source and output are not on one device, as far as the system tells.",
    }[name]


def _cause(name: StrategyId, facts: RunFacts, costs: Costs, setup: Setup, change: Change) -> str:
    if name == "output-device":
        waits = 1000 * (costs.output_wait + costs.flush_per_song)
        return f"A song waits {waits:,.2f} ms for its files on {facts.place_title('output')}."
    if name == "batches":
        larger = change.values.get("batch_size", setup.batch_size) > setup.batch_size
        return (
            "More songs share a flush, a commit and the answers that it waits for."
            if larger
            else "Smaller batches come round sooner, and leave no worker waiting for the last of them."
        )
    if name == "workers":
        more = change.values.get("workers", 0) > setup.workers
        return "Processors are free while workers wait." if more else "Fewer are in each other's way less."
    if name == "in-flight":
        return "Workers lie idle until batches are committed."
    if name == "parquet":
        return f"A song creates {costs.tracks_new:,.1f} files; in shards it creates none."
    if name == "postgresql":
        return "One process plans and commits; on a server each worker commits its own."
    if name == "separate-devices":
        return f"{facts.place_title('output')} serves both source and output."
    return f"Each commit waits {1000 * costs.commit_fixed:,.0f} ms."
