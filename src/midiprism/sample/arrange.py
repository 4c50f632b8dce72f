"""Who plays what: form and meters, slots of an arrangement, and the row of numbers of a part."""

from dataclasses import dataclass

import numpy as np

from midiprism.sample import columns as sheet
from midiprism.sample.melody import FIRST_SLOW_MELODY
from midiprism.sample.rng import IntArray, Rng
from midiprism.sample.styles import (
    FORMS,
    METER_WEIGHTS,
    METERS,
    PATTERN_COUNTS,
    REST_SECTIONS_BY_ROLE,
    Style,
    parse_form,
    pitch_range,
    programs_for_role,
    sections_mask,
)

Section = tuple[int, int, int, int]
"""Kind, bars, numerator and denominator of the meter."""

FORM_NAMES = ("sketch", "song", "long", "suite")
FORM_WEIGHTS = (12, 77, 9, 2)
_PART_COUNT_DICE = ((2, 2, 2), (2, 4, 3), (5, 4, 4), (10, 4, 3))
"""By form: fewest players, and the sides of two dice added to them."""
_PARSED_FORMS = tuple(tuple(parse_form(text) for text in FORMS[name]) for name in FORM_NAMES)
_CONTROLLER_AMOUNTS = ((0, 0, 0, 1), (0, 0, 0, 0, 1, 1, 1, 2), (0, 1, 1, 2), (1, 2, 2))
_LIGHT_METERS = ((4, 4), (3, 4), (6, 8))


@dataclass(frozen=True, slots=True)
class Slot:
    """A place in the arrangement.

    Attributes:
        role: what is played there, one of the roles of ``sheet``.
        channel: 0 to 15.
        number: how many slots of the same role come before it.
    """

    role: int
    channel: int
    index_in_role: int


def draw_sections(rng: Rng, form_index: int, style: Style) -> list[Section]:
    """A form and its meters."""
    forms = _PARSED_FORMS[form_index]
    meter = METERS[rng.choose_weighted(METER_WEIGHTS)]
    if style.swing or style.tempo_range[0] > 110:
        meter = (4, 4)
    changing = rng.randrange(7)
    sections: list[Section] = []
    for kind, bars in forms[rng.randrange(len(forms))]:
        here = meter
        if changing == 0 and kind in (sheet.BRIDGE, sheet.PRE_CHORUS, sheet.OUTRO):
            here = _LIGHT_METERS[rng.randrange(len(_LIGHT_METERS))]
        if changing == 1 and kind == sheet.VERSE and bars > 4 and meter == (4, 4):
            sections += [(kind, bars - 1, *here), (kind, 1, 2, 4)]
        else:
            sections.append((kind, bars, *here))
    return sections


def draw_part_count(rng: Rng, form_index: int) -> int:
    """How many parts a family's songs have, more or less: 2 to 15."""
    fewest, first, second = _PART_COUNT_DICE[form_index]
    return fewest + rng.randrange(first) + rng.randrange(second)


def draw_slots(rng: Rng, style: Style) -> tuple[Slot, ...]:
    """The style's roles, each on a channel; all drums and percussion on channel 10 (9, counted from 0)."""
    channel = rng.randrange(3)
    slots: list[Slot] = []
    for role in style.roles:
        number = sum(slot.role == role for slot in slots)
        if role in (sheet.DRUMS, sheet.PERCUSSION):
            slots.append(Slot(role, sheet.DRUM_CHANNEL, number))
            continue
        slots.append(Slot(role, channel, number))
        channel = (channel + 1) % 16
        if channel == sheet.DRUM_CHANNEL:
            channel += 1
    return tuple(slots)


def draw_part_row(rng: Rng, style: Style, slot: Slot, form_index: int, variant: int) -> IntArray:
    """The row of a part: instrument, pattern, manner. A later variant is another melody or a new voicing."""
    role = slot.role
    programs = programs_for_role(style, role)
    program = programs[rng.randrange(len(programs))]
    drumming = slot.channel == sheet.DRUM_CHANNEL
    low, high = (35, 81) if drumming else pitch_range(role, program)
    groove = style.grooves[rng.randrange(len(style.grooves))]
    if role == sheet.DRUMS:
        pattern = groove[1] - groove[0]
    elif role == sheet.BASS:
        pattern = style.bass_patterns[rng.randrange(len(style.bass_patterns))]
    elif role in (sheet.COMP, sheet.STRUM):
        pattern = style.comping_patterns[rng.randrange(len(style.comping_patterns))]
    else:
        pattern = rng.randrange(PATTERN_COUNTS.get(role, 1))
    if role == sheet.COUNTERMELODY:
        salt = FIRST_SLOW_MELODY + slot.index_in_role * 64 + variant
    elif role == sheet.LEAD:
        salt = 0 if slot.index_in_role == 0 and rng.randrange(2) else slot.index_in_role * 64 + variant
    else:
        salt = 0 if role == sheet.HARMONY else slot.index_in_role * 64 + variant
    rests = REST_SECTIONS_BY_ROLE[role][rng.randrange(len(REST_SECTIONS_BY_ROLE[role]))]
    curves = _CONTROLLER_AMOUNTS[form_index][rng.randrange(len(_CONTROLLER_AMOUNTS[form_index]))]
    centred = drumming or role in (sheet.BASS, sheet.LEAD)
    row = (
        role,
        slot.channel,
        program,
        low,
        high,
        rng.randrange(1 << 30),
        rng.randrange(1 << 30),
        78 + rng.randrange(40),
        64 if centred else 24 + rng.randrange(80),
        pattern,
        curves,
        sections_mask(rests),
        salt,
        0,
        0,
        0 if rng.randrange(16) == 0 else -1,
        rng.randrange(2),
        groove[0],
        1 if rng.randrange(10) < (2, 2, 5, 7)[form_index] else 0,
    )
    return np.array(row, np.int64)
