"""A generation of the index: its segments, and the state of the catalog that it stands for.

``results/segment_folder.py`` describes its folder.
"""

import os
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from midiprism.catalog.queries.index_rows import CatalogState
from midiprism.fs.column_file import (
    Array,
    ArraysInMemory,
    ColumnFile,
    Columns,
    write_columns,
)
from midiprism.results import segment_folder
from midiprism.results.segment_folder import SEGMENT_SUFFIX, current_file, read_newest, remove_segments
from midiprism.search.index.index_columns import SIGNATURE

INDEX_FOLDER = ".midiprism-index"
"""Folder of the index in that of a result."""

INDEX_VERSION = 1
"""Version of the files. An index of another version is built anew."""


class IndexedSegment(NamedTuple):
    """A segment of a generation.

    Attributes:
        name: of its file; empty for one in memory.
        columns: its arrays.
        dead_songs: rows of songs that a later segment has, or none, ascending.
    """

    name: str
    columns: Columns
    dead_songs: Array

    @property
    def live_links(self) -> int:
        """The number of links of songs that are not dead."""
        counts = np.diff(self.columns["songs.links"].astype(np.int64))
        return int(counts.sum() - counts[self.dead_songs].sum())

    @property
    def live_song_ids(self) -> Array:
        """The ids of the songs that are not dead."""
        return np.delete(self.columns["songs.id"], self.dead_songs)


class Generation(NamedTuple):
    """A generation.

    Attributes:
        state: of the catalog.
        commits: digests of all commits that it knows, ascending.
        segments: the oldest first.
    """

    state: CatalogState
    commits: Array
    segments: Sequence[IndexedSegment]

    @property
    def size(self) -> int:
        """The bytes of its segments."""
        return sum(segment.columns.size for segment in self.segments)


def index_folder(out: str) -> str:
    """Return the folder of the index of a result."""
    return os.path.join(out, INDEX_FOLDER)


def read_generation(folder: str) -> Generation | None:
    """Return the newest generation in a folder; None if there is none that this version can use."""
    return read_newest(folder, _read, None)


def _read(folder: str) -> Generation | None:
    current = ColumnFile(current_file(folder))  # copied below: Windows replaces no mapped file
    facts = current.facts
    if facts["version"] != INDEX_VERSION or facts["columns"] != SIGNATURE:
        return None
    commit_count, *last_commit = facts["state"]
    segments = [
        IndexedSegment(
            name, ColumnFile(os.path.join(folder, os.path.basename(name))), current[f"dead.{index}"].copy()
        )
        for index, name in enumerate(facts["segments"])
    ]
    return Generation(CatalogState(commit_count, tuple(last_commit)), current["commits"].copy(), segments)


def write_segment(folder: str, name: str, arrays: ArraysInMemory) -> ColumnFile:
    """Write the file of a segment, and return its arrays.

    Raises:
        OSError: it cannot be written.
    """
    path = os.path.join(folder, name + SEGMENT_SUFFIX)
    write_columns(path, arrays, arrays.facts)
    return ColumnFile(path)


def segment_file(name: str) -> str:
    """Return the name of the file of a segment."""
    return name + SEGMENT_SUFFIX


def write_generation(folder: str, generation: Generation) -> None:
    """Make a generation, whose segments are written, the newest one.

    Raises:
        OSError: it cannot be written. The newest one is left.
    """
    facts: dict[str, Any] = {
        "version": INDEX_VERSION,
        "columns": SIGNATURE,
        "state": [generation.state.commits, *generation.state.last_commit],
        "segments": [segment.name for segment in generation.segments],
    }
    arrays = {
        f"dead.{index}": segment.dead_songs.astype(np.uint32)
        for index, segment in enumerate(generation.segments)
    }
    write_columns(current_file(folder), {"commits": generation.commits, **arrays}, facts)


def remove_unnamed(folder: str, generation: Generation) -> None:
    """Remove the files that a generation does not name, while no other process writes the index."""
    segment_folder.remove_unnamed(folder, (segment.name for segment in generation.segments))


def remove_index(out: str) -> bool:
    """Remove the index of a result, and return whether nothing is left in its place.

    What is there besides the files of an index is left.
    """
    return remove_segments(index_folder(out))
