"""Real files for the tests: those in the folder ``MIDIPRISM_CORPUS``, or in one next to the project.

The folder holds zip archives of MIDI files, MIDI files, or both. Tests that need it are skipped without it.
``MIDIPRISM_CORPUS_FULL=1`` runs every check on every file instead of a sample.
"""

import os
from functools import cache
from pathlib import Path
from zipfile import ZipFile

import pytest

CORPUS_FOLDER = Path(
    os.environ.get("MIDIPRISM_CORPUS") or Path(__file__).parents[2].parent / "shared" / "corpus"
)
FULL_CORPUS = os.environ.get("MIDIPRISM_CORPUS_FULL", "") not in ("", "0")
MIDI_SUFFIXES = (".mid", ".midi", ".kar", ".rmi", ".smf")

needs_corpus = pytest.mark.skipif(
    not CORPUS_FOLDER.is_dir(), reason=f"no corpus of real files in {CORPUS_FOLDER}"
)

Member = tuple[Path, str]
"""A file: the path of its archive and its name there, or its own path and an empty name."""


@cache
def members() -> tuple[Member, ...]:
    """Return every MIDI file of the corpus, in a fixed order."""
    files: list[Member] = []
    for path in sorted(CORPUS_FOLDER.rglob("*")):
        if path.suffix.lower() == ".zip":
            with ZipFile(path) as archive:
                names = sorted(archive.namelist())
            files += [(path, name) for name in names if name.lower().endswith(MIDI_SUFFIXES)]
        elif path.suffix.lower() in MIDI_SUFFIXES:
            files.append((path, ""))
    return tuple(files)


@cache
def _archive(path: Path) -> ZipFile:
    return ZipFile(path)


def read_member(member: Member) -> bytes:
    """Return the bytes of a file."""
    path, name = member
    return _archive(path).read(name) if name else path.read_bytes()


def corpus_share(index: int, share_count: int, step: int = 1) -> list[Member]:
    """Return one of ``share_count`` shares of every ``step``-th file, or with ``FULL_CORPUS`` of all."""
    return list(members()[:: 1 if FULL_CORPUS else step][index::share_count])
