"""The version of the facts."""

FACTS_VERSION = 1
"""Increases whenever the same track may get other facts than before."""
