"""Print the tracks that ``list`` found: as a table, as values, as JSON, as paths or as a playlist."""

import csv
import io
import json
import os
import sys
from collections.abc import Iterable, Sequence
from functools import cache
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import typer

from midiprism.cli.render.terminal import (
    escape_unprintable,
    format_clock,
    make_console,
    make_table,
    print_json,
    printable_path,
    rich_text,
)
from midiprism.errors import UsageError
from midiprism.fs.path_text import path_bytes, path_text

if TYPE_CHECKING:
    from rich.text import Text

    from midiprism.catalog import TrackRow
    from midiprism.records.field import Field

Form = Literal["table", "csv", "tsv", "json", "paths", "m3u", "parquet"]
"""The form of a list."""

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
    track_fields = {
        field.public_name: field for field in TRACK_FIELDS if field.parquet_name is not None or field.grouped
    }
    link_fields = _link_fields()
    return link_fields | {key: field for key, field in track_fields.items() if key not in link_fields}


@cache
def _link_fields() -> "dict[str, Field]":
    from midiprism.records.fields import LINK_FIELDS

    return {_KEYS.get(field.name, field.public_name): field for field in LINK_FIELDS}


class Column(NamedTuple):
    """A column of a list.

    Attributes:
        name: as it was given, which is the heading.
        key: of the values, see ``column_names``.
    """

    name: str
    key: str


def column_names() -> list[str]:
    """Return all columns that a list can have: the keys of ``--json``, and what only columns have."""
    from midiprism.records.fields import SONG_FACT_FIELDS

    return [*_json_keys(), "length", "added", "shared", *(field.name for field in SONG_FACT_FIELDS)]


def _json_keys() -> list[str]:
    return ["song", "song_path", "source", "source_metadata", "paths", *json_fields(), "path", "row"]


def find_columns(text: str | None) -> list[Column]:
    """Return the columns of names with commas between them, which may be fields of queries; empty for None.

    Raises:
        UsageError: there is no such column.
    """
    return [] if text is None else [_find_column(name.strip()) for name in text.split(",")]


def _find_column(name: str) -> Column:
    from midiprism.search.query_fields import find_field, nearest_name

    known = column_names()
    if name in known:
        return Column(name, name)
    field = find_field(name)
    if field is not None:
        keys = {declared.name: key for key, declared in json_fields().items()}
        return Column(name, keys.get(field.field_names[0], field.name))
    nearest = nearest_name(name, known)
    offer = f"do you mean {nearest}?" if nearest else f"there are {', '.join(known)}."
    raise UsageError(f"There is no column {name!r}: {offer}")


def track_to_json(row: "TrackRow") -> dict[str, Any]:
    """Return a track for ``--json``; track and channel count from 1."""
    link_keys = _link_fields()
    facts = {
        key: getattr(row.link if key in link_keys else row.track, field.name)
        for key, field in json_fields().items()
    }
    for key in _COUNTED_FROM_1:
        facts[key] = None if facts[key] is None else facts[key] + 1
    for key, value in facts.items():
        if isinstance(value, bytes):
            facts[key] = value.hex()
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


def _values(row: "TrackRow", columns: Sequence[Column]) -> list[Any]:
    """Return the values of a track in columns."""
    facts = track_to_json(row) | {
        "length": format_clock(row.track.duration_seconds),
        "added": row.added,
        "shared": row.shared,
        **row.song_facts,
    }
    return [facts[column.key] for column in columns]


def print_tracks(
    rows: Iterable["TrackRow"], form: Form, columns: Sequence[Column], out: str, *, end: bytes = b"\n"
) -> None:
    """Print tracks in another form than that of a table.

    Args:
        rows: the tracks.
        form: csv, tsv, json, paths or m3u.
        columns: of csv, tsv and json; empty for all keys.
        out: the folder of the result.
        end: follows each path.

    Raises:
        UsageError: a playlist needs files, and the tracks are rows of Parquet files.
    """
    columns = columns or [Column(key, key) for key in _json_keys()]
    if form == "json":
        for row in rows:
            print_json(dict(zip([column.name for column in columns], _values(row, columns), strict=True)))
    elif form == "paths":
        _print_paths(out, rows, end)
    elif form == "m3u":
        _print_playlist(out, rows)
    else:
        _print_values(rows, columns, form)


def _print_paths(out: str, rows: Iterable["TrackRow"], end: bytes) -> None:
    for row in rows:
        _print_path(os.path.join(os.fsencode(out), path_bytes(_file_location(row))), end)


def _print_path(path: bytes, end: bytes) -> None:
    """Print a path as it is, or as a terminal can show it."""
    typer.echo((printable_path(path).encode() if sys.stdout.isatty() else path) + end, nl=False)


def _print_playlist(out: str, rows: Iterable["TrackRow"]) -> None:
    """Print an extended M3U playlist, with absolute paths."""
    typer.echo("#EXTM3U")
    for row in rows:
        if row.shard is not None:
            raise UsageError(
                "A playlist needs files, and these tracks are in Parquet files: export them first."
            )
        seconds = row.track.duration_seconds
        title = escape_unprintable(f"{row.song_name} - {row.link.name or row.link.instrument}")
        typer.echo(f"#EXTINF:{-1 if seconds is None else round(seconds)},{title}")
        path = os.path.join(os.path.abspath(os.fsencode(out)), path_bytes(_file_path(row)))
        _print_path(path, b"\n")


def _print_values(rows: Iterable["TrackRow"], columns: Sequence[Column], form: Form) -> None:
    """Print a line for each track with its values, below a line of the columns' names.

    Control characters are escaped, so no value contains a tab or the end of a line. Null is empty.
    """
    line = io.StringIO()
    writer = csv.writer(line, lineterminator="\n")

    def print_line(values: Sequence[str]) -> None:
        if form == "tsv":
            typer.echo("\t".join(values))
            return
        writer.writerow(values)
        typer.echo(line.getvalue(), nl=False)
        line.seek(0)
        line.truncate()

    print_line([column.name for column in columns])
    for row in rows:
        print_line(_cells(row, columns))


def print_track_table(rows: Iterable["TrackRow"], columns: Sequence[Column]) -> None:
    """Print the tracks as a table: as wide as the terminal, or with whole values to a file or a pipe.

    Args:
        rows: the tracks.
        columns: of the table; empty for the usual ones.
    """
    columns = columns or [Column(name, name) for name in DEFAULT_COLUMNS]
    console = make_console()
    table = make_table()
    if console.is_terminal:
        table.expand = True  # else the ratios below are ignored
    else:
        console.width = _ANY_WIDTH
    for name, key in columns:
        if key in _RATIOS:
            table.add_column(name, no_wrap=key not in _PATHS, ratio=_RATIOS[key])
        else:
            table.add_column(name, justify="right", no_wrap=True)
    for row in rows:
        values = map(_rounded, _values(row, columns))
        table.add_row(
            *(_table_cell(column.key, value) for column, value in zip(columns, values, strict=True))
        )
    console.print(table)


def _rounded(value: Any) -> Any:
    """Return a number with at most two decimals: files state 90 beats a minute as 90.00009."""
    rounded = round(value, 2) if isinstance(value, float) else value
    return int(rounded) if isinstance(rounded, float) and rounded.is_integer() else rounded


def _table_cell(name: str, value: Any) -> "Text":
    cell = rich_text(_cell_text(value))
    if name in _PATHS:
        cell.no_wrap, cell.overflow = False, "fold"
    return cell


def _cells(row: "TrackRow", columns: Sequence[Column]) -> list[str]:
    """Return values of a track as text."""
    return [*map(_cell_text, _values(row, columns))]


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
