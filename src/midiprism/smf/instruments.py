"""Names of instruments, their families and drum kits (General MIDI 1 and 2, Roland GS, Yamaha XG)."""

from midiprism.smf.kernel.row_types import PROGRAM_SLOTS

FAMILIES = (
    "Piano",
    "Chromatic Percussion",
    "Organ",
    "Guitar",
    "Bass",
    "Strings",
    "Ensemble",
    "Brass",
    "Reed",
    "Pipe",
    "Synth Lead",
    "Synth Pad",
    "Synth Effects",
    "Ethnic",
    "Percussive",
    "Sound Effects",
    "Drums",
    "Text",
)
"""The 16 families of General MIDI Level 1, eight programs each, the drum kits, and tracks of text."""

DRUM_FAMILY = FAMILIES[16]
TEXT_FAMILY = FAMILIES[17]

INSTRUMENTS = tuple(
    """
Acoustic Grand Piano|Bright Acoustic Piano|Electric Grand Piano|Honky-tonk Piano
Electric Piano 1|Electric Piano 2|Harpsichord|Clavinet
Celesta|Glockenspiel|Music Box|Vibraphone|Marimba|Xylophone|Tubular Bells|Dulcimer
Drawbar Organ|Percussive Organ|Rock Organ|Church Organ|Reed Organ|Accordion|Harmonica|Tango Accordion
Acoustic Guitar (nylon)|Acoustic Guitar (steel)|Electric Guitar (jazz)|Electric Guitar (clean)
Electric Guitar (muted)|Overdriven Guitar|Distortion Guitar|Guitar Harmonics
Acoustic Bass|Electric Bass (finger)|Electric Bass (pick)|Fretless Bass
Slap Bass 1|Slap Bass 2|Synth Bass 1|Synth Bass 2
Violin|Viola|Cello|Contrabass|Tremolo Strings|Pizzicato Strings|Orchestral Harp|Timpani
String Ensemble 1|String Ensemble 2|Synth Strings 1|Synth Strings 2
Choir Aahs|Voice Oohs|Synth Voice|Orchestra Hit
Trumpet|Trombone|Tuba|Muted Trumpet|French Horn|Brass Section|Synth Brass 1|Synth Brass 2
Soprano Sax|Alto Sax|Tenor Sax|Baritone Sax|Oboe|English Horn|Bassoon|Clarinet
Piccolo|Flute|Recorder|Pan Flute|Blown Bottle|Shakuhachi|Whistle|Ocarina
Lead 1 (square)|Lead 2 (sawtooth)|Lead 3 (calliope)|Lead 4 (chiff)
Lead 5 (charang)|Lead 6 (voice)|Lead 7 (fifths)|Lead 8 (bass + lead)
Pad 1 (new age)|Pad 2 (warm)|Pad 3 (polysynth)|Pad 4 (choir)
Pad 5 (bowed)|Pad 6 (metallic)|Pad 7 (halo)|Pad 8 (sweep)
FX 1 (rain)|FX 2 (soundtrack)|FX 3 (crystal)|FX 4 (atmosphere)
FX 5 (brightness)|FX 6 (goblins)|FX 7 (echoes)|FX 8 (sci-fi)
Sitar|Banjo|Shamisen|Koto|Kalimba|Bagpipe|Fiddle|Shanai
Tinkle Bell|Agogo|Steel Drums|Woodblock|Taiko Drum|Melodic Tom|Synth Drum|Reverse Cymbal
Guitar Fret Noise|Breath Noise|Seashore|Bird Tweet|Telephone Ring|Helicopter|Applause|Gunshot
""".strip()
    .replace("\n", "|")
    .split("|")
)
"""The 128 programs of General MIDI Level 1, by program number."""

DRUM_KITS = {
    0: "Standard Kit",
    8: "Room Kit",
    16: "Power Kit",
    24: "Electronic Kit",
    25: "Analog Kit",
    32: "Jazz Kit",
    40: "Brush Kit",
    48: "Orchestra Kit",
    56: "Sound Effects Kit",
}
"""Drum kits by program number (Roland GS, General MIDI 2); Yamaha XG's first eight variations agree."""

UNLISTED_DRUM_KIT = "Drum Kit"


def instrument_name(program: int | None, *, drums: bool = False) -> str:
    """Return the General MIDI name of a program (0 to 127; None is the power-on program 0), or of its drum
    kit."""
    number = program or 0
    return DRUM_KITS.get(number, UNLISTED_DRUM_KIT) if drums else INSTRUMENTS[number]


def instrument_family(program: int | None, *, drums: bool = False) -> str:
    """Return the family of a program (0 to 127; None is the power-on program 0)."""
    return DRUM_FAMILY if drums else FAMILIES[(program or 0) >> 3]


def _instruments_and_families() -> tuple[tuple[str, str], ...]:
    programs = (*range(PROGRAM_SLOTS - 1), None)
    melodic = [(instrument_name(number), instrument_family(number)) for number in programs]
    drums = [(instrument_name(number, drums=True), DRUM_FAMILY) for number in programs]
    return (*melodic, *drums, *[(DRUM_KITS[_SOUND_EFFECTS_KIT_PROGRAM], DRUM_FAMILY)] * PROGRAM_SLOTS)


_SOUND_EFFECTS_KIT_PROGRAM = 56

INSTRUMENT_AND_FAMILY = _instruments_and_families()
"""Names of instrument and family, by drum state * PROGRAM_SLOTS + program."""
