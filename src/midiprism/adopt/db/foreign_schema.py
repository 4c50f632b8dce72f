"""Recognising a library that another program keeps in PostgreSQL: tables ``files`` and ``links``."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

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
"""Columns that ``files`` must have, with the types that each may have."""

LINKS_COLUMNS: Mapping[str, tuple[str, ...]] = {
    "id": ("integer", "bigint"),
    "parent_file_id": ("integer", "bigint"),
    "split_file_id": ("integer", "bigint"),
    "track_number": INTEGER_TYPES,
    "track_name": TEXT_TYPES,
    "instrument": TEXT_TYPES,
    "note_count": INTEGER_TYPES,
}
"""The same of ``links``."""

OPTIONAL_COLUMNS: Mapping[str, tuple[str, ...]] = {
    "manufacturer": TEXT_TYPES,
    "collection_name": TEXT_TYPES,
    "folder_tags": ("text[]", "character varying[]"),
    "created_at": TIME_TYPES,
    "updated_at": TIME_TYPES,
    "analyzed_at": TIME_TYPES,
    "import_batch_id": ("uuid",),
}
"""Columns that such libraries have and that nothing depends on."""

REQUIRED_COLUMNS: Mapping[str, Mapping[str, tuple[str, ...]]] = {
    "files": FILES_COLUMNS,
    "track_splits": LINKS_COLUMNS,
}

UNIQUE_COLUMNS: Mapping[str, tuple[tuple[str, ...], ...]] = {
    "files": (("id",), ("filepath",), ("content_hash",)),
    "track_splits": (("parent_file_id", "split_file_id"),),
}
"""Columns that no two rows may share: by them, conflicts are told apart."""


class ForeignColumn(NamedTuple):
    """A column of one of their tables that midiprism has no use for.

    Attributes:
        demanded: whether a row cannot be added without it.
    """

    table: str
    name: str
    type: str
    required: bool


class ForeignTrigger(NamedTuple):
    """A trigger of theirs."""

    table: str
    name: str
    enabled: bool


@dataclass(frozen=True, slots=True)
class ForeignSchema:
    """What their tables look like.

    Attributes:
        schemas: the schema of each table that is there, by its name.
        faults: why they are not of the shape, one sentence each; empty where they are.
        further: columns that midiprism has no use for.
        triggers: on the two tables, without those of foreign keys.
        columns: type of each column there is, by table and name.
    """

    schemas: Mapping[str, str]
    faults: tuple[str, ...]
    extra_columns: tuple[ForeignColumn, ...]
    triggers: tuple[ForeignTrigger, ...]
    column_types: Mapping[tuple[str, str], str]

    @property
    def recognised(self) -> bool:
        return not self.faults

    def qualified_name(self, name: str) -> str:
        """The full name of ``files`` or ``links``, quoted, whatever the search path."""
        return f"{quote_identifier(self.schemas[name])}.{quote_identifier(name)}"


def quote_identifier(name: str) -> str:
    """A name for a statement."""
    return '"' + name.replace('"', '""') + '"'


def hide_schema(connection: Connection, schema: str) -> None:
    """Take a schema out of the search path until the transaction ends.

    A role of the same name finds it first, with our table track_splits in it.
    """
    connection.execute(_HIDE_SCHEMA, {"schema": schema})


def read_foreign_schema(connection: Connection, own_schema: str) -> ForeignSchema:
    """Look at the tables that the role's search path leads to, inside the transaction that is open.

    Args:
        ours: the schema of our own tables, which is passed over.
    """
    hide_schema(connection, own_schema)
    schemas: dict[str, str] = {}
    columns: dict[tuple[str, str], str] = {}
    further: list[ForeignColumn] = []
    triggers: list[ForeignTrigger] = []
    faults: list[str] = []
    for table, wanted in REQUIRED_COLUMNS.items():
        found = connection.execute(_TABLE, {"name": table}).one_or_none()
        if found is None:
            faults.append(f"There is no table {table} that this role's search path leads to.")
            continue
        number, schema, kind = found
        schemas[table] = schema
        if kind not in ("r", "p"):
            faults.append(f"{table} is not a table.")
        rows = connection.execute(_COLUMNS, {"table": number}).all()
        columns |= {(table, name): type_ for name, type_, _, _, _ in rows}
        faults += _column_faults(table, wanted, rows)
        known = {**wanted, **OPTIONAL_COLUMNS}
        further += [
            ForeignColumn(table, name, type_, needed and not default and not generated)
            for name, type_, needed, default, generated in rows
            if name not in known
        ]
        triggers += [ForeignTrigger(table, *row) for row in connection.execute(_TRIGGERS, {"table": number})]
        unique = {tuple(row.names) for row in connection.execute(_UNIQUE_INDEXES, {"table": number})}
        for names in UNIQUE_COLUMNS[table]:
            if names not in unique and all((table, name) in columns for name in names):
                faults.append(f"{table}: no unique index on {', '.join(names)}.")
    return ForeignSchema(schemas, tuple(faults), tuple(further), tuple(triggers), columns)


def _column_faults(table: str, wanted: Mapping[str, tuple[str, ...]], rows: Any) -> Iterator[str]:
    types = {name: (type_, needed, default, generated) for name, type_, needed, default, generated in rows}
    for name, allowed in wanted.items():
        if name not in types:
            yield f"{table}: the column {name} is missing ({allowed[-1]})."
        elif types[name][0] not in allowed:
            yield f"{table}: the column {name} is of type {types[name][0]}, and not {' or '.join(allowed)}."
        elif types[name][3]:
            yield f"{table}: the column {name} is a generated one, which nobody can fill."
        elif name == "id" and not types[name][2]:
            yield f"{table}: the column id gives no numbers: it has neither a sequence nor an identity."


_HIDE_SCHEMA = text("""
SELECT pg_catalog.set_config('search_path', COALESCE(
    string_agg(pg_catalog.quote_ident(name), ', ' ORDER BY at) FILTER (WHERE name <> :schema), ''), true)
FROM unnest(pg_catalog.current_schemas(false)) WITH ORDINALITY path (name, at) HAVING bool_or(name = :schema)
""")

_TABLE = text("""
SELECT c.oid, n.nspname, c.relkind::text FROM pg_catalog.pg_class c
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
