"""The folder of a result: its marker, which says what it was made with, and the places in it."""

import contextlib
import json
import os
import stat
from collections.abc import Iterator
from typing import Any, cast, get_args

from midiprism.errors import StoreError, UsageError
from midiprism.library import MARKER
from midiprism.run.lock import locked
from midiprism.run.machine import network_file_system
from midiprism.run.settings import Identity, Settings
from midiprism.smf.types import By, Context

FORMAT_VERSION = 1
CATALOG = "catalog.sqlite"
_KINDS = ("result", "export")


def catalog_path(out: str) -> str:
    """Where the catalogue of a result is."""
    return os.path.join(out, CATALOG)


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
    if MARKER in names:
        return _identity(out, read_marker(out))
    others = [name for name in names if not name.startswith(".")]
    if others:
        raise UsageError(
            f"{out} holds other files, such as {others[0]}: choose a new or empty folder for the result."
        )
    return None


@contextlib.contextmanager
def opened(out: str, settings: Settings) -> Iterator[Identity]:
    """Make ``out`` a result where it is none, and hold it for writing.

    Raises:
        UsageError: it cannot be one, or was made with other settings.
        StoreError: it is held by another run, or cannot be written.
    """
    settings.identity(read_identity(out), out)
    kind = network_file_system(out)
    if kind is not None:
        raise UsageError(
            f"{out} is on a network file system ({kind}), where neither locks nor SQLite can be relied on: "
            "choose a folder on a disk of this machine."
        )
    try:
        os.makedirs(out, exist_ok=True)
    except OSError as error:
        raise StoreError(f"{out} cannot be made: {error.strerror or error}.") from error
    with locked(out):
        existing = read_identity(out)  # again: another run may have begun it meanwhile
        identity = settings.identity(existing, out)
        if existing != identity:
            write_marker(out, "result", identity.as_dict())
        yield identity


def read_marker(folder: str) -> dict[str, Any]:
    """What the marker of ``folder`` says.

    Raises:
        UsageError: it is not a marker that this version can read.
    """
    path = os.path.join(folder, MARKER)
    try:
        with open(path, encoding="utf-8") as file:
            marker = json.load(file)
    except (OSError, ValueError) as error:
        raise UsageError(f"{path} cannot be read: {error}.") from error
    if not isinstance(marker, dict) or marker.get("midiprism") not in _KINDS:
        raise UsageError(f"{path} is not a file that midiprism wrote: choose another folder.")
    if marker.get("format") != FORMAT_VERSION:
        raise UsageError(f"{folder} was made by another version of midiprism: choose another folder.")
    return marker


def write_marker(folder: str, kind: str, facts: dict[str, Any]) -> None:
    """Mark ``folder`` as a ``result`` or an ``export``: whole or not at all.

    Raises:
        StoreError: it cannot be written.
    """
    path = os.path.join(folder, MARKER)
    temporary = os.path.join(folder, f".{MARKER}.tmp")
    try:
        with open(temporary, "w", encoding="utf-8") as file:
            json.dump({"midiprism": kind, "format": FORMAT_VERSION, **facts}, file, indent=2)
            file.write("\n")
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except OSError as error:
        raise StoreError(f"{folder} cannot be written: {error.strerror or error}.") from error


def require_result(out: str) -> None:
    """Raise UsageError unless ``out`` holds a result."""
    if not os.path.isfile(os.path.join(out, MARKER)) or read_marker(out)["midiprism"] != "result":
        raise UsageError(f"{out} holds no midiprism result: name the folder that `midiprism split` wrote to.")


def _identity(out: str, marker: dict[str, Any]) -> Identity:
    if marker["midiprism"] != "result":
        raise UsageError(
            f"{out} is a tree that `midiprism export` made: choose another folder for the result."
        )
    by, context = marker.get("by"), marker.get("context")
    contract, naming = marker.get("contract"), marker.get("naming")
    if by not in get_args(By) or context not in get_args(Context):
        raise UsageError(f"{os.path.join(out, MARKER)} is damaged: choose another folder for the result.")
    if not isinstance(contract, int) or not isinstance(naming, int):
        raise UsageError(f"{os.path.join(out, MARKER)} is damaged: choose another folder for the result.")
    return Identity(cast(By, by), cast(Context, context), contract, naming)
