"""Queries of a preflight about another program's library."""

from collections.abc import Iterator
from typing import Literal, NamedTuple

from sqlalchemy import text

from midiprism.adopt.db.foreign_reader import ForeignFile, ForeignLibrary
from midiprism.adopt.db.foreign_schema import REQUIRED_COLUMNS, quote_identifier

PrivilegeUse = Literal["adopt", "replace"]


class ForeignCounts(NamedTuple):
    """Numbers of rows.

    Attributes:
        files: rows of ``files``.
        songs: of ``files``, songs with several tracks.
        already_split: of ``songs``, those that have links.
        links: rows of ``track_splits``.
        tracks: files that links lead to.
        remaining_bytes: total size of the songs without links.
        remaining_source_tracks: total number of source tracks of the songs without links.
    """

    files: int
    songs: int
    already_split: int
    links: int
    tracks: int
    remaining_bytes: int
    remaining_source_tracks: int


class ForeignTrackSizes(NamedTuple):
    """Disk usage of the other program's tracks.

    Attributes:
        songs: songs that it split.
        files: files that it wrote for them.
        disk_blocks: blocks of the disk that those files take.
    """

    songs: int
    files: int
    disk_blocks: int


class Privilege(NamedTuple):
    """Something that the database's role must be allowed to do.

    Attributes:
        name: in the terms of SQL.
        granted: whether the role has it.
        needed_for: adopting the library, or replacing the owner's links.
    """

    name: str
    granted: bool
    needed_for: PrivilegeUse


class OwnCatalog(NamedTuple):
    """A catalog of midiprism in the same database.

    Attributes:
        version: of its tables; None if it cannot be read.
        songs: songs that it knows; None if it cannot be read.
    """

    version: str | None
    songs: int | None


def read_foreign_counts(library: ForeignLibrary) -> ForeignCounts:
    """Count the rows, for which the database reads both tables."""
    (row,) = library.fetch_rows(
        """
        SELECT count(*) AS files, count(*) FILTER (WHERE f.num_tracks > 1) AS songs,
            count(*) FILTER (WHERE f.num_tracks > 1 AND l.song IS NOT NULL) AS already_split,
            COALESCE(sum(f.file_size_bytes) FILTER (WHERE f.num_tracks > 1 AND l.song IS NULL), 0)
                AS remaining_bytes,
            COALESCE(sum(f.num_tracks) FILTER (WHERE f.num_tracks > 1 AND l.song IS NULL), 0)
                AS remaining_source_tracks
        FROM {files} f
        LEFT JOIN (SELECT DISTINCT parent_file_id AS song FROM {links}) l ON l.song = f.id
        """
    )
    ((link_count, track_count),) = library.fetch_rows(
        "SELECT count(*), count(DISTINCT split_file_id) FROM {links}"
    )
    return ForeignCounts(
        files=int(row.files),
        songs=int(row.songs),
        already_split=int(row.already_split),
        links=int(link_count),
        tracks=int(track_count),
        remaining_bytes=int(row.remaining_bytes),
        remaining_source_tracks=int(row.remaining_source_tracks),
    )


def read_track_sizes(library: ForeignLibrary, block_size: int) -> ForeignTrackSizes:
    """Return what the tracks take on a disk with blocks of this size, by the sizes in ``files``."""
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
    library: ForeignLibrary, kind: Literal["songs", "tracks"], count: int
) -> list[ForeignFile]:
    """Return some songs with several tracks, or some tracks, spread over the library; the same each time."""
    rows = library.fetch_rows(_SAMPLE_QUERIES[kind], count=count)
    return [ForeignFile.from_row(*row) for row in rows]


def read_privileges(library: ForeignLibrary) -> list[Privilege]:
    """Return the privileges that the role needs, whether it has them or not."""
    return library.run_in_transaction(lambda: list(_privileges(library)))


def _privileges(library: ForeignLibrary) -> Iterator[Privilege]:
    def has(function: str, target: object, privilege: str) -> bool:
        statement = text(f"SELECT pg_catalog.{function}(:target, :privilege)")
        values = {"target": target, "privilege": privilege}
        return bool(library.connection.scalar(statement, values))

    tables = {table: library.schema.qualified_name(table) for table in REQUIRED_COLUMNS}
    for table, name in tables.items():
        for privilege in ("SELECT", "INSERT"):
            yield Privilege(f"{privilege} on {table}", has("has_table_privilege", name, privilege), "adopt")
    for sequence in library.connection.scalars(_SEQUENCES, {"tables": list(tables.values())}):
        granted = has("has_sequence_privilege", sequence, "USAGE")
        yield Privilege(f"USAGE on sequence {sequence}", granted, "adopt")
    yield from _schema_privileges(library)
    is_standby = bool(library.connection.scalar(text("SELECT pg_catalog.pg_is_in_recovery()")))
    yield Privilege("a server that takes writes, not a standby", not is_standby, "adopt")
    for table, name in tables.items():
        yield Privilege(f"DELETE on {table}", has("has_table_privilege", name, "DELETE"), "replace")


def _schema_privileges(library: ForeignLibrary) -> Iterator[Privilege]:
    schema = library.address.schema
    row = library.connection.execute(_SCHEMA, {"schema": schema}).one()
    if row.schema_exists:
        yield Privilege(f"USAGE and CREATE on schema {schema}", row.in_schema, "adopt")
    else:
        yield Privilege(f"CREATE on database {row.database} (for schema {schema})", row.on_database, "adopt")
    yield Privilege(f"TEMPORARY on database {row.database}", row.temporary, "adopt")


def read_own_catalog(library: ForeignLibrary) -> OwnCatalog | None:
    """Return midiprism's catalog in the library's database; None if there is none."""
    schema = library.address.schema
    versions, songs = f"{quote_identifier(schema)}.alembic_version", f"{quote_identifier(schema)}.songs"

    def read() -> OwnCatalog | None:
        connection = library.connection
        row = connection.execute(_OWN_CATALOG, {"schema": schema}).one()
        if not row.catalog_exists:
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
    "tracks": """
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
SELECT n.oid IS NOT NULL AS schema_exists, pg_catalog.current_database() AS database,
    COALESCE(pg_catalog.has_schema_privilege(n.oid, 'USAGE')
        AND pg_catalog.has_schema_privilege(n.oid, 'CREATE'), FALSE) AS in_schema,
    pg_catalog.has_database_privilege(pg_catalog.current_database(), 'CREATE') AS on_database,
    pg_catalog.has_database_privilege(pg_catalog.current_database(), 'TEMPORARY') AS temporary
FROM (SELECT 1) one LEFT JOIN pg_catalog.pg_namespace n ON n.nspname = :schema
""")

_OWN_CATALOG = text("""
SELECT count(c.oid) = 2 AS catalog_exists,
    COALESCE(bool_and(pg_catalog.has_schema_privilege(n.oid, 'USAGE')
        AND pg_catalog.has_table_privilege(c.oid, 'SELECT')), FALSE) AS readable
FROM pg_catalog.pg_namespace n
JOIN pg_catalog.pg_class c ON c.relnamespace = n.oid AND c.relname IN ('alembic_version', 'songs')
    AND c.relkind = 'r'
WHERE n.nspname = :schema
""")
