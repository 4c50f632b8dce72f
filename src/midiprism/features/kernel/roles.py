"""The role of a track in its song, judged by its notes alone."""

from typing import Any

from midiprism.smf.kernel.jit import borrowing_helper

ROLES = ("drums", "bass", "melody", "chords", "arpeggio", "pad", "other")
DRUMS, BASS, MELODY, CHORDS, ARPEGGIO, PAD, OTHER = range(len(ROLES))

MAX_MELODY_POLYPHONY = 1.4
MIN_CHORDS_POLYPHONY = 1.9
MAX_BASS_PITCH = 48.0
"""The median of a bass is at most the C below middle C."""

MIN_ARPEGGIO_GROUPS = 16
MIN_ARPEGGIO_LEAPS = 0.7
MIN_ARPEGGIO_EQUAL_GAPS = 0.8
MAX_ARPEGGIO_GROUP = 1.2
MIN_PAD_QUARTERS = 2.0


@borrowing_helper
def _clarity(distance: float, scale: float) -> float:
    """Return 0.5 at a threshold and 1 at ``scale`` away from it or further."""
    return min(1.0, 0.5 + 0.5 * abs(distance) / scale)


@borrowing_helper
def find_role(walk: Any, facts: Any) -> tuple[int, float]:
    """Return the role of a track with notes, as its index in ``ROLES``, and how clear it is, 0.5 to 1."""
    if walk.drums != 0:
        return DRUMS, 1.0
    polyphony, pitch = facts.polyphony, facts.median_pitch
    quarters = walk.durations / walk.note_count / walk.quarter
    broken = (
        walk.groups >= MIN_ARPEGGIO_GROUPS
        and walk.leaps >= MIN_ARPEGGIO_LEAPS * walk.intervals
        and walk.equal_gaps >= MIN_ARPEGGIO_EQUAL_GAPS * walk.gaps
        and walk.note_count <= MAX_ARPEGGIO_GROUP * walk.groups
    )
    if polyphony <= MAX_MELODY_POLYPHONY:
        clear = _clarity(MAX_MELODY_POLYPHONY - polyphony, MAX_MELODY_POLYPHONY - 1.0)
        if pitch <= MAX_BASS_PITCH:
            return BASS, min(clear, _clarity(MAX_BASS_PITCH - pitch, 8.0))
        if broken:
            return ARPEGGIO, _clarity(walk.leaps / walk.intervals - MIN_ARPEGGIO_LEAPS, 0.3)
        return MELODY, min(clear, _clarity(pitch - MAX_BASS_PITCH, 8.0))
    if broken:
        return ARPEGGIO, _clarity(walk.leaps / walk.intervals - MIN_ARPEGGIO_LEAPS, 0.3)
    if polyphony < MIN_CHORDS_POLYPHONY:
        middle = (MAX_MELODY_POLYPHONY + MIN_CHORDS_POLYPHONY) / 2
        return OTHER, 1.0 - _clarity(polyphony - middle, MIN_CHORDS_POLYPHONY - middle) / 2
    clear = _clarity(polyphony - MIN_CHORDS_POLYPHONY, 1.0)
    if quarters >= MIN_PAD_QUARTERS:
        return PAD, min(clear, _clarity(quarters - MIN_PAD_QUARTERS, 2.0))
    return CHORDS, min(clear, _clarity(MIN_PAD_QUARTERS - quarters, 1.0))
