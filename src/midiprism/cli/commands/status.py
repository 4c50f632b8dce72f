"""``midiprism status``: show what a result holds, how its runs went, what failed, what is left."""

from collections.abc import Iterable
from itertools import groupby
from typing import TYPE_CHECKING, Annotated

import typer

from midiprism.cli import exit_codes
from midiprism.cli.interrupt import Terminated, terminable
from midiprism.cli.options import CatalogOptions, QuietOption, ReadableOutArgument
from midiprism.cli.render.status_json import listed_song_json, status_to_json
from midiprism.cli.render.status_text import failed_song_text, lossy_song_text, status_lines
from midiprism.cli.render.terminal import make_console, print_json, print_message
from midiprism.cli.result_location import ResultLocation, locate
from midiprism.cli.streams import while_read
from midiprism.errors import UsageError
from midiprism.objects.url import is_storage_url

if TYPE_CHECKING:
    from midiprism.results.status import ResultStatus

_DEFAULT_RUNS = 5
_DEFAULT_INTERVAL_SECONDS = 2.0
_MIN_INTERVAL_SECONDS, _MAX_INTERVAL_SECONDS = 0.1, 86_400.0


def status(
    out: ReadableOutArgument,
    catalog: CatalogOptions,
    failed: Annotated[
        bool, typer.Option("--failed", help="List every song that failed, one per line, and nothing else.")
    ] = False,
    lost: Annotated[
        bool,
        typer.Option(
            "--lost", help="List every song that has lost music to damage, one per line, and nothing else."
        ),
    ] = False,
    runs: Annotated[
        int, typer.Option(min=1, max=100_000, metavar="N", help="Show the last N runs.")
    ] = _DEFAULT_RUNS,
    watch: Annotated[
        bool, typer.Option("--watch", help="Refresh until no run is active any more; Ctrl-C ends it.")
    ] = False,
    every: Annotated[
        float | None,
        typer.Option(metavar="SECONDS", help="With --watch: seconds between refreshes.  [default: 2]"),
    ] = None,
    as_json: Annotated[
        bool,
        typer.Option(
            "--json",
            help="Print one JSON object; with --failed or --lost one per song, with --watch one per refresh.",
        ),
    ] = False,
    quiet: QuietOption = False,
) -> int:
    """Show what a result holds, how far its run is, what failed and why, and what is left.

    Nothing is written, and it works at any time.
    """
    from midiprism.results.status import read_status, watch_status

    if failed + lost + watch > 1:
        raise UsageError("--failed, --lost and --watch exclude each other.")
    if every is not None and not watch:
        raise UsageError("--every needs --watch.")
    if is_storage_url(out):
        from midiprism.cli.commands.storage_results import require_unused, show_status

        only_here = {"lost": lost, "watch": watch, "runs": runs != _DEFAULT_RUNS}
        require_unused(database=catalog.database, schema=catalog.schema, **only_here)
        return show_status(out, failed=failed, as_json=as_json, quiet=quiet)
    seconds = _DEFAULT_INTERVAL_SECONDS if every is None else every
    if not _MIN_INTERVAL_SECONDS <= seconds <= _MAX_INTERVAL_SECONDS:
        raise UsageError(
            f"--every must be from {_MIN_INTERVAL_SECONDS:g} to {_MAX_INTERVAL_SECONDS:g} seconds."
        )
    result = locate(out, catalog, quiet=quiet)
    if failed or lost:
        _print_songs(result, lost=lost, as_json=as_json, quiet=quiet)
    elif watch:
        try:
            with terminable():
                statuses = watch_status(result.folder, runs, seconds, result.database)
                _watch(while_read(statuses), result, as_json=as_json)
        except Terminated:
            return exit_codes.TERMINATED
        except KeyboardInterrupt:  # which is how watching ends
            return exit_codes.INTERRUPTED
    else:
        _print(read_status(result.folder, runs, database=result.database), result, as_json=as_json)
    return exit_codes.DONE


def _print_songs(result: ResultLocation, *, lost: bool, as_json: bool, quiet: bool) -> None:
    """Print the songs that have lost music, or else those that failed."""
    from midiprism.catalog.queries.run_history import failed_paths, paths_with_loss
    from midiprism.results.status import open_snapshots_if_any

    find_paths, to_text = (paths_with_loss, lossy_song_text) if lost else (failed_paths, failed_song_text)
    any_listed = False
    with open_snapshots_if_any(result.folder, result.database) as snapshots:
        found = find_paths(snapshots) if snapshots is not None else ()
        for _, paths in groupby(while_read(found), lambda row: row.song_id):
            any_listed = True
            for piece in listed_song_json(paths) if as_json else to_text(paths):
                typer.echo(piece, nl=False)
    if not (any_listed or as_json or quiet):
        print_message("No song has lost music." if lost else "No song failed.")


def _print(status: "ResultStatus", result: ResultLocation, *, as_json: bool) -> None:
    if as_json:
        print_json(status_to_json(status, result.quoted))
        return
    console = make_console()
    for line in status_lines(status, result.folder, result.quoted):
        console.print(line)


def _watch(statuses: Iterable["ResultStatus"], result: ResultLocation, *, as_json: bool) -> None:
    if not as_json and make_console().is_terminal:
        _redraw(statuses, result)
        return
    for number, status in enumerate(statuses):
        if number and not as_json:
            typer.echo()
        _print(status, result, as_json=as_json)


def _redraw(statuses: Iterable["ResultStatus"], result: ResultLocation) -> None:
    from rich.console import Console
    from rich.live import Live
    from rich.text import Text

    # Long lines are cut at the edge: the next drawing would not erase one that the terminal wraps.
    console = Console(markup=False, highlight=False, emoji=False)
    with Live(console=console, auto_refresh=False) as live:
        for status in statuses:
            lines = status_lines(status, result.folder, result.quoted)
            live.update(Text("\n".join(lines), no_wrap=True, overflow="ellipsis"), refresh=True)
