"""Print the tracks that ``list`` found: as a table, as JSON, or as paths."""

import os
import sys
from collections.abc import Iterable, Sequence
from functools import cache
from typing import TYPE_CHECKING, Any

import typer

from midiprism.cli.render.terminal import (
    WIDE,
    format_clock,
    make_console,
    make_table,
    print_message,
    printable_path,
    rich_text,
)
from midiprism.fs.path_text import path_bytes, path_text

if TYPE_CHECKING:
    from midiprism.catalog import TrackRow
    from midiprism.records.fields import Field

_KEYS = {"track_number": "track"}
_COUNTED_FROM_1 = ("track", "channel")


@cache
def json_fields() -> "dict[str, Field]":
    """Return the fields of a link and its track by their keys in JSON, the link's first."""
    from midiprism.records.fields import TRACK_FIELDS

    # Some fields only name the track's file; they have no column in Parquet either.
    track_fields = {field.public_name: field for field in TRACK_FIELDS if field.parquet_name is not None}
    link_fields = _link_fields()
    return link_fields | {key: field for key, field in track_fields.items() if key not in link_fields}


@cache
def _link_fields() -> "dict[str, Field]":
    from midiprism.records.fields import LINK_FIELDS

    return {_KEYS.get(field.name, field.public_name): field for field in LINK_FIELDS}


def track_to_json(row: "TrackRow") -> dict[str, Any]:
    """Return a track for ``--json``; track and channel count from 1."""
    link_keys = _link_fields()
    facts = {
        key: getattr(row.link if key in link_keys else row.track, field.name)
        for key, field in json_fields().items()
    }
    for key in _COUNTED_FROM_1:
        facts[key] = None if facts[key] is None else facts[key] + 1
    facts["digest"] = facts["digest"].hex()
    return {
        "song": row.song_name,
        "song_path": path_text(row.song_path),
        "paths": [*map(path_text, row.paths)],
        **facts,
        "path": _file_path(row),
        "row": row.shard_row,
    }


def print_paths(out: str, rows: Iterable["TrackRow"], end: bytes) -> None:
    """Print the path of each track's file, below the folder ``out``, each followed by ``end``."""
    is_terminal = sys.stdout.isatty()
    for row in rows:
        path = os.path.join(os.fsencode(out), path_bytes(_file_location(row)))
        typer.echo((printable_path(path).encode() if is_terminal else path) + end, nl=False)


def print_track_table(rows: Sequence["TrackRow"]) -> None:
    """Print the tracks as a table."""
    if not rows:
        print_message("No track matches.")
        return
    console = make_console()
    table = make_table()
    if console.is_terminal:
        table.expand = True  # else the ratios below are ignored, and paths are folded to a single letter
    else:
        console.width = WIDE
    table.add_column("song", overflow="ellipsis", no_wrap=True, ratio=3)
    table.add_column("track", justify="right")
    table.add_column("name", overflow="ellipsis", no_wrap=True, ratio=2)
    table.add_column("instrument", overflow="ellipsis", no_wrap=True, ratio=2)
    table.add_column("notes", justify="right")
    table.add_column("length", justify="right")
    table.add_column("path", overflow="fold", ratio=5)
    for row in rows:
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
    console.print(table)


def _file_path(row: "TrackRow") -> str:
    """Return the path below the result of the file that holds a track: its own, or a Parquet file."""
    from midiprism.stores import track_path

    return row.shard or track_path(
        row.track.family, row.track.stem, row.track.digest, row.track.digest_digits
    )


def _file_location(row: "TrackRow") -> str:
    """Return the path of a track's file, followed by ``:ROW`` if it is a row of a Parquet file."""
    return _file_path(row) if row.shard is None else f"{row.shard}:{row.shard_row}"
