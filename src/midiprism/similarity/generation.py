"""The fingerprints of a result: its segments, and the file that names them.

``results/segment_folder.py`` describes its folder.
"""

import os
import secrets
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from midiprism.fs.column_file import ArraysInMemory, ColumnFile, write_columns
from midiprism.results.segment_folder import (
    SEGMENT_SUFFIX,
    current_file,
    read_newest,
    remove_segments,
    remove_unnamed,
)
from midiprism.similarity.fingerprint_version import FINGERPRINT_VERSION
from midiprism.similarity.folder import similarity_folder
from midiprism.similarity.segment import Segment

_FILE_VERSION = 2


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
        lost: ids of tracks that were looked at, but could not be read; ascending.
    """

    last_id: int
    segments: Sequence[NamedSegment]
    lost: Sequence[int] = ()

    def __iter__(self) -> Iterator[Segment]:
        return (one.segment for one in self.segments)


NOTHING = Generation(0, ())


def read_generation(folder: str) -> Generation:
    """Return the newest generation in a folder; ``NOTHING`` if there is none that this version can use."""
    return read_newest(folder, _read, NOTHING)


def _read(folder: str) -> Generation:
    file = ColumnFile(current_file(folder))
    facts = file.facts
    if (facts["file_version"], facts["fingerprint_version"]) != (_FILE_VERSION, FINGERPRINT_VERSION):
        return NOTHING
    segments = [
        NamedSegment(name, Segment(ColumnFile(os.path.join(folder, os.path.basename(name)))))
        for name in facts["segments"]
    ]
    return Generation(int(facts["last_id"]), segments, file["lost"][1:].tolist())


def write_segment(folder: str, arrays: ArraysInMemory) -> NamedSegment:
    """Write the file of a segment under a new name.

    Raises:
        OSError: it cannot be written.
    """
    name = secrets.token_hex(8) + SEGMENT_SUFFIX
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
    # A mapped file has at least one byte of an array on every system, so that a number comes first.
    lost = np.array([0, *generation.lost], np.int64)
    write_columns(current_file(folder), {"lost": lost}, facts)
    remove_unnamed(folder, names)


def remove_fingerprints(out: str) -> bool:
    """Remove the fingerprints of a result, and return whether nothing is left in their place."""
    return remove_segments(similarity_folder(out))
