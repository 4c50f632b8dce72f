"""Row types of the tables that the parts of the kernel hand to each other, and the constants in their fields.

Positions are byte offsets in the unwrapped song, counted from its header; ticks are absolute; sizes are
bytes. A row is read and written as ``table[i].field``, a column as ``table["field"]``. A row is a pointer
into its table without a reference to it: code that uses a row must keep the table alive.

Constants that helpers take as arguments are typed: Numba would compile a helper again for each plain number.
"""

from collections.abc import Callable
from operator import itemgetter
from typing import Any

import numpy as np

from midiprism.smf.problems import PROBLEM_KINDS

ZERO: Any = np.int64(0)

ALL_CHANNELS = 16
"""The channel number of an event that concerns every channel."""

ALL_CHANNELS_MASK = 0xFFFF
"""A bit per channel."""

NO_PROGRAM = 128
PROGRAM_SLOTS = 129
PITCHES = 128
KEYS = 16 * PROGRAM_SLOTS
"""A key stands for a channel and a program: ``channel * PROGRAM_SLOTS + program``."""

DRUM_STATE_MELODIC = 0
DRUM_STATE_DRUMS = 1
DRUM_STATE_EFFECTS = 2

TEMPO = 0
TIME_SIGNATURE = 1
KEY_SIGNATURE = 2
SMPTE_OFFSET = 3
CONDUCTOR_KIND_COUNT = 4

SETUP_PROGRAM = 0
SETUP_BANK = 1
SETUP_PART_MODE = 2
SETUP_KEYS = 48

CHECKPOINT_INTERVAL = 32

STATUS_OK = 0
LIMIT_OUTPUT = 1
LIMIT_SOURCE_TRACKS = 2
LIMIT_OUTPUT_TRACKS = 3
LIMIT_EVENTS = 4

BY_TRACK = 0
BY_CHANNEL = 1
BY_PROGRAM = 2
BY_AUTO = 3
BY_DRUM = 4

PASS_ASSIGN: Any = np.int64(0)
PASS_MEASURE: Any = np.int64(1)
PASS_WRITE: Any = np.int64(2)
"""Passes of the walk over a track."""

NO_LIMIT: Any = np.int64(1 << 62)
WHOLE_FILE: Any = np.int64(-1)
"""Used in the place of a track number."""

OUTPUT_HEADER_SIZE = 22
"""The MThd chunk and the MTrk chunk header of a split."""

END_OF_TRACK_SIZE = 4
"""An end of track with its delta time."""

MAX_DELTA = 0x0FFFFFFF
MAX_FAST_EVENT_SIZE = 5
"""Bytes of a channel event with a delta time of at most two bytes."""


def row_type(*fields: str | tuple[Any, ...]) -> Any:
    """Return the NumPy type of a table's rows, whose fields are int64 unless they name another type."""
    described: list[Any] = [(field, np.int64) if isinstance(field, str) else field for field in fields]
    plain = np.dtype(described, align=True)
    # For plain Python: NumPy's own record type finds an attribute in ten times the time.
    attributes = {name: property(itemgetter(name), _field_setter(name)) for name in plain.names or ()}
    return np.dtype((type("Row", (np.void,), attributes), plain))


def _field_setter(name: str) -> Callable[[Any, Any], None]:
    def set_field(row: Any, value: Any) -> None:
        row[name] = value

    return set_field


SOURCE_TRACK = row_type(
    "body",  # position of the first event's delta time
    "stop",  # position after the last event that is kept, end of track included
    "end_of_track",  # position of the end of track's delta time; -1 where there is none
    "ticks",  # tick of the end of track
    "note_count",
    "lowest_pitch",
    "highest_pitch",
    "channels",  # a bit per channel that plays a note
    "needs_rewrite",  # 1 where some own event cannot be copied unchanged
    "checkpoint_start",  # rows of the checkpoints that are this track's
    "checkpoint_stop",
    "conductor_start",  # rows of the conductor events that are this track's
    "conductor_stop",
    "conductor_size",  # bytes of those events, with one for each delta time
    "context_size",  # bytes of its context events where they are merged, with one for each delta time
    "lead_channel",  # channel and program that play most notes
    "lead_program",  # NO_PROGRAM where its own events select none
    "program",  # the one program that plays; -1 where several do or none is selected
    "onset",  # tick of the lead channel's first note
    "drums",  # drum state of the lead channel as its own events make it
    "name_start",  # position and size of its first track name with text; -1 where there is none
    "name_size",
    "by",  # how it is divided, once that is decided: a BY constant other than BY_AUTO
    "drum_channels",  # a bit per channel that is divided by the pieces of its drum kit
    "is_copied",  # 1 where its split is written by copying spans
    ("seconds", np.float64),  # of its end of track; NaN where the division has no time
)

CHECKPOINT = row_type(
    "tick",  # of the event before it
    "position",  # of its delta time
    "running_status",  # in force there
)
"""Every CHECKPOINT_INTERVAL-th event of a track, to find a tick without walking from the start."""

EVENT = row_type(
    "tick",
    "track",
    "position",  # of the status byte; of the first data byte for channel events
    "size",  # from there to its end
    "status",
    "kind",  # of a conductor event: TEMPO and so on; of others: the channel, or ALL_CHANNELS
)
"""Events that may go to other tracks: conductor events, and with context="full" the others."""

SETUP_CHANGE = row_type(
    "tick",
    "key",  # kind * 16 + channel
    "value",
)
"""Changes that select sounds: program changes, bank selects, part modes."""

CHANNEL_STATE = row_type(
    "program",
    "bank",  # bank select MSB; -1 where none was sent
    "part_mode",  # set by GS or XG sysex: -1 unset, 0 melodic, 1 drums
    "onset",  # tick of its first note; -1 before it
    "drums",  # drum state at its first note
)
"""State of a channel while a track is walked."""

TRACK_STATE = row_type(
    "played_key_count",
    ("played_keys", np.int64, (KEYS,)),  # keys whose notes are counted, in order of onset
    ("notes_by_key", np.int64, (KEYS,)),
    ("channels", CHANNEL_STATE, (16,)),
    ("sounding", np.int64, (16 * PITCHES,)),  # notes that sound, by channel * PITCHES + pitch
    ("notes_played", np.int64, (16 * PITCHES,)),  # 1 for those that play, where they are divided by piece
    ("problem_counts", np.int64, (len(PROBLEM_KINDS),)),
    ("problem_offsets", np.int64, (len(PROBLEM_KINDS),)),  # of the first of each kind
    "note_count",
    "lowest_pitch",
    "highest_pitch",
    "sounding_count",
    "gs_reset_seen",  # 1 once the track has sent a GS reset
    "problem_total",
)
"""State of one walk over a track. It is emptied before the next."""

PROBLEM = row_type(
    "kind",
    "track",  # or WHOLE_FILE
    "offset",
    "count",
)

STATED_META = row_type(
    "tempo_count",
    "tempo",  # microseconds per quarter note
    "meter",  # numerator * 256 + power of two
    "key",  # (sharps + MAX_ACCIDENTALS) * 2 + minor
    "tempo_tick",  # ticks of the first of each
    "meter_tick",
    "key_tick",
)
"""Tempo, meter and key in the events of a track's own bytes: -1 where it states none."""

OUTPUT_TRACK = row_type(
    "track",
    "channel",  # -1 where several
    "program",  # -1 where none or several
    "drum_piece",  # kit map * PITCHES + number of the piece; -1 where not divided by pieces
    "start",  # position in the output
    "stop",
    "note_count",
    "lowest_pitch",
    "highest_pitch",
    "ticks",
    "own_program",  # of most notes, 0 to 128
    "own_drums",
    "song_program",
    "song_drums",
    "name_start",
    "name_size",
    "tempo_count",  # what it states, as in STATED_META
    "tempo",
    "meter",
    "key",
    ("seconds", np.float64),  # NaN where the division has no time
)
"""One row per split. ``split_song`` unpacks it in this order."""

PART = row_type(
    "channel",  # -1 where several
    "program",  # that of its first note; -1 where not divided by program or by pieces
    "drum_piece",  # as in OUTPUT_TRACK
    "plays_programs",  # 1 where later notes have another program
    "tick",  # of its last event
    "running_status",  # in force; 0 where none
    "last_event",  # number of the own event that it ends with; CHAIN_BROKEN where something else is last
    "position",  # bytes so far when measuring, position in the output when writing
    "note_count",
    "lowest_pitch",
    "highest_pitch",
    "channels",
    "onset",
    "drums",
)
"""Parts of a track that is walked event by event."""

CHAIN_BROKEN = -2

TEMPO_CHANGE = row_type("tick", "tempo", ("seconds", np.float64))

COUNTERS = row_type(
    "status",  # STATUS_OK, or which limit is exceeded
    "tracks",
    "ticks",  # of the last end of track
    ("seconds", np.float64),  # the same in seconds
    "repaired",  # problems of a repaired kind
    "unlisted",  # problems beyond those that are listed
    "problems",  # rows in use of the tables
    "checkpoints",
    "conductor_events",
    "context_events",
    "setup",
    "gs_resets",
    "stopped_cleanly",  # 1 where the last scan stopped between two events
    "wasted",  # bytes scanned beyond where their track turned out to end
    "max_events",  # most rows of conductor events, context events and setup each
)
"""Rows in use, and other facts of the file."""
