"""The words and the JSON about what limited a run in object storage."""

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from midiprism.cli.render.generation_text import PASS_NAMES
from midiprism.cli.render.terminal import escape_unprintable, make_table, pluralize

if TYPE_CHECKING:
    from rich.table import Table

    from midiprism.generations.bottleneck import GenerationLimits

_LIMITS = {
    "processors": "its processors were busy",
    "storage": "it waited for object storage",
    "queue": "its workers waited for a processor, which other programs or too many workers had",
    "workers": "it waited for its workers, which waited for the local disk or for each other",
    "task": "the process that hands songs to the workers was busy",
}


_TASK_CLOCKS = {
    "reads": "waiting for what they read",
    "workers": "waiting for workers",
    "writes": "writing to the store",
    "own": "own work",
}
_WORKER_CLOCKS = {
    "reading": "reading songs from the local disk",
    "splitting": "splitting",
    "facts": "facts of tracks",
    "hashing": "digests of tracks",
    "storing": "choosing and packing tracks",
    "idle": "waiting for songs",
}


def limits_to_json(limits: "GenerationLimits") -> dict[str, Any]:
    """Return what limited a generation for ``--json``."""
    return {
        "url": limits.url,
        "generation": limits.generation,
        "passes": [
            {
                "pass": it.name,
                "limit": it.limit,
                "busy_share": round(it.busy_share, 3),
                "reads_per_second": round(it.reads_per_second, 1),
                "mean_seconds": round(it.mean_seconds, 3),
                "stragglers": it.has_stragglers,
                "task_shares": _rounded(it.task_shares),
                "worker_shares": _rounded(it.worker_shares),
                "queued_share": round(it.queued_share, 3),
                **it.usage.as_json(),
            }
            for it in limits.passes
        ],
        "forecasts": [{"machines": it.machines, "seconds": round(it.seconds, 1)} for it in limits.forecasts],
        "worthwhile_machines": limits.worthwhile_machines,
        "machines_at_request_limit": limits.machines_at_request_limit,
    }


def _rounded(shares: Mapping[str, float]) -> dict[str, float]:
    return {name: round(share, 3) for name, share in shares.items()}


def limits_table(limits: "GenerationLimits") -> "Table":
    """Return the passes as a table."""
    table = make_table()
    table.add_column("pass", no_wrap=True)
    for name in ("tasks", "mean", "longest", "processors busy", "reads/s of a machine"):
        table.add_column(name, justify="right")
    for it in limits.passes:
        table.add_row(
            PASS_NAMES[it.name],
            f"{it.usage.tasks:,}",
            f"{it.mean_seconds:,.1f} s",
            f"{it.usage.longest:,.1f} s",
            f"{it.busy_share:.0%}",
            f"{it.reads_per_second:,.0f}",
        )
    return table


def clocks_table(limits: "GenerationLimits") -> "Table":
    """Return where the time of tasks and that of their workers went as a table: shares by pass."""
    table = make_table()
    table.add_column("share of the time", no_wrap=True)
    for it in limits.passes:
        table.add_column(PASS_NAMES[it.name], justify="right")
    for title, names, shares in (
        ("tasks", _TASK_CLOCKS, [it.task_shares for it in limits.passes]),
        ("workers", _WORKER_CLOCKS, [it.worker_shares for it in limits.passes]),
    ):
        for name, words in names.items():
            values = (f"{of_pass[name]:.0%}" if name in of_pass else "" for of_pass in shares)
            table.add_row(f"{title}: {words}", *values)
    return table


def limits_lines(limits: "GenerationLimits") -> Iterator[str]:
    """Yield what limited a generation, sentence by sentence."""
    slowest = limits.slowest
    if slowest is None:
        yield f"No generation of {escape_unprintable(limits.url)} is committed that states what it used."
        return
    share = slowest.usage.seconds / sum(it.usage.seconds for it in limits.passes)
    yield f"{PASS_NAMES[slowest.name].capitalize()} took {share:.0%} of the time: {_LIMITS[slowest.limit]}."
    for it in limits.passes:
        if it.has_stragglers:
            factor = it.usage.longest / it.mean_seconds
            yield (
                f"In {PASS_NAMES[it.name]}, the longest task took {factor:.1f} times as long as the mean: "
                "the others wait for it at the end."
            )
    times = ", ".join(f"{it.machines:,}: {it.seconds:,.1f} s" for it in limits.forecasts)
    yield f"With so many machines it would take about: {times}."
    yield f"Up to {pluralize(limits.worthwhile_machines, 'machine')} would pay."
    if (most := limits.machines_at_request_limit) is not None:
        yield f"From about {pluralize(most, 'machine')} on, one prefix of Amazon S3 may slow reads down."
