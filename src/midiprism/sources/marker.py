"""The file that marks a folder as a midiprism result, which is never read as a source."""

import os

MARKER_FILE_NAME = "midiprism.json"
"""Name of the marker, which is in the folder of a result and in a tree that an export made."""


def is_result_folder(folder: bytes) -> bool:
    """Return True if a folder is marked as a result."""
    return os.path.lexists(os.path.join(folder, os.fsencode(MARKER_FILE_NAME)))


def enclosing_result(path: bytes) -> bytes | None:
    """Return the nearest folder marked as a result, out of ``path`` and its ancestors; None without one.

    Links are resolved first, so that a link into a result does not hide it.
    """
    folder = os.path.realpath(path)
    while not is_result_folder(folder):
        parent = os.path.dirname(folder)
        if parent == folder:
            return None
        folder = parent
    return folder
