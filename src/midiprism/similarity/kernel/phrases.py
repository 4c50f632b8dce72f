"""Phrases: six successive groups of a line, as their five intervals; of drums, as pieces and rhythm.

A phrase of one repeated note, or of one repeated piece, is none: it says nothing of the music.
"""

from typing import Any

from midiprism.similarity.kernel.hashing import add, append, empty, mix, without_first
from midiprism.similarity.kernel.tables import (
    COARSE_UNITS,
    NO_PHRASE,
    PHRASE_INTERVALS,
    PHRASE_NOTES,
)
from midiprism.smf.kernel.jit import borrowing_helper

_SHORTER, _EQUAL, _LONGER = range(3)


@borrowing_helper
def make_coarse(line: Any) -> None:
    """Fill the coarse line: groups moved to the nearest eighth note, the highest of those on one."""
    count = 0
    for index in range(line.groups):
        onset = (line.onsets[index] + COARSE_UNITS // 2) // COARSE_UNITS
        value = line.pitches[index]
        if count > 0 and line.coarse_onsets[count - 1] == onset:
            before = line.coarse_pitches[count - 1]
            line.coarse_pitches[count - 1] = before + value & 0xFF if line.drums != 0 else max(before, value)
            continue
        line.coarse_onsets[count] = onset
        line.coarse_pitches[count] = value
        count += 1
    line.coarse_groups = count


@borrowing_helper
def _compare_gaps(onsets: Any, at: int) -> int:
    """Return whether the time after a group is shorter than that before it, about equal, or longer."""
    before, after = onsets[at] - onsets[at - 1], onsets[at + 1] - onsets[at]
    if 3 * after < 2 * before:
        return _SHORTER
    return _LONGER if 2 * after > 3 * before else _EQUAL


@borrowing_helper
def _fill_melodic_phrases(pitches: Any, groups: int, phrases: Any) -> None:
    """Fill the phrases of a line in their order: each is the one before with another interval at its end."""
    state = moves = 0
    for at in range(1, groups):
        interval = pitches[at] - pitches[at - 1]
        state = append(state, interval & 0xFF)
        moves += interval != 0
        first = at - PHRASE_INTERVALS
        if first > 0:
            gone = pitches[first] - pitches[first - 1]
            state = without_first(state, gone & 0xFF)
            moves -= gone != 0
        if first >= 0:
            phrases[first] = mix(state) if moves > 0 else NO_PHRASE


@borrowing_helper
def _drum_phrase(onsets: Any, pieces: Any, at: int) -> int:
    state, changes = 1, 0
    for step in range(PHRASE_NOTES):
        gaps = _compare_gaps(onsets, at + step) if 0 < step < PHRASE_INTERVALS else 0
        changes += pieces[at + step] != pieces[at]
        state = append(state, 3 * pieces[at + step] + gaps)
    return mix(state) if changes > 0 else NO_PHRASE


@borrowing_helper
def _fill_phrases(onsets: Any, pitches: Any, groups: int, drums: int, phrases: Any) -> int:
    """Fill the phrases of a line in their order, and return how many there are."""
    count = max(0, groups - PHRASE_INTERVALS)
    if drums == 0:
        _fill_melodic_phrases(pitches, groups, phrases)
        return count
    for at in range(count):
        phrases[at] = _drum_phrase(onsets, pitches, at)
    return count


@borrowing_helper
def make_phrases(line: Any) -> None:
    """Fill the phrases of a line and of its coarse line, and the set of all of them."""
    make_coarse(line)
    line.phrase_count = _fill_phrases(line.onsets, line.pitches, line.groups, line.drums, line.phrases)
    line.coarse_phrase_count = _fill_phrases(
        line.coarse_onsets, line.coarse_pitches, line.coarse_groups, line.drums, line.coarse_phrases
    )
    empty(line, line.phrase_count + line.coarse_phrase_count)
    for at in range(line.phrase_count):
        if line.phrases[at] != NO_PHRASE:
            add(line, line.phrases[at])
    for at in range(line.coarse_phrase_count):
        if line.coarse_phrases[at] != NO_PHRASE:
            add(line, line.coarse_phrases[at])


@borrowing_helper
def load_line(line: Any, gaps: Any, pitches: Any, start: int, stop: int, drums: int) -> None:
    """Fill a line from the arrays that store it."""
    onset = 0
    for at in range(start, stop):
        onset += gaps[at]
        line.onsets[at - start] = onset
        line.pitches[at - start] = pitches[at]
    line.groups = stop - start
    line.drums = drums
