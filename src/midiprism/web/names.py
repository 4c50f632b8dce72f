"""Names of files that pages offer for download, which every system and every header takes."""

from urllib.parse import quote

from midiprism.catalog.track_row import TrackRow
from midiprism.export.path_template import PathTemplate, safe_component, song_path

MIDI_TYPE = "audio/midi"
_TRACK_TEMPLATE = PathTemplate("{song} - {track:02} {label}.mid")


def track_file_name(row: TrackRow) -> str:
    """Return the name under which a track is saved."""
    return _TRACK_TEMPLATE.render(row, song_path(row))[-1] + ".mid"


def song_file_name(song_name: str) -> str:
    """Return the name under which a song is saved."""
    return safe_component(song_name.rpartition("/")[2]) + ".mid"


def attachment(file_name: str) -> dict[str, str]:
    """Return the header that lets a browser save a response under a name (RFC 6266)."""
    plain = "".join(
        char if char.isascii() and char.isprintable() and char not in '"\\%' else "_" for char in file_name
    )
    encoded = quote(file_name.encode("utf-8", "replace"), safe="")
    return {"Content-Disposition": f"attachment; filename=\"{plain}\"; filename*=UTF-8''{encoded}"}
