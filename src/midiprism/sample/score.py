"""The score that the players read: row types of the song, its bars and its parts, and the numbers in them."""

from midiprism.smf.kernel.row_types import row_type

SONG = row_type(
    "division",  # ticks per quarter note
    "tonic",  # pitch class of the key, 0 = C
    "minor",  # 1 in a minor key
    "timing_jitter",  # most ticks that a player is early or late
    "swing",  # ticks that an off-beat eighth is late
    "end_tick",  # tick of the last bar line
    "seed_low",  # words of the family's random numbers
    "seed_high",
    "running_status",  # 1: running status is used
    "note_off_messages",  # 1: note-off messages; 0: note-ons of velocity 0
    "sevenths",  # 0 triads, 1 some sevenths, 2 sevenths
)

SECTION = row_type("kind", "bars", "numerator", "denominator")

CHORD = row_type("root", "quality", "pitch_classes")

BAR = row_type(
    "tick",
    "steps",  # sixteenths in the bar
    "steps_per_beat",  # 4, or 6 in compound time
    "section",  # kind of its section
    "bar_in_section",
    "bars_in_section",
    ("chords", CHORD, (2,)),  # of the first and the second half
)

PART = row_type(
    "role",
    "channel",
    "program",
    "lowest_pitch",  # range of the instrument, MIDI note numbers
    "highest_pitch",
    "seed_low",  # words of the part's random numbers
    "seed_high",
    "volume",
    "pan",
    "pattern",  # which of the role's patterns
    "controller_amount",  # 0 no controllers while playing, 1 some, 2 many
    "rest_sections",  # bit mask of section kinds in which it rests
    "melody_number",  # which melody, among the family's
    "syllable_count",  # syllables to sing, 0 without lyrics
    "conductor_event_count",  # meta events of the conductor that are in this track
    "bank_select",  # bank select (controller 0), or -1
    "ends_with_song",  # 1: end of track at the song's end; 0: after its last event
    "first_groove",  # first of the grooves it may use
    "plays_sixteenths",  # 1: plays sixteenths where it would play eighths
)

INTRO, VERSE, PRE_CHORUS, CHORUS, BRIDGE, SOLO, OUTRO = range(7)
"""Kinds of sections."""

ROLE_NAMES = (
    *("drums", "percussion", "bass", "comp", "strum", "pad", "arpeggio", "lead", "countermelody", "harmony"),
    *("brass", "riff", "bells"),
)
(DRUMS, PERCUSSION, BASS, COMP, STRUM, PAD, ARPEGGIO, LEAD, COUNTERMELODY, HARMONY, BRASS, RIFF, BELLS) = (
    range(len(ROLE_NAMES))
)
"""Roles, each what a part plays."""

DRUM_CHANNEL = 9


def parse_roles(text: str) -> tuple[int, ...]:
    """Return the numbers of roles from their names, separated by blanks."""
    return tuple(ROLE_NAMES.index(name) for name in text.split())
