"""The filters of a search for tracks, which derive from the searchable fields."""

from collections.abc import Iterator, Sequence
from typing import Literal, NamedTuple

from midiprism.records.field import Field
from midiprism.records.fields import LINK_FIELDS, SONG_FIELDS, TRACK_FIELDS

FilterValue = str | int | float
Comparison = Literal["contains", "equals", "at_least", "at_most"]
RecordName = Literal["links", "tracks", "songs"]


class Filter(NamedTuple):
    """A filter of a search.

    Attributes:
        name: unique among all filters.
        record: whose fields are compared.
        field_names: the fields of which one has to match.
        comparison: with the value that is given; texts are compared in any case, width and composition.
        field: from which it derives.
    """

    name: str
    record: RecordName
    field_names: tuple[str, ...]
    comparison: Comparison
    field: Field


def _filters_of(record: RecordName, fields: Sequence[Field]) -> Iterator[Filter]:
    """Return the filters by text, by one of few numbers, or by a range of numbers."""
    for field in fields:
        if not field.searchable:
            continue
        name = field.public_name
        names = (field.name, *field.searched_with)
        if field.python_type is str:
            yield Filter(name, record, names, "contains", field)
        elif field.python_type is int and field.low_cardinality:
            yield Filter(name, record, names, "equals", field)
        else:
            yield Filter(f"min_{name}", record, names, "at_least", field)
            yield Filter(f"max_{name}", record, names, "at_most", field)


FILTERS = {
    item.name: item
    for item in (
        *_filters_of("links", LINK_FIELDS),
        *_filters_of("tracks", TRACK_FIELDS),
        *_filters_of("songs", SONG_FIELDS),
    )
}
"""All filters by their names."""
