"""Columns of the integer tables that the kernels share: the song, its bars, a part."""

import numpy as np

from midiprism.sample.rng import IntArray

# The song, one row.
DIVISION = 0  # ticks per quarter note
TONIC = 1  # pitch class of the key, 0 = C
MINOR = 2  # 1 in a minor key
TIMING_JITTER = 3  # most ticks that a player is early or late
SWING = 4  # ticks that an off-beat eighth is late
END_TICK = 5  # tick of the last bar line
FAMILY_SEED_LOW, FAMILY_SEED_HIGH = 6, 7  # words of the family's dice
RUNNING_STATUS = 8  # 1: running status is used
NOTE_OFF_MESSAGES = 9  # 1: note-off messages; 0: note-ons of velocity 0
SEVENTHS = 10  # 0 triads, 1 some sevenths, 2 sevenths
SONG_COLUMN_COUNT = 11

# The bars, one row each.
TICK = 0
STEPS = 1  # sixteenths in the bar
STEPS_PER_BEAT = 2  # sixteenths in a beat: 4, or 6 in compound time
SECTION_KIND = 3  # section, below
BAR_IN_SECTION = 4  # of the bar in its section
BARS_IN_SECTION = 5  # bars in its section
ROOT_A, QUALITY_A, PITCH_CLASSES_A = 6, 7, 8  # chord of the first half
ROOT_B, QUALITY_B, PITCH_CLASSES_B = 9, 10, 11  # chord of the second half
BAR_COLUMN_COUNT = 12

# A part, one row.
ROLE = 0
CHANNEL = 1
PROGRAM = 2
LOWEST_PITCH, HIGHEST_PITCH = 3, 4  # range of the instrument, MIDI note numbers
PART_SEED_LOW, PART_SEED_HIGH = 5, 6  # words of the part's dice
VOLUME, PAN = 7, 8
PATTERN = 9  # which of the role's patterns
CONTROLLER_AMOUNT = 10  # 0 no controllers while playing, 1 some, 2 many
REST_SECTIONS = 11  # bit mask of section kinds in which it rests
MELODY_NUMBER = 12  # which melody, among the family's
SYLLABLE_COUNT = 13  # syllables to sing, 0 without lyrics
CONDUCTOR_EVENT_COUNT = 14  # meta events of the conductor that stand in this track
BANK_SELECT = 15  # bank select (controller 0), or -1
ENDS_WITH_SONG = 16  # 1: end of track at the song's end; 0: after its last event
FIRST_GROOVE = 17  # first of the grooves it may use
PLAYS_SIXTEENTHS = 18  # 1: plays sixteenths where it would play eighths

INTRO, VERSE, PRE_CHORUS, CHORUS, BRIDGE, SOLO, OUTRO = range(7)

(DRUMS, PERCUSSION, BASS, COMP, STRUM, PAD, ARPEGGIO, LEAD, COUNTERMELODY, HARMONY, BRASS, RIFF, BELLS) = (
    range(13)
)

DRUM_CHANNEL = 9


def padded_table(rows: list[list[int]]) -> IntArray:
    """Rows of unequal length as one table, filled up with zeros."""
    width = max(len(row) for row in rows)
    return np.array([row + [0] * (width - len(row)) for row in rows], np.int64)
