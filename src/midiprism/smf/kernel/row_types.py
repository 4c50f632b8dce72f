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

MAX_PORTS = 32
"""Most ports and devices of a song that are told apart. An address is ``port * 16 + channel``."""

ALL_CHANNELS = 16
"""The channel number of what concerns every channel."""

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
SETUP_MODULE = 3
SETUP_KIND_COUNT = 4

MODULE_UNKNOWN = 0
MODULE_GM = 1
MODULE_GM2 = 2
MODULE_GS = 3
MODULE_XG = 4
"""Modes of a sound module, as its last reset leaves it."""

NULL_PARAMETER = 0x3FFF
"""The registered parameter number that selects none."""

MAX_SYSEX_SIZE = 12
"""Bytes of the longest system exclusive message that is understood, with one for its end."""

CHECKPOINT_INTERVAL = 32

NOTES_AT_ONCE = 4 * CHECKPOINT_INTERVAL
"""Most notes that are counted together."""

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
    "note_hash",  # of its notes, as in ``note_hash``
    "channels",  # a bit per channel that plays a note, whatever its port
    "port",  # index of the only port on which it plays; -1 where several
    "one_instrument",  # 1 where all of its channels play one guitar or bass, or are in mono mode
    "needs_rewrite",  # 1 where some own event cannot be copied unchanged
    "states_device",  # 1 where it states a device
    "checkpoint_start",  # rows of the checkpoints that are this track's
    "checkpoint_stop",
    "conductor_start",  # rows of the conductor events that are this track's
    "conductor_stop",
    "conductor_size",  # bytes of those events, with one for each delta time
    "context_size",  # bytes of its context events where they are merged, with one for each delta time
    "lead_channel",  # address and program that play most notes
    "lead_program",  # NO_PROGRAM where its own events select none
    "program",  # the one program that plays; -1 where several do or none is selected
    "onset",  # tick of the lead channel's first note
    "drums",  # drum state of the lead channel as its own events make it
    "name_start",  # position and size of its first track name with text and without channel prefix; or -1
    "name_size",
    "by",  # how it is divided, once that is decided: a BY constant other than BY_AUTO
    "is_kept",  # 1 where it is split: it plays, or its texts are to be kept
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
    "kind",  # of a conductor event: TEMPO and so on; of others: the address, or one beyond all addresses
)
"""Events that may go to other tracks: conductor events, and with context="full" the others."""

TEXT_EVENT = row_type(
    "track",
    "kind",  # type of the meta event
    "channel",  # that a channel prefix gives it; ALL_CHANNELS without one
    "start",  # of its text
    "size",
)
"""Texts that may name a part of a song where the track name does not, and all texts beyond ASCII."""

SETUP_CHANGE = row_type(
    "tick",
    "key",  # kind * addresses + address
    "value",
)
"""Changes that select sounds: program changes, bank selects, part modes, resets of the module."""

PORT = row_type(
    "number",  # 0 to 127; devices, which have a name, count from FIRST_DEVICE
    "name_start",  # position and size of a device's name; size 0 without one
    "name_size",
    "index",  # of the ports that are told apart, by number
)
"""Ports and devices that a song states, in the order of the file. The first row is port 0."""

PORT_USE = row_type(
    "channels",  # a bit per channel that plays a note
    "lower_zone",  # those that play in the lower MPE zone, and in the upper one
    "upper_zone",
    "lower_members",  # most members of the lower zone, and of the upper one
    "upper_members",
    "drum_channels",  # those that are divided by the pieces of their drum kits
    "is_stated",  # 1 where the track states this port by its number
    ("last_note_ticks", np.int64, (16,)),  # where the last note of each channel ends; 0 without one
)
"""What a track plays on a port: row ``track * ports + port``."""

CHANNEL_STATE = row_type(
    "program",
    "bank",  # bank select MSB; -1 where none was sent
    "bank_lsb",
    "part_mode",  # set by GS or XG sysex: -1 unset, 0 melodic, 1 drums
    "parameter",  # number of the registered parameter that data entry sets
    "mono",  # 1 in mono mode
    "onset",  # tick of its first note; -1 before it
    "drums",  # drum state at its first note
    "first_bank",  # bank at its first note
    "first_bank_lsb",
    "zone",  # MPE zone of its notes: ZONE_NONE, ZONE_LOWER, ZONE_UPPER
    "plays_mono",  # 1 where each of its programs begins to play in mono mode
)
"""State of a channel while a track is walked."""

TRACK_STATE = row_type(
    "played_key_count",
    ("played_keys", np.int64, (KEYS,)),  # keys whose notes are counted, in order of onset
    ("notes_by_key", np.int64, (KEYS,)),
    ("channels", CHANNEL_STATE, (16,)),
    ("sounding", np.int64, (16 * PITCHES,)),  # notes that sound, by channel * PITCHES + pitch
    ("last_note_ticks", np.int64, (32,)),  # where the last note of each channel has ended; the rest is unused
    ("notes", np.int64, (NOTES_AT_ONCE,)),  # the last ones of the tight loop: tick << 7 | pitch
    ("notes_played", np.uint8, (16 * PITCHES,)),  # 1 for those that play, where they are divided by piece
    ("problem_counts", np.int64, (len(PROBLEM_KINDS),)),
    ("problem_offsets", np.int64, (len(PROBLEM_KINDS),)),  # of the first of each kind
    "note_count",
    "lowest_pitch",
    "highest_pitch",
    "note_hash",
    "onset_scale",  # of the song
    "sounding_count",
    "port",  # index of the port
    "module",  # MODULE_UNKNOWN and so on
    "lower_members",  # members of the lower MPE zone, and of the upper one
    "upper_members",
    "most_lower_members",
    "most_upper_members",
    "port_is_numbered",  # 1 once the track has stated a port by its number
    "sysex_size",  # bytes of the system exclusive message that is being sent
    "sysex_is_open",  # 1 where more packets of it follow
    ("sysex", np.int64, (MAX_SYSEX_SIZE,)),
    "problem_total",
)
"""State of one walk over a track on one port. It is emptied before the next. The state of the first port also
has what is not of a port: problems, the statement of a port, the message that is being sent."""

ZONE_NONE = 0
ZONE_LOWER = 1
ZONE_UPPER = 2

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
    "port",  # number of the port or device; -1 where several or none is stated
    "channel",  # -1 where several
    "program",  # -1 where none or several
    "drum_piece",  # kit map * PITCHES + number of the piece; -1 where not divided by pieces
    "start",  # position in the output
    "stop",
    "note_count",
    "lowest_pitch",
    "highest_pitch",
    "note_hash",
    "ticks",
    "last_note_tick",  # where its last note ends
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
    ("last_note_seconds", np.float64),
)
"""One row per split. ``split_song`` unpacks it in this order."""

PART = row_type(
    "port",  # index; -1 where several
    "channels",  # a bit per channel whose notes it has
    "program",  # that of its first note; -1 where not divided by program or by pieces
    "drum_piece",  # as in OUTPUT_TRACK
    "plays_programs",  # 1 where later notes have another program
    "port_in_force",  # index of the port that it has stated
    "tick",  # of its last event
    "running_status",  # in force; 0 where none
    "last_event",  # number of the own event that it ends with; CHAIN_BROKEN where something else is last
    "position",  # bytes so far when measuring, position in the output when writing
    "note_count",
    "lowest_pitch",
    "highest_pitch",
    "note_hash",
    "onset",
    "drums",
    "sounding_count",  # by program or drum: its notes that sound
    "last_note_tick",  # by program or drum: where its last note has ended
)
"""Parts of a track that is walked event by event."""

CHAIN_BROKEN = -2

TEMPO_CHANGE = row_type("tick", "tempo", ("seconds", np.float64))

COUNTERS = row_type(
    "status",  # STATUS_OK, or which limit is exceeded
    "tracks",
    "ticks",  # of the last end of track
    ("seconds", np.float64),  # the same in seconds
    "channels",  # a bit per channel that plays a note in some track
    "repaired",  # problems of a repaired kind
    "unlisted",  # problems beyond those that are listed
    "problems",  # rows in use of the tables
    "checkpoints",
    "conductor_events",
    "context_events",
    "setup",
    "ports",  # rows of PORT in use
    "texts",
    "stopped_cleanly",  # 1 where the last scan stopped between two events
    "wasted",  # bytes scanned beyond where their track turned out to end
    "full_tables",  # a bit for each table that has no room for what a scan has found; see ``scan_tables``
    "max_events",  # most rows of conductor events, context events, setup and texts each
)
"""Rows in use, and other facts of the file."""
