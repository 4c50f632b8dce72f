"""The fingerprints of a result: its segments, and the file that names them.

``current`` names the segments of the newest generation. It is replaced at once, and last: a process that is
killed before leaves files that nothing names. Segments never change. A reader keeps those that it has mapped,
also after they were removed.
"""

import os
import secrets
from collections.abc import Container, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from midiprism.fs.atomic_write import TEMPORARY_SUFFIX
from midiprism.fs.column_file import ArraysInMemory, ColumnFile, DamagedIndexError, write_columns
from midiprism.results.lock import LOCK_FILE
from midiprism.similarity.fingerprint_version import FINGERPRINT_VERSION
from midiprism.similarity.folder import similarity_folder
from midiprism.similarity.segment import Segment

_FILE_VERSION = 1
_CURRENT = "current"
_SUFFIX = ".columns"
_OPEN_ATTEMPTS = 5


class NamedSegment(NamedTuple):
    """A segment and the name of its file; empty where it is in memory."""

    name: str
    segment: Segment


@dataclass(frozen=True, slots=True)
class Generation:
    """A generation.

    Attributes:
        last_id: the highest id of a track that was looked at, whether it could be read or not.
        segments: in the order of their ids.
    """

    last_id: int
    segments: Sequence[NamedSegment]

    def __iter__(self) -> Iterator[Segment]:
        return (one.segment for one in self.segments)


NOTHING = Generation(0, ())


def read_generation(folder: str) -> Generation:
    """Return the newest generation in a folder; ``NOTHING`` if there is none that this version can use."""
    for _ in range(_OPEN_ATTEMPTS):
        try:
            return _read(folder)
        except FileNotFoundError:
            # Another process has replaced it between its two files.
            if not os.path.exists(os.path.join(folder, _CURRENT)):
                return NOTHING
        except (OSError, DamagedIndexError, KeyError, TypeError, ValueError):
            return NOTHING
    return NOTHING


def _read(folder: str) -> Generation:
    facts = ColumnFile(os.path.join(folder, _CURRENT)).facts
    if (facts["file_version"], facts["fingerprint_version"]) != (_FILE_VERSION, FINGERPRINT_VERSION):
        return NOTHING
    segments = [
        NamedSegment(name, Segment(ColumnFile(os.path.join(folder, os.path.basename(name)))))
        for name in facts["segments"]
    ]
    return Generation(int(facts["last_id"]), segments)


def write_segment(folder: str, arrays: ArraysInMemory) -> NamedSegment:
    """Write the file of a segment under a new name.

    Raises:
        OSError: it cannot be written.
    """
    name = secrets.token_hex(8) + _SUFFIX
    path = os.path.join(folder, name)
    write_columns(path, arrays, arrays.facts)
    return NamedSegment(name, Segment(ColumnFile(path)))


def write_generation(folder: str, generation: Generation) -> None:
    """Make a generation, whose segments are written, the newest one, and remove what it does not name.

    Raises:
        OSError: it cannot be written. The newest one is left.
    """
    names = [one.name for one in generation.segments]
    facts = {
        "file_version": _FILE_VERSION,
        "fingerprint_version": FINGERPRINT_VERSION,
        "last_id": generation.last_id,
        "segments": names,
    }
    # A mapped file has at least one byte of an array on every system.
    write_columns(os.path.join(folder, _CURRENT), {"nothing": np.zeros(1, np.uint8)}, facts)
    _remove(folder, {_CURRENT, LOCK_FILE, *names})


def remove_fingerprints(out: str) -> bool:
    """Remove the fingerprints of a result, and return whether nothing is left in their place."""
    folder = similarity_folder(out)
    if os.path.isdir(folder) and not os.path.islink(folder):
        _remove(folder, ())
        with suppress(OSError):
            os.rmdir(folder)
    return not os.path.lexists(folder)


def _remove(folder: str, kept: Container[str]) -> None:
    """Remove the files of generations but for some."""
    for name in os.listdir(folder):
        is_own = name in (_CURRENT, LOCK_FILE) or name.endswith((_SUFFIX, TEMPORARY_SUFFIX))
        if is_own and name not in kept:
            with suppress(OSError):  # a reader on Windows has it open: the next update removes it
                os.unlink(os.path.join(folder, name))
