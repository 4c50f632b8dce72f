"""``midiprism list``: which tracks there are."""

import json
import os
import sys
from collections.abc import Iterable
from contextlib import closing
from typing import TYPE_CHECKING, Annotated, Any

import typer

from midiprism.cli.database import Database, Schema, resolved
from midiprism.cli.following import followed
from midiprism.cli.selection import Channel, Family, Instrument, Name, Notes, Song, selection
from midiprism.cli.terminal import clean_path, clock, complain, console, text
from midiprism.errors import UsageError

if TYPE_CHECKING:
    from midiprism.catalog import TrackRow

_TABLE_ROWS = 200
_PLAIN_WIDTH = 200


def list_tracks(
    out: Annotated[str, typer.Argument(metavar="OUT", help="Folder of the result.")],
    instrument: Instrument = None,
    family: Family = None,
    song: Song = None,
    name: Name = None,
    notes: Notes = None,
    channel: Channel = None,
    database: Database = None,
    schema: Schema = None,
    limit: Annotated[
        int | None,
        typer.Option(
            min=1, metavar="N", help="The first N tracks only.  [default: 200 in a table, else all]"
        ),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object per track and line.")] = False,
    paths: Annotated[
        bool, typer.Option("--paths", help="Paths of the tracks' files only, one per line.")
    ] = False,
    null: Annotated[
        bool, typer.Option("-0", "--null", help="Paths as with --paths, each ended by a NUL, for xargs -0.")
    ] = False,
) -> None:
    """List tracks with their songs, ordered by the songs' paths.

    Tracks and channels are counted from 1, as musicians do.
    """
    from midiprism.catalog import find
    from midiprism.run.result import catalog_of

    if as_json and (paths or null):
        raise UsageError("--json and --paths exclude each other.")
    wanted = selection(instrument, family, song, name, notes, channel)
    out = followed(out)
    with catalog_of(out, resolved(database, schema, out)) as catalog:
        table = not (as_json or paths or null)
        shown = limit or _TABLE_ROWS
        # Closed by hand: a reader such as `head` may leave before the end.
        with closing(find(catalog.connection, wanted, shown + 1 if table else limit)) as rows:
            if as_json:
                for row in rows:
                    typer.echo(json.dumps(facts(row)))
            elif table:
                _print_table(list(rows), shown, told=limit is not None)
            else:
                _print_paths(out, rows, b"\0" if null else b"\n")


def facts(row: "TrackRow") -> dict[str, Any]:
    """A track as ``--json`` has it."""
    return {
        "song": row.song,
        "parent": os.fsdecode(row.parent),
        "track": row.track_number + 1,
        "channel": None if row.channel is None else row.channel + 1,
        "program": row.program,
        "name": row.name,
        "instrument": row.instrument,
        "family": row.family,
        "notes": row.note_count,
        "lowest_pitch": row.lowest_pitch,
        "highest_pitch": row.highest_pitch,
        "duration_ticks": row.duration_ticks,
        "duration_seconds": row.duration_seconds,
        "size": row.size,
        "digest": row.digest.hex(),
        "path": _path(row),
        "row": row.shard_row,
    }


def _path(row: "TrackRow") -> str:
    from midiprism.store import track_path

    return row.shard or track_path(row.own_family, row.stem, row.digest, row.digits)


def _place(row: "TrackRow") -> str:
    """The path of a track's file; of one in a shard, that of the shard and its row."""
    return _path(row) if row.shard is None else f"{row.shard}:{row.shard_row}"


def _print_paths(out: str, rows: Iterable["TrackRow"], end: bytes) -> None:
    terminal = sys.stdout.isatty()
    for row in rows:
        path = os.fsencode(os.path.join(out, _place(row)))
        typer.echo(clean_path(path).encode() + end if terminal else path + end, nl=False)


def _print_table(rows: list["TrackRow"], shown: int, *, told: bool) -> None:
    from rich.table import Table

    if not rows:
        complain("No track matches.")
        return
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("song", overflow="ellipsis", no_wrap=True, ratio=3)
    table.add_column("track", justify="right")
    table.add_column("name", overflow="ellipsis", no_wrap=True, ratio=2)
    table.add_column("instrument", overflow="ellipsis", no_wrap=True, ratio=2)
    table.add_column("notes", justify="right")
    table.add_column("length", justify="right")
    table.add_column("path", overflow="fold", ratio=5)
    for row in rows[:shown]:
        path = text(_place(row))
        path.no_wrap, path.overflow = False, "fold"
        table.add_row(
            text(row.song),
            str(row.track_number + 1),
            text(row.name or ""),
            text(row.instrument),
            str(row.note_count),
            clock(row.duration_seconds),
            path,
        )
    screen = console()
    if not screen.is_terminal:
        screen.width = _PLAIN_WIDTH
    screen.print(table)
    if len(rows) > shown and not told:
        complain(f"These are the first {shown}: --limit N shows more, --json and --paths give all.")
