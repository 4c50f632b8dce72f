"""The pieces of drum kits: the notes that each consists of, and its name.

A piece is one instrument of a kit in all of its strokes, pitches and sizes. Its number is a note of General
MIDI, the same in every kit; an instrument that General MIDI does not have takes its own lowest note.
"""

import numpy as np

from midiprism.smf.kernel.jit import inlined
from midiprism.smf.kernel.row_types import DRUM_STATE_EFFECTS, MODULE_UNKNOWN, MODULE_XG, PITCHES

Pieces = dict[int, tuple[str, tuple[int, ...]]]
"""Name and notes of each piece, by its number."""

GENERAL_MIDI: Pieces = {
    26: ("Finger Snap", (26,)),
    27: ("High Q", (27,)),
    28: ("Slap", (28,)),
    29: ("Scratch", (29, 30)),
    31: ("Sticks", (31,)),
    32: ("Square Click", (32,)),
    33: ("Metronome", (33, 34)),
    36: ("Kick", (35, 36)),
    38: ("Snare", (25, 37, 38, 40)),
    39: ("Hand Clap", (39,)),
    42: ("Hi-Hat", (42, 44, 46)),
    45: ("Toms", (41, 43, 45, 47, 48, 50)),
    49: ("Crash Cymbal", (49, 57)),
    51: ("Ride Cymbal", (51, 53, 59)),
    52: ("Chinese Cymbal", (52,)),
    54: ("Tambourine", (54,)),
    55: ("Splash Cymbal", (55,)),
    56: ("Cowbell", (56,)),
    58: ("Vibraslap", (58,)),
    60: ("Bongos", (60, 61)),
    63: ("Congas", (62, 63, 64)),
    65: ("Timbales", (65, 66)),
    67: ("Agogo", (67, 68)),
    69: ("Cabasa", (69,)),
    70: ("Maracas", (70,)),
    71: ("Whistle", (71, 72)),
    73: ("Guiro", (73, 74)),
    75: ("Claves", (75,)),
    76: ("Wood Blocks", (76, 77)),
    78: ("Cuica", (78, 79)),
    80: ("Triangle", (80, 81)),
    82: ("Shaker", (82,)),
    83: ("Jingle Bell", (83,)),
    84: ("Bell Tree", (84,)),
    85: ("Castanets", (85,)),
    86: ("Surdo", (86, 87)),
}
"""General MIDI 1 and 2, and Roland GS, which agree where they have the same notes."""


def _without(*numbers: int) -> Pieces:
    return {number: piece for number, piece in GENERAL_MIDI.items() if number not in numbers}


BRUSH: Pieces = _without(39) | {38: ("Snare", (25, 37, 38, 39, 40))}
"""The brush kit of General MIDI 2 and GS, where note 39 is a stroke on the snare."""

ORCHESTRA: Pieces = _without(27, 28, 29, 39, 45, 52) | {
    41: ("Timpani", tuple(range(41, 54))),
    42: ("Hi-Hat", (27, 28, 29)),
    49: ("Crash Cymbal", (57, 59)),
    51: ("Ride Cymbal", (30,)),
    85: ("Castanets", (39, 85)),
    88: ("Applause", (88,)),
}
"""The orchestra kit of General MIDI 2 and GS."""

YAMAHA_XG: Pieces = GENERAL_MIDI | {
    26: ("Finger Snap", (19,)),
    27: ("High Q", (15,)),
    28: ("Slap", (16,)),
    29: ("Scratch", (17, 18)),
    31: ("Sticks", (32,)),
    32: ("Square Click", (20, 23, 24)),
    33: ("Metronome", (21, 22)),
    36: ("Kick", (33, 35, 36)),
    38: ("Snare", (25, 26, 27, 28, 29, 31, 34, 37, 38, 40)),
    85: ("Castanets", (30, 85)),
    86: ("Surdo", (13, 14, 86, 87)),
}
"""Yamaha XG's kits, which differ from the others below note 35."""

_EFFECTS = (
    """
High Q|Slap|Scratch|Scratch|Sticks|Square Click|Metronome|Metronome|Guitar Fret Noise|Guitar Cutting Noise
Guitar Cutting Noise|String Slap|Flute Key Click|Laughing|Screaming|Punch|Heart Beat|Footsteps|Footsteps
Applause|Door Creaking|Door|Scratch 2|Wind Chimes|Car Engine|Car Stop|Car Pass|Car Crash|Siren|Train
Jetplane|Helicopter|Starship|Gunshot|Machine Gun|Lasergun|Explosion|Dog|Horse Gallop|Birds|Rain|Thunder
Wind|Seashore|Stream|Bubble
""".strip()
    .replace("\n", "|")
    .split("|")
)
_FIRST_EFFECT = 39

SOUND_EFFECTS: Pieces = {
    _FIRST_EFFECT + _EFFECTS.index(name): (
        name,
        tuple(_FIRST_EFFECT + at for at, other in enumerate(_EFFECTS) if other == name),
    )
    for name in _EFFECTS
}
"""The sound effects kit of General MIDI 2 and GS."""

KIT_MAPS: tuple[Pieces, ...] = (GENERAL_MIDI, YAMAHA_XG, BRUSH, ORCHESTRA, SOUND_EFFECTS, {})
GENERAL_MIDI_MAP, YAMAHA_XG_MAP, BRUSH_MAP, ORCHESTRA_MAP, SOUND_EFFECTS_MAP, UNKNOWN_MAP = range(6)
"""Numbers of the maps. In the unknown one each note is a piece."""

KIT_NAMES = ("General MIDI, GS", "XG", "brush kit", "orchestra kit", "sound effects kit")
"""Names of the maps, except for the unknown one."""

BRUSH_PROGRAM, ORCHESTRA_PROGRAM, SOUND_EFFECTS_PROGRAM = 40, 48, 56

XG_DRUM_BANK = 127


def _piece_of_note(pieces: Pieces) -> list[int]:
    table = list(range(PITCHES))
    for number, (_, notes) in pieces.items():
        for note in notes:
            table[note] = number
    return table


PIECE_OF_NOTE = np.array([_piece_of_note(pieces) for pieces in KIT_MAPS], np.int64)
"""The number of a note's piece, by map and note. A note that a map does not have is a piece."""


def piece_name(kit_map: int, number: int) -> str:
    """Return the name of a piece."""
    pieces = KIT_MAPS[kit_map]
    return pieces[number][0] if number in pieces else f"Drum {number}"


@inlined
def select_kit_map(drums: int, program: int, bank: int, module: int) -> int:
    """Return the number of the map that holds for a channel, by its drum state, program, bank and module."""
    if drums == DRUM_STATE_EFFECTS:
        return UNKNOWN_MAP
    if module == MODULE_XG or (bank == XG_DRUM_BANK and module == MODULE_UNKNOWN):
        return YAMAHA_XG_MAP
    if program == BRUSH_PROGRAM:
        return BRUSH_MAP
    if program == ORCHESTRA_PROGRAM:
        return ORCHESTRA_MAP
    return SOUND_EFFECTS_MAP if program == SOUND_EFFECTS_PROGRAM else GENERAL_MIDI_MAP


def list_piece_names() -> dict[int, str]:
    """Return the names of all pieces of all maps, by ``map * PITCHES + number``."""
    return {
        kit_map * PITCHES + number: piece_name(kit_map, number)
        for kit_map in range(len(KIT_MAPS))
        for number in range(PITCHES)
    }
