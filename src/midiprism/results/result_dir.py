"""The folder of a result: its marker, which says what the result was made with, and the files in it."""

import contextlib
import json
import os
import secrets
import stat
from collections.abc import Iterator
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple, cast, get_args

from midiprism.catalog import Address, PostgresAddress
from midiprism.errors import (
    AdoptionMismatchError,
    CatalogLocationError,
    NetworkFileSystemError,
    NotAResultError,
    OlderBuildError,
    StoreError,
    UnfinishedRelocationError,
    UsageError,
)
from midiprism.fs.atomic_write import fsync_folder, name_if_absent, random_temporary_name
from midiprism.fs.file_system import LOCAL_FILE_SYSTEM, FileSystem
from midiprism.fs.path_text import native_path
from midiprism.results.data_set_card import CARD_FILE
from midiprism.results.file_system import probe_for_result
from midiprism.results.identity import Identity, ResultRequest
from midiprism.results.lock import Exclusive, lock_exclusive, lock_shared
from midiprism.smf.types import By, Context
from midiprism.sources import MARKER_FILE_NAME, parse_marker
from midiprism.sources.marker import GENERATIONS_KIND
from midiprism.stores import DEFAULT_STORE_KIND, STORE_KINDS

if TYPE_CHECKING:
    from midiprism.catalog import Catalog
    from midiprism.catalog.reader import Snapshots

LAYOUT_VERSION = 2
"""Version of the marker and of the folder. Version 1 has no ``layout`` in its marker; this one refuses it."""
CATALOG_FILE = "catalog.sqlite"
RELOCATION_TARGET = "arriving"
"""Kind of a folder to which a result is being relocated; its marker names the old folder in ``from``."""
RELOCATED = "moved"
"""Kind of a folder from which a result was relocated; its marker names the new folder in ``to``."""


class LockedResult(NamedTuple):
    """A result that is held for writing.

    Attributes:
        identity: what its tracks are made with.
        address: of its catalog.
        result_id: ties a catalog in PostgreSQL to this folder; None for a catalog in the folder.
        exclusive: tries to make this the only process that holds it.
    """

    identity: Identity
    address: Address
    result_id: str | None
    exclusive: Exclusive


def catalog_path(out: str) -> str:
    """Return the path of the catalog of a result whose catalog is a file."""
    return os.path.join(out, CATALOG_FILE)


def catalog_address(out: str, database: PostgresAddress | None) -> Address:
    """Return where the catalog of the result in ``out`` is, or is to be.

    Raises:
        CatalogLocationError: ``database`` contradicts the marker of the result.
    """
    if os.path.lexists(os.path.join(out, MARKER_FILE_NAME)):
        marker = read_marker(out)
        if database is None and "database" in marker:
            raise CatalogLocationError(out, marker["database"])
        if database is not None and "database" not in marker and marker["midiprism"] == "result":
            raise CatalogLocationError(out, None)
    return database or catalog_path(out)


@contextlib.contextmanager
def open_catalog_of(out: str, database: PostgresAddress | None) -> "Iterator[Catalog]":
    """Open the catalog of the result in ``out`` for reading.

    Raises:
        UsageError: ``out`` holds no result, or its catalog is elsewhere.
        CatalogError: it cannot be read, or belongs to another result.
    """
    from midiprism.catalog import open_read_only

    require_result(out)
    with open_read_only(catalog_address(out, database)) as catalog:
        require_own_catalog(catalog, out)
        yield catalog


@contextlib.contextmanager
def open_snapshots_of(out: str, database: PostgresAddress | None) -> "Iterator[Snapshots]":
    """Open the catalog of the result in ``out`` to read snapshots of it: sooner than a ``Catalog`` is open.

    Raises:
        UsageError: ``out`` holds no result, or its catalog is elsewhere.
        CatalogError: it cannot be read, or belongs to another result.
    """
    from midiprism.catalog.reader import open_snapshots, reader_of

    if database is None:
        require_result(out)
        with open_snapshots(catalog_address(out, None)) as snapshots:
            yield snapshots
    else:
        with open_catalog_of(out, database) as catalog:
            yield partial(reader_of, catalog)


def require_own_catalog(catalog: "Catalog", out: str) -> None:
    """Raise BoundCatalogError if a catalog in PostgreSQL belongs to another result than ``out``.

    Everything in the folder would seem left behind: a repair would remove every track.
    """
    facts = marker_facts(out) if os.path.lexists(os.path.join(out, MARKER_FILE_NAME)) else {}
    if catalog.shared and catalog.bound_result() not in (None, facts.get("result")):
        raise catalog.bound_error(out, facts.get("database"))


def names_other_catalog(out: str, database: PostgresAddress | None) -> bool:
    """Return whether the marker of ``out`` names another catalog in PostgreSQL than ``database``."""
    return database is not None and marker_facts(out).get("database") not in (None, str(database))


def require_matching_adoption(out: str, *, adopts: bool) -> None:
    """Raise AdoptionMismatchError unless ``out`` belongs to an adopted library if and only if ``adopts``."""
    if not os.path.lexists(os.path.join(out, MARKER_FILE_NAME)):
        return
    adopted = "adopted" in marker_facts(out)
    if adopted != adopts:
        raise AdoptionMismatchError(out, adopted)


def locate_result(out: str) -> str:
    """Return where the result is that is, or was, in ``out``; ``out`` itself if it was not relocated.

    A relocation whose process ended right before its last step is completed.

    Raises:
        UsageError: there is no result where it was relocated to, or it is still being relocated to ``out``.
        StoreError: the last step of a relocation cannot be written.
    """
    folder, visited = out, set[str]()
    while os.path.lexists(os.path.join(folder, MARKER_FILE_NAME)):
        marker = read_marker(folder)
        if marker["midiprism"] == RELOCATION_TARGET and _was_relocated(
            _folder_in_marker(folder, marker, "from"), folder
        ):
            finish_relocation(folder)
        if marker["midiprism"] != RELOCATED:
            _require_not_relocated(folder, read_marker(folder))
            return folder
        visited.add(os.path.realpath(folder))
        folder = _folder_in_marker(folder, marker, "to")
        if os.path.realpath(folder) in visited:
            raise UsageError(
                f"{out} was relocated in a circle, by way of {folder}: correct {MARKER_FILE_NAME} in one of "
                "the folders."
            )
    if visited:
        raise UsageError(
            f"{out} was relocated to {folder}, which holds no result now: bring that disk back, or name the "
            "folder in which the result is."
        )
    return out


def finish_relocation(new_folder: str) -> None:
    """Mark a folder to which a result was relocated as the result.

    Raises:
        StoreError: it cannot be written.
    """
    write_marker(new_folder, "result", marker_facts(new_folder))
    fsync_dir(new_folder)


def fsync_dir(folder: str) -> None:
    """Return once the names in a folder would survive a power cut.

    Raises:
        StoreError: they would not.
    """
    try:
        fsync_folder(folder)
    except OSError as error:
        raise StoreError(f"{folder} cannot be written: {error.strerror or error}.") from error


def _was_relocated(source: str, new_folder: str) -> bool:
    """Return whether the marker of ``source`` says that its result is in ``new_folder``."""
    try:
        marker = read_marker(source)
    except UsageError:  # the folder is missing, or holds something else now
        return False
    named = os.path.realpath(native_path(str(marker.get("to"))))
    return marker["midiprism"] == RELOCATED and named == os.path.realpath(new_folder)


def _folder_in_marker(folder: str, marker: dict[str, Any], key: str) -> str:
    """Return the folder that a marker names in ``key``."""
    named = marker.get(key)
    if not isinstance(named, str) or not named:
        raise UsageError(f"{os.path.join(folder, MARKER_FILE_NAME)} is damaged: it has no {key!r}.")
    return native_path(named)


def _require_not_relocated(out: str, marker: dict[str, Any]) -> None:
    """Raise UsageError if ``out`` is one end of a relocation and not the result."""
    if marker["midiprism"] == RELOCATION_TARGET:
        raise UnfinishedRelocationError(out, _folder_in_marker(out, marker, "from"))
    if marker["midiprism"] == RELOCATED:
        raise UsageError(f"{out} was relocated to {_folder_in_marker(out, marker, 'to')}: name that folder.")


def read_identity(out: str) -> Identity | None:
    """Return what the result in ``out`` was made with; None if there is no result yet.

    Raises:
        UsageError: ``out`` cannot be a result: it is a file, holds other files, or has another marker.
    """
    try:
        if not stat.S_ISDIR(os.stat(out).st_mode):
            raise UsageError(f"{out} is not a folder: choose a folder for the result.")
        names = os.listdir(out)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise UsageError(f"{out} cannot be read: {error.strerror or error}.") from error
    if MARKER_FILE_NAME in names:
        return _parse_identity(out, read_marker(out))
    others = [name for name in names if not name.startswith(".") and name != CARD_FILE]
    if others:
        raise UsageError(
            f"{out} holds other files, such as {others[0]}: choose a new or empty folder for the result."
        )
    return None


@contextlib.contextmanager
def lock_result(
    out: str, request: ResultRequest, file_system: FileSystem = LOCAL_FILE_SYSTEM
) -> Iterator[LockedResult]:
    """Make ``out`` a result where it is none, and hold it for writing.

    Args:
        file_system: that holds it, which is tried when the result is made.

    Raises:
        UsageError: it cannot be one, or was made with other settings.
        StoreError: another run holds it, or it cannot be written.
    """
    request.resolve(read_identity(out), out)
    address = catalog_address(out, request.database)
    require_matching_adoption(out, adopts=request.adopted)
    from midiprism.metrics.devices import network_file_system  # which loads psutil

    kind = network_file_system(out)
    if kind is not None and request.database is None:
        raise NetworkFileSystemError(out, kind)
    try:
        os.makedirs(out, exist_ok=True)
    except OSError as error:
        raise StoreError(f"{out} cannot be made: {error.strerror or error}.") from error
    with lock_exclusive(out) if request.database is None else lock_shared(out) as exclusive:
        identity = _mark_as_result(out, request, file_system, exclusive)
        catalog_address(out, request.database)
        require_matching_adoption(out, adopts=request.adopted)
        yield LockedResult(identity, address, marker_facts(out).get("result"), exclusive)


def _mark_as_result(
    out: str, request: ResultRequest, file_system: FileSystem, exclusive: Exclusive
) -> Identity:
    """Write the marker where it is missing or out of date, and return the identity in it."""
    existing = read_identity(out)  # again: another run may have made it meanwhile
    identity = request.resolve(existing, out)
    if existing is None:
        in_folder = request.database is None
        facts = identity.as_dict() | probe_for_result(
            out, identity.store, file_system, exclusive, needs_locks=in_folder
        )
        if request.database is not None:
            facts |= {"database": str(request.database), "result": secrets.token_hex(16)}
        if request.adopted:
            facts["adopted"] = True
        write_marker(out, "result", facts, only_if_absent=True)
        return request.resolve(read_identity(out), out)  # another run may have been faster
    if existing != identity:
        write_marker(out, "result", {**marker_facts(out), **identity.as_dict()})
    return identity


def read_marker(folder: str) -> dict[str, Any]:
    """Return the marker of ``folder``.

    Raises:
        OlderBuildError: an older build wrote it.
        UsageError: this version cannot read it.
    """
    path = os.path.join(folder, MARKER_FILE_NAME)
    try:
        marker = parse_marker(folder)
    except OSError as error:
        raise UsageError(f"{path} cannot be read: {error.strerror or error}.") from error
    if marker is None:
        raise UsageError(f"{path} is not a file that midiprism wrote: choose another folder.")
    if marker["midiprism"] == GENERATIONS_KIND:
        raise UsageError(
            f"{folder} is a result in object storage: name it by its URL, file:// and its absolute path, "
            "where a command takes URLs, or choose another folder."
        )
    if "layout" not in marker:
        raise OlderBuildError(folder)
    if marker["layout"] != LAYOUT_VERSION:
        raise UsageError(f"{folder} was made by another version of midiprism: choose another folder.")
    return marker


def write_marker(folder: str, kind: str, facts: dict[str, Any], *, only_if_absent: bool = False) -> None:
    """Mark ``folder`` as a ``result``, an ``export``, or an end of a relocation, atomically.

    Args:
        only_if_absent: leave a marker alone that is there.

    Raises:
        StoreError: it cannot be written.
    """
    path = os.path.join(folder, MARKER_FILE_NAME)
    temporary = os.path.join(folder, random_temporary_name(path))
    try:
        with open(temporary, "w", encoding="utf-8") as file:
            json.dump({"midiprism": kind, "layout": LAYOUT_VERSION, **facts}, file, indent=2)
            file.write("\n")
            file.flush()
            os.fsync(file.fileno())
        if only_if_absent:
            try:
                name_if_absent(temporary, path)
            except FileExistsError:
                os.unlink(temporary)
        else:
            os.replace(temporary, path)
    except OSError as error:
        with contextlib.suppress(OSError):
            os.unlink(temporary)
        raise StoreError(f"{folder} cannot be written: {error.strerror or error}.") from error


def marker_facts(out: str) -> dict[str, Any]:
    """Return the marker of ``out`` without its kind and its layout."""
    return {key: value for key, value in read_marker(out).items() if key not in ("midiprism", "layout")}


def require_result(out: str) -> None:
    """Raise UsageError unless ``out`` holds a result."""
    marker = read_marker(out) if os.path.isfile(os.path.join(out, MARKER_FILE_NAME)) else {"midiprism": None}
    _require_not_relocated(out, marker)
    if marker["midiprism"] != "result":
        raise NotAResultError(out)


def _parse_identity(out: str, marker: dict[str, Any]) -> Identity:
    _require_not_relocated(out, marker)
    if marker["midiprism"] != "result":
        raise NotAResultError(out, is_export=True)
    by, context, contract, naming = map(marker.get, ("by", "context", "contract", "naming"))
    store = marker.get("store", DEFAULT_STORE_KIND)
    is_known = by in get_args(By) and context in get_args(Context) and store in STORE_KINDS
    if not is_known or not isinstance(contract, int) or not isinstance(naming, int):
        path = os.path.join(out, MARKER_FILE_NAME)
        raise UsageError(f"{path} is damaged: choose another folder for the result.")
    return Identity(cast(By, by), cast(Context, context), contract, naming, store)
