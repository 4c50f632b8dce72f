"""The folder of the fingerprints of a result, and the files in it. It loads nothing else."""

import os
import secrets
from collections.abc import Iterator

from midiprism.results.segment_folder import SEGMENT_SUFFIX

SIMILARITY_FOLDER = ".midiprism-similar"
"""Folder of the fingerprints in that of a result."""


def similarity_folder(out: str) -> str:
    """Return the folder of the fingerprints of a result."""
    return os.path.join(out, SIMILARITY_FOLDER)


_PREFIX = "new-"


def new_lines_file(folder: str) -> str:
    """Return the path of another file of lines in the folder of fingerprints."""
    return os.path.join(folder, _PREFIX + secrets.token_hex(8) + SEGMENT_SUFFIX)


def new_lines_files(folder: str) -> Iterator[str]:
    """Yield the paths of the files of lines that workers have recorded and no update has used."""
    for name in sorted(os.listdir(folder)):
        if name.startswith(_PREFIX) and name.endswith(SEGMENT_SUFFIX):
            yield os.path.join(folder, name)
