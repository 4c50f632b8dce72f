"""Publishes the tables of a result in a format by its name."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace

from midiprism.errors import UsageError
from midiprism.generations.groups.table import find_groups
from midiprism.generations.layout import GROUPS
from midiprism.generations.publication.delta import publish_delta
from midiprism.generations.publication.iceberg import publish_iceberg
from midiprism.generations.publication.table import COLUMNS, PublishedTable, TableSource
from midiprism.generations.result import open_result
from midiprism.objects import open_storage, parse_storage_url

FORMATS: Mapping[str, Callable[[TableSource], PublishedTable]] = {
    "delta": publish_delta,
    "iceberg": publish_iceberg,
}
"""The function that publishes a table, by the name of the format."""


def publish_result(url: str, table_format: str) -> Iterator[PublishedTable]:
    """Publish the tables of the newest generation of a result, and yield each.

    The groups of its songs are among them if they were made.

    Args:
        url: of the result.
        table_format: a key of ``FORMATS``.

    Raises:
        UsageError: there is no result, or it has no generation, or a package is missing.
        ObjectStorageError: storage cannot be read or written.
        GenerationError: a table cannot be published.
    """
    place = parse_storage_url(url)
    storage = open_storage(url)
    result = open_result(storage)
    manifest = result.newest_manifest()
    if not manifest.number:
        raise UsageError(f"{place} has no committed generation yet: `midiprism split` makes one.")
    groups = find_groups(result, manifest.number)
    if groups is not None:
        manifest = replace(manifest, files=(*manifest.files, *groups.files))
    for table in COLUMNS:
        if table != GROUPS or groups is not None:
            yield FORMATS[table_format](TableSource(table, storage, place, manifest))
