"""Who plays what: form and meters, slots of an arrangement, and the row of numbers of a part."""

from dataclasses import dataclass

import numpy as np

from midiprism.sample import sheet
from midiprism.sample.dice import Dice, Ints
from midiprism.sample.melody import SLOW
from midiprism.sample.styles import (
    FORMS,
    METER_WEIGHTS,
    METERS,
    PATTERNS,
    RESTS,
    Style,
    form,
    programs_of,
    rests_mask,
    span_of,
)

Section = tuple[int, int, int, int]
"""Kind, bars, numerator and denominator of the meter."""

FORM_NAMES = ("sketch", "song", "long", "suite")
FORM_WEIGHTS = (12, 77, 9, 2)
_PLAYERS = ((2, 2, 2), (2, 4, 3), (5, 4, 4), (10, 4, 3))
"""By form: fewest players, and the sides of two dice added to them."""
_FORMS = tuple(tuple(form(text) for text in FORMS[name]) for name in FORM_NAMES)
_CURVES = ((0, 0, 0, 1), (0, 0, 0, 0, 1, 1, 1, 2), (0, 1, 1, 2), (1, 2, 2))
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
    number: int


def draw_sections(dice: Dice, size: int, style: Style) -> list[Section]:
    """A form and its meters."""
    forms = _FORMS[size]
    meter = METERS[dice.choose(METER_WEIGHTS)]
    if style.swing or style.tempo[0] > 110:
        meter = (4, 4)
    changing = dice.roll(7)
    sections: list[Section] = []
    for kind, bars in forms[dice.roll(len(forms))]:
        here = meter
        if changing == 0 and kind in (sheet.BRIDGE, sheet.PRE, sheet.OUTRO):
            here = _LIGHT_METERS[dice.roll(len(_LIGHT_METERS))]
        if changing == 1 and kind == sheet.VERSE and bars > 4 and meter == (4, 4):
            sections += [(kind, bars - 1, *here), (kind, 1, 2, 4)]
        else:
            sections.append((kind, bars, *here))
    return sections


def draw_players(dice: Dice, size: int) -> int:
    """How many parts a family's songs have, more or less: 2 to 15."""
    fewest, first, second = _PLAYERS[size]
    return fewest + dice.roll(first) + dice.roll(second)


def draw_slots(dice: Dice, style: Style) -> tuple[Slot, ...]:
    """The style's roles, each on a channel; all drums and percussion on channel 10 (9, counted from 0)."""
    channel = dice.roll(3)
    slots: list[Slot] = []
    for role in style.order:
        number = sum(slot.role == role for slot in slots)
        if role in (sheet.DRUMS, sheet.PERCUSSION):
            slots.append(Slot(role, sheet.DRUM_CHANNEL, number))
            continue
        slots.append(Slot(role, channel, number))
        channel = (channel + 1) % 16
        if channel == sheet.DRUM_CHANNEL:
            channel += 1
    return tuple(slots)


def compose_part(dice: Dice, style: Style, slot: Slot, size: int, variant: int) -> Ints:
    """The row of a part: instrument, pattern, manner. A later variant is another melody or a new voicing."""
    role = slot.role
    programs = programs_of(style, role)
    program = programs[dice.roll(len(programs))]
    drumming = slot.channel == sheet.DRUM_CHANNEL
    low, high = (35, 81) if drumming else span_of(role, program)
    groove = style.grooves[dice.roll(len(style.grooves))]
    if role == sheet.DRUMS:
        pattern = groove[1] - groove[0]
    elif role == sheet.BASS:
        pattern = style.bass[dice.roll(len(style.bass))]
    elif role in (sheet.COMP, sheet.STRUM):
        pattern = style.comping[dice.roll(len(style.comping))]
    else:
        pattern = dice.roll(PATTERNS.get(role, 1))
    if role == sheet.COUNTER:
        salt = SLOW + slot.number * 64 + variant
    elif role == sheet.LEAD:
        salt = 0 if slot.number == 0 and dice.roll(2) else slot.number * 64 + variant
    else:
        salt = 0 if role == sheet.HARMONY else slot.number * 64 + variant
    rests = RESTS[role][dice.roll(len(RESTS[role]))]
    curves = _CURVES[size][dice.roll(len(_CURVES[size]))]
    centred = drumming or role in (sheet.BASS, sheet.LEAD)
    row = (
        role,
        slot.channel,
        program,
        low,
        high,
        dice.roll(1 << 30),
        dice.roll(1 << 30),
        78 + dice.roll(40),
        64 if centred else 24 + dice.roll(80),
        pattern,
        curves,
        rests_mask(rests),
        salt,
        0,
        0,
        0 if dice.roll(16) == 0 else -1,
        dice.roll(2),
        groove[0],
        1 if dice.roll(10) < (2, 2, 5, 7)[size] else 0,
    )
    return np.array(row, np.int64)
