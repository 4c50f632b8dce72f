"""The first tables."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None

_Id = sa.BigInteger().with_variant(sa.Integer, "sqlite")
_String = sa.String().with_variant(sa.String(collation="C"), "postgresql")


def _number() -> sa.Column[int]:
    return sa.Column("id", _Id, sa.Identity(), primary_key=True)


def upgrade() -> None:
    """Make them."""
    op.create_table(
        "properties",
        sa.Column("key", _String, primary_key=True),
        sa.Column("value", _String, nullable=False),
    )
    op.create_table(
        "runs",
        _number(),
        sa.Column("started_at", _String, nullable=False),
        sa.Column("updated_at", _String, nullable=False),
        sa.Column("state", _String, nullable=False),
        sa.Column("settings", sa.JSON, nullable=False),
        sa.Column("totals", sa.JSON, nullable=False),
    )
    op.create_table(
        "parents",
        _number(),
        sa.Column("digest", sa.LargeBinary),
        sa.Column("size", sa.BigInteger),
        sa.Column("format", sa.Integer),
        sa.Column("num_tracks", sa.Integer),
        sa.Column("division", sa.Integer),
        sa.Column("duration_ticks", sa.BigInteger),
        sa.Column("duration_seconds", sa.Float),
        sa.Column("outcome", _String, nullable=False),
        sa.Column("problems", sa.JSON),
        sa.Column("splits", sa.Integer, nullable=False),
        sa.Column("contract", sa.SmallInteger, nullable=False),
        sa.Column("run_id", _Id, nullable=False),
    )
    op.create_index("parents_digest", "parents", ["digest"], unique=True)
    op.create_table(
        "parent_paths",
        sa.Column("path", sa.LargeBinary, primary_key=True),
        sa.Column("parent_id", _Id, nullable=False),
        sa.Column("root_length", sa.Integer, nullable=False),
        sa.Column("song", _String, nullable=False),
        sa.Column("size", sa.BigInteger),
        sa.Column("mtime_ns", sa.BigInteger),
        sqlite_with_rowid=False,
    )
    op.create_index("parent_paths_parent", "parent_paths", ["parent_id"])
    op.create_table(
        "tracks",
        _number(),
        sa.Column("digest", sa.LargeBinary, nullable=False),
        sa.Column("size", sa.BigInteger, nullable=False),
        sa.Column("stem", _String, nullable=False),
        sa.Column("digits", sa.SmallInteger, nullable=False),
        sa.Column("name", _String),
        sa.Column("instrument", _String, nullable=False),
        sa.Column("family", _String, nullable=False),
        sa.Column("channel", sa.SmallInteger),
        sa.Column("program", sa.SmallInteger),
        sa.Column("note_count", sa.Integer, nullable=False),
        sa.Column("lowest_pitch", sa.SmallInteger, nullable=False),
        sa.Column("highest_pitch", sa.SmallInteger, nullable=False),
        sa.Column("duration_ticks", sa.BigInteger, nullable=False),
        sa.Column("duration_seconds", sa.Float),
        sa.Column("run_id", _Id, nullable=False),
    )
    op.create_index("tracks_digest", "tracks", ["digest"], unique=True)
    op.create_table(
        "track_splits",
        sa.Column("parent_id", _Id, primary_key=True, autoincrement=False),
        sa.Column("position", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("track_number", sa.Integer, nullable=False),
        sa.Column("channel", sa.SmallInteger),
        sa.Column("program", sa.SmallInteger),
        sa.Column("parts", sa.Integer, nullable=False),
        sa.Column("track_id", _Id, nullable=False),
        sa.Column("name", _String),
        sa.Column("instrument", _String, nullable=False),
        sa.Column("family", _String, nullable=False),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "batches",
        _number(),
        sa.Column("run_id", _Id, sa.ForeignKey("runs.id"), nullable=False),
        sa.Column("parents", sa.Integer, nullable=False),
        sa.Column("links", sa.Integer, nullable=False),
        sa.Column("tracks_new", sa.Integer, nullable=False),
        sa.Column("files_written", sa.Integer, nullable=False),
        sa.Column("bytes_written", sa.BigInteger, nullable=False),
        sa.Column("disk_bytes", sa.BigInteger, nullable=False),
        sa.Column("seconds", sa.Float, nullable=False),
        sa.Column("committed_at", _String, nullable=False),
    )
