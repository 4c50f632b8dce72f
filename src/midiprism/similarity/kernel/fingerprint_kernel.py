"""The entry points that make fingerprints: of tracks, and of sets of phrases."""

from typing import Any

import numpy as np

from midiprism.similarity.kernel.notes import read_line
from midiprism.similarity.kernel.phrases import load_line, make_phrases
from midiprism.similarity.kernel.signature import sign
from midiprism.similarity.kernel.tables import (
    COARSE_UNITS,
    LINE_ROW,
    MAX_GAP,
)
from midiprism.smf.kernel.jit import array_of, borrowing_helper, entry_point

_GRID = 2 * COARSE_UNITS


@borrowing_helper
def _store_line(line: Any, gaps: Any, pitches: Any, at: int) -> int:
    """Store a line, and return the position after it. Longer gaps are cut, so that the grid stays."""
    before = 0
    for index in range(line.groups):
        gap = line.onsets[index] - before
        before = line.onsets[index]
        if gap > MAX_GAP:
            gap = (MAX_GAP + 1) // _GRID * _GRID - _GRID + gap % _GRID
        gaps[at] = gap
        pitches[at] = line.pitches[index]
        at += 1
    return at


@borrowing_helper
def _store_phrases(line: Any, phrases: Any, at: int) -> int:
    """Store the set of phrases of a line in the order of their numbers; return the position after it."""
    for number in range(line.count):
        phrases[at + number] = line.members[number]
    return at + line.count


@entry_point(
    (
        array_of(np.uint8, readonly=True),
        array_of(np.int64),
        array_of(np.int64),
        array_of(np.uint16),
        array_of(np.uint8),
        array_of(np.int64),
        array_of(LINE_ROW),
    )
)
def lines_kernel(
    data: Any, ends: Any, drums: Any, gaps: Any, pitches: Any, line_ends: Any, line_table: Any
) -> None:
    """Read the lines of tracks.

    Args:
        data: the tracks as midiprism writes them, one after the other.
        ends: where each track ends in ``data``.
        drums: 1 for each track that plays a drum kit, else 0.
        gaps: for each group of notes the time since the one before, in units; long enough for all.
        pitches: of these groups; of drums, a number for the pieces.
        line_ends: where the line of each track ends in these arrays.
        line_table: one row of LINE_ROW, zero at first.
    """
    line = line_table[0]
    start = at = 0
    for index in range(ends.shape[0]):
        read_line(line, data, start, ends[index], drums[index])
        at = _store_line(line, gaps, pitches, at)
        line_ends[index] = at
        start = ends[index]


@entry_point(
    (
        array_of(np.int64, readonly=True),
        array_of(np.uint16, readonly=True),
        array_of(np.uint8, readonly=True),
        array_of(np.uint8, readonly=True),
        array_of(np.uint32),
        array_of(np.int64),
        array_of(LINE_ROW),
    )
)
def phrases_kernel(
    starts: Any, gaps: Any, pitches: Any, drums: Any, phrases: Any, phrase_ends: Any, line_table: Any
) -> None:
    """Fill the set of phrases of each line.

    Args:
        starts: where each line starts in ``gaps`` and ``pitches``, and the end of the last one.
        gaps: as ``lines_kernel`` fills them, and so ``pitches``.
        drums: 1 for each line of drums, else 0.
        phrases: room for two phrases a group.
        phrase_ends: where the phrases of each line end.
        line_table: one row of LINE_ROW, zero at first.
    """
    line = line_table[0]
    at = 0
    for index in range(starts.shape[0] - 1):
        load_line(line, gaps, pitches, starts[index], starts[index + 1], drums[index])
        make_phrases(line)
        at = _store_phrases(line, phrases, at)
        phrase_ends[index] = at


@entry_point((array_of(np.uint32, readonly=True), array_of(np.int64, readonly=True), array_of(np.uint32)))
def signatures_kernel(phrases: Any, ends: Any, signatures: Any) -> None:
    """Fill the signatures of sets of phrases.

    Args:
        phrases: the sets, one after the other.
        ends: where each set ends.
        signatures: ``SIGNATURE_VALUES`` values for each set.
    """
    start = 0
    for index in range(ends.shape[0]):
        sign(phrases, start, ends[index], signatures, index)
        start = ends[index]
