"""Check that a catalog in PostgreSQL is free for a new result: it belongs to one result for ever."""

import os
from collections.abc import Collection

from midiprism.catalog import PostgresAddress, open_read_only
from midiprism.catalog.queries.run_history import is_empty_catalog
from midiprism.errors import CommitHooksMismatchError
from midiprism.sources import MARKER_FILE_NAME


def require_free_catalog(
    out: str, database: PostgresAddress | None, hook_names: Collection[str] = ()
) -> None:
    """Require that the catalog belongs to no result yet if ``out`` is none.

    It does not matter whether a run that begins meanwhile makes both: it makes the folder first.

    Args:
        out: the folder of the result.
        database: where the catalog is; None for a file in the result.
        hook_names: names of the hooks of commits.

    Raises:
        BoundCatalogError: it belongs to a result.
        CommitHooksMismatchError: the same, and its commits go through other hooks.
    """
    marker = os.path.join(out, MARKER_FILE_NAME)
    if database is None or os.path.lexists(marker) or is_empty_catalog(database):
        return
    with open_read_only(database) as catalog:
        if catalog.bound_result() is not None and not os.path.lexists(marker):
            bound, wanted = catalog.run_in_transaction(catalog.select_hook_names), frozenset(hook_names)
            if bound != wanted:
                raise CommitHooksMismatchError(catalog.path, bound, wanted)
            raise catalog.bound_error(out)
