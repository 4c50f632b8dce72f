"""Facts of tracks and songs that are computed from their notes, and the encodings of names."""

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"

_TEXT = sa.String()
_TRACK_COLUMNS: dict[str, sa.types.TypeEngine[Any]] = {
    "facts_version": sa.SmallInteger(),
    "dominant_tempo": sa.Float(),
    "time_signatures": _TEXT,
    "key_signatures": _TEXT,
    "is_drums": sa.SmallInteger(),
    "bank": sa.Integer(),
    "mpe": sa.SmallInteger(),
    "lyric_count": sa.Integer(),
    "first_note_ticks": sa.BigInteger(),
    "first_note_seconds": sa.Float(),
    "length_beats": sa.Float(),
    "length_bars": sa.Integer(),
    "notes_per_beat": sa.Float(),
    "notes_per_second": sa.Float(),
    "polyphony": sa.Float(),
    "max_polyphony": sa.Integer(),
    "mean_duration_beats": sa.Float(),
    "pitch_range": sa.SmallInteger(),
    "median_pitch": sa.Float(),
    "median_interval": sa.Float(),
    "n_pitches_used": sa.SmallInteger(),
    "n_pitch_classes_used": sa.SmallInteger(),
    "mean_velocity": sa.Float(),
    "velocity_deviation": sa.Float(),
    "key": _TEXT,
    "key_strength": sa.Float(),
    "pitch_class_weights": sa.LargeBinary(),
    "final_pitch": sa.SmallInteger(),
    "final_onset_ticks": sa.BigInteger(),
    "grid_4": sa.Float(),
    "grid_8": sa.Float(),
    "grid_16": sa.Float(),
    "grid_32": sa.Float(),
    "grid_triplet": sa.Float(),
    "nomml": sa.SmallInteger(),
    "swing": sa.Float(),
    "bar_repetition": sa.Float(),
    "loop_share": sa.Float(),
    "loops": sa.SmallInteger(),
    "role": _TEXT,
    "role_strength": sa.Float(),
    "drum_pieces": _TEXT,
}
_SONG_COLUMNS: dict[str, sa.types.TypeEngine[Any]] = {
    "facts_version": sa.SmallInteger(),
    "song_key": _TEXT,
    "song_key_strength": sa.Float(),
}
_LINK_COLUMNS: dict[str, sa.types.TypeEngine[Any]] = {"name_encoding": _TEXT}


COLUMNS = {"tracks": _TRACK_COLUMNS, "songs": _SONG_COLUMNS, "links": _LINK_COLUMNS}
"""The columns that are added, by their tables."""


def upgrade() -> None:
    """Add the columns, without values, and the indexes of rows that lack facts."""
    text = sa.String(collation="C") if op.get_bind().dialect.name == "postgresql" else sa.String()
    for table, columns in COLUMNS.items():
        for name, kind in columns.items():
            for changed in (table, f"removed_{table}"):
                op.add_column(changed, sa.Column(name, text if kind is _TEXT else kind))
    without_facts = sa.text("facts_version IS NULL")
    op.create_index(
        "tracks_facts", "tracks", ["id"], sqlite_where=without_facts, postgresql_where=without_facts
    )
    with_links = sa.text("facts_version IS NULL AND link_count > 0")
    op.create_index("songs_facts", "songs", ["id"], sqlite_where=with_links, postgresql_where=with_links)
