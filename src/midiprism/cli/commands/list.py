"""``midiprism list``: which tracks there are."""

import json
import os
import sys
from collections.abc import Iterable
from contextlib import closing
from typing import TYPE_CHECKING, Annotated, Any

import typer

from midiprism.cli.database import DatabaseOption, SchemaOption, resolve_database
from midiprism.cli.relocated import follow_relocation
from midiprism.cli.render.terminal import format_clock, make_console, print_message, printable_path, rich_text
from midiprism.cli.selection import (
    ChannelOption,
    FamilyOption,
    InstrumentOption,
    NameOption,
    NotesOption,
    SongOption,
    parse_selection,
)
from midiprism.errors import UsageError

if TYPE_CHECKING:
    from midiprism.catalog import TrackRow

_MAX_TABLE_ROWS = 200
_NON_TERMINAL_WIDTH = 200


def list_tracks(
    out: Annotated[str, typer.Argument(metavar="OUT", help="Folder of the result.")],
    instrument: InstrumentOption = None,
    family: FamilyOption = None,
    song: SongOption = None,
    name: NameOption = None,
    notes: NotesOption = None,
    channel: ChannelOption = None,
    database: DatabaseOption = None,
    schema: SchemaOption = None,
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
    from midiprism.catalog import find_tracks
    from midiprism.results.result_dir import open_catalog_of

    if as_json and (paths or null):
        raise UsageError("--json and --paths exclude each other.")
    wanted = parse_selection(instrument, family, song, name, notes, channel)
    out = follow_relocation(out)
    with open_catalog_of(out, resolve_database(database, schema, out)) as catalog:
        table = not (as_json or paths or null)
        shown = limit or _MAX_TABLE_ROWS
        # Closed by hand: a reader such as `head` may leave before the end.
        with closing(find_tracks(catalog.connection, wanted, shown + 1 if table else limit)) as rows:
            if as_json:
                for row in rows:
                    typer.echo(json.dumps(to_json(row)))
            elif table:
                _print_table(list(rows), shown, limit_given=limit is not None)
            else:
                _print_paths(out, rows, b"\0" if null else b"\n")


def to_json(row: "TrackRow") -> dict[str, Any]:
    """A track as ``--json`` has it."""
    from midiprism.records.fields import LINK_FIELDS, TRACK_FIELDS

    # Tracks and channels are counted from 1, as musicians do; what only names a file is left out.
    special = {
        "track_number": ("track", row.link.track_number + 1),
        "channel": ("channel", None if row.link.channel is None else row.link.channel + 1),
        "digest": ("digest", row.track.digest.hex()),
    }
    facts: dict[str, Any] = {}
    for record, fields in ((row.link, LINK_FIELDS), (row.track, TRACK_FIELDS)):
        for field in fields:
            key, value = special.get(field.name, (field.public_name, getattr(record, field.name)))
            if field.parquet_name is not None:
                facts.setdefault(key, value)
    return {
        "song": row.song_name,
        "song_path": os.fsdecode(row.song_path),
        **facts,
        "path": _file_path(row),
        "row": row.shard_row,
    }


def _file_path(row: "TrackRow") -> str:
    from midiprism.stores import track_path

    return row.shard or track_path(
        row.track.family, row.track.stem, row.track.digest, row.track.digest_digits
    )


def _file_location(row: "TrackRow") -> str:
    """The path of a track's file; of one in a shard, that of the shard and its row."""
    return _file_path(row) if row.shard is None else f"{row.shard}:{row.shard_row}"


def _print_paths(out: str, rows: Iterable["TrackRow"], end: bytes) -> None:
    terminal = sys.stdout.isatty()
    for row in rows:
        path = os.fsencode(os.path.join(out, _file_location(row)))
        typer.echo(printable_path(path).encode() + end if terminal else path + end, nl=False)


def _print_table(rows: list["TrackRow"], max_rows: int, *, limit_given: bool) -> None:
    from rich.table import Table

    if not rows:
        print_message("No track matches.")
        return
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("song", overflow="ellipsis", no_wrap=True, ratio=3)
    table.add_column("track", justify="right")
    table.add_column("name", overflow="ellipsis", no_wrap=True, ratio=2)
    table.add_column("instrument", overflow="ellipsis", no_wrap=True, ratio=2)
    table.add_column("notes", justify="right")
    table.add_column("length", justify="right")
    table.add_column("path", overflow="fold", ratio=5)
    for row in rows[:max_rows]:
        path = rich_text(_file_location(row))
        path.no_wrap, path.overflow = False, "fold"
        table.add_row(
            rich_text(row.song_name),
            str(row.link.track_number + 1),
            rich_text(row.link.name or ""),
            rich_text(row.link.instrument),
            str(row.track.note_count),
            format_clock(row.track.duration_seconds),
            path,
        )
    screen = make_console()
    if not screen.is_terminal:
        screen.width = _NON_TERMINAL_WIDTH
    screen.print(table)
    if len(rows) > max_rows and not limit_given:
        print_message(f"These are the first {max_rows}: --limit N shows more, --json and --paths give all.")
