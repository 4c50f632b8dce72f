"""Styles, forms, meters and instruments to draw from."""

from dataclasses import dataclass
from typing import NamedTuple

from midiprism.sample.score import (
    ARPEGGIO,
    BASS,
    BELLS,
    BRASS,
    BRIDGE,
    CHORUS,
    COMP,
    COUNTERMELODY,
    DRUMS,
    HARMONY,
    INTRO,
    LEAD,
    OUTRO,
    PAD,
    PERCUSSION,
    PRE_CHORUS,
    RIFF,
    SOLO,
    STRUM,
    VERSE,
    parse_roles,
)


class FormSection(NamedTuple):
    """A section of a form: its kind and its bars."""

    kind: int
    bars: int


class Grooves(NamedTuple):
    """Numbers of the 4/4 drum grooves of quiet and of loud sections."""

    quiet: int
    loud: int


@dataclass(frozen=True, slots=True)
class Style:
    """A manner of playing.

    Attributes:
        weight: how many songs in a hundred are of it.
        tempo_range: slowest and fastest, in quarter notes per minute.
        swing: whether off-beat eighths are late.
        sevenths: 0 triads, 1 some sevenths, 2 sevenths.
        grooves: the drum grooves to choose from.
        bass_patterns: rows of ``bass.BASS_RHYTHMS``.
        comping_patterns: rows of ``chords.COMPING_RHYTHMS``.
        roles: in the order in which they join; channels may repeat a role.
        programs: General MIDI programs by role, where they differ from ``PROGRAMS_BY_ROLE``.
    """

    weight: int
    tempo_range: tuple[int, int]
    swing: bool
    sevenths: int
    grooves: tuple[Grooves, ...]
    bass_patterns: tuple[int, ...]
    comping_patterns: tuple[int, ...]
    roles: tuple[int, ...]
    programs: dict[int, tuple[int, ...]]


# Fifteen roles each: what a full arrangement has.
_BAND = parse_roles(
    "lead bass drums comp strum pad riff countermelody harmony percussion strum brass arpeggio bells pad"
)
_CLUB = parse_roles(
    "lead bass drums pad arpeggio comp riff percussion pad bells harmony countermelody arpeggio strum brass"
)
_COMBO = parse_roles(
    "lead comp bass drums strum countermelody brass harmony percussion pad bells riff brass arpeggio "
    "countermelody"
)
_BALLAD = parse_roles(
    "lead comp bass drums pad arpeggio countermelody harmony strum bells pad percussion riff brass arpeggio"
)
_CHAMBER = parse_roles(
    "lead comp countermelody bass arpeggio harmony pad countermelody bells brass pad lead strum percussion "
    "drums"
)


def _grooves(*pairs: tuple[int, int]) -> tuple[Grooves, ...]:
    return tuple(Grooves(*pair) for pair in pairs)


STYLES = {
    "pop": Style(
        24, (92, 132), False, 1, _grooves((0, 1), (1, 3), (5, 1)), (0, 7, 8, 4), (0, 1, 2, 5, 8), _BAND, {}
    ),
    "rock": Style(
        18, (104, 168), False, 0, _grooves((0, 1), (1, 7), (13, 1)), (0, 8, 6, 0), (6, 5, 2, 9), _BAND,
        {BASS: (34, 33), STRUM: (29, 30, 27), LEAD: (30, 65, 81, 22), RIFF: (29, 30, 28)},
    ),
    "ballad": Style(
        14, (58, 84), False, 1, _grooves((6, 0), (5, 6)), (5, 7, 9), (0, 1, 10), _BALLAD,
        {LEAD: (73, 65, 40, 71, 53), BASS: (33, 35, 32)},
    ),
    "dance": Style(
        14, (116, 140), False, 0, _grooves((3, 4), (4, 3)), (2, 6, 4), (3, 9, 11), _CLUB,
        {BASS: (38, 39), LEAD: (81, 80, 87, 84), RIFF: (81, 7, 28), COMP: (4, 2, 16), PAD: (89, 90, 95, 50)},
    ),
    "swing": Style(
        9, (110, 200), True, 2, _grooves((8, 9), (9, 8)), (3,), (10, 3, 7), _COMBO,
        {BASS: (32,), LEAD: (66, 56, 65, 71, 11), STRUM: (26,), COMP: (0, 1)},
    ),
    "latin": Style(
        8, (96, 144), False, 2, _grooves((10, 11), (11, 12)), (1, 4, 7), (4, 5, 9), _COMBO,
        {BASS: (32, 33), STRUM: (24,), LEAD: (73, 56, 65, 26), COMP: (0, 4)},
    ),
    "folk": Style(
        8, (84, 128), False, 0, _grooves((5, 0), (0, 5)), (1, 8, 9), (8, 5, 2), _BALLAD,
        {BASS: (32, 33), STRUM: (25, 24), LEAD: (22, 110, 74, 105), ARPEGGIO: (24, 25, 105),
         COMP: (0, 21, 25)},
    ),
    "chamber": Style(
        5, (60, 120), False, 1, _grooves((6, 6)), (5, 9), (0, 1, 11), _CHAMBER,
        {BASS: (43, 42), LEAD: (40, 73, 68), COUNTERMELODY: (41, 42, 70), COMP: (0, 6), PAD: (48,),
         BRASS: (60,)},
    ),
}  # fmt: skip

PROGRAMS_BY_ROLE = {
    DRUMS: (0, 8, 16, 25, 32, 40),
    PERCUSSION: (0,),
    BASS: (33, 34, 35, 36),
    COMP: (0, 1, 4, 5, 2, 18),
    STRUM: (25, 27, 24),
    PAD: (48, 49, 50, 52, 89, 91),
    ARPEGGIO: (46, 11, 24, 88, 10, 108),
    LEAD: (73, 65, 66, 56, 53, 80, 75, 71),
    COUNTERMELODY: (40, 42, 60, 71, 48, 41),
    HARMONY: (53, 40, 65, 71, 56),
    BRASS: (61, 62, 57, 56),
    RIFF: (27, 28, 7, 84),
    BELLS: (9, 11, 14, 98),
}

PITCH_RANGES = {
    **dict.fromkeys((0, 1, 2, 4, 5, 6, 16, 18, 21), (48, 84)),
    **dict.fromkeys((32, 33, 34, 35, 36, 38, 39, 43), (28, 55)),
    **dict.fromkeys((24, 25, 26, 27, 28, 29, 30), (40, 76)),
    **dict.fromkeys((48, 49, 50, 52, 88, 89, 90, 91, 95), (43, 84)),
    7: (40, 76), 9: (72, 103), 10: (60, 96), 11: (53, 89), 14: (60, 77), 22: (60, 89), 40: (55, 96),
    41: (48, 81), 42: (36, 72), 46: (43, 96), 53: (48, 79), 56: (54, 82), 57: (40, 70), 60: (41, 77),
    61: (48, 77), 62: (48, 77), 65: (49, 80), 66: (44, 75), 68: (58, 87), 70: (36, 68), 71: (50, 86),
    73: (60, 96), 74: (67, 96), 75: (60, 91), 80: (48, 90), 81: (48, 90), 84: (40, 80), 87: (43, 84),
    98: (60, 96), 105: (50, 84), 108: (60, 84), 110: (55, 93),
}  # fmt: skip
"""Lowest and highest MIDI note number by program."""

PATTERN_COUNTS = {ARPEGGIO: 5, BRASS: 6, RIFF: 2, PERCUSSION: 6}
"""Number of patterns of a role, where the style does not choose one."""

REST_SECTIONS_BY_ROLE = {
    DRUMS: ((INTRO,), (), (INTRO, OUTRO), ()),
    PERCUSSION: ((INTRO,), (BRIDGE,), (VERSE, INTRO)),
    BASS: ((), (INTRO,), ()),
    COMP: ((), (), (BRIDGE,)),
    STRUM: ((), (INTRO,), (BRIDGE, INTRO), (VERSE,)),
    PAD: ((), (VERSE, INTRO), (SOLO,)),
    ARPEGGIO: ((INTRO,), (), (CHORUS,)),
    LEAD: ((INTRO,), (INTRO, OUTRO), (INTRO, BRIDGE)),
    COUNTERMELODY: ((INTRO, VERSE), (INTRO,), (PRE_CHORUS, SOLO)),
    HARMONY: ((INTRO, VERSE, BRIDGE), (INTRO, VERSE)),
    BRASS: ((INTRO, VERSE), (BRIDGE, INTRO)),
    RIFF: ((VERSE,), (BRIDGE,), (CHORUS, SOLO)),
    BELLS: ((VERSE,), (SOLO,), ()),
}
"""Sections in which a role may rest. None rests in both verse and chorus, which every form has."""

FORMS = {
    "sketch": ("I2 V4 C4 O2", "V8 C8", "V4 C4 V4 C4", "I4 V8 C8 O2"),
    "song": (
        "I4 V8 C8 V8 C8 B8 C8 O4",
        "I4 V16 C8 V16 C8 O4",
        "I8 V8 P4 C8 V8 P4 C8 B8 C8 O4",
        "I4 V8 P4 C8 V8 P4 C8 O4",
        "V8 V8 C8 V8 C8 O2",
        "I2 V8 C8 V8 C8 S8 C8 O4",
        "I4 V12 C8 V12 C8 C8 O4",
    ),
    "long": (
        "I8 V16 P8 C16 V16 P8 C16 B8 S16 C16 O8",
        "I8 V16 C16 V16 C16 S16 C16 O8",
        "I16 V16 P8 C8 V16 P8 C8 B16 C16 C8 O4",
    ),
    "suite": (
        "I16 V32 P8 C16 V32 P8 C16 B16 S32 C16 C16 O8",
        "I8 V16 C16 V16 C16 B16 S32 V16 C16 S32 C16 C16 O16",
    ),
}
"""Sections by initial, with their bars."""

SECTION_INITIALS = {"I": INTRO, "V": VERSE, "P": PRE_CHORUS, "C": CHORUS, "B": BRIDGE, "S": SOLO, "O": OUTRO}

METERS = ((4, 4), (3, 4), (6, 8), (7, 8), (5, 4))
METER_WEIGHTS = (76, 9, 10, 3, 2)

DIVISIONS = (480, 96, 120, 192, 384, 960, 240)
DIVISION_WEIGHTS = (34, 12, 18, 14, 12, 6, 4)

TONICS = (0, 7, 2, 9, 4, 5, 10, 3, 11, 8, 1, 6)
TONIC_WEIGHTS = (16, 16, 13, 12, 10, 11, 7, 5, 3, 3, 2, 2)

KEY_SHARPS = (0, -5, 2, -3, 4, -1, 6, 1, -4, 3, -2, 5)
"""Sharps (negative: flats) in the signature of the major key on each pitch class."""


def parse_form(text: str) -> list[FormSection]:
    """Return the sections of a form."""
    return [FormSection(SECTION_INITIALS[word[0]], int(word[1:])) for word in text.split()]


def programs_for_role(style: Style, role: int) -> tuple[int, ...]:
    """Return the programs that may play a role."""
    return style.programs.get(role, PROGRAMS_BY_ROLE[role])


def pitch_range(role: int, program: int) -> tuple[int, int]:
    """Return the range in which a role plays an instrument, at least an octave and a half, as MIDI notes."""
    low, high = PITCH_RANGES[program]
    if role in (LEAD, COUNTERMELODY, HARMONY):
        return max(low, min(50, high - 19)), min(high, max(86, low + 19))
    return low, high


def sections_mask(sections: tuple[int, ...]) -> int:
    """Return the bit mask of section kinds."""
    return sum(1 << kind for kind in sections)
