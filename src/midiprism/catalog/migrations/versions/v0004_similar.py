"""Groups of similar tracks and songs."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"

COLUMNS = {"tracks": "similar_track_group", "songs": "similar_song_group"}
"""The columns that are added, by their tables."""


def upgrade() -> None:
    """Add the columns, without values."""
    for table, name in COLUMNS.items():
        for changed in (table, f"removed_{table}"):
            op.add_column(changed, sa.Column(name, sa.BigInteger()))
