"""Strategies in words: what each is and asks for, and why it helps or not."""

from typing import Literal, NamedTuple

from midiprism.advise.changes import Change
from midiprism.advise.costs import Costs
from midiprism.advise.facts import Facts
from midiprism.advise.model import Setup

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
OF_SETTING: dict[str, StrategyId] = {"workers": "workers", "batch_size": "batches", "in_flight": "in-flight"}


class About(NamedTuple):
    """What holds for a strategy in any run."""

    title: str
    effort: Level
    risk: str


_RESTART = "None: what is done is kept, and the next run goes on."
_MOVE = "It needs room for the result on the other device, and time to copy it there."
_ANEW = "It needs a new result: what this one holds is split again there."

ABOUT: dict[StrategyId, About] = {
    "output-device": About("the result on another device", "medium", _MOVE),
    "catalogue-device": About("the catalogue on another device, with its result", "medium", _MOVE),
    "temporary-device": About("temporary files on another device", "low", _RESTART),
    "batches": About("batches of another size", "low", _RESTART),
    "workers": About("another number of workers", "low", _RESTART),
    "in-flight": About("another number of batches in flight", "low", _RESTART),
    "parquet": About("tracks in Parquet files instead of a file each", "high", _ANEW),
    "postgresql": About("the catalogue on a PostgreSQL server", "high", _ANEW),
    "sqlite": About("the catalogue in a file of the result", "high", _ANEW),
    "separate-devices": About("source and output on different devices", "medium", _MOVE),
}


def why(name: StrategyId, facts: Facts, costs: Costs, setup: Setup, change: Change) -> str:
    """Why it helps."""
    rests = ""
    if change.place is not None:
        rests = f" {change.place.place.title} was measured to be faster."
    elif change.at_most:
        rests = " How much of that is really gained was not measured."
    return f"{_cause(name, facts, costs, setup, change)}{rests}"


def why_not(name: StrategyId, costs: Costs, setup: Setup) -> str:
    """Why it would not help."""
    if name in OF_SETTING.values():
        return "What is in force is as good as the best that the model finds."
    if name in ("output-device", "separate-devices", "parquet"):
        waits, computes = 1000 * (costs.output_wait + costs.flush_each), 1000 * costs.worker_cpu
        return (
            f"It would change little: a song waits {waits:,.2f} ms for its files, beside {computes:,.2f} ms "
            "of processor time."
        )
    commit = 1000 * (costs.commit_each + costs.commit_fixed / max(1, setup.batch))
    return f"It would change little: a song's share of a commit is {commit:,.2f} ms, beside other work."


def out_of_the_question(name: StrategyId) -> str:
    """Why it cannot help in this run."""
    return {
        "temporary-device": "A run waits for nothing that it puts into temporary files.",
        "catalogue-device": "The catalogue is on a server, and so are its disks.",
        "parquet": "The tracks lie in Parquet files already.",
        "postgresql": "The catalogue is in PostgreSQL already.",
        "sqlite": "The catalogue is a file of SQLite already.",
        "separate-devices": "Source and output are not on one device, as far as the system tells.",
    }[name]


def _cause(name: StrategyId, facts: Facts, costs: Costs, setup: Setup, change: Change) -> str:
    if name == "output-device":
        waits = 1000 * (costs.output_wait + costs.flush_each)
        return f"A song waits {waits:,.2f} ms for its files on {facts.title('output')}."
    if name == "batches":
        larger = change.values.get("batch_size", setup.batch) > setup.batch
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
        return f"{facts.title('output')} serves both source and output."
    return f"Each commit waits {1000 * costs.commit_fixed:,.0f} ms."
