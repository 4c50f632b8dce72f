"""Filters as arguments of a function or options of a command, which are terms of a query."""

from collections.abc import Mapping

from midiprism.search.parse_query import parse_query
from midiprism.search.query import Term, number_text, quote
from midiprism.search.query_fields import QueryField, find_field

FilterValue = str | int | float | bool


def filter_terms(filters: Mapping[str, FilterValue | None]) -> tuple[Term, ...]:
    """Return the terms of filters that are given in Python.

    >>> [*map(str, filter_terms({"instrument": "slap bass", "min_notes": 16, "channel": 9}))]
    ['instrument:"slap bass"', 'notes:16..', 'channel:10']

    Args:
        filters: values by names of fields. A text is the value as in a query; a number is one that the
            attributes of tracks have, so channels count from 0. ``min_notes`` and ``max_notes`` are the ends
            of a range of notes, and so for every number. None for a filter that is not given.

    Raises:
        TypeError: there is no filter of that name.
        QueryError: the field takes no such value.
    """
    terms: list[Term] = []
    for name, value in filters.items():
        if value is not None:
            field, form = _field_and_form(name)
            terms += field_terms(field, form.format(_value_text(field, value)))
    return tuple(terms)


def field_terms(field: QueryField, value: str) -> tuple[Term, ...]:
    """Return the terms of one field with a value as in a query.

    Raises:
        QueryError: the field takes no such value.
    """
    return parse_query(f"{field.name}:{quote(value)}").groups[0].terms


def _field_and_form(name: str) -> tuple[QueryField, str]:
    field = find_field(name)
    if field is not None:
        return field, "{}"
    for prefix, form in (("min_", "{}.."), ("max_", "..{}")):
        field = find_field(name.removeprefix(prefix)) if name.startswith(prefix) else None
        if field is not None and field.is_numeric:
            return field, form
    raise TypeError(f"There is no filter {name!r}.")


def _value_text(field: QueryField, value: FilterValue) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return value if isinstance(value, str) else number_text(value + field.first)
