"""Counts the tracks whose facts were not computed."""

from midiprism.catalog.reader import CatalogReader


def count_missing_facts(reader: CatalogReader) -> tuple[int, int]:
    """Return the number of tracks whose facts were not computed, and that of all tracks."""
    ((every, computed),) = reader.fetch("SELECT count(*), count(facts_version) FROM {tracks}")
    return every - computed, every
