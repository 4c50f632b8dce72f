"""Sample songs: music by dice, for trying things out and for measuring them."""

from midiprism.sample.songs import MOST_DUPLICATES, Song, songs
from midiprism.sample.write import Summary, write_songs

__all__ = ["MOST_DUPLICATES", "Song", "Summary", "songs", "write_songs"]
