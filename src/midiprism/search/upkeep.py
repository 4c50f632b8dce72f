"""Brings what searches need up to date after a run."""

import os

from midiprism.catalog import Address
from midiprism.catalog.reader import open_reader
from midiprism.similarity.folder import similarity_folder


def update_after_run(out: str, address: Address) -> None:
    """Bring what searches need up to date: the search index, and the fingerprints if they were made before.

    Whoever never looks for similar tracks does not pay for fingerprints.

    Args:
        out: folder of the result.
        address: of its catalog.

    Raises:
        StoreError: fingerprints cannot be written.
        CatalogError: the catalog cannot be read. Searches then say so.
    """
    update_search_index(out, address)
    if os.path.isdir(similarity_folder(out)):
        from midiprism.similarity.update import update_fingerprints

        with open_reader(address) as reader:
            update_fingerprints(out, reader)


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
