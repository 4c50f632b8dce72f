"""Real files for the tests, where there are any: the folder ``MIDIPRISM_CORPUS``, or one beside the project.

The folder holds zip archives of MIDI files, MIDI files, or both. ``MIDIPRISM_CORPUS_FULL=1`` asks for every
check on every file instead of a sample.
"""

import os
from functools import cache
from pathlib import Path
from zipfile import ZipFile

import pytest

FOLDER = Path(os.environ.get("MIDIPRISM_CORPUS") or Path(__file__).parents[2].parent / "shared" / "corpus")
FULL = os.environ.get("MIDIPRISM_CORPUS_FULL", "") not in ("", "0")
SUFFIXES = (".mid", ".midi", ".kar", ".rmi", ".smf")

needs_corpus = pytest.mark.skipif(not FOLDER.is_dir(), reason=f"no corpus of real files in {FOLDER}")

Member = tuple[Path, str]
"""A file: the archive and the name inside it, or its own path and nothing."""


@cache
def members() -> tuple[Member, ...]:
    """Every MIDI file of the corpus, in a fixed order."""
    found: list[Member] = []
    for path in sorted(FOLDER.rglob("*")):
        if path.suffix.lower() == ".zip":
            with ZipFile(path) as archive:
                names = sorted(archive.namelist())
            found += [(path, name) for name in names if name.lower().endswith(SUFFIXES)]
        elif path.suffix.lower() in SUFFIXES:
            found.append((path, ""))
    return tuple(found)


@cache
def _archive(path: Path) -> ZipFile:
    return ZipFile(path)


def content(member: Member) -> bytes:
    """The bytes of a file."""
    path, name = member
    return _archive(path).read(name) if name else path.read_bytes()


def share(number: int, of: int, every: int = 1) -> list[Member]:
    """One of ``of`` shares of the files; of every ``every``-th file only, unless all are wanted."""
    return list(members()[:: 1 if FULL else every][number::of])
