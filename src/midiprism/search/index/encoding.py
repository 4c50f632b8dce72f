"""Columns of an index as arrays: numbers and texts become small codes wherever they have few values.

Codes are in the order of the values; 0 stands for NULL. So a range of numbers is a range of codes, and a text
is compared once for each different text.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from midiprism.catalog.folding import fold_text
from midiprism.fs.column_file import Array

SEPARATOR = b"\xff"
"""Stands around each text of a list of texts; no byte of UTF-8 equals it."""

MAX_CODES = 0xFFFF - 1
_SAMPLE = 1 << 16

FloatArray = NDArray[np.float64]
Arrays = dict[str, Array]


def text_bytes(text: str) -> bytes:
    """Return a text as UTF-8; lone surrogates, which no database takes, stay what they are."""
    return text.encode("utf-8", "surrogatepass")


def encode_numbers(key: str, values: FloatArray) -> Arrays:
    """Return the arrays of a column of numbers.

    Args:
        key: name of the column.
        values: NaN stands for NULL.
    """
    is_value = ~np.isnan(values)
    known = values[is_value]
    if len(known) <= _SAMPLE or len(np.unique(known[:_SAMPLE])) < _SAMPLE // 2:
        distinct, numbers = np.unique(known, return_inverse=True)
        if len(distinct) <= MAX_CODES:
            codes = np.zeros(len(values), _code_type(len(distinct)))
            codes[is_value] = numbers + 1
            return {f"{key}:codes": codes, f"{key}:values": distinct}
    narrow = values.astype(np.float32)
    is_exact = bool(np.all(narrow[is_value] == known))
    return {f"{key}:raw": narrow if is_exact else values}


def _code_type(values: int) -> type[np.unsignedinteger[Any]]:
    """Return the smallest type for the codes of so many values and of NULL."""
    return np.uint8 if values < 0xFF else np.uint16 if values < 0xFFFF else np.uint32


class TextCollector:
    """Collects the texts of a column, each different one once."""

    def __init__(self) -> None:
        self._numbers: dict[str | None, int] = _Numbers({None: 0})
        self._parts: list[Array] = []

    def add(self, texts: Sequence[str | None]) -> None:
        """Add the texts of further rows."""
        self._parts.append(np.fromiter(map(self._numbers.__getitem__, texts), np.int32, len(texts)))

    def numbers(self) -> Array:
        """Return the number of each row's text: 0 for NULL, else in the order of first use."""
        return np.concatenate([np.empty(0, np.int32), *self._parts])

    def encode(self, key: str, rows: Array | None = None) -> Arrays:
        """Return the arrays of a column.

        Args:
            key: name of the column.
            rows: take only these rows, in this order; None for all.
        """
        numbers = self.numbers() if rows is None else self.numbers()[rows]
        return encode_texts(key, [*self._numbers], numbers)


def encode_texts(key: str, texts: Sequence[str | None], numbers: Array) -> Arrays:
    """Return the arrays of a column of texts.

    Args:
        key: name of the column.
        texts: NULL, then those that may occur.
        numbers: of the text of each row.
    """
    used = np.flatnonzero(np.bincount(numbers, minlength=len(texts))).tolist()
    known = ((texts[number] or "", number) for number in used if number)
    folded = [(fold_text(text), text, number) for text, number in known]
    folded.sort()
    code_of = np.zeros(len(texts), _code_type(len(folded)))
    code_of[[number for _, _, number in folded]] = np.arange(1, len(folded) + 1)
    ranks = np.zeros(len(folded), np.uint32)
    for index in range(1, len(folded)):
        ranks[index] = ranks[index - 1] + (folded[index][0] != folded[index - 1][0])
    return {
        f"{key}:codes": code_of[numbers],
        f"{key}:ranks": ranks,
        **encode_blobs(f"{key}:texts", [text_bytes(text) for _, text, _ in folded]),
        **encode_blobs(f"{key}:folded", [text_bytes(text) for text, _, _ in folded]),
    }


class _Numbers(dict[str | None, int]):
    """Numbers that are given out on first use."""

    def __missing__(self, text: str | None) -> int:
        number = self[text] = len(self)
        return number


def encode_blobs(key: str, blobs: Sequence[bytes]) -> Arrays:
    """Return a list of bytes: a separator around each, and where each begins."""
    joined = SEPARATOR + b"".join(blob + SEPARATOR for blob in blobs)
    lengths = np.fromiter(map(len, blobs), np.int64, len(blobs))
    starts = np.cumsum(np.concatenate([np.ones(1, np.int64), lengths + 1]))
    return {key: np.frombuffer(joined, np.uint8), f"{key}:starts": starts.astype(np.uint32)}


def collect_numbers(parts: Sequence[Array]) -> FloatArray:
    """Return the numbers of a column that was collected in parts."""
    return np.concatenate([np.empty(0, np.float64), *parts])


def narrowed(values: FloatArray) -> Array:
    """Return the same numbers in half of the memory, if that is exact."""
    narrow = values.astype(np.float32)
    return narrow if np.all((narrow == values) | np.isnan(values)) else values


def text_at(blob: memoryview, starts: Array, index: int) -> bytes:
    """Return one text of a list of texts."""
    return bytes(blob[int(starts[index]) : int(starts[index + 1]) - 1])
