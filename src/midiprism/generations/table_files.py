"""The files of the tables of a result, as other programs name them."""

from collections.abc import Sequence

from midiprism.errors import UsageError
from midiprism.generations.groups.table import find_groups
from midiprism.generations.layout import GROUPS, TABLES
from midiprism.generations.result import GenerationResult, Manifest, TableFile, open_result
from midiprism.objects import ObjectMissingError, open_storage, parse_storage_url


def table_files(url: str, table: str = "tracks", generation: int | None = None) -> list[str]:
    """Return where the Parquet files are that the manifest of a result in object storage names for a table.

    DuckDB, Polars, PyArrow and ``datasets`` read them. Files that lie beside them do not count: runs that are
    active, or were killed, have left them.

    Args:
        url: of the result, such as ``s3://bucket/result``.
        table: ``tracks``, ``links``, ``songs`` or ``paths``; or ``groups``, once ``midiprism groups`` has
            made those of the generation.
        generation: number of a generation that is committed; None for the newest.

    Returns:
        URLs; for a result in a folder (``file://``), paths.

    Raises:
        UsageError: there is no such result, table or generation, or its groups were not made.
        ObjectStorageError: it cannot be read.
    """
    tables = (*TABLES, GROUPS)
    if table not in tables:
        raise UsageError(f"{table!r} is no table: use one of {', '.join(tables)}.")
    place = parse_storage_url(url)
    result = open_result(open_storage(url))
    try:
        manifest = result.newest_manifest() if generation is None else result.read_manifest(generation)
    except ObjectMissingError:
        raise UsageError(f"{place} has no generation {generation}, or none any more.") from None
    root = f"/{place.path}" if place.scheme == "file" else str(place)
    files = _files_of_groups(result, manifest) if table == GROUPS else manifest.files
    return [f"{root}/{file.stored.name}" for file in files if file.table == table]


def _files_of_groups(result: GenerationResult, manifest: Manifest) -> Sequence[TableFile]:
    """Return the files of the groups of a generation.

    Raises:
        UsageError: they were not made.
    """
    groups = find_groups(result, manifest.number)
    if groups is None:
        raise UsageError(
            f"The groups of generation {manifest.number} of {result.storage.url} were not made: `midiprism "
            "groups` makes those of the newest."
        )
    return groups.files
