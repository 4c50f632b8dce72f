"""The hooks of removals from a result. It loads the adoption only for a result that belongs to one."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from midiprism.adopt.options import Adoption
from midiprism.catalog import PostgresAddress
from midiprism.results.result_dir import marker_facts, require_result

if TYPE_CHECKING:
    from midiprism.catalog.commit_hook import CommitHook


@contextmanager
def open_removal_hooks(out: str, database: PostgresAddress | None) -> "Iterator[tuple[CommitHook, ...]]":
    """Give the hooks of removals from the result in ``out``: one if it belongs to an adopted library.

    Raises:
        UsageError: ``out`` holds no result.
        CatalogError: the database cannot be read.
    """
    require_result(out)
    if database is None or "adopted" not in marker_facts(out):
        yield ()
        return
    from midiprism.adopt.adoption import open_adopted_library

    with open_adopted_library(database, Adoption(), out, lambda: False) as adopted:
        yield (adopted.hook,)
