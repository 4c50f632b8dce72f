"""What there is to know of another program's library before it is taken over."""

from collections.abc import Iterator
from typing import Literal, NamedTuple

from sqlalchemy import text

from midiprism.adopt.db.foreign_reader import ForeignFile, ForeignLibrary, make_foreign_file
from midiprism.adopt.db.foreign_schema import REQUIRED_COLUMNS, quote_identifier

PrivilegeUse = Literal["adopt", "replace"]


class ForeignCounts(NamedTuple):
    """How much there is.

    Attributes:
        files: rows of ``files``.
        songs: of these, songs with several tracks.
        begun: of those, songs with rows in ``links``.
        links: rows of ``links``.
        splits: files that those lead to.
        left_bytes: of the songs without such rows.
        left_tracks: of the same.
    """

    files: int
    songs: int
    already_split: int
    links: int
    tracks: int
    remaining_bytes: int
    remaining_source_tracks: int


class ForeignTrackSizes(NamedTuple):
    """What the other program's splits take.

    Attributes:
        songs: songs that it split.
        files: how many it wrote for them.
        blocks: of the disk, which those take.
    """

    songs: int
    files: int
    disk_blocks: int


class Privilege(NamedTuple):
    """Something that the role must be allowed to do.

    Attributes:
        name: in the terms of SQL.
        held: whether it is.
        need: for what.
    """

    name: str
    granted: bool
    needed_for: PrivilegeUse


class OwnCatalog(NamedTuple):
    """A catalogue of midiprism's in the same database.

    Attributes:
        version: of its tables; None where it cannot be read.
        songs: songs that it knows; None where it cannot be read.
    """

    version: str | None
    songs: int | None


def read_foreign_counts(library: ForeignLibrary) -> ForeignCounts:
    """Count; it looks at all rows."""
    (row,) = library.fetch_rows(
        """
        SELECT count(*), count(*) FILTER (WHERE f.num_tracks > 1),
            count(*) FILTER (WHERE f.num_tracks > 1 AND l.song IS NOT NULL),
            COALESCE(sum(f.file_size_bytes) FILTER (WHERE f.num_tracks > 1 AND l.song IS NULL), 0),
            COALESCE(sum(f.num_tracks) FILTER (WHERE f.num_tracks > 1 AND l.song IS NULL), 0)
        FROM {files} f
        LEFT JOIN (SELECT DISTINCT parent_file_id AS song FROM {links}) l ON l.song = f.id
        """
    )
    (links,) = library.fetch_rows("SELECT count(*), count(DISTINCT split_file_id) FROM {links}")
    files, songs, begun, left_bytes, left_tracks = map(int, row)
    return ForeignCounts(files, songs, begun, int(links[0]), int(links[1]), left_bytes, left_tracks)


def read_track_sizes(library: ForeignLibrary, block_size: int) -> ForeignTrackSizes:
    """What the splits take on a disk with blocks of so many bytes, by the sizes in ``files``."""
    (row,) = library.fetch_rows(
        """
        SELECT (SELECT count(DISTINCT parent_file_id) FROM {links}), count(*),
            COALESCE(sum((file_size_bytes + :block - 1) / :block), 0)
        FROM {files} WHERE id IN (SELECT split_file_id FROM {links})
        """,
        block=block_size,
    )
    return ForeignTrackSizes(*map(int, row))


def read_sample_files(
    library: ForeignLibrary, kind: Literal["songs", "splits"], count: int
) -> list[ForeignFile]:
    """So many songs with several tracks, or splits: the same ones each time, from all over the library."""
    rows = library.fetch_rows(_SAMPLE_QUERIES[kind], count=count)
    return [make_foreign_file(*row) for row in rows]


def read_privileges(library: ForeignLibrary) -> list[Privilege]:
    """What the role needs, and whether it has it."""
    return library.run_in_transaction(lambda: list(_privileges(library)))


def _privileges(library: ForeignLibrary) -> Iterator[Privilege]:
    def ask(function: str, what: object, right: str) -> bool:
        statement = text(f"SELECT pg_catalog.{function}(:what, :right)")
        return bool(library.connection.scalar(statement, {"what": what, "right": right}))

    def replica() -> bool:
        return bool(library.connection.scalar(text("SELECT pg_catalog.pg_is_in_recovery()")))

    for table in REQUIRED_COLUMNS:
        name = library.schema.qualified_name(table)
        for right in ("SELECT", "INSERT"):
            yield Privilege(f"{right} on {table}", ask("has_table_privilege", name, right), "adopt")
    for sequence in library.connection.scalars(
        _SEQUENCES, {"tables": [library.schema.qualified_name(table) for table in REQUIRED_COLUMNS]}
    ):
        yield Privilege(
            f"USAGE on sequence {sequence}", ask("has_sequence_privilege", sequence, "USAGE"), "adopt"
        )
    yield from _schema_privileges(library)
    yield Privilege("a server that takes writes, not a standby", not replica(), "adopt")
    for table in REQUIRED_COLUMNS:
        held = ask("has_table_privilege", library.schema.qualified_name(table), "DELETE")
        yield Privilege(f"DELETE on {table}", held, "replace")


def _schema_privileges(library: ForeignLibrary) -> Iterator[Privilege]:
    schema = library.address.schema
    row = library.connection.execute(_SCHEMA, {"schema": schema}).one()
    if row.there:
        yield Privilege(f"USAGE and CREATE on schema {schema}", row.in_schema, "adopt")
    else:
        yield Privilege(f"CREATE on database {row.database} (for schema {schema})", row.on_database, "adopt")
    yield Privilege(f"TEMPORARY on database {row.database}", row.temporary, "adopt")


def read_own_catalog(library: ForeignLibrary) -> OwnCatalog | None:
    """A catalogue of midiprism's beside the library; None where there is none."""
    schema = library.address.schema
    versions, songs = f"{quote_identifier(schema)}.alembic_version", f"{quote_identifier(schema)}.songs"

    def read() -> OwnCatalog | None:
        connection = library.connection
        row = connection.execute(_OWN_CATALOG, {"schema": schema}).one()
        if not row.there:
            return None
        if not row.readable:
            return OwnCatalog(None, None)
        version = connection.scalar(text(f"SELECT version_num FROM {versions}"))  # noqa: S608
        count = connection.scalar(text(f"SELECT count(*) FROM {songs}"))  # noqa: S608
        return OwnCatalog(version, count)

    return library.run_in_transaction(read)


_SAMPLE_QUERIES = {
    "songs": """
SELECT id, filepath, content_hash FROM {files} WHERE num_tracks > 1
ORDER BY md5(CAST(id AS text)), id LIMIT :count
""",
    "splits": """
SELECT id, filepath, content_hash FROM {files} WHERE id IN (SELECT split_file_id FROM {links})
ORDER BY md5(CAST(id AS text)), id LIMIT :count
""",
}

_SEQUENCES = text("""
SELECT DISTINCT s.oid::regclass::text
FROM pg_catalog.pg_attrdef d
JOIN pg_catalog.pg_attribute a ON a.attrelid = d.adrelid AND a.attnum = d.adnum AND a.attname = 'id'
JOIN pg_catalog.pg_depend p ON p.classid = 'pg_attrdef'::regclass AND p.objid = d.oid
JOIN pg_catalog.pg_class s ON p.refclassid = 'pg_class'::regclass AND s.oid = p.refobjid AND s.relkind = 'S'
WHERE d.adrelid = ANY(CAST(:tables AS regclass[])) ORDER BY 1
""")

_SCHEMA = text("""
SELECT n.oid IS NOT NULL AS there, pg_catalog.current_database() AS database,
    COALESCE(pg_catalog.has_schema_privilege(n.oid, 'USAGE')
        AND pg_catalog.has_schema_privilege(n.oid, 'CREATE'), FALSE) AS in_schema,
    pg_catalog.has_database_privilege(pg_catalog.current_database(), 'CREATE') AS on_database,
    pg_catalog.has_database_privilege(pg_catalog.current_database(), 'TEMPORARY') AS temporary
FROM (SELECT 1) one LEFT JOIN pg_catalog.pg_namespace n ON n.nspname = :schema
""")

_OWN_CATALOG = text("""
SELECT count(c.oid) = 2 AS there,
    COALESCE(bool_and(pg_catalog.has_schema_privilege(n.oid, 'USAGE')
        AND pg_catalog.has_table_privilege(c.oid, 'SELECT')), FALSE) AS readable
FROM pg_catalog.pg_namespace n
JOIN pg_catalog.pg_class c ON c.relnamespace = n.oid AND c.relname IN ('alembic_version', 'songs')
    AND c.relkind = 'r'
WHERE n.nspname = :schema
""")
