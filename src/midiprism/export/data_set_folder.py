"""The folder of an exported data set: marked first as unfinished, held while it is written, then as whole."""

import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

from midiprism.errors import StoreError, UsageError
from midiprism.export.tree_folder import DATA_SET_KEY, check_export_folder
from midiprism.results.data_set_card import CARD_FILE
from midiprism.results.lock import lock_exclusive
from midiprism.results.result_dir import fsync_dir, write_marker
from midiprism.stores.sharded import LINKS_FOLDER, SONGS_TABLE, TRACKS_FOLDER

UNFINISHED, WHOLE = "unfinished", "whole"
"""States of a data set."""

_FOLDERS = (TRACKS_FOLDER, LINKS_FOLDER, os.path.dirname(SONGS_TABLE))


def check_data_set_folder(out: str, to: str) -> None:
    """Raise UsageError if ``to`` cannot take a data set of the result in ``out``.

    A new or empty folder can, also one with a card only, and one in which an export was cut off.
    """
    marker = check_export_folder(out, to)
    if marker is None:
        names = os.listdir(to) if os.path.isdir(to) else []
        others = sorted(name for name in names if not name.startswith(".") and name != CARD_FILE)
        if others:
            raise UsageError(f"{to} holds other files, such as {others[0]}: choose a new or empty folder.")
    elif DATA_SET_KEY not in marker:
        raise UsageError(f"{to} holds an exported tree: choose a new or empty folder for a data set.")
    elif marker[DATA_SET_KEY] != UNFINISHED:
        raise UsageError(f"{to} holds a data set: choose a new folder, or remove that one first.")


@contextmanager
def open_data_set_folder(out: str, to: str, query: str) -> Iterator[Callable[[], None]]:
    """Hold the folder of a data set while it is written, and yield a function that marks it as whole.

    Raises:
        UsageError: another export was faster.
        InUseError: another export holds it.
        StoreError: it cannot be written.
    """
    try:
        os.makedirs(to, exist_ok=True)
    except OSError as error:
        raise StoreError(f"{to} cannot be made: {error.strerror or error}.") from error
    with lock_exclusive(to):
        check_data_set_folder(out, to)
        write_marker(to, "export", {DATA_SET_KEY: UNFINISHED, "query": query})
        fsync_dir(to)
        try:
            for name in _FOLDERS:
                with suppress(FileNotFoundError):
                    shutil.rmtree(os.path.join(to, name))
        except OSError as error:
            raise StoreError(f"{to} cannot be written: {error.strerror or error}.") from error

        def mark_as_whole() -> None:
            write_marker(to, "export", {DATA_SET_KEY: WHOLE, "query": query})
            fsync_dir(to)

        yield mark_as_whole
