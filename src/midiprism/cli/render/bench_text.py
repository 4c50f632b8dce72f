"""Print measured strategies: as a table and as JSON."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from midiprism.cli.render.terminal import (
    escape_unprintable,
    make_console,
    make_table,
    printable_path,
    rich_text,
)

if TYPE_CHECKING:
    from midiprism.advise.bench.experiments import ExperimentResult

_NON_TERMINAL_WIDTH = 160
_SETTING_TITLES = {"workers": "workers", "batch_size": "batch size", "in_flight": "in flight"}


def print_experiments(results: "Sequence[ExperimentResult]", *, stderr: bool) -> None:
    """Print the rates of each strategy next to the predictions, and the strategies that were not tried."""
    console = make_console(stderr=stderr)
    if not console.is_terminal:
        console.width = _NON_TERMINAL_WIDTH
    table = make_table()
    for title in ("strategy", "tried"):
        table.add_column(title, overflow="fold")
    for title in ("predicted", "measured", "least", "most", "predicted / measured"):
        table.add_column(title, justify="right")
    for result in results:
        if result.measured is not None:
            cells = (result.title, _describe_changes(result), *_rate_cells(result, result.measured))
            table.add_row(*map(rich_text, cells))
    console.print("Songs per second, medians of the rounds:")
    console.print(table)
    not_tried = [result for result in results if result.measured is None]
    if not_tried:
        console.print("Not tried:")
    for result in not_tried:
        console.print(f"  {escape_unprintable(result.title)}: {escape_unprintable(result.reason)}")


def experiment_to_json(result: "ExperimentResult") -> dict[str, Any]:
    """Return a measured strategy for ``--json``, without passwords."""
    from midiprism.catalog.address import without_password

    changes = dict(result.changes)
    if changes.get("database"):
        changes["database"] = without_password(changes["database"])
    return {
        "id": result.id,
        "title": result.title,
        "changes": changes,
        "predicted": result.predicted,
        "upper_bound": result.upper_bound,
        "measured": result.measured,
        "rates": list(result.rates),
        "reason": result.reason,
    }


def _rate_cells(result: "ExperimentResult", measured: float) -> tuple[str, ...]:
    rates = (measured, min(result.rates), max(result.rates))
    predicted = ratio = ""
    if result.predicted is not None:
        predicted = f"{'at most ' if result.upper_bound else ''}{result.predicted:,.0f}"
        ratio = f"{result.predicted / measured:.2f}"
    return (predicted, *(f"{rate:,.0f}" for rate in rates), ratio)


def _describe_changes(result: "ExperimentResult") -> str:
    """Return what was tried, in words."""
    changes = result.changes
    words = [
        f"{_SETTING_TITLES[name]} {value:,}" for name, value in changes.items() if name in _SETTING_TITLES
    ]
    words += [str(changes["store"])] if "store" in changes else []
    words += ["PostgreSQL"] if changes.get("database") else []
    words += [printable_path(changes["output"])] if "output" in changes else []
    return ", ".join(words)
