"""``midiprism bench``: what this machine does with one's own library."""

import json
import os
import tempfile
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any

import typer

from midiprism.cli.interrupt import interruptible
from midiprism.cli.render.terminal import escape_unprintable, make_console, printable_path, rich_text
from midiprism.errors import UsageError

if TYPE_CHECKING:
    from midiprism.advise.bench.experiments import ExperimentResult

_NON_TERMINAL_WIDTH = 160
_SETTING_TITLES = {"workers": "workers", "batch_size": "batch size", "in_flight": "in flight"}


def strategies(
    sources: Annotated[
        list[str],
        typer.Argument(metavar="SOURCE...", help="Folders, archives, Parquet files, as `split` takes them."),
    ],
    work: Annotated[
        str | None,
        typer.Option(metavar="DIR", help="Where the results go for the time.  [default: temporary files]"),
    ] = None,
    songs: Annotated[
        int, typer.Option(min=1, metavar="N", help="Songs of the sample, spread over the library.")
    ] = 20_000,
    seconds: Annotated[float, typer.Option(min=0.5, metavar="S", help="Longest of each run.")] = 5.0,
    rounds: Annotated[int, typer.Option(min=1, metavar="N", help="How often all take turns.")] = 3,
    place: Annotated[
        list[str] | None,
        typer.Option(metavar="DIR", help="Also try results in this place. It may be given several times."),
    ] = None,
    database: Annotated[
        str | None,
        typer.Option(
            metavar="URL", help="Also try the catalogue in PostgreSQL, in schemas that are made and dropped."
        ),
    ] = None,
    workers: Annotated[
        int | None, typer.Option(min=1, metavar="N", help="Of the base.  [default: the processors]")
    ] = None,
    batch_size: Annotated[
        int | None, typer.Option(min=1, metavar="N", help="Of the base.  [default: 250]")
    ] = None,
    in_flight: Annotated[
        int | None, typer.Option(min=1, metavar="N", help="Of the base.  [default: enough for the workers]")
    ] = None,
    archives: Annotated[bool, typer.Option("--archives", help="Enter archives in folders too.")] = False,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print the table as one JSON object, the last line of the output.")
    ] = False,
) -> None:
    """Measure strategies off and on, alone and together, on a sample of a library, beside what is predicted.

    Runs take turns, and nothing of them is left.
    """
    from midiprism.advise.bench.experiments import ExperimentOptions, run_experiments, sample_songs
    from midiprism.catalog import PostgresAddress, has_password
    from midiprism.pipeline import Resources, Settings
    from midiprism.sources import open_source

    if database is not None and has_password(database):
        raise UsageError(
            "A password on the command line can be read by everybody on this machine: put it into ~/.pgpass "
            "or a service file."
        )
    if database is not None:
        PostgresAddress(database)  # which says so if it is none
    folders = [os.path.abspath(one) for one in (work or tempfile.gettempdir(), *(place or ()))]
    for folder in folders:
        if not os.path.isdir(folder):
            raise UsageError(f"{printable_path(folder)} is not a folder that is there: name one, or make it.")
    asked = ExperimentOptions(
        folders[0],
        tuple(dict.fromkeys(folders[1:])),
        database,
        Settings(resources=Resources(workers, batch_size, in_flight=in_flight)),
        seconds,
        rounds,
    )
    with interruptible("Stopping, and removing what was written; again stops at once.") as stop:
        library = sample_songs(open_source(sources, enter_archives=archives), songs)
        typer.echo(f"{len(library.songs):,} songs; runs of at most {seconds:g} s.", err=True)
        rows = run_experiments(
            library, asked, stop, lambda message: typer.echo(escape_unprintable(message), err=True)
        )
        if rows is None:
            raise typer.Exit(stop.exit_code)
    _print(rows, stderr=as_json)
    if as_json:
        typer.echo(json.dumps({"songs": len(library.songs), "strategies": [_to_json(row) for row in rows]}))


def _print(rows: "Sequence[ExperimentResult]", *, stderr: bool) -> None:
    from rich.table import Table

    screen = make_console(stderr=stderr)
    if not screen.is_terminal:
        screen.width = _NON_TERMINAL_WIDTH
    table = Table(box=None, pad_edge=False, header_style="bold")
    for title in ("strategy", "tried"):
        table.add_column(title, overflow="fold")
    for title in ("predicted", "measured", "least", "most", "predicted / measured"):
        table.add_column(title, justify="right")
    for row in rows:
        if row.measured is None:
            continue
        at_most = "at most " if row.at_most else ""
        predicted = "" if row.predicted is None else f"{at_most}{row.predicted:,.0f}"
        ratio = "" if row.predicted is None else f"{row.predicted / row.measured:.2f}"
        figures = (predicted, *(f"{it:,.0f}" for it in (row.measured, min(row.rates), max(row.rates))), ratio)
        table.add_row(*map(rich_text, (row.title, _describe_changes(row), *figures)))
    screen.print("Songs a second, medians of the rounds:")
    screen.print(table)
    left_out = [row for row in rows if row.measured is None]
    if left_out:
        screen.print("Not tried:")
    for row in left_out:
        screen.print(
            f"  {escape_unprintable(row.title)}: {escape_unprintable(row.reason)}",
            markup=False,
            highlight=False,
        )


def _describe_changes(row: "ExperimentResult") -> str:
    """What was tried, in words."""
    words = [
        f"{_SETTING_TITLES[name]} {value:,}" for name, value in row.changes.items() if name in _SETTING_TITLES
    ]
    words += [str(row.changes["store"])] if "store" in row.changes else []
    words += ["PostgreSQL"] if row.changes.get("database") else []
    words += [printable_path(row.changes["output"])] if "output" in row.changes else []
    return ", ".join(words)


def _to_json(row: "ExperimentResult") -> dict[str, Any]:
    from midiprism.catalog.address import without_password

    changes = dict(row.changes)
    if changes.get("database"):
        changes["database"] = without_password(changes["database"])
    return {
        "id": row.id,
        "title": row.title,
        "changes": changes,
        "predicted": row.predicted,
        "at_most": row.at_most,
        "measured": row.measured,
        "rates": list(row.rates),
        "reason": row.reason,
    }
