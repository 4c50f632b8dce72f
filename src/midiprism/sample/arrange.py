"""Arrangements: form and meters, slots for parts, and the row of a part."""

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from midiprism.sample.melody import FIRST_SLOW_MELODY
from midiprism.sample.rng import Rng
from midiprism.sample.score import (
    BASS,
    BRIDGE,
    COMP,
    COUNTERMELODY,
    DRUM_CHANNEL,
    DRUMS,
    HARMONY,
    LEAD,
    OUTRO,
    PART,
    PERCUSSION,
    PRE_CHORUS,
    STRUM,
    VERSE,
)
from midiprism.sample.styles import (
    FORMS,
    METER_WEIGHTS,
    METERS,
    PATTERN_COUNTS,
    REST_SECTIONS_BY_ROLE,
    Grooves,
    Style,
    parse_form,
    pitch_range,
    programs_for_role,
    sections_mask,
)


class SongSection(NamedTuple):
    """A section of a song: its kind and bars, and its meter. The fields are those of SECTION."""

    kind: int
    bars: int
    numerator: int
    denominator: int

    def bar_ticks(self, division: int) -> int:
        """Return the ticks of a bar."""
        return self.numerator * 4 * division // self.denominator


class PartCountDice(NamedTuple):
    """Draws how many parts play: the fewest, and the sides of two dice added to them."""

    fewest: int
    first_sides: int
    second_sides: int


FORM_NAMES = ("sketch", "song", "long", "suite")
FORM_WEIGHTS = (12, 77, 9, 2)
_PART_COUNT_DICE = (
    PartCountDice(2, 2, 2),
    PartCountDice(2, 4, 3),
    PartCountDice(5, 4, 4),
    PartCountDice(10, 4, 3),
)
"""By form, as are the next two."""
_PARSED_FORMS = tuple(tuple(parse_form(text) for text in FORMS[name]) for name in FORM_NAMES)
_CONTROLLER_AMOUNTS = ((0, 0, 0, 1), (0, 0, 0, 0, 1, 1, 1, 2), (0, 1, 1, 2), (1, 2, 2))
_SIXTEENTHS_IN_TEN = (2, 2, 5, 7)
"""Parts in ten that play sixteenths."""

_LIGHT_METERS = ((4, 4), (3, 4), (6, 8))


@dataclass(frozen=True, slots=True)
class Slot:
    """A place in the arrangement.

    Attributes:
        role: what is played there, one of the roles of ``score``.
        channel: 0 to 15.
        index_in_role: how many slots of the same role come before it.
    """

    role: int
    channel: int
    index_in_role: int


def draw_sections(rng: Rng, form_index: int, style: Style) -> list[SongSection]:
    """Draw a form and its meters."""
    forms = _PARSED_FORMS[form_index]
    song_meter = METERS[rng.choose_weighted(METER_WEIGHTS)]
    if style.swing or style.tempo_range[0] > 110:
        song_meter = (4, 4)
    changing = rng.randrange(7)
    sections: list[SongSection] = []
    for kind, bars in forms[rng.randrange(len(forms))]:
        meter = song_meter
        if changing == 0 and kind in (BRIDGE, PRE_CHORUS, OUTRO):
            meter = _LIGHT_METERS[rng.randrange(len(_LIGHT_METERS))]
        if changing == 1 and kind == VERSE and bars > 4 and song_meter == (4, 4):
            sections += [SongSection(kind, bars - 1, *meter), SongSection(kind, 1, 2, 4)]
        else:
            sections.append(SongSection(kind, bars, *meter))
    return sections


def draw_part_count(rng: Rng, form_index: int) -> int:
    """Draw how many parts a family's songs have, more or less: 2 to 15."""
    dice = _PART_COUNT_DICE[form_index]
    return dice.fewest + rng.randrange(dice.first_sides) + rng.randrange(dice.second_sides)


def draw_slots(rng: Rng, style: Style) -> tuple[Slot, ...]:
    """Draw a channel for each of the style's roles; drums and percussion are on channel 10 (9 from 0)."""
    channel = rng.randrange(3)
    slots: list[Slot] = []
    for role in style.roles:
        number = sum(slot.role == role for slot in slots)
        if role in (DRUMS, PERCUSSION):
            slots.append(Slot(role, DRUM_CHANNEL, number))
            continue
        slots.append(Slot(role, channel, number))
        channel = (channel + 1) % 16
        if channel == DRUM_CHANNEL:
            channel += 1
    return tuple(slots)


def _draw_pattern(rng: Rng, style: Style, role: int, grooves: Grooves) -> int:
    if role == DRUMS:
        return grooves.loud - grooves.quiet
    if role == BASS:
        return style.bass_patterns[rng.randrange(len(style.bass_patterns))]
    if role in (COMP, STRUM):
        return style.comping_patterns[rng.randrange(len(style.comping_patterns))]
    return rng.randrange(PATTERN_COUNTS.get(role, 1))


def _draw_melody_number(rng: Rng, slot: Slot, variant: int) -> int:
    number = slot.index_in_role * 64 + variant
    if slot.role == COUNTERMELODY:
        return FIRST_SLOW_MELODY + number
    if slot.role == LEAD:
        return 0 if slot.index_in_role == 0 and rng.randrange(2) else number
    return 0 if slot.role == HARMONY else number


def draw_part(rng: Rng, style: Style, slot: Slot, form_index: int, variant: int) -> Any:
    """Draw the PART row of a part, as a table of one row: instrument, pattern, manner.

    A later variant is another melody or a new voicing. The order of the draws is part of what a seed means.
    """
    table = np.zeros(1, PART)
    part = table[0]
    role = slot.role
    programs = programs_for_role(style, role)
    drumming = slot.channel == DRUM_CHANNEL
    part.role, part.channel = role, slot.channel
    part.program = programs[rng.randrange(len(programs))]
    part.lowest_pitch, part.highest_pitch = (35, 81) if drumming else pitch_range(role, int(part.program))
    grooves = style.grooves[rng.randrange(len(style.grooves))]
    part.first_groove = grooves.quiet
    part.pattern = _draw_pattern(rng, style, role, grooves)
    part.melody_number = _draw_melody_number(rng, slot, variant)
    rests, amounts = REST_SECTIONS_BY_ROLE[role], _CONTROLLER_AMOUNTS[form_index]
    part.rest_sections = sections_mask(rests[rng.randrange(len(rests))])
    part.controller_amount = amounts[rng.randrange(len(amounts))]
    part.seed_low = rng.randrange(1 << 30)
    part.seed_high = rng.randrange(1 << 30)
    part.volume = 78 + rng.randrange(40)
    part.pan = 64 if drumming or role in (BASS, LEAD) else 24 + rng.randrange(80)
    part.bank_select = 0 if rng.randrange(16) == 0 else -1
    part.ends_with_song = rng.randrange(2)
    part.plays_sixteenths = 1 if rng.randrange(10) < _SIXTEENTHS_IN_TEN[form_index] else 0
    return table
