"""Tracks in JSON: rows of lists, and all facts of one."""

from typing import Any

from midiprism.catalog.track_row import TrackRow
from midiprism.fs.path_text import path_text
from midiprism.smf.instruments import DRUM_FAMILY


def row_to_json(row: TrackRow) -> dict[str, Any]:
    """Return a track as a row of a list; track and channel count from 1."""
    link, track = row.link, row.track
    return {
        "song_id": row.song_id,
        "position": row.position,
        "digest": track.digest.hex(),
        "song": row.song_name,
        "song_path": path_text(row.song_path),
        "track": link.track_number + 1,
        "channel": None if link.channel is None else link.channel + 1,
        "program": link.program,
        "name": link.name,
        "instrument": link.instrument,
        "family": link.family,
        "role": track.role,
        "key": track.key,
        "bpm": track.dominant_tempo if track.dominant_tempo is not None else track.tempo,
        "meter": track.time_signature,
        "notes": track.note_count,
        "length_bars": track.length_bars,
        "length_seconds": track.last_note_seconds,
        "is_drums": is_drums(row),
    }


def is_drums(row: TrackRow) -> bool:
    """Return whether a track plays a drum kit."""
    return row.link.family == DRUM_FAMILY if row.track.is_drums is None else bool(row.track.is_drums)
