"""The record of a run when it begins: its settings, and the places where it reads and writes."""

import os
import tempfile
from collections.abc import Sequence
from typing import Any

from midiprism.catalog import PostgresAddress
from midiprism.fs.path_text import path_text, text_of_native
from midiprism.metrics.devices import StorageLocation, locate_storage
from midiprism.pipeline.resource_defaults import cpus
from midiprism.pipeline.settings import Settings
from midiprism.results.identity import Identity
from midiprism.sources import Source


def recorded_settings_of(identity: Identity, source: Source, out: str, settings: Settings) -> dict[str, Any]:
    """Return the settings that are recorded with a run, in terms of JSON."""
    resources, database = settings.resources, settings.catalog.database
    locations = run_locations(source.source_paths, out, database)
    return {
        **identity.as_dict(),
        "out": text_of_native(os.path.abspath(out)),
        "sources": [path_text(path) for path in source.source_paths],
        "source_options": list(settings.scope.source_options),
        "workers": resources.workers,
        "batch_size": resources.batch_songs,
        "in_flight": resources.in_flight,
        "redo": settings.rerun_policy.redo,
        "encoding": settings.encoding,
        "facts": settings.facts,
        "retry_failed": settings.rerun_policy.retry_failed,
        "database": None if database is None else database.cli_options,
        "cpus": cpus(),
        "locations": {role: location.as_dict() for role, location in locations.items()},
    }


def run_locations(
    sources: Sequence[bytes], out: str, database: PostgresAddress | None
) -> dict[str, StorageLocation]:
    """Return the places where a run reads and writes, by role; of several sources only the first."""
    output = locate_storage(out)
    catalog = output
    if database is not None:
        catalog = StorageLocation(str(database), kind="local server" if database.is_local else "server")
    locations = {"output": output, "catalog": catalog, "temporary": locate_storage(tempfile.gettempdir())}
    if sources:
        locations["source"] = locate_storage(os.fsdecode(sources[0]))
    return locations
