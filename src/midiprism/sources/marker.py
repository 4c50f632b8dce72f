"""The file that marks a folder as a midiprism result, which is never read as a source."""

import os

MARKER_FILE_NAME = "midiprism.json"
"""Name of the file in ``OUT`` (and in a tree that ``export`` made) that says so."""


def is_result_folder(folder: bytes) -> bool:
    """Whether ``folder`` is marked as a midiprism result."""
    return os.path.lexists(os.path.join(folder, os.fsencode(MARKER_FILE_NAME)))


def enclosing_result(path: bytes) -> bytes | None:
    """The nearest folder marked as a result, out of ``path`` and the folders above it; None without one.

    Links are resolved first, so a link into a result does not hide it.
    """
    here = os.path.realpath(path)
    while not is_result_folder(here):
        above = os.path.dirname(here)
        if above == here:
            return None
        here = above
    return here
