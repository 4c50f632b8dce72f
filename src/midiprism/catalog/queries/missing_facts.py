"""Counts the tracks whose facts were not computed."""

from sqlalchemy import func, select

from midiprism.catalog.catalog import Catalog
from midiprism.catalog.schema import tracks


def count_missing_facts(catalog: Catalog) -> tuple[int, int]:
    """Return the number of tracks whose facts were not computed, and that of all tracks."""
    counts = select(func.count() - func.count(tracks.c.facts_version), func.count()).select_from(tracks)
    ((missing, every),) = catalog.fetch_all(counts)
    return missing, every
