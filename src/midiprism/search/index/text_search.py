"""Finds the texts of a list that contain another text."""

import numpy as np
from numpy.typing import NDArray

from midiprism.search.index.column_file import Array
from midiprism.search.index.encoding import SEPARATOR

BoolArray = NDArray[np.bool_]

MAX_SINGLE_HITS = 4_000
"""After so many hits one by one, comparing all bytes at once is faster."""


class TextList:
    """A list of folded texts as bytes, see ``encode_blobs``.

    Args:
        blob: of all texts.
        starts: where each begins, and where one more would.
    """

    def __init__(self, blob: memoryview, starts: Array) -> None:
        self._view = blob
        self._starts = starts
        self._blob: bytes | None = None

    def __len__(self) -> int:
        return len(self._starts) - 1

    def text(self, index: int) -> bytes:
        """Return one of the texts."""
        return bytes(self._view[int(self._starts[index]) : int(self._starts[index + 1]) - 1])

    def texts(self) -> list[str]:
        """Return all texts."""
        parts = bytes(self._view).decode("utf-8", "surrogateescape").split("\udcff")[1:-1]
        return [part.encode("utf-8", "surrogateescape").decode("utf-8", "surrogatepass") for part in parts]

    def containing(self, text: bytes) -> BoolArray:
        """Return for each text whether it contains another."""
        if not text:
            return np.ones(len(self), np.bool_)
        if self._blob is None:
            self._blob = bytes(self._view)  # which is searched faster than a mapped file
        found = np.zeros(len(self), np.bool_)
        hits: list[int] = []
        position = self._blob.find(text)
        while position >= 0 and len(hits) < MAX_SINGLE_HITS:
            hits.append(position)
            # On to the next text: further hits in this one change nothing.
            end = self._blob.find(SEPARATOR, position + len(text))
            position = self._blob.find(text, end)
        positions = np.array(hits, np.int64)
        if position >= 0:
            positions = np.concatenate([positions, self._positions_from(position, text)])
        found[np.searchsorted(self._starts, positions, side="right") - 1] = True
        return found

    def equal_to(self, text: bytes) -> BoolArray:
        """Return for each text whether it equals another."""
        if self._blob is None:
            self._blob = bytes(self._view)
        found = np.zeros(len(self), np.bool_)
        wanted = SEPARATOR + text + SEPARATOR
        position = self._blob.find(wanted)
        while position >= 0:
            found[np.searchsorted(self._starts, position + 1, side="right") - 1] = True
            position = self._blob.find(wanted, position + 1)
        return found

    def are_not_empty(self) -> BoolArray:
        """Return for each text whether it is not empty; of several in one entry, whether one is not."""
        text_starts = self._starts[:-1].astype(np.int64)
        sizes = np.diff(self._starts.astype(np.int64)) - 1
        data = np.frombuffer(self._view, np.uint8)
        found = sizes > 0
        only_separators = np.flatnonzero(found & (data[text_starts] == SEPARATOR[0]))
        for index in only_separators.tolist():
            found[index] = bool(self.text(index).strip(SEPARATOR))
        return found

    def _positions_from(self, start: int, text: bytes) -> NDArray[np.int64]:
        """Return all positions of a text from one on."""
        assert self._blob is not None
        data = np.frombuffer(self._blob, np.uint8)[start:]
        rarest = min(range(len(text)), key=lambda index: _FREQUENCY.get(text[index], 0))
        last = len(data) - len(text) + 1
        positions = np.flatnonzero(data[rarest : last + rarest] == text[rarest])
        for offset, byte in enumerate(text):
            if offset != rarest:
                positions = positions[data[positions + offset] == byte]
        return positions + start


_FREQUENCY = {byte: 100 - rank for rank, byte in enumerate(b" eatonirslhdcumpgbfywvkxjzq/-1023456789")}
"""Rough ranks of bytes by how often they occur in names, the most frequent first."""
