"""The two tables of another program's library, as they are written to."""

from collections.abc import Mapping
from dataclasses import dataclass

from sqlalchemy import Connection

from midiprism.adopt.db.column_limits import ColumnLimit, read_column_limits
from midiprism.adopt.db.foreign_schema import ForeignSchema

_INHERITED_COLUMNS = ("manufacturer", "collection_name", "folder_tags")


@dataclass(frozen=True, slots=True)
class ForeignTables:
    """Names and limits of the tables. It can be pickled.

    Attributes:
        files: qualified and quoted name of ``files``.
        links: qualified and quoted name of ``track_splits``.
        inherited_columns: columns of ``files`` that a track's row copies from its song's row.
        file_limits: what the columns of ``files`` can hold, by name.
        link_limits: what the columns of ``track_splits`` can hold, by name.
        own_schema: schema of midiprism's own tables.
    """

    files: str
    links: str
    inherited_columns: tuple[str, ...]
    file_limits: Mapping[str, ColumnLimit]
    link_limits: Mapping[str, ColumnLimit]
    own_schema: str


def read_foreign_tables(
    connection: Connection, foreign_schema: ForeignSchema, own_schema: str
) -> ForeignTables:
    """Read what the tables of a recognized schema can hold, inside an open transaction."""
    files, links = foreign_schema.qualified_name("files"), foreign_schema.qualified_name("track_splits")
    return ForeignTables(
        files,
        links,
        tuple(name for name in _INHERITED_COLUMNS if ("files", name) in foreign_schema.column_types),
        read_column_limits(connection, files),
        read_column_limits(connection, links),
        own_schema,
    )
