"""Several runs on one catalogue, libraries taken over, tracks in shards, facts that sources carry along,
samples of runs."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"

_Id = sa.BigInteger().with_variant(sa.Integer, "sqlite")
_String = sa.String().with_variant(sa.String(collation="C"), "postgresql")


def _number() -> sa.Column[int]:
    return sa.Column("id", _Id, sa.Identity(), primary_key=True)


def upgrade() -> None:
    """Add what is new. Nothing that is there changes its meaning."""
    op.create_table(
        "shards",
        _number(),
        sa.Column("name", _String, nullable=False),
        sa.Column("rows", sa.Integer, nullable=False),
        sa.Column("bytes", sa.BigInteger, nullable=False),
        sa.Column("digest", sa.LargeBinary, nullable=False),
        sa.Column("run_id", _Id, sa.ForeignKey("runs.id"), nullable=False),
        sa.Column("stale", sa.SmallInteger, nullable=False),
    )
    op.create_table(
        "samples",
        sa.Column("run_id", _Id, primary_key=True, autoincrement=False),
        sa.Column("at", sa.Float, primary_key=True),
        sa.Column("data", sa.JSON, nullable=False),
    )
    op.create_table(
        "leases",
        _number(),
        sa.Column("run_id", _Id, sa.ForeignKey("runs.id"), nullable=False),
        sa.Column("token", _String, nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
    )
    op.create_table(
        "lease_paths",
        sa.Column("path", sa.LargeBinary, primary_key=True),
        sa.Column("lease_id", _Id, sa.ForeignKey("leases.id", ondelete="CASCADE"), nullable=False),
        sqlite_with_rowid=False,
    )
    op.create_index("lease_paths_lease", "lease_paths", ["lease_id"])
    for table, row in (("added_files", "file_id"), ("added_links", "link_id")):
        op.create_table(
            table,
            sa.Column(row, _Id, primary_key=True, autoincrement=False),
            sa.Column("run_id", _Id, nullable=False),
        )
    op.create_table(
        "replaced_rows",
        _number(),
        sa.Column("run_id", _Id, nullable=False),
        sa.Column("table_name", _String, nullable=False),
        sa.Column("row_id", _Id, nullable=False),
        sa.Column("row", sa.JSON, nullable=False),
    )
    op.add_column("parent_paths", sa.Column("facts", sa.Text))
    op.add_column("parents", sa.Column("shard_id", _Id))
    op.add_column("tracks", sa.Column("shard_id", _Id))
    op.add_column("tracks", sa.Column("shard_row", sa.Integer))
    there = sa.text("shard_id IS NOT NULL")
    for table, columns in (("parents", ["shard_id"]), ("tracks", ["shard_id", "shard_row"])):
        op.create_index(f"{table}_shard", table, columns, sqlite_where=there, postgresql_where=there)
    op.add_column("runs", sa.Column("expires_at", sa.DateTime(timezone=True)))
    op.add_column("batches", sa.Column("token", _String))
    op.create_index("batches_token", "batches", ["token"], unique=True)
    op.execute("DELETE FROM properties WHERE key = 'schema_version'")
