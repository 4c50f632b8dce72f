"""Ranks of many texts by their bytes, without an object for each text: there may be millions."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from midiprism.fs.column_file import Array

_WORD = 8

TextBytes = tuple[Array, Array, Array]
"""Bytes, where each text begins in them, and how many bytes it has."""


def ranks_of_texts(lists: Sequence[TextBytes]) -> list[NDArray[np.uint32]]:
    """Return for each text of some lists how many texts of all lists come before it.

    Texts are sorted by their first eight bytes, those that are equal so far by the next eight, and so on.
    A zero byte stands for the end of a text. Paths and names have none: texts that do may count as equal.
    """
    ends = np.cumsum([0, *(len(starts) for _, starts, _ in lists)])
    ranks = np.zeros(ends[-1], np.uint32)
    rows = np.arange(ends[-1], dtype=np.uint32)
    depth = 0
    while len(rows):
        cuts = np.searchsorted(rows, ends)
        parts = [rows[low:high] - end for low, high, end in zip(cuts, cuts[1:], ends, strict=False)]
        words = np.concatenate([_words(*own, part, depth) for own, part in zip(lists, parts, strict=True)])
        if (words == words[0]).all() and words[0] & 0xFF:  # as of folders that all paths begin with
            depth += _WORD
            continue
        before = ranks[rows]
        order = np.lexsort((words, before)).astype(np.uint32)
        rows, words, before = rows[order], words[order], before[order]
        is_later_group = before[1:] != before[:-1]
        groups = _first_of_each(is_later_group)
        firsts = _first_of_each(is_later_group | (words[1:] != words[:-1]))
        ranks[rows] = before + (firsts - groups)
        is_shared = np.bincount(firsts, minlength=len(rows))[firsts] > 1
        rows = np.sort(rows[is_shared & (words & 0xFF != 0)])
        depth += _WORD
    return np.split(ranks, ends[1:-1])


def _first_of_each(is_new: NDArray[np.bool_]) -> NDArray[np.uint32]:
    """Return for each item the place of the first one of its group, given whether the others begin one."""
    places = np.arange(1, len(is_new) + 1, dtype=np.uint32) * is_new
    return np.maximum.accumulate(np.concatenate([np.zeros(1, np.uint32), places]))


def _words(
    data: Array, starts: Array, sizes: Array, rows: NDArray[np.uint32], depth: int
) -> NDArray[np.uint64]:
    """Return eight bytes of some texts from a depth on, as numbers in the same order; 0 behind the end."""
    if len(data) < _WORD:
        data = np.concatenate([data, np.zeros(_WORD, np.uint8)])
    every_word = np.ndarray(len(data) - _WORD + 1, ">u8", data, strides=(1,))
    places = starts[rows].astype(np.int64) + depth
    read_at = np.minimum(places, len(every_word) - 1)
    found = every_word[read_at].astype(np.uint64)
    inside = np.clip(sizes[rows].astype(np.int64) - depth, 0, _WORD)
    found[inside == 0] = 0
    found <<= (8 * np.minimum(places - read_at, _WORD - 1)).astype(np.uint64)
    behind = (8 * np.minimum(_WORD - inside, _WORD - 1)).astype(np.uint64)
    return found >> behind << behind
