"""Makes segments of an index in another process, which reads the catalog itself."""

import secrets
from collections.abc import Sequence

from midiprism.catalog import Address
from midiprism.catalog.queries.index_rows import CatalogState, IdRange, catalog_state
from midiprism.catalog.reader import open_reader
from midiprism.memory import return_large_arrays
from midiprism.search.index.generation import segment_file, write_segment
from midiprism.search.index.segment_builder import build_segment


def make_segment_files(
    address: Address, state: CatalogState, parts: Sequence[Sequence[IdRange]], folder: str
) -> list[str] | None:
    """Write segments, and return the names of their files; None if the catalog is in another state.

    Args:
        address: of the catalog.
        state: of the catalog, as the other segments of the generation have it.
        parts: ids of the songs of each segment.
        folder: of the index.
    """
    with open_reader(address) as reader:
        if catalog_state(reader) != state:
            return None
        names = []
        return_large_arrays()
        for songs in parts:
            name = secrets.token_hex(8)
            write_segment(folder, name, build_segment(reader, songs))
            names.append(segment_file(name))
        return names
