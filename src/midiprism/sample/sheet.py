"""Columns of the integer tables that the kernels share: the song, its bars, a part."""

import numpy as np

from midiprism.sample.dice import Ints

# The song, one row.
DIVISION = 0  # ticks per quarter note
TONIC = 1  # pitch class of the key, 0 = C
MINOR = 2  # 1 in a minor key
LOOSE = 3  # most ticks that a player is early or late
SWING = 4  # ticks that an off-beat eighth is late
END = 5  # tick of the last bar line
LOW, HIGH = 6, 7  # words of the family's dice
RUNNING = 8  # 1: running status is used
OFFS = 9  # 1: note-off messages; 0: note-ons of velocity 0
COLOUR = 10  # 0 triads, 1 some sevenths, 2 sevenths
SONG_WIDTH = 11

# The bars, one row each.
TICK = 0
STEPS = 1  # sixteenths in the bar
BEAT = 2  # sixteenths in a beat: 4, or 6 in compound time
KIND = 3  # section, below
INDEX = 4  # of the bar in its section
COUNT = 5  # bars in its section
ROOT_A, QUALITY_A, MASK_A = 6, 7, 8  # chord of the first half
ROOT_B, QUALITY_B, MASK_B = 9, 10, 11  # chord of the second half
BAR_WIDTH = 12

# A part, one row.
ROLE = 0
CHANNEL = 1
PROGRAM = 2
LOWEST, HIGHEST = 3, 4  # range of the instrument, MIDI note numbers
SEED_LOW, SEED_HIGH = 5, 6  # words of the part's dice
VOLUME, PAN = 7, 8
PATTERN = 9  # which of the role's patterns
CURVES = 10  # 0 no controllers while playing, 1 some, 2 many
RESTS = 11  # bit mask of section kinds in which it rests
SALT = 12  # which melody, among the family's
LYRICS = 13  # syllables to sing, 0 without lyrics
CUES = 14  # meta events of the conductor that stand in this track
BANK = 15  # bank select (controller 0), or -1
WHOLE = 16  # 1: end of track at the song's end; 0: after its last event
GROOVE = 17  # first of the grooves it may use
DENSE = 18  # 1: plays sixteenths where it would play eighths

INTRO, VERSE, PRE, CHORUS, BRIDGE, SOLO, OUTRO = range(7)

(DRUMS, PERCUSSION, BASS, COMP, STRUM, PAD, ARP, LEAD, COUNTER, HARMONY, BRASS, RIFF, BELLS) = range(13)

DRUM_CHANNEL = 9


def table(rows: list[list[int]]) -> Ints:
    """Rows of unequal length as one table, filled up with zeros."""
    width = max(len(row) for row in rows)
    return np.array([row + [0] * (width - len(row)) for row in rows], np.int64)
