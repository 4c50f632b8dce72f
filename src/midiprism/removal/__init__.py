"""Removing chosen songs from a result, and undoing removals."""
