"""Brings what searches need up to date after a run."""

from midiprism.catalog import Address
from midiprism.catalog.reader import open_reader


def update_search_index(out: str, address: Address) -> None:
    """Bring the search index of a result up to date, unless another process does it or it cannot be written.

    Args:
        out: folder of the result.
        address: of its catalog.

    Raises:
        CatalogError: the catalog cannot be read. Searches then say so.
    """
    from midiprism.search.index.update import update_index

    with open_reader(address) as reader:
        update_index(out, address, reader)
