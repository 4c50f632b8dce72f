"""Finds the texts of a list that contain another text."""

import numpy as np
from numpy.typing import NDArray

from midiprism.fs.column_file import Array
from midiprism.search.index.encoding import SEPARATOR
from midiprism.search.index.text_ranks import TextBytes

BoolArray = NDArray[np.bool_]


class TextList:
    """A list of folded texts as bytes, see ``encode_blobs``.

    Args:
        blob: of all texts.
        starts: where each begins, and where one more would.
    """

    def __init__(self, blob: memoryview, starts: Array) -> None:
        self._view = blob
        self._starts = starts
        self._data: NDArray[np.uint8] = np.frombuffer(blob, np.uint8)

    def __len__(self) -> int:
        return len(self._starts) - 1

    def text(self, index: int) -> bytes:
        """Return one of the texts."""
        return bytes(self._view[int(self._starts[index]) : int(self._starts[index + 1]) - 1])

    def entries(self) -> TextBytes:
        """Return the texts as they are: paths may have bytes that equal the separator."""
        return self._data, self._starts[:-1], np.diff(self._starts) - 1

    def first_texts(self) -> TextBytes:
        """Return the texts, of several in one entry the first."""
        starts = self._starts[:-1]
        ends = np.flatnonzero(self._data == SEPARATOR[0])
        return self._data, starts, (ends[np.searchsorted(ends, starts)] - starts).astype(np.uint32)

    def texts(self) -> list[str]:
        """Return all texts."""
        parts = bytes(self._view).decode("utf-8", "surrogateescape").split("\udcff")[1:-1]
        return [part.encode("utf-8", "surrogateescape").decode("utf-8", "surrogatepass") for part in parts]

    def containing(self, text: bytes) -> BoolArray:
        """Return for each text whether it contains another."""
        if not text:
            return np.ones(len(self), np.bool_)
        return self._entries_at(self._positions(text))

    def _entries_at(self, positions: NDArray[np.int64]) -> BoolArray:
        """Return for each text whether one of some ascending positions is in it."""
        found = np.zeros(len(self), np.bool_)
        if len(positions) <= len(self):
            found[np.searchsorted(self._starts, positions, side="right") - 1] = True
            return found
        before = np.searchsorted(positions, self._starts)
        return np.asarray(before[1:] > before[:-1])

    def equal_to(self, text: bytes) -> BoolArray:
        """Return for each text whether it equals another; of several in one entry, whether one does."""
        return self._entries_at(self._positions(SEPARATOR + text + SEPARATOR) + 1)

    def are_not_empty(self) -> BoolArray:
        """Return for each text whether it is not empty; of several in one entry, whether one is not."""
        text_starts = self._starts[:-1].astype(np.int64)
        sizes = np.diff(self._starts.astype(np.int64)) - 1
        found = sizes > 0
        only_separators = np.flatnonzero(found & (self._data[text_starts] == SEPARATOR[0]))
        for index in only_separators.tolist():
            found[index] = bool(self.text(index).strip(SEPARATOR))
        return found

    def _positions(self, text: bytes) -> NDArray[np.int64]:
        """Return all positions of a text, by comparing all bytes with its two rarest ones at once."""
        last = len(self._data) - len(text) + 1
        if last <= 0:
            return np.empty(0, np.int64)
        offsets = sorted(range(len(text)), key=lambda offset: _FREQUENCY.get(text[offset], 0))
        is_candidate = self._data[offsets[0] : last + offsets[0]] == text[offsets[0]]
        for offset in offsets[1:2]:
            is_candidate &= self._data[offset : last + offset] == text[offset]
        positions = np.flatnonzero(is_candidate)
        for offset in offsets[2:]:
            positions = positions[self._data[positions + offset] == text[offset]]
        return positions


_FREQUENCY = {byte: 100 - rank for rank, byte in enumerate(b" eatonirslhdcumpgbfywvkxjzq/-1023456789")}
"""Rough ranks of bytes by how often they occur in names, the most frequent first."""
