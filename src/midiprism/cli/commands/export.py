"""``midiprism export``: write a tree of tracks for people."""

from typing import TYPE_CHECKING, Annotated, Literal

import typer

from midiprism.cli.interrupt import interruptible
from midiprism.cli.options import (
    CatalogOptions,
    DryRunOption,
    ReadableOutArgument,
    SummaryOptions,
    parse_path,
)
from midiprism.cli.query_arguments import FilterOptions, QueryArgument, parse_arguments
from midiprism.cli.render.export_text import print_data_set, print_export
from midiprism.cli.render.search_text import print_missing_facts
from midiprism.cli.render.terminal import print_json, print_message
from midiprism.cli.result_location import locate
from midiprism.cli.shell import exit_code
from midiprism.errors import UsageError

if TYPE_CHECKING:
    from midiprism.search.query import Query


def export(
    out: ReadableOutArgument,
    to: Annotated[
        str,
        typer.Option(
            "--to",
            metavar="DIR",
            parser=parse_path,
            help="Folder of the tree, or of the data set. It is made if it does not exist.",
        ),
    ],
    filters: FilterOptions,
    catalog: CatalogOptions,
    output: SummaryOptions,
    query: QueryArgument = None,
    store: Annotated[
        Literal["files", "parquet"],
        typer.Option(
            "--store",
            help="What the tracks are exported to: a tree of files, or a data set in Parquet files, with "
            "tables of tracks, links and songs, and a card.",
        ),
    ] = "files",
    by: Annotated[
        str | None,
        typer.Option(
            "--by",
            metavar="song|instrument|TEMPLATE",
            help="A folder per song, folders per family and instrument, or a template such as "
            "'{family}/{song} {track:02} {name}.mid'.  [default: song]",
        ),
    ] = None,
    hardlink: Annotated[
        bool,
        typer.Option(
            "--hardlink",
            help="Link files instead of copying them: they take no space, and are read-only since they are "
            "the store's own.",
        ),
    ] = False,
    limit: Annotated[
        int | None,
        typer.Option(min=1, metavar="N", help="Export the first N tracks only, in the order of `list`."),
    ] = None,
    one_per_group: Annotated[
        bool,
        typer.Option(
            "--one-per-group",
            help="Export one track of each group that `duplicates --similar` found, and each track once.",
        ),
    ] = False,
    prune: Annotated[
        bool,
        typer.Option(
            "--prune",
            help="Remove files that an earlier export of OUT wrote and nobody has changed since, of songs "
            "that are gone, renamed or changed.",
        ),
    ] = False,
    dry_run: DryRunOption = False,
) -> int:
    """Write a tree of the tracks, or of those that a query finds, under names of your choice.

    Existing files are left as they are, so the same command can be repeated.
    """
    if store == "parquet":
        if by is not None or hardlink or prune:
            raise UsageError("A data set has no file for each track: leave --by, --hardlink and --prune out.")
        parsed = parse_arguments(query, filters)
        return _export_data_set(out, to, parsed, catalog, output, limit, one_per_group, dry_run)
    from midiprism.export.export import export_tracks
    from midiprism.export.path_template import PathTemplate
    from midiprism.search.find import open_search

    template, parsed = PathTemplate(by or "song"), parse_arguments(query, filters)
    result = locate(out, catalog, quiet=output.quiet, only_reads=True)
    if not output.quiet:
        with open_search(result.folder, result.database) as search:
            print_missing_facts(search, parsed, result.quoted)
    with interruptible("Stopping after the current file.") as stop:
        summary = export_tracks(
            result.folder,
            to,
            template,
            parsed,
            database=result.database,
            hardlink=hardlink,
            limit=limit,
            one_per_group=one_per_group,
            prune=prune,
            dry_run=dry_run,
            stop=stop,
        )
        stopped = stop()
    print_export(summary, result.quoted, quiet=output.quiet, stderr=output.as_json)
    if output.as_json:
        print_json(summary.as_dict())
    if stopped:
        print_message("Stopped before the end; the same command continues.")
    return exit_code(stop, stopped=stopped, ok=not summary.failed)


def _export_data_set(
    out: str,
    to: str,
    query: "Query",
    catalog: CatalogOptions,
    output: SummaryOptions,
    limit: int | None,
    one_per_group: bool,
    dry_run: bool,
) -> int:
    from midiprism.export.data_set import export_data_set

    result = locate(out, catalog, quiet=output.quiet, only_reads=True)
    with interruptible("Stopping.") as stop:
        summary = export_data_set(
            result.folder,
            to,
            query,
            database=result.database,
            limit=limit,
            one_per_group=one_per_group,
            dry_run=dry_run,
            stop=stop,
        )
    print_data_set(summary, result.quoted, quiet=output.quiet, stderr=output.as_json)
    if output.as_json:
        print_json(summary.as_dict())
    return exit_code(stop, stopped=summary.stopped, ok=True)
