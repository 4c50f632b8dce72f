"""Counts of a removal of songs."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class RemovalCounts:
    """The result of a removal.

    Attributes:
        songs: that were removed.
        tracks: that no other song has, and that were removed with them.
        bytes: of these tracks.
        songs_kept: songs that stay, since rows of another program refer to their tracks.
        links: that these songs had with tracks: 0 for songs without tracks in the result.
        reversible: whether it can be undone.
    """

    songs: int = 0
    tracks: int = 0
    bytes: int = 0
    songs_kept: int = 0
    links: int = 0
    reversible: bool = True
