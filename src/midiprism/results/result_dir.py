"""The folder of a result: its marker, which says what it was made with, and the places in it."""

import contextlib
import json
import os
import secrets
import stat
from collections.abc import Iterator
from typing import Any, NamedTuple, cast, get_args

from midiprism.catalog import Address, Catalog, PostgresAddress, open_read_only
from midiprism.errors import (
    AdoptionMismatchError,
    CatalogError,
    CatalogLocationError,
    NetworkFileSystemError,
    NotAResultError,
    OlderBuildError,
    StoreError,
    UnfinishedRelocationError,
    UsageError,
)
from midiprism.fs.atomic_write import fsync_folder
from midiprism.metrics.devices import network_file_system
from midiprism.results.identity import Identity, ResultRequest
from midiprism.results.lock import Exclusive, lock_exclusive, lock_shared
from midiprism.smf.types import By, Context
from midiprism.sources import MARKER_FILE_NAME
from midiprism.stores import DEFAULT_STORE_KIND, STORE_KINDS

LAYOUT_VERSION = 2
"""Version of the marker and of the folder. Version 1 has no ``layout`` in its marker; this one refuses it."""
CATALOG_FILE = "catalog.sqlite"
RELOCATION_TARGET = "arriving"
"""A folder to which a result is being relocated; its marker says ``from`` where."""
RELOCATED = "moved"
"""A folder from which a result was relocated; its marker says where ``to``."""
_MARKER_KINDS = ("result", "export", RELOCATION_TARGET, RELOCATED)


class LockedResult(NamedTuple):
    """A result that is held for writing.

    Attributes:
        identity: what every split of it is made with.
        address: where its catalogue is.
        mark: what ties a catalogue elsewhere to this folder; None for one in it.
        alone: makes sure that no other process holds it.
    """

    identity: Identity
    address: Address
    result_id: str | None
    exclusive: Exclusive


def catalog_path(out: str) -> str:
    """Where the catalogue of a result is, unless it is in PostgreSQL."""
    return os.path.join(out, CATALOG_FILE)


def catalog_address(out: str, database: PostgresAddress | None) -> Address:
    """Where the catalogue of the result in ``out`` is, or is to be.

    Raises:
        UsageError: it is not there, or is elsewhere.
    """
    if os.path.lexists(os.path.join(out, MARKER_FILE_NAME)):
        marker = read_marker(out)
        if database is None and "database" in marker:
            raise CatalogLocationError(out, marker["database"])
        if database is not None and "database" not in marker and marker["midiprism"] == "result":
            raise CatalogLocationError(out, None)
    return database or catalog_path(out)


@contextlib.contextmanager
def open_catalog_of(out: str, database: PostgresAddress | None) -> Iterator[Catalog]:
    """The catalogue of the result in ``out``, open to read.

    Raises:
        UsageError: ``out`` holds no result, or its catalogue is elsewhere.
        CatalogError: it cannot be read, or belongs to another result.
    """
    require_result(out)
    with open_read_only(catalog_address(out, database)) as catalog:
        require_own_catalog(catalog, out)
        yield catalog


def require_own_catalog(catalog: Catalog, out: str) -> None:
    """Raise CatalogError if a catalogue that is not in ``out`` belongs to another result.

    What is not in it would be taken for lost or left behind: a repair would remove every track.
    """
    facts = marker_facts(out) if os.path.lexists(os.path.join(out, MARKER_FILE_NAME)) else {}
    if catalog.shared and catalog.bound_result() not in (None, facts.get("result")):
        own = f": that one's is {facts['database']}" if "database" in facts else ""
        raise CatalogError(f"The catalogue {catalog.path} belongs to another result than {out}{own}.")


def require_matching_adoption(out: str, *, adopts: bool) -> None:
    """Raise UsageError if ``out`` goes with a library that was taken over, and the run does not, or the other
    way round."""
    if not os.path.lexists(os.path.join(out, MARKER_FILE_NAME)):
        return
    adopted = "adopted" in marker_facts(out)
    if adopted != adopts:
        raise AdoptionMismatchError(out, adopted)


def locate_result(out: str) -> str:
    """Where the result is that is, or was, in ``out``; ``out`` itself where nothing says otherwise.

    A relocation whose process ended right before its last word is ended.

    Raises:
        UsageError: it is not where it went, or is still on its way to ``out``.
        StoreError: that last word cannot be written.
    """
    here, passed = out, set[str]()
    while os.path.lexists(os.path.join(here, MARKER_FILE_NAME)):
        marker = read_marker(here)
        if marker["midiprism"] == RELOCATION_TARGET and _was_relocated(
            _folder_in_marker(here, marker, "from"), here
        ):
            finish_relocation(here)
        if marker["midiprism"] != RELOCATED:
            _require_not_relocated(here, read_marker(here))
            return here
        passed.add(os.path.realpath(here))
        here = _folder_in_marker(here, marker, "to")
        if os.path.realpath(here) in passed:
            raise UsageError(
                f"{out} was relocated in a circle, by way of {here}: mend {MARKER_FILE_NAME} in one of them."
            )
    if passed:
        raise UsageError(
            f"{out} was relocated to {here}, where no result is now: bring that disk back, or name the "
            "folder in which the result is."
        )
    return out


def finish_relocation(new_folder: str) -> None:
    """Say of a folder to which a result was relocated that it is the result.

    Raises:
        StoreError: it cannot be written.
    """
    write_marker(new_folder, "result", marker_facts(new_folder))
    fsync_dir(new_folder)


def fsync_dir(folder: str) -> None:
    """Return when the names in a folder would survive a power cut.

    Raises:
        StoreError: they would not.
    """
    try:
        fsync_folder(folder)
    except OSError as error:
        raise StoreError(f"{folder} cannot be written: {error.strerror or error}.") from error


def _was_relocated(source: str, new_folder: str) -> bool:
    """Whether ``source`` says that its result is in ``new``."""
    try:
        marker = read_marker(source)
    except UsageError:  # it is gone, or holds something else now
        return False
    return marker["midiprism"] == RELOCATED and os.path.realpath(str(marker.get("to"))) == os.path.realpath(
        new_folder
    )


def _folder_in_marker(folder: str, marker: dict[str, Any], key: str) -> str:
    """The folder that a marker names."""
    told = marker.get(key)
    if not isinstance(told, str) or not told:
        raise UsageError(
            f"{os.path.join(folder, MARKER_FILE_NAME)} is damaged: it does not say {key!r} where."
        )
    return told


def _require_not_relocated(out: str, marker: dict[str, Any]) -> None:
    """Raise UsageError if ``out`` is one end of a relocation, and not the result."""
    if marker["midiprism"] == RELOCATION_TARGET:
        raise UnfinishedRelocationError(out, _folder_in_marker(out, marker, "from"))
    if marker["midiprism"] == RELOCATED:
        raise UsageError(f"{out} was relocated to {_folder_in_marker(out, marker, 'to')}: name that folder.")


def read_identity(out: str) -> Identity | None:
    """What the result in ``out`` was made with; None if there is none yet.

    Raises:
        UsageError: ``out`` cannot be a result: it is a file, holds other things, or its marker is not ours.
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
    others = [name for name in names if not name.startswith(".")]
    if others:
        raise UsageError(
            f"{out} holds other files, such as {others[0]}: choose a new or empty folder for the result."
        )
    return None


@contextlib.contextmanager
def lock_result(out: str, request: ResultRequest) -> Iterator[LockedResult]:
    """Make ``out`` a result where it is none, and hold it for writing.

    Raises:
        UsageError: it cannot be one, or was made with other settings.
        StoreError: another run holds it, or it cannot be written.
    """
    request.resolve(read_identity(out), out)
    address = catalog_address(out, request.database)
    require_matching_adoption(out, adopts=request.adopted)
    kind = network_file_system(out)
    if kind is not None and request.database is None:
        raise NetworkFileSystemError(out, kind)
    try:
        os.makedirs(out, exist_ok=True)
    except OSError as error:
        raise StoreError(f"{out} cannot be made: {error.strerror or error}.") from error
    with lock_exclusive(out) if request.database is None else lock_shared(out) as exclusive:
        identity = _mark_as_result(out, request)
        catalog_address(out, request.database)
        require_matching_adoption(out, adopts=request.adopted)
        yield LockedResult(identity, address, marker_facts(out).get("result"), exclusive)


def _mark_as_result(out: str, request: ResultRequest) -> Identity:
    """Write the marker where it is missing or out of date, and return the identity in it."""
    existing = read_identity(out)  # again: another run may have made it meanwhile
    identity = request.resolve(existing, out)
    if existing is None:
        facts = identity.as_dict()
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
    """What the marker of ``folder`` says.

    Raises:
        UsageError: it is not a marker that this version can read.
    """
    path = os.path.join(folder, MARKER_FILE_NAME)
    try:
        with open(path, encoding="utf-8") as file:
            marker = json.load(file)
    except (OSError, ValueError) as error:
        raise UsageError(f"{path} cannot be read: {error}.") from error
    if not isinstance(marker, dict) or marker.get("midiprism") not in _MARKER_KINDS:
        raise UsageError(f"{path} is not a file that midiprism wrote: choose another folder.")
    if "layout" not in marker:
        raise OlderBuildError(folder)
    if marker["layout"] != LAYOUT_VERSION:
        raise UsageError(f"{folder} was made by another version of midiprism: choose another folder.")
    return marker


def write_marker(folder: str, kind: str, facts: dict[str, Any], *, only_if_absent: bool = False) -> None:
    """Mark ``folder`` as a ``result``, an ``export``, or an end of a relocation: whole or not at all.

    Args:
        first: leave a marker alone that is there already.

    Raises:
        StoreError: it cannot be written.
    """
    path = os.path.join(folder, MARKER_FILE_NAME)
    temporary = os.path.join(folder, f".{MARKER_FILE_NAME}.{secrets.token_hex(4)}.tmp")
    try:
        with open(temporary, "w", encoding="utf-8") as file:
            json.dump({"midiprism": kind, "layout": LAYOUT_VERSION, **facts}, file, indent=2)
            file.write("\n")
            file.flush()
            os.fsync(file.fileno())
        if only_if_absent:
            _link_if_absent(temporary, path)
        else:
            os.replace(temporary, path)
    except OSError as error:
        with contextlib.suppress(OSError):
            os.unlink(temporary)
        raise StoreError(f"{folder} cannot be written: {error.strerror or error}.") from error


def _link_if_absent(temporary: str, path: str) -> None:
    """Give a file its name unless there is one of that name."""
    try:
        os.link(temporary, path)
    except FileExistsError:
        pass
    except OSError:  # a file system without hard links
        if not os.path.lexists(path):
            os.replace(temporary, path)
            return
    os.unlink(temporary)


def marker_facts(out: str) -> dict[str, Any]:
    """What the marker says beside its kind and its format."""
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
    by, context = marker.get("by"), marker.get("context")
    contract, naming, store = (
        marker.get("contract"),
        marker.get("naming"),
        marker.get("store", DEFAULT_STORE_KIND),
    )
    if by not in get_args(By) or context not in get_args(Context) or store not in STORE_KINDS:
        raise UsageError(
            f"{os.path.join(out, MARKER_FILE_NAME)} is damaged: choose another folder for the result."
        )
    if not isinstance(contract, int) or not isinstance(naming, int):
        raise UsageError(
            f"{os.path.join(out, MARKER_FILE_NAME)} is damaged: choose another folder for the result."
        )
    return Identity(cast(By, by), cast(Context, context), contract, naming, store)
