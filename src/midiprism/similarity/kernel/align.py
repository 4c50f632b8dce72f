"""Finds the place of a line that is most like an example: a local alignment of the notes of both.

By Smith and Waterman (1981), step by step: a step leads from one group of notes to the next. It is right if
its interval is that of the example, and better if its rhythm is, too.
"""

from typing import Any

import numpy as np

from midiprism.native.types import INT64
from midiprism.similarity.kernel.phrases import load_line
from midiprism.similarity.kernel.tables import LINE_ROW, MAX_GROUPS
from midiprism.smf.kernel.jit import array_of, borrowing_helper, bounds_checked_by_hand, entry_point
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

ALIGN_ROW = row_type(("steps", np.int64, MAX_GROUPS), ("states", np.int64, MAX_GROUPS))
"""The steps of a line, one for each group, and the last row of the alignment.

A state is, for each group of the line, one number: the best score that ends there, and where that begins in
the line and in the example.
"""

_PLACE_BITS = 12
_SCORE_SHIFT = 2 * _PLACE_BITS
_SCORE_UNIT = 1 << _SCORE_SHIFT
_PLACE_MASK = (1 << _PLACE_BITS) - 1


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
def _step(line: Any, at: int) -> int:
    """Return what is compared at a group: the interval from the one before, or the pieces of drums."""
    return line.pitches[at] if line.drums != 0 else line.pitches[at] - line.pitches[at - 1]


@borrowing_helper
def _step_score(example: Any, at: int, line: Any, place: int, same: bool, rule: int, timed: int) -> int:
    """Return the score of a step of the example that is one of the line."""
    if rule == BY_RHYTHM:
        return RIGHT + RHYTHM_BONUS if timed != 0 and _same_rhythm(example, at, line, place) else _WRONG
    if same:
        return RIGHT + RHYTHM_BONUS * (timed != 0 and _same_rhythm(example, at, line, place))
    return _NEVER if rule == BY_INTERVALS else _WRONG


@borrowing_helper
def _prepare(line: Any, row: Any) -> None:
    """Fill the steps of a line, and empty the row. What it writes lies in the tables."""
    for place in range(1, line.groups):
        row.steps[place] = _step(line, place)
        row.states[place] = 0


@bounds_checked_by_hand
def _align(example: Any, line: Any, rule: int, timed: int, row: Any, match: Any) -> None:
    """Find the best place of an example in a line. ``_prepare`` has found that all groups lie in the row."""
    gap = _NEVER if rule == BY_INTERVALS else _GAP
    most = best_state = 0
    for at in range(1, example.groups):
        step = _step(example, at)
        diagonal = left = 0
        for place in range(1, line.groups):
            above = row.states[place]
            if diagonal < _SCORE_UNIT:
                diagonal = place - 1 << _PLACE_BITS | at - 1
            same = row.steps[place] == step
            best = diagonal + _SCORE_UNIT * _step_score(example, at, line, place, same, rule, timed)
            if (above >> _SCORE_SHIFT) + gap > best >> _SCORE_SHIFT:
                best = above + _SCORE_UNIT * gap
            if (left >> _SCORE_SHIFT) + gap > best >> _SCORE_SHIFT:
                best = left + _SCORE_UNIT * gap
            best = max(0, best)
            row.states[place] = best
            if best >> _SCORE_SHIFT > most:
                most, best_state = best >> _SCORE_SHIFT, best
                match.last, match.example_last = place, at
            diagonal, left = above, best
    match.score = most
    match.first = best_state >> _PLACE_BITS & _PLACE_MASK
    match.example_first = best_state & _PLACE_MASK


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
            _prepare(line, row)
            _align(example, line, rule, timed, row, matches[index])
