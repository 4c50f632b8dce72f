"""The words for what a removal of songs has removed."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from midiprism.cli.render.terminal import format_size, pluralize

if TYPE_CHECKING:
    from midiprism.results.removal_counts import RemovalCounts


def removal_text(removed: "RemovalCounts") -> str:
    """Return what was removed, as a part of a sentence."""
    songs = pluralize(removed.songs, "song")
    if removed.tracks:
        return f"{songs}, and {sole_tracks_text(removed.tracks, removed.bytes)}"
    if removed.links:
        return f"{songs}; other songs have all {'its' if removed.songs == 1 else 'their'} tracks"
    return f"{songs} without tracks in the result" if removed.songs else songs


def sole_tracks_text(count: int, size: int) -> str:
    """Return how many tracks go with their songs."""
    return f"{pluralize(count, 'track')} that no other song has ({format_size(size)})"


def kept_text(removed: "RemovalCounts") -> str:
    """Return which songs could not be removed, as a sentence."""
    if removed.songs_kept == 1:
        return "1 song stays, since rows of another program refer to its tracks."
    return f"{removed.songs_kept:,} songs stay, since rows of another program refer to their tracks."


def undo_lines(removed: "RemovalCounts", quoted_result: str) -> Iterator[str]:
    """Yield how to undo a removal, if it can be undone.

    Args:
        quoted_result: the result as the arguments of a command.
    """
    if removed.songs and removed.reversible:
        yield "To undo it, until a later `midiprism split --prune` removes songs:"
        yield f"  midiprism forget {quoted_result} --undo"
