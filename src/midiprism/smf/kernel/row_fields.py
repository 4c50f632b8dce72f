"""Columns of the tables that the parts of the kernel hand to each other. All are int64.

Positions are byte offsets in the unwrapped song, counted from its header; ticks are absolute; lengths are
bytes.

Constants that helpers take as arguments are typed: of a plain number Numba would compile a helper of its own.
"""

from typing import Any

import numpy as np

from midiprism.smf.problems import PROBLEM_KINDS

ZERO: Any = np.int64(0)

# Tracks: one row per MTrk.
T_BODY = 0  # position of the first event's delta time
T_STOP = 1  # position after the last event that is kept, end of track included
T_END = 2  # position of the end of track's delta time; -1 where there is none
T_TICKS = 3  # tick of the end of track
T_NOTES = 4
T_LOW = 5
T_HIGH = 6
T_CHANNELS = 7  # bit per channel that plays a note
T_REWRITE = 8  # 1 where some own event cannot be copied as it stands
T_MARK_FIRST = 9  # rows of the marks table that are this track's
T_MARK_LAST = 10
T_CONDUCTOR_FIRST = 11  # rows of the conductor table that are this track's
T_CONDUCTOR_LAST = 12
T_CONDUCTOR_SIZE = 13  # bytes of those events, with one for each delta time
T_LEAD_CHANNEL = 14  # channel and program that play most notes
T_LEAD_PROGRAM = 15  # NO_PROGRAM where its own events select none
T_PROGRAM = 16  # the one program that plays; -1 where several do or none is selected
T_ONSET = 17  # tick of the lead channel's first note
T_DRUMS = 18  # what its own events make of the lead channel: MELODIC, DRUMS or EFFECTS
T_NAME = 19  # position and length of its first track name with text; -1 where there is none
T_NAME_LENGTH = 20
T_SPLICED = 21  # 1 where its split is written by copying spans
T_COLUMNS = 22

# Marks: every MARK_EVERY-th event of a track, to find a tick without walking from the start.
M_TICK = 0  # tick of the event before it
M_POSITION = 1  # position of its delta time
M_STATUS = 2  # running status in force there
M_COLUMNS = 3
CHECKPOINT_INTERVAL = 32

# Events that may go to other tracks: conductor events, and with context="full" the others.
E_TICK = 0
E_TRACK = 1
E_POSITION = 2  # of the status byte; of the first data byte for channel events
E_LENGTH = 3  # from E_POSITION to its end
E_STATUS = 4
E_KIND = 5  # conductor: TEMPO..; others: the channel, or EVERY_CHANNEL
E_COLUMNS = 6
TEMPO = 0
TIME_SIGNATURE = 1
KEY_SIGNATURE = 2
SMPTE_OFFSET = 3
CONDUCTOR_KIND_COUNT = 4
ALL_CHANNELS = 16

# Setup: what selects sounds. The key is kind * 16 + channel.
S_TICK = 0
S_KEY = 1
S_VALUE = 2
S_COLUMNS = 3
SETUP_PROGRAM = 0
SETUP_BANK = 1
SETUP_PART_MODE = 2
SETUP_KEYS = 48

# State of a channel while a track is walked.
C_PROGRAM = 0
C_BANK = 1  # bank select MSB; -1 where none was sent
C_MODE = 2  # set by GS or XG sysex: -1 unset, 0 melodic, 1 drums
C_ONSET = 3  # tick of its first note; -1 before it
C_DRUMS = 4  # drum state at its first note
C_COLUMNS = 5
NO_PROGRAM = 128
PROGRAM_SLOTS = 129

DRUM_STATE_MELODIC = 0
DRUM_STATE_DRUMS = 1
DRUM_STATE_EFFECTS = 2

# Work: the state of one walk over a track, in one array. It is emptied before the next.
W_PLAYED = 0  # number of keys in the list that follows: those whose notes are counted, in order of onset
W_KEYS = 1
W_PLAYS = W_KEYS + 16 * PROGRAM_SLOTS  # notes by channel * PROGRAMS + program
W_CHANNELS = W_PLAYS + 16 * PROGRAM_SLOTS  # what each channel is set to, C_COLUMNS for each
W_ACTIVE = W_CHANNELS + 16 * C_COLUMNS  # sounding notes by channel * 128 + pitch
W_COUNTS = W_ACTIVE + 16 * 128  # problems of the track by kind
W_FIRSTS = W_COUNTS + len(PROBLEM_KINDS)  # offset of the first of each kind
W_NOTES = W_FIRSTS + len(PROBLEM_KINDS)  # notes of the track that is scanned, their range, and how many sound
W_LOW = W_NOTES + 1
W_HIGH = W_LOW + 1
W_SOUNDING = W_HIGH + 1
W_GS = W_SOUNDING + 1  # 1 once the track has sent a GS reset
W_FOUND = W_GS + 1  # problems of the track, of all kinds
W_SIZE = W_FOUND + 1

# Problems.
P_KIND = 0
P_TRACK = 1
WHOLE_FILE: Any = np.int64(-1)  # in the place of a track
P_OFFSET = 2
P_COUNT = 3
P_COLUMNS = 4

# Splits: one row per output file.
O_TRACK = 0
O_CHANNEL = 1  # -1 where several
O_PROGRAM = 2  # -1 where none or several
O_START = 3  # position in the output
O_STOP = 4
O_NOTES = 5
O_LOW = 6
O_HIGH = 7
O_TICKS = 8
O_OWN_PROGRAM = 9  # of most notes, 0 to 128
O_OWN_DRUMS = 10
O_SONG_PROGRAM = 11
O_SONG_DRUMS = 12
O_NAME = 13
O_NAME_LENGTH = 14
O_STATED = 15  # what it states, as F columns
O_SECONDS = 19  # as the bits of a float64; NaN where the division has no time
O_COLUMNS = 20

# What a track states of its music, from the events that are in its own bytes: -1 where it states none.
F_TEMPI = 0  # how many tempo events
F_TEMPO = 1  # microseconds per quarter note
F_METER = 2  # numerator * 256 + power of two
F_KEY = 3  # (sharps + MOST_ACCIDENTALS) * 2 + minor
F_TOLD = 4  # columns that are told; the others are ticks of the first of each
F_TEMPO_TICK = 4
F_METER_TICK = 5
F_KEY_TICK = 6
F_COLUMNS = 7

# Parts of a track that is walked event by event.
A_CHANNEL = 0  # -1 where several
A_PROGRAM = 1  # -1 where not divided by program
A_TICK = 2  # of its last event
A_STATUS = 3  # running status in force; 0 where none
A_CHAIN = 4  # number of the own event that it ends with; BROKEN where something else stands last
A_AT = 5  # bytes so far when measuring, position in the output when writing
A_NOTES = 6
A_LOW = 7
A_HIGH = 8
A_CHANNELS = 9
A_ONSET = 10
A_DRUMS = 11
A_COLUMNS = 12
CHAIN_BROKEN = -2

# Counters: rows in use, and other facts of the file.
N_TRACKS = 0
N_MARKS = 1
N_CONDUCTOR = 2
N_OTHERS = 3
N_SETUP = 4
N_PROBLEMS = 5
N_UNLISTED = 6  # problems beyond those that are listed
N_REPAIRED = 7  # problems of a repaired kind
N_GS = 8  # GS resets seen
N_CLEAN = 9  # 1 where the last scan stopped between two events
N_STATUS = 10  # OK, or which limit is exceeded
N_SPLITS = 11
N_TICKS = 12  # of the last end of track
N_SECONDS = 13  # the same in seconds, as the bits of a float64
N_EVENTS = 14  # conductor events that hold for the whole song
N_WASTED = 15  # bytes scanned beyond where their track turned out to end
N_COUNTERS = 16

STATUS_OK = 0
LIMIT_OUTPUT = 1
LIMIT_SOURCE_TRACKS = 2
LIMIT_OUTPUT_TRACKS = 3

# Settings: the entry point's arguments, and what was made of them.
G_BY = 0
G_MERGES = 1  # whether events of other tracks are merged
G_FULL = 2  # context="full"
G_WALK_ALL = 3  # whether no track is spliced
G_FORMAT = 4
G_COUNT = 5

# Passes of the walk over a track.
PASS_ASSIGN: Any = np.int64(0)
PASS_MEASURE: Any = np.int64(1)
PASS_WRITE: Any = np.int64(2)
NO_LIMIT: Any = np.int64(1 << 62)

# by=
BY_TRACK = 0
BY_CHANNEL = 1
BY_PROGRAM = 2
BY_AUTO = 3

# MThd chunk and MTrk chunk header of a split, end of track with its delta time.
OUTPUT_HEADER_SIZE = 22
END_OF_TRACK_SIZE = 4
MAX_DELTA = 0x0FFFFFFF
MAX_FAST_EVENT_SIZE = 5  # bytes of a channel event with a delta time of at most two
