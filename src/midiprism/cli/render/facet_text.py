"""Print how many tracks have each value of a field."""

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from midiprism.cli.render.terminal import WIDE, make_console, make_table, print_json, rich_text

if TYPE_CHECKING:
    from midiprism.search.index.facets import Facet, FacetCount

_MAX_VALUES = 20
"""Most values of a field that a table shows; the rest is one row."""


def print_facets(facets: "Iterable[Facet]", *, as_json: bool) -> None:
    """Print facets as a table, or as a JSON object each."""
    if as_json:
        for facet in facets:
            print_json({"field": facet.name, "counts": [_as_json(facet, count) for count in facet.counts]})
        return
    console, table = make_console(), make_table()
    if not console.is_terminal:
        console.width = WIDE
    table.add_column("field", no_wrap=True)
    table.add_column("value", overflow="fold")
    table.add_column("tracks", justify="right", no_wrap=True)
    for facet in facets:
        limit = None if facet.is_histogram else _MAX_VALUES
        for count in facet.counts[:limit]:
            table.add_row(facet.name, rich_text(_value_text(facet, count)), f"{count.count:,}")
        rest = facet.counts[_MAX_VALUES:] if limit else ()
        if rest:
            total = sum(count.count for count in rest)
            table.add_row(facet.name, f"{len(rest):,} other values", f"{total:,}")
    console.print(table)


def _as_json(facet: "Facet", count: "FacetCount") -> dict[str, Any]:
    value = _shown(facet, count.value)
    if not facet.is_histogram:
        return {"value": value, "count": count.count}
    return {"from": value, "to": count.end, "count": count.count}


def _value_text(facet: "Facet", count: "FacetCount") -> str:
    if facet.is_histogram and (count.value is not None or count.end is not None):
        start, end = ("" if bound is None else f"{bound:g}" for bound in (count.value, count.end))
        return f"{start}..{end}"
    value = _shown(facet, count.value)
    return "(none)" if value is None else f"{value:g}" if isinstance(value, float) else str(value)


def _shown(facet: "Facet", value: str | float | None) -> str | float | None:
    """Return a value as people write it: channels and tracks count from 1."""
    from midiprism.search.query_fields import QUERY_FIELDS

    field = QUERY_FIELDS.get(facet.name)
    if value is None or isinstance(value, str) or field is None:
        return value
    number = value + field.first
    return int(number) if field.is_integer and not facet.is_histogram else number
