"""The files of the tables of a result, as other programs name them."""

from midiprism.errors import UsageError
from midiprism.generations.layout import TABLES
from midiprism.generations.result import open_result
from midiprism.objects import ObjectMissingError, open_storage, parse_storage_url


def table_files(url: str, table: str = "tracks", generation: int | None = None) -> list[str]:
    """Return where the Parquet files are that the manifest of a result in object storage names for a table.

    DuckDB, Polars, PyArrow and ``datasets`` read them. Files that lie beside them do not count: runs that are
    active, or were killed, have left them.

    Args:
        url: of the result, such as ``s3://bucket/result``.
        table: ``tracks``, ``links``, ``songs`` or ``paths``.
        generation: number of a generation that is committed; None for the newest.

    Returns:
        URLs; for a result in a folder (``file://``), paths.

    Raises:
        UsageError: there is no such result, table or generation.
        ObjectStorageError: it cannot be read.
    """
    if table not in TABLES:
        raise UsageError(f"{table!r} is no table: use one of {', '.join(TABLES)}.")
    place = parse_storage_url(url)
    result = open_result(open_storage(url))
    try:
        manifest = result.newest_manifest() if generation is None else result.read_manifest(generation)
    except ObjectMissingError:
        raise UsageError(f"{place} has no generation {generation}, or none any more.") from None
    root = f"/{place.path}" if place.scheme == "file" else str(place)
    return [f"{root}/{file.stored.name}" for file in manifest.files if file.table == table]
