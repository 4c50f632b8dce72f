"""Problems of a song: counted by kind while a track is walked, then listed."""

from typing import Any

import numpy as np

from midiprism.smf.kernel.jit import borrowing_helper, inlined
from midiprism.smf.problems import MAX_LISTED_PROBLEMS, PROBLEM_KINDS

KIND_IS_REPAIRED = np.array([kind.repaired for kind in PROBLEM_KINDS])


@borrowing_helper
def count_problem(state: Any, kind: int, offset: int) -> None:
    """Count a problem of the track that is walked."""
    if state.problem_counts[kind] == 0:
        state.problem_offsets[kind] = offset
    state.problem_counts[kind] += 1
    state.problem_total += 1


@inlined
def clear_problem_counts(state: Any) -> None:
    """Drop the problems counted since the last track was reported."""
    if state.problem_total > 0:
        state.problem_total = 0
        for kind in range(len(PROBLEM_KINDS)):
            state.problem_counts[kind] = 0


@borrowing_helper
def report_problem(problems: Any, counters: Any, kind: int, track: int, offset: int, count: int) -> None:
    """List a problem, or only count it where very many are listed."""
    if KIND_IS_REPAIRED[kind]:
        counters.repaired += 1
    if counters.problems >= MAX_LISTED_PROBLEMS:
        counters.unlisted += 1
        return
    row = problems[counters.problems]
    row.kind = kind
    row.track = track
    row.offset = offset
    row.count = count
    counters.problems += 1


@borrowing_helper
def report_track_problems(problems: Any, counters: Any, state: Any, track: int) -> None:
    """List what was counted of a track."""
    for kind in range(len(PROBLEM_KINDS)):
        if state.problem_counts[kind] > 0:
            report_problem(
                problems, counters, kind, track, state.problem_offsets[kind], state.problem_counts[kind]
            )
    clear_problem_counts(state)
