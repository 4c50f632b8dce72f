"""Print what helps with queries: their fields, saved searches, why nothing was found, where one is wrong."""

from typing import TYPE_CHECKING

import typer

from midiprism.cli.json_log import is_json
from midiprism.cli.render.terminal import (
    WIDE,
    escape_unprintable,
    make_console,
    make_table,
    print_message,
    rich_text,
)

if TYPE_CHECKING:
    from midiprism.search.errors import QueryError
    from midiprism.search.find import TrackSearch
    from midiprism.search.query import Query
    from midiprism.search.query_fields import QueryField

_WIDTH = 72
"""Most characters of a query that are shown around a place in it."""

_VALUES = {
    "number": "16..  ..100  20..100",
    "share": "0.8..  ..0.5",
    "key": "Dm  F#  minor  Dm~",
    "meter": "4/4",
    "flag": "yes  no",
    "date": "2026-11  2026-11-03..",
    "text": "TEXT  =TEXT",
}
"""Values of the fields of each kind, as they are written."""

_SPECIAL_FIELDS = (
    ("any", "TEXT", "song, name or instrument; the same as a word alone"),
    ("length", "8bars  ..30s  1:30..2:00", "length in bars, beats, ticks or seconds, by its unit"),
    ("has", "FIELD", "tracks for which a field has a value"),
    ("sort", "FIELD  FIELD-", "order of the tracks; with - from the greatest"),
)


def print_fields() -> None:
    """Print the fields of queries, with the values that they take."""
    from midiprism.search.query_fields import QUERY_FIELDS

    console, table = make_console(), make_table()
    if not console.is_terminal:
        console.width = WIDE
    table.add_column("field", no_wrap=True)
    table.add_column("values", no_wrap=True)
    table.add_column("meaning", overflow="fold")
    for row in _SPECIAL_FIELDS:
        table.add_row(*row)
    for field in QUERY_FIELDS.values():
        table.add_row(field.name, ", ".join(field.choices) or _VALUES[field.kind], _meaning(field))
    console.print(table)


def _meaning(field: "QueryField") -> str:
    also = f" (also {', '.join(field.aliases)})" if field.aliases else ""
    return field.shown_description + also


def print_searches() -> None:
    """Print the saved searches."""
    from midiprism.search.saved_searches import SavedSearches, default_folder

    searches = SavedSearches(default_folder())
    table = make_table()
    table.add_column("search", no_wrap=True)
    table.add_column("query", overflow="fold")
    for name in searches.names():
        table.add_row(f"@{name}", rich_text(searches.read(name) or ""))
    if table.rows:
        make_console().print(table)
    else:
        print_message("No search is saved: `midiprism list OUT QUERY --save NAME` saves one.", level="info")


def announce_index(*, quiet: bool) -> None:
    """Print that the search index is made, which takes a while."""
    if not quiet:
        print_message("Making the search index, which later searches only follow ...", level="info")


def print_unwritable_index(search: "TrackSearch", result: str) -> None:
    """Print a message if the search index cannot be written.

    Args:
        search: in the result.
        result: the result as arguments of a command.
    """
    if search.obstacle is not None:
        print_message(
            f"The search index of {result} cannot be written ({search.obstacle}): this search reads the "
            "catalog instead, which takes seconds for many songs.",
            level="info",
        )


def print_missing_facts(search: "TrackSearch", query: "Query", result: str) -> None:
    """Print a message if a query asks for facts that were not computed for some tracks.

    Args:
        search: in the result.
        query: the query.
        result: the result as arguments of a command.
    """
    from midiprism.search.diagnosis import missing_facts_text

    text = missing_facts_text(query, search.missing_facts)
    if text is not None:
        print_message(f"{text} `midiprism features {result}` computes it.")


def print_nothing_found(search: "TrackSearch", query: "Query") -> None:
    """Print that no track matches, which terms match none by themselves, and what may be meant."""
    from midiprism.search.diagnosis import nothing_found_text

    print_message(nothing_found_text(query, search.finds_any))


def print_place(error: "QueryError") -> None:
    """Print a query, and a line below it that points at the place of an error; nothing in a JSON log."""
    from rich.cells import cell_len

    if is_json():
        return
    first = max(0, error.start - _WIDTH // 2)
    text = error.text[first : first + _WIDTH]
    start, end = error.start - first, min(error.end - first, len(text))
    before, place = (escape_unprintable(part) for part in (text[:start], text[start:end]))
    marks = "^" + "~" * (cell_len(place) - 1)
    for line in (escape_unprintable(text), " " * cell_len(before) + marks):
        typer.echo(f"  {line}", err=True)
