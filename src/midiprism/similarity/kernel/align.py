"""Finds the place of a line that is most like an example: a local alignment of the notes of both.

By Smith and Waterman (1981), step by step: a step leads from one group of notes to the next. It is right if
its interval is that of the example, and better if its rhythm is, too.
"""

from typing import Any

import numpy as np

from midiprism.native.types import INT64
from midiprism.similarity.kernel.phrases import load_line
from midiprism.similarity.kernel.tables import LINE_ROW, MAX_GROUPS
from midiprism.smf.kernel.jit import array_of, borrowing_helper, entry_point
from midiprism.smf.kernel.row_types import row_type

BY_NOTES, BY_INTERVALS, BY_RHYTHM = range(3)
"""The rules of agreement: intervals, with rhythm as a bonus; all intervals exactly; or the rhythm alone."""

RIGHT = 2
RHYTHM_BONUS = 1
_WRONG = -2
_GAP = -2
_NEVER = -1_000

MATCH = row_type("score", "first", "last", "example_first", "example_last")
"""The best place: its score, and the first and the last group of it, in the line and in the example."""

ALIGN_ROW = row_type(
    ("scores", np.int64, MAX_GROUPS),
    ("firsts", np.int64, MAX_GROUPS),
    ("example_firsts", np.int64, MAX_GROUPS),
)
"""The last row of the alignment: for each group of the line the best score that ends there, and its start."""


@borrowing_helper
def _same_rhythm(one: Any, at: int, other: Any, place: int) -> bool:
    """Return whether the step to a group is as long, relative to the one before, as in another line."""
    if at < 2 or place < 2:
        return False
    before, after = one.onsets[at - 1] - one.onsets[at - 2], one.onsets[at] - one.onsets[at - 1]
    other_before = other.onsets[place - 1] - other.onsets[place - 2]
    other_after = other.onsets[place] - other.onsets[place - 1]
    ratio, other_ratio = after * other_before, other_after * before
    return 4 * abs(ratio - other_ratio) <= max(ratio, other_ratio) and ratio > 0


@borrowing_helper
def _step_score(example: Any, at: int, line: Any, place: int, rule: int, timed: int) -> int:
    """Return the score of a step of the example that is one of the line."""
    same_rhythm = timed != 0 and _same_rhythm(example, at, line, place)
    if rule == BY_RHYTHM:
        return RIGHT + RHYTHM_BONUS if same_rhythm else _WRONG
    if example.drums != 0:
        same = example.pitches[at] == line.pitches[place]
    else:
        interval = example.pitches[at] - example.pitches[at - 1]
        same = line.pitches[place] - line.pitches[place - 1] == interval
    if same:
        return RIGHT + RHYTHM_BONUS * same_rhythm
    return _NEVER if rule == BY_INTERVALS else _WRONG


@borrowing_helper
def _align(example: Any, line: Any, rule: int, timed: int, row: Any, match: Any) -> None:
    for place in range(line.groups):
        row.scores[place] = 0
    match.score = 0
    gap = _NEVER if rule == BY_INTERVALS else _GAP
    for at in range(1, example.groups):
        diagonal, diagonal_first, diagonal_example = 0, 0, at - 1
        for place in range(1, line.groups):
            above, above_first, above_example = (
                row.scores[place],
                row.firsts[place],
                row.example_firsts[place],
            )
            if diagonal <= 0:
                diagonal_first, diagonal_example = place - 1, at - 1
            best = max(0, diagonal) + _step_score(example, at, line, place, rule, timed)
            first, example_first = diagonal_first, diagonal_example
            if above + gap > best:
                best, first, example_first = above + gap, above_first, above_example
            if place > 1 and row.scores[place - 1] + gap > best:
                best = row.scores[place - 1] + gap
                first, example_first = row.firsts[place - 1], row.example_firsts[place - 1]
            row.scores[place] = max(0, best)
            row.firsts[place] = first
            row.example_firsts[place] = example_first
            if best > match.score:
                match.score, match.first, match.last = best, first, place
                match.example_first, match.example_last = example_first, at
            diagonal, diagonal_first, diagonal_example = above, above_first, above_example


@entry_point(
    (
        array_of(np.int64, readonly=True),
        array_of(np.uint16, readonly=True),
        array_of(np.uint8, readonly=True),
        array_of(np.uint8, readonly=True),
        INT64,
        INT64,
        array_of(MATCH),
        array_of(LINE_ROW),
        array_of(ALIGN_ROW),
    )
)
def align_kernel(
    starts: Any,
    gaps: Any,
    pitches: Any,
    drums: Any,
    rule: int,
    timed: int,
    matches: Any,
    lines: Any,
    row_table: Any,
) -> None:
    """Find the best place of an example, the first line, in each of the others.

    Args:
        starts: where each line starts in ``gaps`` and ``pitches``, and the end of the last one.
        gaps: of all lines, and so ``pitches``.
        drums: 1 for each line of drums, else 0.
        rule: what has to agree.
        timed: 1 if the rhythm of the example counts, else 0.
        matches: filled for each line, that of the example too.
        lines: two rows of LINE_ROW.
        row_table: one row of ALIGN_ROW.
    """
    example, line, row = lines[0], lines[1], row_table[0]
    load_line(example, gaps, pitches, starts[0], starts[1], drums[0])
    for index in range(starts.shape[0] - 1):
        load_line(line, gaps, pitches, starts[index], starts[index + 1], drums[index])
        if line.drums == example.drums:
            _align(example, line, rule, timed, row, matches[index])
