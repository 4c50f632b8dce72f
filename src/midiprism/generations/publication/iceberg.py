"""Publishes tables as Apache Iceberg tables, without a catalog: an object names the newest metadata of each.

::

    iceberg/tracks.json                          generation, files and metadata of the newest publication
    iceberg/tracks-000001-ATTEMPT/metadata/...   one publication
"""

import contextlib
import json
import logging
import os
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

from blake3 import blake3

from midiprism.errors import UsageError
from midiprism.generations.errors import GenerationError
from midiprism.generations.layout import ICEBERG, new_attempt
from midiprism.generations.publication.table import GENERATION_PROPERTY, PublishedTable, TableSource
from midiprism.generations.sweep import GRACE
from midiprism.objects import ObjectMissingError, ObjectStorage, read_record
from midiprism.optional_packages import MissingPackageError

_NAMESPACE = "midiprism"
_SCHEMES = ("s3", "gs", "file")
_SETTINGS = {
    "AWS_ENDPOINT_URL": "s3.endpoint",
    "AWS_DEFAULT_REGION": "s3.region",
    "AWS_ACCESS_KEY_ID": "s3.access-key-id",
    "AWS_SECRET_ACCESS_KEY": "s3.secret-access-key",
    "AWS_SESSION_TOKEN": "s3.session-token",
}
"""Properties of pyiceberg by the variables of the environment that the rest of midiprism goes by."""


def import_iceberg() -> Any:
    """Return pyiceberg's catalog in memory, which holds nothing but one publication.

    Raises:
        MissingPackageError: pyiceberg is not installed, or what its catalog needs.
    """
    try:
        from pyiceberg.catalog.memory import InMemoryCatalog
    except ImportError as error:
        raise MissingPackageError("pyiceberg", "Publishing as Iceberg") from error
    return InMemoryCatalog


def publish_iceberg(source: TableSource, grace: timedelta = GRACE) -> PublishedTable:
    """Publish a table anew, unless these files or a later generation are published, and return it.

    Groups that were removed and made again have other files in the same generation.

    Args:
        source: the table.
        grace: time for which the metadata of earlier publications stay.

    Raises:
        MissingPackageError: pyiceberg is not installed.
        UsageError: it has no access to this kind of storage.
        GenerationError: the table cannot be written.
    """
    make_catalog = import_iceberg()
    if source.place.scheme not in _SCHEMES:
        schemes = ", ".join(f"{scheme}://" for scheme in _SCHEMES)
        raise UsageError(
            f"Iceberg tables are published below {schemes} only: publish as delta, or not at all."
        )
    pointer = f"{ICEBERG}/{source.table}.json"
    found = _read_pointer(source.storage, pointer)
    state = {"generation": source.manifest.number, "files": _digest_of_names(source)}
    if found is not None and (found["generation"] > source.manifest.number or found.items() >= state.items()):
        return source.published(found["generation"], found["metadata"])
    folder = f"{ICEBERG}/{source.table}-{source.manifest.number:06}-{new_attempt()}"
    try:
        with _quiet():
            metadata = _write(make_catalog, source, f"{_root(source)}/{folder}")
    except (OSError, ValueError) as error:
        raise GenerationError(
            f"{source.place}/{folder} cannot be published as an Iceberg table: {error}."
        ) from error
    source.storage.put(pointer, json.dumps({**state, "metadata": metadata}).encode())
    _remove_earlier(source, pointer, folder, grace)
    return source.published(source.manifest.number, metadata)


def _write(make_catalog: Any, source: TableSource, location: str) -> str:
    """Write the metadata of a table, and return the URL of the newest."""
    catalog = make_catalog(
        _NAMESPACE, **{name: os.environ[key] for key, name in _SETTINGS.items() if os.environ.get(key)}
    )
    with contextlib.closing(catalog):
        catalog.create_namespace(_NAMESPACE)
        properties = {GENERATION_PROPERTY: str(source.manifest.number)}
        table = catalog.create_table(
            f"{_NAMESPACE}.{source.table}", source.schema, location=location, properties=properties
        )
        root = _root(source)
        files = [f"{root}/{file.stored.name}" for file in source.files]
        if files:
            with table.transaction() as transaction:
                transaction.add_files(files, snapshot_properties=properties, check_duplicate_files=False)
        metadata: str = table.metadata_location
        return metadata


def _read_pointer(storage: ObjectStorage, key: str) -> dict[str, Any] | None:
    """Return what the newest publication of a table states; None if there is none."""
    try:
        content = read_record(storage, key)
    except ObjectMissingError:
        return None
    if not isinstance(content.get("generation"), int) or not isinstance(content.get("metadata"), str):
        raise GenerationError(f"{storage.url}: {key} is not as midiprism writes it: remove it.")
    return content


def _digest_of_names(source: TableSource) -> str:
    return blake3("\n".join(file.stored.name for file in source.files).encode()).hexdigest()


def _remove_earlier(source: TableSource, pointer: str, folder: str, grace: timedelta) -> None:
    """Remove the metadata of earlier publications that programs have had time to leave."""
    storage = source.storage
    newest = storage.info(pointer).modified - grace
    old = [
        info.key
        for info in storage.list(ICEBERG)
        if info.key.startswith(f"{ICEBERG}/{source.table}-")
        and not info.key.startswith(f"{folder}/")
        and info.modified < newest
    ]
    if old:
        storage.delete(old)


def _root(source: TableSource) -> str:
    """Return the URL of the result as pyiceberg takes it: it does not decode that of a folder."""
    place = source.place
    return f"file:///{place.path}" if place.scheme == "file" else str(place)


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Keep warnings about columns without statistics, such as music, from the terminal."""
    logger = logging.getLogger("pyiceberg")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        yield
    finally:
        logger.setLevel(level)
