"""The folder of an exported tree: marked first, held while it is written, cleaned after a killed export."""

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

from midiprism.errors import StoreError, UsageError
from midiprism.export.export_record import RECORD_FILE
from midiprism.export.path_template import SUFFIX, PathTemplate
from midiprism.fs.atomic_write import name_of_temporary
from midiprism.fs.fsync import FSYNC_ON_WRITE, fsync_path
from midiprism.results.lock import LOCK_FILE, holder, lock_exclusive
from midiprism.results.result_dir import fsync_dir, read_marker, write_marker
from midiprism.sources import MARKER_FILE_NAME

DATA_SET_KEY = "data_set"
"""The key that only the marker of an exported data set has; see ``data_set_folder``."""


def check_tree_folder(out: str, to: str) -> None:
    """Raise UsageError if ``to`` cannot take a tree of the result in ``out``."""
    marker = check_export_folder(out, to)
    if marker is not None and DATA_SET_KEY in marker:
        raise UsageError(f"{to} holds a data set: choose another folder for files.")


def check_export_folder(out: str, to: str) -> dict[str, Any] | None:
    """Return the marker of an earlier export to ``to``; None without one.

    Raises:
        UsageError: ``to`` cannot take an export of the result in ``out``.
    """
    inner, outer = os.path.realpath(to), os.path.realpath(out)
    if inner == outer or inner.startswith(os.path.join(outer, "")):
        raise UsageError(f"{to} lies in the result {out}: choose a folder outside.")
    if os.path.lexists(os.path.join(to, MARKER_FILE_NAME)):
        marker = read_marker(to)
        if marker["midiprism"] != "export":
            raise UsageError(f"{to} is itself a midiprism result: choose another folder.")
        return marker
    if os.path.lexists(to) and not os.path.isdir(to):
        raise UsageError(f"{to} is not a folder.")
    return None


@contextmanager
def open_tree_folder(to: str, template: PathTemplate) -> Iterator[None]:
    """Hold the folder of a tree for writing. A new one is marked first: it is never split as a source.

    Raises:
        InUseError: another export holds it.
        StoreError: it cannot be written.
    """
    with _store_errors(to):
        os.makedirs(to, exist_ok=True)
    was_held = holder(to) != ""
    with lock_exclusive(to, required=False):
        with _store_errors(to):
            if not FSYNC_ON_WRITE:
                fsync_path(os.path.join(to, LOCK_FILE))
            if all(_is_leftover_at_top(name) for name in os.listdir(to)):
                write_marker(to, "export", {"template": template.text})
                fsync_dir(to)
            if was_held:  # by an export that was killed
                remove_leftovers(to)
        yield


def remove_leftovers(to: str) -> None:
    """Remove the temporary files that a killed export left below ``to``."""
    for folder, _, names in os.walk(to):
        for name in names:
            if (name_of_temporary(name) or "").endswith(SUFFIX) or _is_leftover_of_ours(name):
                with suppress(FileNotFoundError):
                    os.unlink(os.path.join(folder, name))


@contextmanager
def _store_errors(to: str) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise StoreError(f"{to} cannot be written: {error.strerror or error}.") from error


def _is_leftover_at_top(name: str) -> bool:
    """Return whether an export that was killed before it marked its folder may have left a file."""
    return name == LOCK_FILE or _is_leftover_of_ours(name)


def _is_leftover_of_ours(name: str) -> bool:
    return name_of_temporary(name) in (MARKER_FILE_NAME, RECORD_FILE)
