"""Recognising a library that another program keeps in PostgreSQL: tables ``files`` and ``track_splits``."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from sqlalchemy import Connection, text

INTEGERS = ("smallint", "integer", "bigint")
NUMBERS = (*INTEGERS, "numeric", "real", "double precision")
TEXTS = ("text", "character varying")
TIMES = ("timestamp with time zone", "timestamp without time zone")

FILES: Mapping[str, tuple[str, ...]] = {
    "id": ("integer", "bigint"),
    "filename": TEXTS,
    "filepath": TEXTS,
    "original_filename": TEXTS,
    "content_hash": ("bytea",),
    "file_size_bytes": INTEGERS,
    "format": INTEGERS,
    "num_tracks": INTEGERS,
    "ticks_per_quarter_note": INTEGERS,
    "duration_seconds": NUMBERS,
    "duration_ticks": INTEGERS,
    "is_multi_track": ("boolean",),
    "parent_file_id": ("integer", "bigint"),
    "track_number": INTEGERS,
    "total_tracks": INTEGERS,
}
"""Columns that ``files`` must have, with the types that each may have."""

LINKS: Mapping[str, tuple[str, ...]] = {
    "id": ("integer", "bigint"),
    "parent_file_id": ("integer", "bigint"),
    "split_file_id": ("integer", "bigint"),
    "track_number": INTEGERS,
    "track_name": TEXTS,
    "instrument": TEXTS,
    "note_count": INTEGERS,
}
"""The same of ``track_splits``."""

OPTIONAL: Mapping[str, tuple[str, ...]] = {
    "manufacturer": TEXTS,
    "collection_name": TEXTS,
    "folder_tags": ("text[]", "character varying[]"),
    "created_at": TIMES,
    "updated_at": TIMES,
    "analyzed_at": TIMES,
    "import_batch_id": ("uuid",),
}
"""Columns that such libraries have and that nothing depends on."""

TABLES: Mapping[str, Mapping[str, tuple[str, ...]]] = {"files": FILES, "track_splits": LINKS}

UNIQUE: Mapping[str, tuple[tuple[str, ...], ...]] = {
    "files": (("id",), ("filepath",), ("content_hash",)),
    "track_splits": (("parent_file_id", "split_file_id"),),
}
"""Columns that no two rows may share: by them, conflicts are told apart."""


class Column(NamedTuple):
    """A column of one of their tables that midiprism has no use for.

    Attributes:
        demanded: whether a row cannot be added without it.
    """

    table: str
    name: str
    type: str
    demanded: bool


class Trigger(NamedTuple):
    """A trigger of theirs."""

    table: str
    name: str
    enabled: bool


@dataclass(frozen=True, slots=True)
class Shape:
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
    further: tuple[Column, ...]
    triggers: tuple[Trigger, ...]
    columns: Mapping[tuple[str, str], str]

    @property
    def recognised(self) -> bool:
        return not self.faults

    def table(self, name: str) -> str:
        """The full name of ``files`` or ``track_splits``, quoted, whatever the search path."""
        return f"{identifier(self.schemas[name])}.{identifier(name)}"


def identifier(name: str) -> str:
    """A name for a statement."""
    return '"' + name.replace('"', '""') + '"'


def look_past(connection: Connection, schema: str) -> None:
    """Take a schema out of the search path until the transaction ends.

    A role of the same name finds it first, with our table track_splits in it.
    """
    connection.execute(_LOOK_PAST, {"schema": schema})


def read_shape(connection: Connection, ours: str) -> Shape:
    """Look at the tables that the role's search path leads to, inside the transaction that is open.

    Args:
        ours: the schema of our own tables, which is passed over.
    """
    look_past(connection, ours)
    schemas: dict[str, str] = {}
    columns: dict[tuple[str, str], str] = {}
    further: list[Column] = []
    triggers: list[Trigger] = []
    faults: list[str] = []
    for table, wanted in TABLES.items():
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
        faults += _misfits(table, wanted, rows)
        known = {**wanted, **OPTIONAL}
        further += [
            Column(table, name, type_, needed and not default and not generated)
            for name, type_, needed, default, generated in rows
            if name not in known
        ]
        triggers += [Trigger(table, *row) for row in connection.execute(_TRIGGERS, {"table": number})]
        unique = {tuple(row.names) for row in connection.execute(_UNIQUE, {"table": number})}
        for names in UNIQUE[table]:
            if names not in unique and all((table, name) in columns for name in names):
                faults.append(f"{table}: no unique index on {', '.join(names)}.")
    return Shape(schemas, tuple(faults), tuple(further), tuple(triggers), columns)


def _misfits(table: str, wanted: Mapping[str, tuple[str, ...]], rows: Any) -> Iterator[str]:
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


_LOOK_PAST = text("""
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

_UNIQUE = text("""
SELECT ARRAY(
    SELECT a.attname::text FROM pg_catalog.unnest(i.indkey::int2[]) WITH ORDINALITY k(number, place)
    JOIN pg_catalog.pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = k.number
    WHERE k.place <= i.indnkeyatts ORDER BY k.place
) AS names
FROM pg_catalog.pg_index i
WHERE i.indrelid = :table AND i.indisunique AND i.indisvalid AND i.indpred IS NULL AND i.indexprs IS NULL
""")
