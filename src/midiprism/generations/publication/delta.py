"""Publishes tables as Delta Lake tables. The log of each lies in the folder of its files."""

import json
import time
from collections.abc import Iterator, Sequence
from typing import Any

from midiprism.generations.errors import GenerationError
from midiprism.generations.publication.table import GENERATION_PROPERTY, PublishedTable, TableSource
from midiprism.generations.result import TableFile
from midiprism.objects import names_endpoint_without_tls
from midiprism.optional_packages import MissingPackageError

_APPLICATION = "midiprism"
"""Name under which the log states the generation, as the version of a transaction."""


def import_deltalake() -> Any:
    """Return the package ``deltalake``.

    Raises:
        MissingPackageError: it is not installed.
    """
    try:
        import deltalake
        import deltalake.exceptions
        import deltalake.transaction
    except ImportError as error:
        raise MissingPackageError("deltalake", "Publishing as Delta Lake") from error
    return deltalake


def publish_delta(source: TableSource) -> PublishedTable:
    """Bring the Delta table of a table up to its manifest, and return it.

    Raises:
        MissingPackageError: deltalake is not installed.
        GenerationError: the table cannot be written.
    """
    deltalake = import_deltalake()
    location = f"{source.place}/{source.table}"
    options = {"allow_http": "true"} if names_endpoint_without_tls() else {}
    try:
        try:
            table = deltalake.DeltaTable(location, storage_options=options)
        except deltalake.exceptions.TableNotFoundError:
            _create(deltalake, source, location, options)
            return source.published(source.manifest.number, location)
        generation = table.transaction_version(_APPLICATION) or 0
        if generation <= source.manifest.number:
            _update(deltalake, source, table, is_new=generation < source.manifest.number)
        return source.published(max(generation, source.manifest.number), location)
    except (deltalake.exceptions.DeltaError, OSError) as error:
        raise GenerationError(
            f"{location} cannot be published as a Delta table: {error}. What is in {location}/_delta_log can "
            "be removed and published again."
        ) from error


def _create(deltalake: Any, source: TableSource, location: str, options: dict[str, str]) -> None:
    deltalake.transaction.create_table_with_add_actions(
        location,
        deltalake.Schema.from_arrow(source.schema),
        [*_additions(deltalake, source.files)],
        mode="error",
        storage_options=options,
        commit_properties=_properties(deltalake, source),
    )


def _update(deltalake: Any, source: TableSource, table: Any, *, is_new: bool) -> None:
    """Add the files that the table lacks, and remove those that the manifest does not name.

    Groups that were removed and made again have other files in the same generation.

    Args:
        is_new: whether the table is to state another generation, also with the same files.
    """
    published = {uri.rpartition("/")[2] for uri in table.file_uris()}
    named = {_base_name(file): file for file in source.files}
    if not is_new and published == named.keys():
        return
    removed = [
        deltalake.transaction.RemoveAction(name, True, _now_milliseconds())
        for name in sorted(published - named.keys())
    ]
    added = [named[name] for name in sorted(named.keys() - published)]
    table.create_write_transaction(
        [*removed, *_additions(deltalake, added)],
        "append",
        deltalake.Schema.from_arrow(source.schema),
        commit_properties=_properties(deltalake, source),
    )


def _additions(deltalake: Any, files: Sequence[TableFile]) -> Iterator[Any]:
    for file in files:
        stored = file.stored
        statistics = json.dumps({"numRecords": stored.rows})
        yield deltalake.transaction.AddAction(
            _base_name(file), stored.size, {}, _now_milliseconds(), True, statistics
        )


def _properties(deltalake: Any, source: TableSource) -> Any:
    generation = source.manifest.number
    return deltalake.CommitProperties(
        custom_metadata={GENERATION_PROPERTY: generation},
        app_transactions=[deltalake.Transaction(_APPLICATION, generation)],
    )


def _now_milliseconds() -> int:
    return int(time.time() * 1_000)


def _base_name(file: TableFile) -> str:
    return file.stored.name.rpartition("/")[2]
