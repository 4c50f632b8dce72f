"""Recognizing a library that another program keeps in PostgreSQL: its ``files`` and ``track_splits``."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import NamedTuple

from sqlalchemy import Connection, text

INTEGER_TYPES = ("smallint", "integer", "bigint")
NUMBER_TYPES = (*INTEGER_TYPES, "numeric", "real", "double precision")
TEXT_TYPES = ("text", "character varying")
TIME_TYPES = ("timestamp with time zone", "timestamp without time zone")

FILES_COLUMNS: Mapping[str, tuple[str, ...]] = {
    "id": ("integer", "bigint"),
    "filename": TEXT_TYPES,
    "filepath": TEXT_TYPES,
    "original_filename": TEXT_TYPES,
    "content_hash": ("bytea",),
    "file_size_bytes": INTEGER_TYPES,
    "format": INTEGER_TYPES,
    "num_tracks": INTEGER_TYPES,
    "ticks_per_quarter_note": INTEGER_TYPES,
    "duration_seconds": NUMBER_TYPES,
    "duration_ticks": INTEGER_TYPES,
    "is_multi_track": ("boolean",),
    "parent_file_id": ("integer", "bigint"),
    "track_number": INTEGER_TYPES,
    "total_tracks": INTEGER_TYPES,
}
"""Columns that ``files`` must have, with their permitted types."""

LINKS_COLUMNS: Mapping[str, tuple[str, ...]] = {
    "id": ("integer", "bigint"),
    "parent_file_id": ("integer", "bigint"),
    "split_file_id": ("integer", "bigint"),
    "track_number": INTEGER_TYPES,
    "track_name": TEXT_TYPES,
    "instrument": TEXT_TYPES,
    "note_count": INTEGER_TYPES,
}
"""Columns that ``track_splits`` must have, with their permitted types."""

OPTIONAL_COLUMNS: Mapping[str, tuple[str, ...]] = {
    "manufacturer": TEXT_TYPES,
    "collection_name": TEXT_TYPES,
    "folder_tags": ("text[]", "character varying[]"),
    "created_at": TIME_TYPES,
    "updated_at": TIME_TYPES,
    "analyzed_at": TIME_TYPES,
    "import_batch_id": ("uuid",),
}
"""Columns that such libraries may have, and that midiprism does not depend on."""

REQUIRED_COLUMNS: Mapping[str, Mapping[str, tuple[str, ...]]] = {
    "files": FILES_COLUMNS,
    "track_splits": LINKS_COLUMNS,
}

UNIQUE_COLUMNS: Mapping[str, tuple[tuple[str, ...], ...]] = {
    "files": (("id",), ("filepath",), ("content_hash",)),
    "track_splits": (("parent_file_id", "split_file_id"),),
}
"""Columns that must have a unique index, on which inserts rely for conflicts."""


class ForeignColumn(NamedTuple):
    """A column that midiprism does not know.

    Attributes:
        table: name of its table.
        name: of the column.
        type: of the column.
        required: whether no row can be added without a value for it.
    """

    table: str
    name: str
    type: str
    required: bool


class ForeignTrigger(NamedTuple):
    """A trigger of the owner's on one of the tables."""

    table: str
    name: str
    enabled: bool


@dataclass(frozen=True, slots=True)
class ForeignSchema:
    """Description of the tables of a library.

    Attributes:
        schemas: the schema of each table that exists, by the table's name.
        faults: why they are not the tables that midiprism knows, one sentence each; empty if they are.
        extra_columns: columns that midiprism does not know.
        triggers: on the two tables, without those of foreign keys.
        column_types: type of each column, by table and name.
    """

    schemas: Mapping[str, str]
    faults: tuple[str, ...]
    extra_columns: tuple[ForeignColumn, ...]
    triggers: tuple[ForeignTrigger, ...]
    column_types: Mapping[tuple[str, str], str]

    @property
    def recognised(self) -> bool:
        """True if they are the tables that midiprism knows."""
        return not self.faults

    def qualified_name(self, name: str) -> str:
        """Return the qualified and quoted name of ``files`` or ``track_splits``."""
        return f"{quote_identifier(self.schemas[name])}.{quote_identifier(name)}"


def quote_identifier(name: str) -> str:
    """Return a name as a quoted identifier."""
    return '"' + name.replace('"', '""') + '"'


def hide_schema(connection: Connection, schema: str) -> None:
    """Remove a schema from the search path until the transaction ends.

    A role of the same name would find tables in it before those of the library.
    """
    connection.execute(_HIDE_SCHEMA, {"schema": schema})


def read_foreign_schema(connection: Connection, own_schema: str) -> ForeignSchema:
    """Inspect the tables that the role's search path leads to, inside an open transaction.

    Args:
        connection: in an open transaction.
        own_schema: schema of midiprism's own tables, which is ignored.
    """
    hide_schema(connection, own_schema)
    schemas: dict[str, str] = {}
    column_types: dict[tuple[str, str], str] = {}
    extra_columns: list[ForeignColumn] = []
    triggers: list[ForeignTrigger] = []
    faults: list[str] = []
    for table, required_columns in REQUIRED_COLUMNS.items():
        table_row = connection.execute(_TABLE, {"name": table}).one_or_none()
        if table_row is None:
            faults.append(f"There is no table {table} that this role's search path leads to.")
            continue
        table_id = table_row.oid
        schemas[table] = table_row.nspname
        if table_row.relkind not in ("r", "p"):
            faults.append(f"{table} is not a table.")
        columns = [_Column(*row) for row in connection.execute(_COLUMNS, {"table": table_id})]
        column_types |= {(table, column.name): column.type for column in columns}
        faults += _column_faults(table, required_columns, columns)
        extra_columns += [
            ForeignColumn(table, column.name, column.type, column.is_required)
            for column in columns
            if column.name not in required_columns and column.name not in OPTIONAL_COLUMNS
        ]
        triggers += [
            ForeignTrigger(table, *row) for row in connection.execute(_TRIGGERS, {"table": table_id})
        ]
        unique = {tuple(row.names) for row in connection.execute(_UNIQUE_INDEXES, {"table": table_id})}
        for names in UNIQUE_COLUMNS[table]:
            if names not in unique and all((table, name) in column_types for name in names):
                faults.append(f"{table}: no unique index on {', '.join(names)}.")
    return ForeignSchema(schemas, tuple(faults), tuple(extra_columns), tuple(triggers), column_types)


class _Column(NamedTuple):
    """A column as the database describes it."""

    name: str
    type: str
    not_null: bool
    has_default: bool
    generated: bool

    @property
    def is_required(self) -> bool:
        """True if no row can be added without a value for it."""
        return self.not_null and not self.has_default and not self.generated


def _column_faults(
    table: str, required_columns: Mapping[str, tuple[str, ...]], columns: Iterable[_Column]
) -> Iterator[str]:
    column_by_name = {column.name: column for column in columns}
    for name, types in required_columns.items():
        column = column_by_name.get(name)
        if column is None:
            yield f"{table}: the column {name} is missing ({types[-1]})."
        elif column.type not in types:
            yield f"{table}: the column {name} is of type {column.type}, and not {' or '.join(types)}."
        elif column.generated:
            yield f"{table}: the column {name} is a generated one, which cannot be filled."
        elif name == "id" and not column.has_default:
            yield f"{table}: the column id has no default: neither a sequence nor an identity."


_HIDE_SCHEMA = text("""
SELECT pg_catalog.set_config('search_path', COALESCE(
    string_agg(pg_catalog.quote_ident(name), ', ' ORDER BY at) FILTER (WHERE name <> :schema), ''), true)
FROM unnest(pg_catalog.current_schemas(false)) WITH ORDINALITY path (name, at) HAVING bool_or(name = :schema)
""")

_TABLE = text("""
SELECT c.oid, n.nspname, c.relkind::text AS relkind FROM pg_catalog.pg_class c
JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
WHERE c.oid = pg_catalog.to_regclass(pg_catalog.quote_ident(:name))
""")

_COLUMNS = text("""
SELECT a.attname,
    CASE WHEN a.attndims > 0 OR t.typelem <> 0 AND t.typlen = -1 AND t.typcategory = 'A'
        THEN pg_catalog.format_type(t.typelem, NULL) || '[]'
        ELSE pg_catalog.format_type(COALESCE(NULLIF(t.typbasetype, 0), t.oid), NULL) END,
    a.attnotnull, a.atthasdef OR a.attidentity <> '', a.attgenerated <> ''
FROM pg_catalog.pg_attribute a JOIN pg_catalog.pg_type t ON t.oid = a.atttypid
WHERE a.attrelid = :table AND a.attnum > 0 AND NOT a.attisdropped ORDER BY a.attnum
""")

_TRIGGERS = text("""
SELECT tgname, tgenabled <> 'D' FROM pg_catalog.pg_trigger
WHERE tgrelid = :table AND NOT tgisinternal ORDER BY tgname
""")

_UNIQUE_INDEXES = text("""
SELECT ARRAY(
    SELECT a.attname::text FROM pg_catalog.unnest(i.indkey::int2[]) WITH ORDINALITY k(number, place)
    JOIN pg_catalog.pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = k.number
    WHERE k.place <= i.indnkeyatts ORDER BY k.place
) AS names
FROM pg_catalog.pg_index i
WHERE i.indrelid = :table AND i.indisunique AND i.indisvalid AND i.indpred IS NULL AND i.indexprs IS NULL
""")
