"""Brings what searches need up to date after a run."""

import os

from midiprism.catalog import Address
from midiprism.catalog.reader import open_reader
from midiprism.similarity.folder import has_many_new_lines, similarity_folder


def update_after_run(out: str, address: Address) -> None:
    """Bring what searches need up to date: the search index, and the fingerprints if they were made before.

    Both go on at once. Whoever never looks for similar tracks does not pay for fingerprints.

    Args:
        out: folder of the result.
        address: of its catalog.

    Raises:
        StoreError: fingerprints cannot be written.
        CatalogError: the catalog cannot be read. Searches then say so.
    """
    folder = similarity_folder(out)
    if not os.path.isdir(folder):
        update_search_index(out, address)
        return
    from midiprism.pipeline.executors import background_for

    # Few new tracks take less time than another process takes to start.
    in_background = background_for(1 if has_many_new_lines(folder) else 0)
    fingerprints_made = in_background(update_fingerprints_after_run, out, address)
    update_search_index(out, address)
    fingerprints_made()


def update_fingerprints_after_run(out: str, address: Address) -> None:
    """Make the fingerprints of new tracks.

    Raises:
        StoreError: fingerprints cannot be written.
        CatalogError: the catalog cannot be read.
    """
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
