"""Print the tracks that ``list`` found: as a table, as JSON, or as paths."""

import json
import os
import sys
from collections.abc import Iterable, Sequence
from functools import cache
from typing import TYPE_CHECKING, Any

import typer

from midiprism.cli.render.terminal import (
    escape_unprintable,
    format_clock,
    make_console,
    make_table,
    printable_path,
    rich_text,
)
from midiprism.fs.path_text import path_bytes, path_text

if TYPE_CHECKING:
    from rich.text import Text

    from midiprism.catalog import TrackRow
    from midiprism.records.field import Field

_KEYS = {"track_number": "track"}
_COUNTED_FROM_1 = ("track", "channel")

DEFAULT_COLUMNS = ("song", "track", "name", "instrument", "notes", "length")
_RATIOS = {
    "song": 3, "song_path": 5, "source": 5, "source_metadata": 5, "paths": 5, "name": 2, "instrument": 2,
    "path": 5,
}  # fmt: skip
"""Shares of the width of a terminal, for columns of texts that may be long."""
_PATHS = ("song_path", "source", "paths", "path")
"""Columns that are folded on a terminal rather than cut."""
_ANY_WIDTH = 1 << 20
"""Columns of a table that is printed to a file or a pipe."""


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
        "source": path_text(row.source),
        "source_metadata": row.source_metadata,
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


def column_names() -> list[str]:
    """Return the names of all columns that a table can have: the keys of ``--json``, and ``length``."""
    return [
        "song",
        "song_path",
        "source",
        "source_metadata",
        "paths",
        *json_fields(),
        "path",
        "row",
        "length",
    ]


def print_track_table(rows: Iterable["TrackRow"], columns: Sequence[str]) -> None:
    """Print the tracks as a table: as wide as the terminal, or with whole values to a file or a pipe."""
    console = make_console()
    table = make_table()
    if console.is_terminal:
        table.expand = True  # else the ratios below are ignored
    else:
        console.width = _ANY_WIDTH
    for name in columns:
        if name in _RATIOS:
            table.add_column(name, no_wrap=name not in _PATHS, ratio=_RATIOS[name])
        else:
            table.add_column(name, justify="right", no_wrap=True)
    for row in rows:
        cells = _cells(row, columns)
        table.add_row(*(_table_cell(name, cell) for name, cell in zip(columns, cells, strict=True)))
    console.print(table)


def print_track_values(rows: Iterable["TrackRow"], columns: Sequence[str]) -> None:
    """Print a line for each track with its values, separated by tabs, below a line of the columns' names.

    Control characters are escaped, so no value contains a tab or the end of a line. Null is empty.
    """
    typer.echo("\t".join(columns))
    for row in rows:
        typer.echo("\t".join(_cells(row, columns)))


def _table_cell(name: str, text: str) -> "Text":
    cell = rich_text(text)
    if name in _PATHS:
        cell.no_wrap, cell.overflow = False, "fold"
    return cell


def _cells(row: "TrackRow", columns: Sequence[str]) -> list[str]:
    """Return values of a track as text."""
    facts = track_to_json(row) | {"length": format_clock(row.track.duration_seconds)}
    return [_cell_text(facts[name]) for name in columns]


def _cell_text(value: Any) -> str:
    if value is None:
        return ""
    is_text = isinstance(value, str)
    return escape_unprintable(value if is_text else json.dumps(value, ensure_ascii=False))


def _file_path(row: "TrackRow") -> str:
    """Return the path below the result of the file that holds a track: its own, or a Parquet file."""
    from midiprism.stores import track_path

    return row.shard or track_path(
        row.track.family, row.track.stem, row.track.digest, row.track.digest_digits
    )


def _file_location(row: "TrackRow") -> str:
    """Return the path of a track's file, followed by ``:ROW`` if it is a row of a Parquet file."""
    return _file_path(row) if row.shard is None else f"{row.shard}:{row.shard_row}"
