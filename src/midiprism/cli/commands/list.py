"""``midiprism list``: list tracks."""

from contextlib import closing
from itertools import islice
from typing import TYPE_CHECKING, Annotated

import typer

from midiprism.cli.filters import FilterOptions
from midiprism.cli.options import CatalogOptions, OutArgument, QuietOption
from midiprism.cli.render.terminal import print_json, print_message
from midiprism.cli.render.track_list import (
    DEFAULT_COLUMNS,
    column_names,
    print_paths,
    print_track_table,
    print_track_values,
    track_to_json,
)
from midiprism.cli.result_location import locate
from midiprism.cli.streams import while_read
from midiprism.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Generator

    from midiprism.catalog import TrackRow

_DEFAULT_TABLE_ROWS = 200


def list_tracks(
    out: OutArgument,
    filters: FilterOptions,
    catalog: CatalogOptions,
    limit: Annotated[
        int | None,
        typer.Option(
            min=1, metavar="N", help="List the first N tracks only.  [default: 200 in a table, else all]"
        ),
    ] = None,
    columns: Annotated[
        str | None,
        typer.Option(
            metavar="NAME,...",
            help="Columns of the table, or of --tsv: keys of --json, and length.  [default: "
            f"{','.join(DEFAULT_COLUMNS)}; all keys with --tsv]",
        ),
    ] = None,
    tsv: Annotated[
        bool, typer.Option("--tsv", help="Print values separated by tabs, below a line with their names.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print a JSON object per line and track.")] = False,
    paths: Annotated[
        bool, typer.Option("--paths", help="Print only the paths of the track files, one per line.")
    ] = False,
    null: Annotated[
        bool, typer.Option("-0", "--null", help="Print paths as --paths does, each ended by NUL (xargs -0).")
    ] = False,
    quiet: QuietOption = False,
) -> None:
    """List tracks with their songs, ordered by the songs' paths.

    Tracks and channels are counted from 1, as musicians do.
    """
    from midiprism.catalog import find_tracks
    from midiprism.results.result_dir import open_catalog_of

    if as_json + tsv + (paths or null) > 1:
        raise UsageError("--json, --tsv and --paths exclude each other.")
    if columns is not None and (as_json or paths or null):
        raise UsageError("--columns is for the table and --tsv.")
    names = _parse_columns(columns)
    selection = filters.selection()
    result = locate(out, catalog, quiet=quiet)
    is_table = not (as_json or tsv or paths or null)
    with open_catalog_of(result.folder, result.database) as opened:
        max_rows = (limit or _DEFAULT_TABLE_ROWS) + 1 if is_table else limit
        with closing(find_tracks(opened.connection, selection, max_rows)) as rows:
            if as_json:
                for row in while_read(rows):
                    print_json(track_to_json(row))
            elif tsv:
                all_names = [name for name in column_names() if name != "length"]
                print_track_values(while_read(rows), names or all_names)
            elif is_table:
                _print_table(rows, names or DEFAULT_COLUMNS, limit, quiet=quiet)
            else:
                print_paths(result.folder, while_read(rows), b"\0" if null else b"\n")


def _parse_columns(text: str | None) -> list[str]:
    """Return the names of columns that are given; empty for None.

    Raises:
        UsageError: there is no such column.
    """
    names = [] if text is None else [name.strip() for name in text.split(",")]
    known = column_names()
    unknown = [name for name in names if name not in known]
    if unknown:
        raise UsageError(f"There is no column {unknown[0]!r}: --columns takes {', '.join(known)}.")
    return names


def _print_table(
    rows: "Generator[TrackRow, None, None]",
    columns: "tuple[str, ...] | list[str]",
    limit: int | None,
    *,
    quiet: bool,
) -> None:
    """Print the first rows, and say so if there are more, unless their number was given."""
    max_rows = limit or _DEFAULT_TABLE_ROWS
    shown = [*islice(rows, max_rows)]
    if not shown:
        if not quiet:
            print_message("No track matches.")
        return
    print_track_table(shown, columns)
    if limit is None and not quiet and next(rows, None) is not None:
        print_message(
            f"These are the first {max_rows}: --limit N lists more; --tsv, --json and --paths list all.",
            level="info",
        )
