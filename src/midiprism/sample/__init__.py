"""Sample songs: random music, for trying things out and for measuring them."""

from midiprism.sample.songs import MAX_DUPLICATES, SampleSong, generate_songs
from midiprism.sample.write import SampleSummary, write_songs

__all__ = ["MAX_DUPLICATES", "SampleSong", "SampleSummary", "generate_songs", "write_songs"]
