"""``midiprism status``: what a result holds, how far its run is, what failed, what is left."""

import json
from collections.abc import Iterable, Iterator
from itertools import groupby
from typing import TYPE_CHECKING, Annotated, Any

import typer

from midiprism.cli.database import DatabaseOption, SchemaOption, quote_result, resolve_database
from midiprism.cli.relocated import follow_relocation
from midiprism.cli.render.terminal import escape_unprintable, make_console, print_message, printable_path
from midiprism.errors import UsageError

if TYPE_CHECKING:
    from midiprism.catalog import PostgresAddress
    from midiprism.catalog.queries.run_history import FailedPath
    from midiprism.results.status import ResultStatus, RunStatus

_DEFAULT_EVERY_SECONDS = 2.0
_EVERY_SECONDS_RANGE = (0.1, 86_400.0)


def status(
    out: Annotated[str, typer.Argument(metavar="OUT", help="Folder of the result.")],
    database: DatabaseOption = None,
    schema: SchemaOption = None,
    failed: Annotated[
        bool, typer.Option("--failed", help="Name every song that failed, one per line, and nothing else.")
    ] = False,
    runs: Annotated[int, typer.Option(min=1, max=100_000, metavar="N", help="Show the last N runs.")] = 5,
    watch: Annotated[
        bool, typer.Option("--watch", help="Go on showing it while a run is on; Ctrl-C ends it.")
    ] = False,
    every: Annotated[
        float | None,
        typer.Option(metavar="SECONDS", help="With --watch: how often to look.  [default: 2]"),
    ] = None,
    as_json: Annotated[
        bool,
        typer.Option("--json", help="One JSON object; with --failed one per song, with --watch per look."),
    ] = False,
) -> None:
    """Tell what a result holds, how far its run is, what failed and why, and what is left.

    It only reads, at any time.
    """
    from midiprism.results.status import read_status, watch_status

    if failed and watch:
        raise UsageError("--failed and --watch exclude each other.")
    if every is not None and not watch:
        raise UsageError("--every needs --watch.")
    seconds = _DEFAULT_EVERY_SECONDS if every is None else every
    if not _EVERY_SECONDS_RANGE[0] <= seconds <= _EVERY_SECONDS_RANGE[1]:
        raise UsageError(f"--every takes {_EVERY_SECONDS_RANGE[0]:g} to {_EVERY_SECONDS_RANGE[1]:g} seconds.")
    out = follow_relocation(out)
    address = resolve_database(database, schema, out)
    place = quote_result(out, address)
    if failed:
        _print_failed(out, address, as_json=as_json)
    elif watch:
        _watch(watch_status(out, runs, seconds, address), out, place, as_json=as_json)
    elif as_json:
        typer.echo(json.dumps(to_json(read_status(out, runs, database=address), place)))
    else:
        _print(read_status(out, runs, database=address), out, place)


def to_json(status: "ResultStatus", quoted_result: str) -> dict[str, Any]:
    """How a result stands, as ``--json`` has it; ``place`` is how a command names it."""
    from midiprism.cli.render.status_text import resume_command, retry_command

    holdings, counts, pace = status.inventory, status.inventory.counts, status.live_rate
    return {
        "running": status.is_running,
        "held": status.locked,
        "rate": round(pace.rate, 1) if pace else None,
        "eta_seconds": round(pace.eta_seconds, 1) if pace and pace.eta_seconds is not None else None,
        "quiet_seconds": round(pace.seconds_since_commit, 1) if pace else None,
        "left": status.songs_left,
        "to_go_on": resume_command(status, quoted_result),
        "to_retry": retry_command(status, quoted_result),
        "totals": {
            "songs": holdings.songs,
            "songs_at_paths": counts.songs_with_path,
            "paths": counts.paths,
            "tracks": counts.tracks,
            "links": counts.links,
            "bytes": counts.track_bytes,
            "shards": counts.shards,
            "shard_bytes": counts.shard_bytes,
            "duplicates": round(holdings.duplicate_share, 4),
        },
        "outcomes": dict(sorted(counts.outcomes.items())),
        "failures_by_code": {
            group.code: {
                "outcome": group.outcome,
                "count": group.count,
                "examples": [{**_json_path(path), "message": message} for path, message in group.examples],
            }
            for group in holdings.failures
        },
        "runs": [_run_to_json(run) for run in status.runs],
    }


def _run_to_json(run: "RunStatus") -> dict[str, Any]:
    return {
        "id": run.id,
        "state": run.state,
        "started_at": run.started_at,
        "seconds": round(run.seconds, 3),
        "songs_total": run.songs_total,
        "songs_seen": run.songs_seen,
        "songs_done": run.songs_done,
        "songs_skipped": run.songs_skipped,
        "songs_failed": run.songs_failed,
        "folders_failed": run.folders_failed,
        "tracks": run.tracks,
        "tracks_new": run.tracks_new,
        "bytes_written": run.bytes_written,
        "songs_per_second": round(run.rate, 1),
        "rate": round(run.live_rate.rate, 1) if run.live_rate else None,
        "workers": run.workers,
        "batch_size": run.batch_size,
        "sources": [_json_path(source) for source in run.sources],
    }


def _json_path(path: bytes | str) -> dict[str, str]:
    """A path as text that every reader of JSON takes, and its bytes where that is not all."""
    octets = path if isinstance(path, bytes) else path.encode("utf-8", "surrogateescape")
    try:
        return {"path": octets.decode()}
    except UnicodeDecodeError:
        return {"path": octets.decode(errors="replace"), "path_bytes": octets.hex()}


def _print_failed(out: str, address: "PostgresAddress | None", *, as_json: bool) -> None:
    from midiprism.catalog.queries.run_history import failed_paths
    from midiprism.results.status import open_catalog_if_any

    any_failed = False
    with open_catalog_if_any(out, address) as catalog:
        found = failed_paths(catalog) if catalog is not None else ()
        for _, rows in groupby(found, lambda row: row.song_id):
            any_failed = True
            for piece in _json_pieces(rows) if as_json else _text_pieces(rows):
                typer.echo(piece, nl=False)
    if not any_failed and not as_json:
        print_message("No song failed.")


def _text_pieces(rows: Iterator["FailedPath"]) -> Iterator[str]:
    """A line, path by path: a content may be at as many paths as there are files."""
    first = next(rows)
    yield "\t".join(
        [first.outcome, first.code, escape_unprintable(first.message), printable_path(first.path)]
    )
    for row in rows:
        yield f"\t{printable_path(row.path)}"
    yield "\n"


def _json_pieces(rows: Iterator["FailedPath"]) -> Iterator[str]:
    first = next(rows)
    head = {
        "outcome": first.outcome,
        "code": first.code,
        "message": first.message,
        "digest": first.digest.hex() if first.digest else None,
        "size": first.size,
        "run_id": first.run_id,
    }
    yield f'{json.dumps(head)[:-1]}, "paths": [{json.dumps(_json_path(first.path))}'
    for row in rows:
        yield f", {json.dumps(_json_path(row.path))}"
    yield "]}\n"


def _print(status: "ResultStatus", out: str, quoted_result: str) -> None:
    from midiprism.cli.render.status_text import status_lines

    screen = make_console()
    for line in status_lines(status, out, quoted_result):
        screen.print(line)


def _watch(statuses: Iterable["ResultStatus"], out: str, quoted_result: str, *, as_json: bool) -> None:
    if as_json:
        for status in statuses:
            typer.echo(json.dumps(to_json(status, quoted_result)))
    elif make_console().is_terminal:
        _redraw(statuses, out, quoted_result)
    else:
        for number, status in enumerate(statuses):
            if number:
                typer.echo()
            _print(status, out, quoted_result)


def _redraw(statuses: Iterable["ResultStatus"], out: str, quoted_result: str) -> None:
    from rich.console import Console
    from rich.live import Live
    from rich.text import Text

    from midiprism.cli.render.status_text import status_lines

    # Lines are cut at the edge: one that the terminal breaks would be left behind by the next drawing.
    screen = Console(markup=False, highlight=False, emoji=False)
    with Live(console=screen, auto_refresh=False) as live:
        for status in statuses:
            block = Text(
                "\n".join(status_lines(status, out, quoted_result)), no_wrap=True, overflow="ellipsis"
            )
            live.update(block, refresh=True)
