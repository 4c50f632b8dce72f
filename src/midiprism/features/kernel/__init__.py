"""The compiled part: one walk over the events of a track, and what follows from it."""
