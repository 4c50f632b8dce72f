"""The same music: fingerprints of tracks, groups of similar tracks and songs, and search by example.

[docs/explanation/similarity.md](../../../docs/explanation/similarity.md) has the method and its limits.
"""
