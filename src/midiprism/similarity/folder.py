"""The folder of the fingerprints of a result. It loads nothing else."""

import os

SIMILARITY_FOLDER = ".midiprism-similar"
"""Folder of the fingerprints in that of a result."""


def similarity_folder(out: str) -> str:
    """Return the folder of the fingerprints of a result."""
    return os.path.join(out, SIMILARITY_FOLDER)
