"""Lyrics, chords and markers of a song with the full context: the part that sings, and tracks of text.

Loaded only for songs that have some in a track without notes, or in a karaoke chunk.
"""
