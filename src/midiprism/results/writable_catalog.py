"""Opens the catalog of a result for writing, outside of a run."""

import contextlib
from collections.abc import Iterator

from midiprism.catalog import Catalog, PostgresAddress, open_catalog
from midiprism.results.result_dir import open_catalog_of


@contextlib.contextmanager
def open_writable_catalog_of(out: str, database: PostgresAddress | None) -> Iterator[Catalog]:
    """Open the catalog of the result in ``out`` for writing; the caller holds the lock of the result.

    Raises:
        UsageError: ``out`` holds no result, or its catalog is elsewhere.
        CatalogError: it cannot be written, or belongs to another result.
    """
    with open_catalog_of(out, database) as readable:
        address = readable.address
    with open_catalog(address) as catalog:
        yield catalog
