"""``midiprism list``: list tracks."""

import sys
from contextlib import closing
from dataclasses import dataclass
from itertools import chain, islice
from typing import TYPE_CHECKING, Annotated

import typer

from midiprism.cli.options import CatalogOptions, QuietOption, ReadableOutArgument
from midiprism.cli.query_arguments import FilterOptions, QueryArgument, parse_arguments
from midiprism.cli.render.facet_text import print_facets
from midiprism.cli.render.search_text import (
    announce_index,
    print_fields,
    print_missing_facts,
    print_nothing_found,
    print_searches,
    print_unwritable_index,
)
from midiprism.cli.render.terminal import print_message
from midiprism.cli.render.track_list import (
    DEFAULT_COLUMNS,
    Form,
    find_columns,
    print_track_table,
    print_tracks,
)
from midiprism.cli.result_location import ResultLocation, locate
from midiprism.cli.streams import while_read
from midiprism.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from midiprism.catalog import TrackRow
    from midiprism.cli.render.track_list import Column
    from midiprism.search.query import Query

_DEFAULT_TABLE_ROWS = 200


def _print_and_exit(requested: bool, kind: str) -> None:
    if requested:
        {"fields": print_fields, "searches": print_searches}[kind]()
        raise typer.Exit


def _delete_search(name: str | None) -> None:
    if name is None:
        return
    from midiprism.search.saved_searches import SavedSearches, default_folder

    if not SavedSearches(default_folder()).delete(name):
        raise UsageError(f"There is no saved search {name}: `midiprism list --searches` lists them.")
    print_message(f"Deleted the search @{name}.", level="info")
    raise typer.Exit


@dataclass(frozen=True, slots=True)
class SearchOptions:
    """Options for the language of queries, and for saved searches."""

    show_fields: Annotated[
        bool,
        typer.Option(
            "--fields",
            is_eager=True,
            callback=lambda value: _print_and_exit(value, "fields"),
            help="Show the fields of queries, and exit.",
        ),
    ] = False
    save: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="Save the query: from now on @NAME stands for it, with any OUT."),
    ] = None
    show_searches: Annotated[
        bool,
        typer.Option(
            "--searches",
            is_eager=True,
            callback=lambda value: _print_and_exit(value, "searches"),
            help="Show the saved searches, and exit.",
        ),
    ] = False
    delete_search: Annotated[
        str | None,
        typer.Option(
            metavar="NAME", is_eager=True, callback=_delete_search, help="Delete a saved search, and exit."
        ),
    ] = None


@dataclass(frozen=True, slots=True)
class ListOptions:
    """Options for the form of the list."""

    limit: Annotated[
        int | None,
        typer.Option(
            min=1, metavar="N", help="List the first N tracks only.  [default: 200 in a table, else all]"
        ),
    ] = None
    sort: Annotated[
        str | None,
        typer.Option(
            metavar="FIELD[-],...",
            help="Sort by fields, with - from the greatest: the term sort:FIELD of a query.",
        ),
    ] = None
    columns: Annotated[
        str | None,
        typer.Option(
            metavar="NAME,...",
            help="Columns or keys: fields of queries, keys of --json, and length.  [default: "
            f"{','.join(DEFAULT_COLUMNS)} in a table, else all keys]",
        ),
    ] = None
    form: Annotated[
        Form,
        typer.Option(
            "--format",
            help="Form of the list; m3u is a playlist of the track files, parquet a selection to join with a "
            "data set.",
        ),
    ] = "table"
    as_tsv: Annotated[
        bool, typer.Option("--tsv", help="The same as --format tsv: values separated by tabs.")
    ] = False
    as_json: Annotated[
        bool, typer.Option("--json", help="The same as --format json: an object per line and track.")
    ] = False
    as_paths: Annotated[
        bool, typer.Option("--paths", help="The same as --format paths: the track files, one per line.")
    ] = False
    null: Annotated[
        bool, typer.Option("-0", "--null", help="Print paths as --paths does, each ended by NUL (xargs -0).")
    ] = False

    facets: Annotated[
        bool,
        typer.Option(
            "--facets",
            help="Count the tracks by instrument family, role, key, meter, tempo, length and source instead, "
            "or by the fields that --columns names; --json gives an object per field.",
        ),
    ] = False

    def chosen_form(self) -> Form:
        """Return the form that is asked for.

        Raises:
            UsageError: several are, or columns for a form without any.
        """
        shorthands: tuple[tuple[Form, bool], ...] = (
            ("tsv", self.as_tsv),
            ("json", self.as_json),
            ("paths", self.as_paths or self.null),
        )
        forms = {form for form, given in shorthands if given} | ({self.form} - {"table"})
        if len(forms) > 1:
            raise UsageError("--format, --json, --tsv and --paths exclude each other.")
        form = next(iter(forms), self.form)
        if self.facets and (form not in ("table", "json") or self.limit or self.sort):
            raise UsageError("--facets counts all tracks that match, as a table or with --json.")
        if self.columns is not None and form in ("paths", "m3u", "parquet"):
            raise UsageError(f"A list of the form {form} has no columns to choose: leave --columns out.")
        if form == "parquet" and sys.stdout.isatty():
            raise UsageError("Parquet is not for a terminal: append > selection.parquet to the command.")
        return form


def list_tracks(
    out: ReadableOutArgument,
    filters: FilterOptions,
    catalog: CatalogOptions,
    listing: ListOptions,
    searches: SearchOptions,
    query: QueryArgument = None,
    quiet: QuietOption = False,
) -> None:
    """List the tracks that a query finds, with their songs, ordered by the songs' paths.

    Tracks and channels are counted from 1, as musicians do.
    """
    from midiprism.search.find import open_search

    form = listing.chosen_form()
    columns = [] if listing.facets else find_columns(listing.columns)
    parsed = parse_arguments(query, filters, listing.sort.split(",") if listing.sort else ())
    result = locate(out, catalog, quiet=quiet, only_reads=True)
    if searches.save is not None:
        _save(searches.save, parsed, result, quiet=quiet)
    with open_search(result.folder, result.database, lambda: announce_index(quiet=quiet)) as search:
        if not quiet:
            print_unwritable_index(search, result.quoted)
            print_missing_facts(search, parsed, result.quoted)
        if listing.facets:
            names = listing.columns.split(",") if listing.columns else None
            print_facets(search.facets(parsed, names), as_json=form == "json")
            return
        max_rows = (listing.limit or _DEFAULT_TABLE_ROWS) + 1 if form == "table" else listing.limit
        count_shared = any(column.key == "shared" for column in columns)
        with closing(search.tracks(parsed, max_rows, count_shared=count_shared)) as rows:
            first = next(rows, None)
            found = while_read(rows if first is None else chain([first], rows))
            if form == "table":
                _print_table(found, columns, listing.limit, quiet=quiet)
            elif form == "parquet":
                from midiprism.export.selection import write_selection

                write_selection(found, sys.stdout.buffer, str(parsed))
            else:
                print_tracks(found, form, columns, result.folder, end=b"\0" if listing.null else b"\n")
        if first is None and not quiet:
            print_nothing_found(search, parsed)


def _save(name: str, query: "Query", result: ResultLocation, *, quiet: bool) -> None:
    from midiprism.search.saved_searches import SavedSearches, default_folder

    SavedSearches(default_folder()).save(name, str(query))
    if not quiet:
        command = f"midiprism list {result.quoted} @{name.lower()}"
        print_message(f"Saved {query}, which `{command}` finds from now on.", level="info")


def _print_table(
    rows: "Iterator[TrackRow]", columns: "Sequence[Column]", limit: int | None, *, quiet: bool
) -> None:
    """Print the first rows, and say so if there are more, unless their number was given."""
    max_rows = limit or _DEFAULT_TABLE_ROWS
    shown = [*islice(rows, max_rows)]
    if not shown:
        return
    print_track_table(shown, columns)
    if limit is None and not quiet and next(rows, None) is not None:
        print_message(
            f"These are the first {max_rows}: --limit N lists more; --tsv, --json and --paths list all.",
            level="info",
        )
