"""Repairs of damaged songs, in plain Python, before the kernel reads them again.

They run only on a song in which the kernel has found a problem that one of them may undo. Each returns edits
of the song's bytes, so that the kernel reads a repaired song as it reads any other.
"""
