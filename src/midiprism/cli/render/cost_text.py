"""The words and the JSON about what runs into object storage cost."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from midiprism.cli.render.terminal import format_clock, format_size, make_console, pluralize

if TYPE_CHECKING:
    from rich.table import Table

    from midiprism.generations.dry_run import DryRun
    from midiprism.generations.prices import Prices
    from midiprism.generations.usage import Usage

_NAMES = {
    "plan": "planning",
    "a": "reading and splitting",
    "b": "comparing digests",
    "c": "writing tracks",
    "commit": "committing",
    "total": "in all",
}
_MACHINES = (1, 10, 100)


def print_estimate(dry_run: "DryRun", prices: "Prices", cores: int, *, stderr: bool) -> None:
    """Print what a run will use and cost."""
    console = make_console(stderr=stderr)
    estimate = dry_run.estimate
    console.print(
        f"{pluralize(estimate.songs, 'song')} in {format_size(estimate.size)} would be split: "
        f"{pluralize(estimate.chunks, 'chunk')}, "
        f"{estimate.prefixes:,} {'prefix' if estimate.prefixes == 1 else 'prefixes'}. Nothing is written.",
        highlight=False,
    )
    if dry_run.unfinished is not None:
        console.print(
            f"Generation {dry_run.unfinished} is not finished; the run would finish it first, which is not "
            "counted here.",
            highlight=False,
        )
    if not estimate.songs:
        return
    console.print()
    console.print(_make_table({**estimate.by_pass, "total": estimate.total}))
    console.print()
    for line in (*_times(dry_run, cores), *dollar_lines(estimate.total, prices)):
        console.print(line, highlight=False)


def usage_lines(usage: "Usage", prices: "Prices") -> Iterator[str]:
    """Yield what a run has used and cost, line by line."""
    counts = usage.requests
    yield (
        f"Used: {counts.gets:,} GET, {counts.puts:,} PUT, {counts.lists:,} LIST, "
        f"{counts.heads:,} HEAD; {format_size(counts.bytes_read)} read, {format_size(counts.bytes_written)} "
        f"written; {_core_time(usage)} of processor time."
    )
    yield from dollar_lines(usage, prices)


def dollar_lines(usage: "Usage", prices: "Prices") -> Iterator[str]:
    """Yield the price of use, and at which prices."""
    from midiprism.generations.prices import PRICES_READ, PRICES_SOURCE, Prices

    requests, cores = prices.request_dollars(usage), prices.core_dollars(usage)
    source = f"{PRICES_SOURCE}, {PRICES_READ}" if prices == Prices() else "the prices of --prices"
    yield (
        f"Price: {_dollars(requests + cores)}, of which {_dollars(requests)} for requests and "
        f"{_dollars(cores)} for processors, at {source}."
    )


def estimate_to_json(dry_run: "DryRun", prices: "Prices", cores: int) -> dict[str, Any]:
    """Return what a run will use and cost as the values of a JSON object."""
    from midiprism.generations.estimate import seconds_on

    estimate = dry_run.estimate
    return {
        "dry_run": True,
        "songs": estimate.songs,
        "bytes": estimate.size,
        "chunks": estimate.chunks,
        "prefixes": estimate.prefixes,
        "unfinished_generation": dry_run.unfinished,
        "passes": {name: requests_to_json(usage) for name, usage in estimate.by_pass.items()},
        "total": requests_to_json(estimate.total),
        "cores": cores,
        "seconds_by_machines": {
            str(count): round(seconds_on(estimate, count, cores), 1) for count in _MACHINES
        },
        **dollars_to_json(estimate.total, prices),
    }


def requests_to_json(usage: "Usage") -> dict[str, Any]:
    """Return requests, bytes and processor time."""
    return {**usage.requests._asdict(), "core_seconds": round(usage.core_seconds, 3)}


def dollars_to_json(usage: "Usage", prices: "Prices") -> dict[str, Any]:
    """Return the price of use, and the prices."""
    return {
        "dollars": {
            "requests": round(prices.request_dollars(usage), 6),
            "cores": round(prices.core_dollars(usage), 6),
        },
        "prices": prices._asdict(),
    }


def _times(dry_run: "DryRun", cores: int) -> Iterator[str]:
    from midiprism.generations.estimate import seconds_on

    estimate = dry_run.estimate
    times = ", ".join(
        f"{format_clock(seconds_on(estimate, count, cores))} on {pluralize(count, 'machine')}"
        for count in _MACHINES
    )
    yield (
        f"Time: {times} with {pluralize(cores, 'processor')} each, if storage answers as fast as it is asked."
    )


def _make_table(rows: "dict[str, Usage]") -> "Table":
    from midiprism.cli.render.terminal import make_table

    table = make_table()
    table.add_column(no_wrap=True)
    for name in ("GET", "PUT", "LIST", "HEAD", "read", "written", "processor time"):
        table.add_column(name, justify="right", no_wrap=True)
    for name, usage in rows.items():
        counts = usage.requests
        table.add_row(
            _NAMES[name],
            *(f"{count:,}" for count in (counts.gets, counts.puts, counts.lists, counts.heads)),
            format_size(counts.bytes_read),
            format_size(counts.bytes_written),
            _core_time(usage),
        )
    return table


def _dollars(amount: float) -> str:
    return f"${amount:,.2f}" if amount >= 1 else f"${amount:.4f}"


def _core_time(usage: "Usage") -> str:
    hours = usage.core_seconds / 3600
    return f"{hours:,.1f} h" if hours >= 1 else f"{usage.core_seconds:,.1f} s"
