"""The columns of the index, which derive from the fields of queries."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Literal, NamedTuple

from midiprism.records.field import Field
from midiprism.records.fields import LINK_FIELDS, SONG_FIELDS, TRACK_FACT_NAMES, TRACK_FIELDS
from midiprism.search.query_fields import QUERY_FIELDS, SONG_NAME, SOURCE, QueryField

Level = Literal["songs", "tracks", "links"]

ADDED = "added"
"""A column of tracks: when the run began that added them."""
FACTS_VERSION = "facts_version"
"""A column of tracks that no query asks for: NULL where the facts were not computed."""
SHARED = "shared"
"""Songs that have a track: counted when a search asks for it, since every new song may change it."""

_FIELDS: Mapping[Level, Sequence[Field]] = {
    "songs": SONG_FIELDS,
    "tracks": TRACK_FIELDS,
    "links": LINK_FIELDS,
}


class IndexColumn(NamedTuple):
    """A column.

    Attributes:
        level: the rows of which it has one value each.
        name: of the field, and of the catalog's column.
        is_text: whether its values are texts, else numbers.
    """

    level: Level
    name: str
    is_text: bool

    @property
    def key(self) -> str:
        """The name of its arrays."""
        return f"{self.level}.{self.name}"


def _declared_columns() -> Iterator[IndexColumn]:
    for query_field in QUERY_FIELDS.values():
        if query_field.record == "catalog":
            continue
        fields = {field.name: field for field in _FIELDS[query_field.record]}
        for name in query_field.field_names:
            if name not in (SONG_NAME, SOURCE):
                yield IndexColumn(query_field.record, name, fields[name].python_type is str)
    yield IndexColumn("tracks", FACTS_VERSION, False)


CATALOG_COLUMNS = tuple(dict.fromkeys(_declared_columns()))
"""Columns that the catalog has too."""

FACT_COLUMNS = frozenset(
    column for column in CATALOG_COLUMNS if column.level == "tracks" and column.name in TRACK_FACT_NAMES
)
"""Columns that are NULL for a track whose facts were not computed."""

COLUMNS = (*CATALOG_COLUMNS, IndexColumn("songs", SOURCE, True), IndexColumn("tracks", ADDED, True))
"""All columns but ``song_name`` and ``shared``."""


_BY_RECORD_AND_NAME = {(column.level, column.name): column for column in COLUMNS}


def find_column(field: QueryField, name: str) -> IndexColumn:
    """Return the column of one of the fields in which a field of queries looks; not for ``song_name``."""
    if name == SHARED:
        return IndexColumn("tracks", SHARED, False)
    level: Level = "tracks" if field.record == "catalog" else field.record
    return _BY_RECORD_AND_NAME[level, name]


def columns_of(level: Level) -> tuple[IndexColumn, ...]:
    """Return the columns of one level that the catalog has too."""
    return tuple(column for column in CATALOG_COLUMNS if column.level == level)


SIGNATURE = [[column.key, column.is_text] for column in COLUMNS]
"""An index with other columns is built anew."""
