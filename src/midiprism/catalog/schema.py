"""The tables, the same in every database.

Growing catalogues are slowed down by inserting into random indexes. So a table has at most one index on a
digest, nothing else that is derived from a digest is indexed, and every other index grows at its end.
"""

from sqlalchemy import (
    JSON,
    BigInteger,
    Column,
    Float,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    SmallInteger,
    String,
    Table,
)

metadata = MetaData()

_Id = BigInteger().with_variant(Integer, "sqlite")  # SQLite's own row number is spelled INTEGER

properties = Table(
    "properties",
    metadata,
    Column("key", String, primary_key=True),
    Column("value", String, nullable=False),
    comment="Facts about the catalogue itself: schema_version.",
)

parents = Table(
    "parents",
    metadata,
    Column("id", _Id, primary_key=True, autoincrement=False),
    Column("digest", LargeBinary, comment="BLAKE3 of its bytes; NULL only for what could not be read whole"),
    Column("size", BigInteger),
    Column("format", Integer),
    Column("num_tracks", Integer),
    Column("division", Integer),
    Column("duration_ticks", BigInteger),
    Column("duration_seconds", Float),
    Column("outcome", String, nullable=False),
    Column("problems", JSON, comment="[{code, message, track, offset}], NULL for none"),
    Column("splits", Integer, nullable=False, comment="how many rows of track_splits it has"),
    Column("contract", SmallInteger, nullable=False, comment="version of the contract it was split by"),
    Column("run_id", _Id, ForeignKey("runs.id"), nullable=False, comment="the run that gave it its outcome"),
    Index("parents_digest", "digest", unique=True),
    comment="One row per content of a song file.",
)

parent_paths = Table(
    "parent_paths",
    metadata,
    Column("path", LargeBinary, primary_key=True, comment="absolute, in the file system's bytes"),
    Column("parent_id", _Id, ForeignKey("parents.id"), nullable=False),
    Column("root_length", Integer, nullable=False, comment="leading bytes that are the source folder"),
    Column("song", String, nullable=False, comment="path below the source folder without suffix, as text"),
    Column(
        "size", BigInteger, comment="NULL, like mtime_ns, for what could not be read: a later run tries again"
    ),
    Column("mtime_ns", BigInteger),
    Index("parent_paths_parent", "parent_id"),
    sqlite_with_rowid=False,
    comment="Every path under which a content was seen.",
)

tracks = Table(
    "tracks",
    metadata,
    Column("id", _Id, primary_key=True, autoincrement=False),
    Column("digest", LargeBinary, nullable=False, comment="BLAKE3 of the split's bytes"),
    Column("size", BigInteger, nullable=False),
    Column("stem", String, nullable=False, comment="readable part of its file name"),
    Column("digits", SmallInteger, nullable=False, comment="hex digits of the digest in its file name"),
    Column("name", String),
    Column("instrument", String, nullable=False, comment="as its own bytes state it"),
    Column("family", String, nullable=False, comment="of that instrument"),
    Column("channel", SmallInteger),
    Column("program", SmallInteger),
    Column("note_count", Integer, nullable=False),
    Column("lowest_pitch", SmallInteger, nullable=False),
    Column("highest_pitch", SmallInteger, nullable=False),
    Column("duration_ticks", BigInteger, nullable=False),
    Column("duration_seconds", Float),
    Column("run_id", _Id, ForeignKey("runs.id"), nullable=False, comment="the run that added it"),
    Index("tracks_digest", "digest", unique=True),
    comment="One row per content of a split.",
)

track_splits = Table(
    "track_splits",
    metadata,
    Column("parent_id", _Id, ForeignKey("parents.id"), primary_key=True, autoincrement=False),
    Column("position", Integer, primary_key=True, autoincrement=False, comment="0-based, in the order split"),
    Column("track_number", Integer, nullable=False, comment="0-based index of the MTrk"),
    Column("channel", SmallInteger),
    Column("program", SmallInteger),
    Column("parts", Integer, nullable=False, comment="splits that the MTrk was divided into"),
    Column("track_id", _Id, ForeignKey("tracks.id"), nullable=False),
    Column("name", String),
    Column("instrument", String, nullable=False, comment="as heard in that song"),
    Column("family", String, nullable=False),
    sqlite_with_rowid=False,
    comment="Which track came from which song; two identical tracks of one song are two rows.",
)

runs = Table(
    "runs",
    metadata,
    Column("id", _Id, primary_key=True, autoincrement=False),
    Column("started_at", String, nullable=False, comment="UTC, ISO 8601"),
    Column("updated_at", String, nullable=False),
    Column("state", String, nullable=False, comment="running, done, interrupted, stopped or cut off"),
    Column("settings", JSON, nullable=False),
    Column("totals", JSON, nullable=False),
    comment="Runs that had something to commit.",
)

batches = Table(
    "batches",
    metadata,
    Column("id", _Id, primary_key=True, autoincrement=False),
    Column("run_id", _Id, ForeignKey("runs.id"), nullable=False),
    Column("parents", Integer, nullable=False),
    Column("links", Integer, nullable=False),
    Column("tracks_new", Integer, nullable=False),
    Column("files_written", Integer, nullable=False),
    Column("bytes_written", BigInteger, nullable=False),
    Column("disk_bytes", BigInteger, nullable=False, comment="the same in whole blocks of the disk"),
    Column("seconds", Float, nullable=False),
    Column("committed_at", String, nullable=False),
    comment="One row per commit.",
)
