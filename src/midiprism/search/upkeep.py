"""Brings what searches need up to date after a run."""

import os
from collections.abc import Callable
from functools import partial

from midiprism.catalog import Address
from midiprism.catalog.reader import open_reader
from midiprism.errors import MidiprismError
from midiprism.memory import return_large_arrays
from midiprism.results.background import Background, run_inline
from midiprism.similarity.folder import similarity_folder


def start_update_after_run(
    out: str, address: Address, in_background: Background, is_busy: bool
) -> Callable[[], None]:
    """Begin to bring what searches need up to date: the search index, and fingerprints if there are any.

    Whoever never looks for similar tracks does not pay for fingerprints.

    Args:
        out: folder of the result.
        address: of its catalog.
        in_background: makes the index while this process does other work; else the fingerprints, or without
            fingerprints a half of the index, while this process makes the index.
        is_busy: whether this process has other work to do before it calls what is returned.

    Returns:
        A function that does the rest. It raises StoreError if fingerprints cannot be written, and
        CatalogError if the catalog cannot be read; searches then say so.
    """
    has_fingerprints = os.path.isdir(similarity_folder(out))
    make_index: Callable[[], None] = partial(update_search_index, out, address)
    make_fingerprints: Callable[[], None] = partial(update_fingerprints_after_run, out, address)
    if is_busy:
        wait_for_index = in_background(_update_in_process, out, address)
        return partial(_do_both, make_fingerprints, wait_for_index) if has_fingerprints else wait_for_index
    if has_fingerprints:
        return partial(_do_both, make_index, in_background(update_fingerprints_after_run, out, address))
    return partial(update_search_index, out, address, in_background)


def _update_in_process(out: str, address: Address) -> None:
    """Make the index in a process of its own."""
    return_large_arrays()
    update_search_index(out, address, run_inline)


def _do_both(own_work: Callable[[], None], wait_for_other: Callable[[], None]) -> None:
    """Do the work of this process, and wait for that of another in any case."""
    try:
        own_work()
    except MidiprismError:
        wait_for_other()
        raise
    wait_for_other()


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
