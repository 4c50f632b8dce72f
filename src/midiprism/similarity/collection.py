"""The fingerprints of all tracks of a result, as if they were in one segment."""

from collections.abc import Iterable
from functools import cached_property
from typing import Any

import numpy as np

from midiprism.similarity.fingerprints import JoinedLines, Lines
from midiprism.similarity.kernel.tables import SIGNATURE_VALUES
from midiprism.similarity.segment import Segment


class Collection:
    """The fingerprints of tracks. A row is the place of a track among all of them; ids ascend with rows.

    Args:
        segments: in the order of their ids.
    """

    def __init__(self, segments: Iterable[Segment]) -> None:
        self._segments = [*segments]
        self._lines = JoinedLines([segment.lines for segment in self._segments])
        self.sizes = self._joined("sizes", np.int32)
        """The number of different phrases of each track; 0 for one that shall not be compared."""

    def __len__(self) -> int:
        return len(self._lines)

    @cached_property
    def ids(self) -> Any:
        """The ids of the tracks; int64, ascending."""
        return self._joined("id", np.int64)

    @cached_property
    def digests(self) -> Any:
        """The first bytes of the digests of the tracks; uint64."""
        return self._joined("digest", np.uint64)

    @cached_property
    def drums(self) -> Any:
        """1 for each track of drums, else 0; uint8."""
        return self._joined("drums", np.uint8)

    @property
    def signatures(self) -> Any:
        """The signatures of the tracks; uint32, shape (tracks, 64). A copy each time."""
        return self._joined("signatures", np.uint32).reshape(-1, SIGNATURE_VALUES)

    def take_lines(self, rows: Any) -> Lines:
        """Return the lines of tracks by their rows, ascending; any number of threads may call it."""
        return self._lines.take(rows)

    def _joined(self, name: str, kind: Any) -> Any:
        return np.concatenate([np.empty(0, kind), *(one.columns[name] for one in self._segments)])
