"""Brings what searches need up to date after a run."""

import os

from midiprism.catalog import Address
from midiprism.catalog.reader import open_reader
from midiprism.errors import MidiprismError
from midiprism.results.background import Background, run_inline
from midiprism.similarity.folder import similarity_folder


def update_after_run(out: str, address: Address, in_background: Background = run_inline) -> None:
    """Bring what searches need up to date: the search index, and the fingerprints if they were made before.

    Whoever never looks for similar tracks does not pay for fingerprints.

    Args:
        out: folder of the result.
        address: of its catalog.
        in_background: makes the fingerprints while the index is brought up to date, or after that; without
            fingerprints, a half of the index.

    Raises:
        StoreError: fingerprints cannot be written.
        CatalogError: the catalog cannot be read. Searches then say so.
    """
    if not os.path.isdir(similarity_folder(out)):
        update_search_index(out, address, in_background)
        return
    wait_for_fingerprints = in_background(update_fingerprints_after_run, out, address)
    try:
        update_search_index(out, address)
    except MidiprismError:
        wait_for_fingerprints()
        raise
    wait_for_fingerprints()


def load_update() -> None:
    """Load what updating the search index needs, which takes longer than to update a small one."""
    import numpy.ma  # noqa: F401 - which `numpy.unique` loads

    from midiprism.search.index import update  # noqa: F401


def update_fingerprints_after_run(out: str, address: Address) -> None:
    """Make the fingerprints of new tracks.

    Raises:
        StoreError: fingerprints cannot be written.
        CatalogError: the catalog cannot be read.
    """
    from midiprism.similarity.update import update_fingerprints

    with open_reader(address) as reader:
        update_fingerprints(out, reader)


def update_search_index(out: str, address: Address, in_background: Background | None = None) -> None:
    """Bring the search index of a result up to date, unless another process does it or it cannot be written.

    Args:
        out: folder of the result.
        address: of its catalog.
        in_background: makes a half of the index, if more than a few songs have changed.

    Raises:
        CatalogError: the catalog cannot be read. Searches then say so.
    """
    from midiprism.search.index.update import update_index

    with open_reader(address) as reader:
        update_index(out, address, reader, in_background=in_background)
