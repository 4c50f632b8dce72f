"""``midiprism status``: what a result holds, how far its run is, what failed, what is left."""

import json
from collections.abc import Iterable, Iterator
from itertools import groupby
from typing import TYPE_CHECKING, Annotated, Any

import typer

from midiprism.cli.database import Database, Schema, named, resolved
from midiprism.cli.following import followed
from midiprism.cli.terminal import clean, clean_path, complain, console
from midiprism.errors import UsageError

if TYPE_CHECKING:
    from midiprism.catalog import PostgresAddress
    from midiprism.catalog.history import FailedPath
    from midiprism.run.status import RunStatus, Status

_EVERY = 2.0
_EVERY_RANGE = (0.1, 86_400.0)


def status(
    out: Annotated[str, typer.Argument(metavar="OUT", help="Folder of the result.")],
    database: Database = None,
    schema: Schema = None,
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
    from midiprism.run.status import read_status, watched

    if failed and watch:
        raise UsageError("--failed and --watch exclude each other.")
    if every is not None and not watch:
        raise UsageError("--every needs --watch.")
    seconds = _EVERY if every is None else every
    if not _EVERY_RANGE[0] <= seconds <= _EVERY_RANGE[1]:
        raise UsageError(f"--every takes {_EVERY_RANGE[0]:g} to {_EVERY_RANGE[1]:g} seconds.")
    out = followed(out)
    address = resolved(database, schema, out)
    place = named(out, address)
    if failed:
        _print_failed(out, address, as_json=as_json)
    elif watch:
        _watch(watched(out, runs, seconds, address), out, place, as_json=as_json)
    elif as_json:
        typer.echo(json.dumps(facts(read_status(out, runs, database=address), place)))
    else:
        _print(read_status(out, runs, database=address), out, place)


def facts(status: "Status", place: str) -> dict[str, Any]:
    """How a result stands, as ``--json`` has it; ``place`` is how a command names it."""
    from midiprism.cli.standing import to_go_on, to_retry

    holdings, counts, pace = status.holdings, status.holdings.counts, status.pace
    return {
        "running": status.running,
        "held": status.held,
        "rate": round(pace.rate, 1) if pace else None,
        "eta_seconds": round(pace.eta_seconds, 1) if pace and pace.eta_seconds is not None else None,
        "quiet_seconds": round(pace.quiet_seconds, 1) if pace else None,
        "left": status.left,
        "to_go_on": to_go_on(status, place),
        "to_retry": to_retry(status, place),
        "totals": {
            "songs": holdings.songs,
            "songs_at_paths": counts.songs_at_paths,
            "paths": counts.paths,
            "tracks": counts.tracks,
            "links": counts.links,
            "bytes": counts.bytes,
            "shards": counts.shards,
            "shard_bytes": counts.shard_bytes,
            "duplicates": round(holdings.duplicates, 4),
        },
        "outcomes": dict(sorted(counts.outcomes.items())),
        "failures_by_code": {
            group.code: {
                "outcome": group.outcome,
                "count": group.count,
                "examples": [{**_path(path), "message": message} for path, message in group.examples],
            }
            for group in holdings.failures
        },
        "runs": [_run(run) for run in status.runs],
    }


def _run(run: "RunStatus") -> dict[str, Any]:
    return {
        "id": run.id,
        "state": run.state,
        "started_at": run.started_at,
        "seconds": round(run.seconds, 3),
        "parents_total": run.parents_total,
        "parents_seen": run.parents_seen,
        "parents_done": run.parents_done,
        "parents_skipped": run.parents_skipped,
        "parents_failed": run.parents_failed,
        "folders_failed": run.folders_failed,
        "tracks": run.tracks,
        "tracks_new": run.tracks_new,
        "bytes_written": run.bytes_written,
        "parents_per_second": round(run.rate, 1),
        "rate": round(run.pace.rate, 1) if run.pace else None,
        "workers": run.workers,
        "batch_size": run.batch_size,
        "sources": [_path(source) for source in run.sources],
    }


def _path(path: bytes | str) -> dict[str, str]:
    """A path as text that every reader of JSON takes, and its bytes where that is not all."""
    octets = path if isinstance(path, bytes) else path.encode("utf-8", "surrogateescape")
    try:
        return {"path": octets.decode()}
    except UnicodeDecodeError:
        return {"path": octets.decode(errors="replace"), "path_bytes": octets.hex()}


def _print_failed(out: str, address: "PostgresAddress | None", *, as_json: bool) -> None:
    from midiprism.catalog.history import failed_paths
    from midiprism.run.status import opened_to_read

    any_failed = False
    with opened_to_read(out, address) as catalog:
        found = failed_paths(catalog) if catalog is not None else ()
        for _, rows in groupby(found, lambda row: row.number):
            any_failed = True
            for piece in _json_pieces(rows) if as_json else _pieces(rows):
                typer.echo(piece, nl=False)
    if not any_failed and not as_json:
        complain("No song failed.")


def _pieces(rows: Iterator["FailedPath"]) -> Iterator[str]:
    """A line, path by path: a content may be at as many paths as there are files."""
    first = next(rows)
    yield "\t".join([first.outcome, first.code, clean(first.message), clean_path(first.path)])
    for row in rows:
        yield f"\t{clean_path(row.path)}"
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
    yield f'{json.dumps(head)[:-1]}, "paths": [{json.dumps(_path(first.path))}'
    for row in rows:
        yield f", {json.dumps(_path(row.path))}"
    yield "]}\n"


def _print(status: "Status", out: str, place: str) -> None:
    from midiprism.cli.standing import lines

    screen = console()
    for line in lines(status, out, place):
        screen.print(line)


def _watch(looks: Iterable["Status"], out: str, place: str, *, as_json: bool) -> None:
    if as_json:
        for status in looks:
            typer.echo(json.dumps(facts(status, place)))
    elif console().is_terminal:
        _redraw(looks, out, place)
    else:
        for number, status in enumerate(looks):
            if number:
                typer.echo()
            _print(status, out, place)


def _redraw(looks: Iterable["Status"], out: str, place: str) -> None:
    from rich.console import Console
    from rich.live import Live
    from rich.text import Text

    from midiprism.cli.standing import lines

    # Lines are cut at the edge: one that the terminal breaks would be left behind by the next drawing.
    screen = Console(markup=False, highlight=False, emoji=False)
    with Live(console=screen, auto_refresh=False) as live:
        for status in looks:
            block = Text("\n".join(lines(status, out, place)), no_wrap=True, overflow="ellipsis")
            live.update(block, refresh=True)
