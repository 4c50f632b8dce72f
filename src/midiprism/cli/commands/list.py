"""``midiprism list``: list tracks."""

from contextlib import closing
from itertools import islice
from typing import Annotated

import typer

from midiprism.cli.filters import FilterOptions
from midiprism.cli.options import CatalogOptions, OutArgument
from midiprism.cli.render.terminal import print_json, print_message
from midiprism.cli.render.track_list import print_paths, print_track_table, track_to_json
from midiprism.cli.result_location import locate
from midiprism.cli.streams import while_read
from midiprism.errors import UsageError

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
    as_json: Annotated[bool, typer.Option("--json", help="Print a JSON object per line and track.")] = False,
    paths: Annotated[
        bool, typer.Option("--paths", help="Print only the paths of the track files, one per line.")
    ] = False,
    null: Annotated[
        bool, typer.Option("-0", "--null", help="Print paths as --paths does, each ended by NUL (xargs -0).")
    ] = False,
) -> None:
    """List tracks with their songs, ordered by the songs' paths.

    Tracks and channels are counted from 1, as musicians do.
    """
    from midiprism.catalog import find_tracks
    from midiprism.results.result_dir import open_catalog_of

    if as_json and (paths or null):
        raise UsageError("--json and --paths exclude each other.")
    selection = filters.selection()
    result = locate(out, catalog)
    with open_catalog_of(result.folder, result.database) as opened:
        table = not (as_json or paths or null)
        max_rows = limit or _DEFAULT_TABLE_ROWS
        with closing(find_tracks(opened.connection, selection, max_rows + 1 if table else limit)) as rows:
            if as_json:
                for row in while_read(rows):
                    print_json(track_to_json(row))
            elif table:
                print_track_table([*islice(rows, max_rows)])
                if limit is None and next(rows, None) is not None:
                    print_message(
                        f"These are the first {max_rows}: --limit N lists more, --json and --paths list all."
                    )
            else:
                print_paths(result.folder, while_read(rows), b"\0" if null else b"\n")
