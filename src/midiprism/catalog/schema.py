"""The tables of a catalog, the same in every database.

Inserting into random places of indexes slows a growing catalog down. So a table has at most one index on a
digest, nothing else that derives from a digest is indexed, and every other index grows at its end.

The large tables declare no foreign keys: PostgreSQL looks them up row by row, which takes as long as all the
rest of a commit. Both ends of a reference are written by one transaction, and ``midiprism verify`` checks
them.
"""

from collections.abc import Container, Iterable
from typing import Any

from sqlalchemy import (
    JSON,
    BigInteger,
    Column,
    DateTime,
    Float,
    ForeignKey,
    Identity,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    PrimaryKeyConstraint,
    SmallInteger,
    String,
    Table,
    Text,
    text,
)
from sqlalchemy.types import TypeEngine

from midiprism.records.field import Field, SqlType
from midiprism.records.fields import LINK_FIELDS, SONG_FIELDS, TRACK_FIELDS

metadata = MetaData()

_Id = BigInteger().with_variant(Integer, "sqlite")  # SQLite spells the type of its own row ids INTEGER
_String = String().with_variant(String(collation="C"), "postgresql")  # compared by bytes, as in SQLite


def _id_column() -> Column[int]:
    """Return a column for ids. PostgreSQL assigns them; in SQLite the one writer counts."""
    return Column("id", _Id, Identity(), primary_key=True)


def _shard_index(name: str, *columns: str) -> Index:
    """Return an index of rows by their shard, which ``set_index_conditions`` completes."""
    return Index(name, *columns, info={"where": "shard_id IS NOT NULL"})


properties = Table(
    "properties",
    metadata,
    Column("key", _String, primary_key=True),
    Column("value", _String, nullable=False),
    comment="Facts about the catalog itself, such as the result that it belongs to.",
)

_SQL_TYPES: dict[SqlType, TypeEngine[Any]] = {
    "smallint": SmallInteger(),
    "integer": Integer(),
    "bigint": BigInteger(),
    "float": Float(),
    "text": _String,
    "long_text": Text(),
    "blob": LargeBinary(),
    "json": JSON(),
}


def _field_columns(
    fields: Iterable[Field], *, optional: Container[str] = (), required: Container[str] = ()
) -> list[Column[Any]]:
    """Return a column for each field.

    Args:
        optional: names of columns that may be NULL although the field of a record may not be None.
        required: names of columns that may not be NULL although the field of a record may be None.
    """
    return [
        Column(
            field.name,
            _SQL_TYPES[field.sql_type],
            nullable=field.name not in required and (field.nullable or field.name in optional),
            comment=field.description,
        )
        for field in fields
    ]


SONG_TABLE_FIELDS = tuple(field for field in SONG_FIELDS if "songs" in field.tables)
PATH_TABLE_FIELDS = tuple(field for field in SONG_FIELDS if "song_paths" in field.tables)

songs = Table(
    "songs",
    metadata,
    _id_column(),
    *_field_columns(SONG_TABLE_FIELDS, optional=("size", "problems"), required=("outcome",)),
    Column("link_count", Integer, nullable=False, comment="how many rows of links it has"),
    Column(
        "contract_version", SmallInteger, nullable=False, comment="version of the contract it was split by"
    ),
    Column("run_id", _Id, nullable=False, comment="the run that gave it its outcome"),
    Column("shard_id", _Id, comment="the shard that holds its links; NULL without one"),
    Index("songs_digest", "digest", unique=True),
    _shard_index("songs_shard", "shard_id"),
    Index("songs_facts", "id", info={"where": "facts_version IS NULL AND link_count > 0"}),
    comment="One row per song by content.",
)

MAX_INDEXED_PATH_BYTES = 2_000
"""Bytes of a path that PostgreSQL indexes: its indexes hold no value of more than 2,704 bytes."""

_IS_LONG_PATH_SQL = f"octet_length(path) > {MAX_INDEXED_PATH_BYTES}"

PATH_START_SQL = (
    f"(CASE WHEN {_IS_LONG_PATH_SQL} THEN substring(path, 1, {MAX_INDEXED_PATH_BYTES}) ELSE path END)"
)
"""Finds paths in PostgreSQL, in their order: by a condition on it besides that on the path."""

UNIQUE_PATH_SQL = f"{PATH_START_SQL}, (CASE WHEN {_IS_LONG_PATH_SQL} THEN sha256(path) ELSE ''::bytea END)"
"""Expressions that are unique in PostgreSQL: the start of a path, and a digest of a longer path."""

song_paths = Table(
    "song_paths",
    metadata,
    # Size and time are NULL for what could not be read: a later run then tries again.
    *_field_columns(PATH_TABLE_FIELDS, optional=("size", "mtime_ns")),
    Column("song_id", _Id, nullable=False),
    Column("gone_at", _String, comment="when a scan no longer saw it, UTC, ISO 8601; NULL while it is there"),
    Column("last_song_id", _Id, comment="the song that was there before the path became unreadable"),
    PrimaryKeyConstraint("path").ddl_if(dialect="sqlite"),
    Index("song_paths_path", text(UNIQUE_PATH_SQL), unique=True).ddl_if(dialect="postgresql"),
    Index("song_paths_song", "song_id"),
    Index("song_paths_gone", "gone_at", info={"where": "gone_at IS NOT NULL"}),
    Index("song_paths_last_song", "last_song_id", info={"where": "last_song_id IS NOT NULL"}),
    sqlite_with_rowid=False,
    comment="Every path at which a song was found, until a removal.",
)

tracks = Table(
    "tracks",
    metadata,
    _id_column(),
    *_field_columns(TRACK_FIELDS),
    Column("run_id", _Id, nullable=False, comment="the run that added it"),
    Column("shard_id", _Id, comment="NULL where each track is a file of its own"),
    Column("shard_row", Integer, comment="0-based, in that shard"),
    Index("tracks_digest", "digest", unique=True),
    _shard_index("tracks_shard", "shard_id", "shard_row"),
    Index("tracks_facts", "id", info={"where": "facts_version IS NULL"}),
    comment="One row per track by content.",
)

links = Table(
    "links",
    metadata,
    Column("song_id", _Id, primary_key=True, autoincrement=False),
    Column(
        "position", Integer, primary_key=True, autoincrement=False, comment="0-based, among the song's tracks"
    ),
    *_field_columns(LINK_FIELDS),
    Column("track_id", _Id, nullable=False),
    sqlite_with_rowid=False,
    comment="Which song has which track; a song that has a track twice has two rows.",
)


def _removed_rows(table: Table, *columns: Column[Any]) -> Table:
    """Return a table for the rows that were removed from another one, which an undo puts back."""
    return Table(
        f"removed_{table.name}",
        metadata,
        Column("removal_id", _Id, nullable=False, comment="the run that removed it"),
        *(Column(column.name, column.type) for column in table.columns),
        *columns,
        comment=f"Rows removed from {table.name}, until the next prune.",
    )


removed_songs = _removed_rows(songs)
removed_paths = _removed_rows(song_paths)
removed_tracks = _removed_rows(tracks, Column("shard_name", _String, comment="the shard that held it"))
removed_links = _removed_rows(links)

shards = Table(
    "shards",
    metadata,
    _id_column(),
    Column("name", _String, nullable=False, comment="path below OUT, with / between its parts"),
    Column("rows", Integer, nullable=False),
    Column("bytes", BigInteger, nullable=False, comment="of the file"),
    Column("digest", LargeBinary, nullable=False, comment="BLAKE3 of the file"),
    Column("run_id", _Id, ForeignKey("runs.id"), nullable=False),
    Column("stale", SmallInteger, nullable=False, comment="1: a song in it was split again"),
    comment="Parquet files that hold tracks or links. A file without a row is no part of the result.",
)

runs = Table(
    "runs",
    metadata,
    _id_column(),
    Column("started_at", _String, nullable=False, comment="UTC, ISO 8601"),
    Column("updated_at", _String, nullable=False),
    Column("state", _String, nullable=False, comment="running, done, interrupted, stopped, cut off, undone"),
    Column("settings", JSON, nullable=False),
    Column("totals", JSON, nullable=False),
    Column("expires_at", DateTime(timezone=True), comment="PostgreSQL: an active run renews it"),
    comment="Runs that had something to commit.",
)

batches = Table(
    "batches",
    metadata,
    _id_column(),
    Column("run_id", _Id, ForeignKey("runs.id"), nullable=False),
    Column("songs", Integer, nullable=False),
    Column("links", Integer, nullable=False),
    Column("tracks_new", Integer, nullable=False),
    Column("files_written", Integer, nullable=False),
    Column("bytes_written", BigInteger, nullable=False),
    Column("disk_bytes", BigInteger, nullable=False, comment="the same in whole blocks of the disk"),
    Column("seconds", Float, nullable=False),
    Column("committed_at", _String, nullable=False),
    Column("token", _String, comment="of the lease of the batch, so that it is committed once"),
    Column(
        "changed_songs", Text, comment="ids of songs with other links or paths, as 1-500,612; NULL: any song"
    ),
    Column("changed_tracks", Text, comment="ids of tracks with other facts, in the same way; NULL: none"),
    Index("batches_token", "token", unique=True),
    comment="One row per commit.",
)

run_samples = Table(
    "run_samples",
    metadata,
    Column("run_id", _Id, primary_key=True, autoincrement=False),
    Column("at", Float, primary_key=True, comment="seconds since that run began"),
    Column("data", JSON, nullable=False),
    comment="Measurements of runs over time; the older, the fewer.",
)

leases = Table(
    "leases",
    metadata,
    _id_column(),
    Column("run_id", _Id, ForeignKey("runs.id"), nullable=False),
    Column("token", _String, nullable=False, comment="known to the holder of the lease alone"),
    Column("expires_at", DateTime(timezone=True), nullable=False, comment="by the clock of the database"),
    comment="Batches that runs have planned and not committed yet.",
)

lease_paths = Table(
    "lease_paths",
    metadata,
    Column("path_digest", LargeBinary, primary_key=True, comment="BLAKE2b: an index holds no long path"),
    Column("lease_id", _Id, ForeignKey("leases.id", ondelete="CASCADE"), nullable=False),
    Index("lease_paths_lease", "lease_id"),
    sqlite_with_rowid=False,
    comment="Paths under lease: no other run plans them meanwhile.",
)

foreign_files_added = Table(
    "foreign_files_added",
    metadata,
    Column("file_id", _Id, primary_key=True, autoincrement=False),
    Column("run_id", _Id, nullable=False),
    comment="Rows that runs added to files, a table of an adopted library.",
)

foreign_links_added = Table(
    "foreign_links_added",
    metadata,
    Column("link_id", _Id, primary_key=True, autoincrement=False),
    Column("run_id", _Id, nullable=False),
    comment="Rows that runs added to track_splits, a table of an adopted library.",
)

foreign_rows_replaced = Table(
    "foreign_rows_replaced",
    metadata,
    _id_column(),
    Column("run_id", _Id, nullable=False),
    Column("table_name", _String, nullable=False, comment="files or track_splits"),
    Column("row_id", _Id, nullable=False, comment="its id there"),
    Column("row", JSON, nullable=False),
    comment="Rows that runs removed from tables of an adopted library.",
)

alembic_version = Table(
    "alembic_version",
    MetaData(),  # separate: Alembic creates no migrations for its own table
    Column("version_num", String(32), nullable=False, primary_key=True),
)


def set_index_conditions(dialect: str) -> None:
    """Let indexes by shard have no entries where tracks are files, in the tables of one kind of database.

    Only tables that are made need it, and it loads the dialect.
    """
    for table in metadata.tables.values():
        for index in table.indexes:
            if "where" in index.info:
                index.dialect_options[dialect]["where"] = text(index.info["where"])
