"""Makes a new folder for a result whose catalog is in PostgreSQL and whose own folder is lost."""

import os
from typing import Any, NamedTuple

from midiprism.catalog import PostgresAddress, open_read_only
from midiprism.catalog.queries.run_history import last_setting, recent_runs
from midiprism.catalog.reader import reader_of
from midiprism.errors import StoreError, UsageError
from midiprism.fs.file_system import LOCAL_FILE_SYSTEM
from midiprism.results.data_set_card import CARD_FILE
from midiprism.results.file_system import probe_for_result
from midiprism.results.identity import Identity
from midiprism.results.lock import lock_shared
from midiprism.results.result_dir import marker_facts, write_marker
from midiprism.sources import MARKER_FILE_NAME


class _CatalogFacts(NamedTuple):
    """What a catalog says of its result.

    Attributes:
        result_id: of the result.
        settings: of the last run.
        folder: of the result, as the last run that split recorded it; None if none did.
        adopted: whether it belongs to an adopted library.
    """

    result_id: str
    settings: dict[str, Any]
    folder: str | None
    adopted: bool


def rebind_result(out: str, database: PostgresAddress) -> Identity:
    """Make ``out`` the folder of the result to which a catalog belongs. It has no tracks yet.

    Raises:
        UsageError: ``out`` is not new or empty, the folder of the result is still there, or the catalog
            belongs to no result.
        StoreError: ``out`` cannot be written.
        CatalogError: the catalog cannot be read.
    """
    facts = _read_catalog(database)
    _require_lost(facts)
    try:
        os.makedirs(out, exist_ok=True)
        if not all(name.startswith(".") or name == CARD_FILE for name in os.listdir(out)):
            raise UsageError(f"{out} is not empty: name a new folder.")
    except OSError as error:
        raise StoreError(f"{out} cannot be made: {error.strerror or error}.") from error
    settings = facts.settings
    identity = Identity(settings["by"], settings["context"], store=settings["store"])
    with lock_shared(out) as exclusive:
        marker: dict[str, Any] = identity.as_dict() | probe_for_result(
            out, identity.store, LOCAL_FILE_SYSTEM, exclusive, needs_locks=False
        )
        marker |= {"database": str(database), "result": facts.result_id}
        if facts.adopted:
            marker["adopted"] = True
        write_marker(out, "result", marker, only_if_absent=True)
    return identity


def _read_catalog(database: PostgresAddress) -> _CatalogFacts:
    with open_read_only(database) as catalog:
        result_id = catalog.bound_result()
        with reader_of(catalog) as reader:
            runs = recent_runs(reader, 1)
            folder = last_setting(reader, "out")
            adopted = bool(catalog.select_hook_names())
    if result_id is None or not runs:
        raise UsageError(f"The catalog {database} belongs to no folder yet: split into a new one.")
    return _CatalogFacts(result_id, runs[0].settings, folder, adopted)


def _require_lost(facts: _CatalogFacts) -> None:
    """Raise UsageError if the folder of the result is still there."""
    folder = facts.folder
    if folder is None or not os.path.lexists(os.path.join(folder, MARKER_FILE_NAME)):
        return
    if marker_facts(folder).get("result") == facts.result_id:
        raise UsageError(f"{folder} is the folder of that catalog's result, and it is there: use it.")
