"""The file that marks a folder as midiprism's, which is then never read as a source.

Anybody can put a file of that name into a folder of songs, or above it. So a marker counts only if midiprism
may have written it, whole, and if it belongs to the owner of its folder, the user or root.
"""

import json
import os
import stat
import sys
from typing import Any

from midiprism.errors import UsageError
from midiprism.fs.open_flags import READ_FLAGS
from midiprism.fs.path_text import path_text
from midiprism.sources.source import Notice

MARKER_FILE_NAME = "midiprism.json"
"""Name of the marker, which is in the folder of a result and in a tree that an export made."""

GENERATIONS_KIND = "generations"
MARKER_KINDS = ("result", "export", "arriving", "moved", GENERATIONS_KIND)
"""Kinds of folders that are marked: a result, an exported tree, the target or the source of a relocation, and
a result in object storage."""

_MARKER = os.fsencode(MARKER_FILE_NAME)
MAX_MARKER_BYTES = 1 << 20
_HAS_OWNERS = sys.platform != "win32"


def parse_marker(folder: str | bytes) -> dict[str, Any] | None:
    """Return the marker of a folder; None if midiprism did not write it.

    Raises:
        OSError: there is none, or it cannot be read.
    """
    return parse_marker_data(_read(os.path.join(os.fsencode(folder), _MARKER)))


def has_marker(folder: bytes) -> bool:
    """Return whether a folder has a marker that counts.

    Raises:
        FileNotFoundError: it has none.
    """
    path = os.path.join(folder, _MARKER)
    try:
        status = os.lstat(path)
        if not stat.S_ISREG(status.st_mode):
            return False
        if _HAS_OWNERS and status.st_uid not in (os.stat(folder).st_uid, os.geteuid(), 0):
            return False
        return parse_marker_data(_read(path)) is not None
    except FileNotFoundError:
        raise
    except OSError:
        return True  # it cannot be read, and may be that of a result


def enclosing_result(path: bytes) -> tuple[bytes | None, list[bytes]]:
    """Return the nearest folder with a marker that counts, and those below it with another one.

    Links are resolved first, so that a link into a result does not hide it.

    Returns:
        ``path`` or one of its ancestors, or None; and the folders passed whose markers do not count.
    """
    ignored: list[bytes] = []
    folder = os.path.realpath(path)
    while True:
        try:
            if has_marker(folder):
                return folder, ignored
            ignored.append(folder)
        except FileNotFoundError:
            pass
        parent = os.path.dirname(folder)
        if parent == folder:
            return None, ignored
        folder = parent


def reject_result_folder(path: bytes, out: bytes | None) -> list[Notice]:
    """Raise UsageError if a source is in a result; return a notice for each ignored marker above it."""
    name = path_text(path)
    if out is not None:
        inner, outer = os.path.realpath(path), os.path.realpath(out)
        if inner == outer or inner.startswith(os.path.join(outer, b"")):
            raise UsageError(
                f"{name} lies in {path_text(out)}, the folder for the result: name another folder."
            )
    result, ignored = enclosing_result(path)
    if result is not None:
        raise UsageError(
            f"{name} is in {path_text(result)}, which midiprism made, as a result or an exported tree. It is "
            "never read as a source: name the folder of the songs."
        )
    return [ignored_marker(folder) for folder in ignored if folder != os.path.realpath(path)]


def ignored_marker(folder: bytes) -> Notice:
    """Return a notice of a marker that does not count."""
    message = f"Its {MARKER_FILE_NAME} is not one that midiprism wrote, and is ignored."
    return Notice(folder, "marker", message)


def _read(path: bytes) -> bytes:
    """Return the bytes of a file, up to a limit. What is not a regular file has none."""
    with open(os.open(path, READ_FLAGS), "rb") as file:
        return file.read(MAX_MARKER_BYTES) if stat.S_ISREG(os.fstat(file.fileno()).st_mode) else b""


def parse_marker_data(data: bytes) -> dict[str, Any] | None:
    """Return the marker that a file of its name holds; None if midiprism did not write it."""
    try:
        marker = json.loads(data)
    except (ValueError, RecursionError):
        return None
    return marker if isinstance(marker, dict) and marker.get("midiprism") in MARKER_KINDS else None
