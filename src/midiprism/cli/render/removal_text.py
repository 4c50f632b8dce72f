"""The words for what a removal of songs has removed."""

from typing import TYPE_CHECKING

from midiprism.cli.render.terminal import format_size, pluralize

if TYPE_CHECKING:
    from midiprism.results.removal_counts import RemovalCounts


def removal_text(removed: "RemovalCounts") -> str:
    """Return what was removed, as a part of a sentence."""
    songs = pluralize(removed.songs, "song")
    if not removed.tracks:
        return f"{songs}; other songs have all their tracks"
    only = "that no other song has"
    return f"{songs}, and {pluralize(removed.tracks, 'track')} {only} ({format_size(removed.bytes)})"


def kept_text(removed: "RemovalCounts") -> str:
    """Return which songs could not be removed, as a sentence."""
    if removed.songs_kept == 1:
        return "1 song stays, since rows of another program refer to its tracks."
    return f"{removed.songs_kept:,} songs stay, since rows of another program refer to their tracks."
