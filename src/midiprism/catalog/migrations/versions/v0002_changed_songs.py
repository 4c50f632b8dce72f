"""The second version: each commit records which songs it changed, so that an index can follow."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Add the columns. Earlier commits have NULL: they may have changed any song."""
    comment = "ids of songs with other links or paths, as 1-500,612; NULL: any song"
    op.add_column("batches", sa.Column("changed_songs", sa.Text, comment=comment))
    comment = "ids of tracks with other facts, in the same way; NULL: none"
    op.add_column("batches", sa.Column("changed_tracks", sa.Text, comment=comment))
