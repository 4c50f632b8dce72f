"""The errors about songs that are read, but not split."""

from collections.abc import Iterable

from midiprism.errors import CorruptMidiError
from midiprism.smf.kernel.row_types import LIMIT_EVENTS, LIMIT_OUTPUT, LIMIT_SOURCE_TRACKS
from midiprism.smf.types import Limits, Problem


def unreadable_music_error(lost_bytes: int, listed: Iterable[Problem]) -> CorruptMidiError:
    """Return the error about a song of which no note could be read, with its other problems."""
    listed = list(listed)
    codes = ", ".join(dict.fromkeys(it.code for it in listed if it.code != "music_lost"))
    offset = next((it.offset or 0 for it in listed if it.code == "music_lost"), 0)
    return CorruptMidiError(
        "unreadable_music",
        f"No note could be read, and {lost_bytes:,} bytes that may hold music were not understood: {codes}.",
        offset,
    )


def limit_error(status: int, max_output_bytes: int, limits: Limits) -> CorruptMidiError:
    """Return the error about a limit that the kernel has found exceeded."""
    if status == LIMIT_OUTPUT:
        return CorruptMidiError(
            "limit",
            f"All splits of the file would take more than {max_output_bytes} bytes (limit: output_bytes).",
        )
    if status == LIMIT_EVENTS:
        return CorruptMidiError(
            "limit",
            f"The file has more than {limits.events} events of one kind that has a table (limit: events).",
        )
    what = "has" if status == LIMIT_SOURCE_TRACKS else "would give"
    return CorruptMidiError("limit", f"The file {what} more than {limits.tracks} tracks (limit: tracks).")
