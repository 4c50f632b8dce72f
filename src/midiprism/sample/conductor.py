"""Events of the whole song: tempo map, meters, key, markers, resets."""

from dataclasses import dataclass
from operator import attrgetter
from typing import Any, NamedTuple

from midiprism.sample.arrange import SongSection
from midiprism.sample.names import encode_text, meta_event
from midiprism.sample.rng import Rng
from midiprism.sample.score import BRIDGE, CHORUS, OUTRO, SOLO
from midiprism.sample.styles import KEY_SHARPS
from midiprism.sample.words import Language

END_OF_TRACK = b"\xff\x2f\x00"


class TimedEvent(NamedTuple):
    """An absolute tick, and the bytes of a meta event or system exclusive message."""

    tick: int
    data: bytes


_RESETS = (
    bytes.fromhex("F0 05 7E 7F 09 01 F7"),  # General MIDI
    bytes.fromhex("F0 0A 41 10 42 12 40 00 7F 00 41 F7"),  # Roland GS
    bytes.fromhex("F0 08 43 10 4C 00 00 7E 00 F7"),  # Yamaha XG
)


@dataclass(frozen=True, slots=True)
class ConductorEvents:
    """A family's events that concern all tracks, in order.

    Attributes:
        initial_events: key, resets and the like, at tick 0.
        tempo_and_meter: tempi and time signatures.
        markers: names of the sections, or nothing.
        copyright_notice: the copyright notice, or nothing.
    """

    initial_events: tuple[TimedEvent, ...]
    tempo_and_meter: tuple[TimedEvent, ...]
    markers: tuple[TimedEvent, ...]
    copyright_notice: tuple[TimedEvent, ...]

    def all_by_tick(self) -> list[TimedEvent]:
        """Return all of them, by tick."""
        return sorted(
            (*self.copyright_notice, *self.initial_events, *self.tempo_and_meter, *self.markers),
            key=attrgetter("tick"),
        )

    def initial_and_later(self) -> tuple[list[TimedEvent], list[TimedEvent]]:
        """Return those at the beginning, and those that come later."""
        events = self.all_by_tick()
        return [event for event in events if event.tick == 0], [event for event in events if event.tick > 0]


def track_chunk(events: list[TimedEvent], end_tick: int) -> bytes:
    """Return a track chunk of events, with its end at ``end_tick`` or at the last event."""
    last_tick = events[-1].tick if events else 0
    body = bytearray()
    now = 0
    for tick, data in [*events, TimedEvent(max(end_tick, last_tick), END_OF_TRACK)]:
        body += _encode_vlq(tick - now) + data
        now = tick
    return b"MTrk" + len(body).to_bytes(4, "big") + body


def _encode_vlq(value: int) -> bytes:
    """Return a variable-length quantity."""
    out = bytes((value & 0x7F,))
    while value := value >> 7:
        out = bytes((0x80 | value & 0x7F,)) + out
    return out


def _tempo_event(tick: int, microseconds: int) -> TimedEvent:
    return TimedEvent(tick, b"\xff\x51\x03" + microseconds.to_bytes(3, "big"))


def _time_signature_event(tick: int, section: SongSection) -> TimedEvent:
    numerator, denominator = section.numerator, section.denominator
    clocks = 36 if (numerator, denominator) == (6, 8) else 24
    return TimedEvent(tick, bytes((0xFF, 0x58, 4, numerator, denominator.bit_length() - 1, clocks, 8)))


def draw_conductor_events(
    rng: Rng,
    song: Any,
    sections: list[SongSection],
    microseconds_per_quarter: int,
    steady_tempo: bool,
    language: Language,
    encoding: str,
) -> ConductorEvents:
    """Draw the conductor of a song.

    Args:
        rng: the family's stream.
        song: its SONG row.
        sections: its sections.
        microseconds_per_quarter: its tempo.
        steady_tempo: mostly keeps the tempo, as machines do.
        language: that of the markers.
        encoding: that of the markers.
    """
    division = int(song.division)
    manner = 0 if steady_tempo and rng.randrange(4) else rng.randrange(100)
    has_markers = rng.randrange(4) == 0
    tempo_and_meter = _draw_tempo_and_meter(rng, division, sections, microseconds_per_quarter, manner)
    markers = _markers(division, sections, language, encoding) if has_markers else ()
    initial_events = _draw_initial_events(rng, song)
    notice: tuple[TimedEvent, ...] = ()
    if rng.randrange(5) == 0:
        notice = (TimedEvent(0, meta_event(0x02, b"(C) %d" % (1986 + rng.randrange(38)))),)
    return ConductorEvents(initial_events, tempo_and_meter, markers, notice)


def _markers(
    division: int, sections: list[SongSection], language: Language, encoding: str
) -> tuple[TimedEvent, ...]:
    markers = []
    tick = 0
    for section in sections:
        text = encode_text(language.section_names[section.kind], encoding)
        markers.append(TimedEvent(tick, meta_event(0x06, text)))
        tick += section.bars * section.bar_ticks(division)
    return tuple(markers)


def _draw_tempo_and_meter(
    rng: Rng, division: int, sections: list[SongSection], microseconds_per_quarter: int, manner: int
) -> tuple[TimedEvent, ...]:
    """Draw tempi and meters; by ``manner`` (0 to 99) the tempo is steady, or changes by section or bar."""
    events: list[TimedEvent] = []
    tick = 0
    meter = (0, 0)
    for section in sections:
        length = section.bar_ticks(division)
        if (section.numerator, section.denominator) != meter:
            meter = (section.numerator, section.denominator)
            events.append(_time_signature_event(tick, section))
        if tick == 0:
            events.append(_tempo_event(0, microseconds_per_quarter))
        elif 45 <= manner < 80:
            faster = {CHORUS: 3, BRIDGE: -4, SOLO: 2, OUTRO: -2}.get(section.kind, 0)
            events.append(_tempo_event(tick, microseconds_per_quarter * 100 // (100 + faster)))
        elif manner >= 90:
            for bar in range(section.bars):
                tempo = microseconds_per_quarter * (990 + rng.randrange(21)) // 1000
                events.append(_tempo_event(tick + bar * length, tempo))
        tick += section.bars * length
    if manner >= 30:
        events += _ritardando(division, tick, sections[-1].bar_ticks(division), microseconds_per_quarter)
        events.sort(key=attrgetter("tick"))
    return tuple(events)


def _ritardando(
    division: int, end_tick: int, bar_ticks: int, microseconds_per_quarter: int
) -> list[TimedEvent]:
    """Return tempi that slow down over the last two bars."""
    start = max(end_tick - 2 * bar_ticks, 0)
    beats = 2 * bar_ticks // division
    return [
        _tempo_event(start + beat * division, microseconds_per_quarter * (100 + 60 * beat // beats) // 100)
        for beat in range(1, beats)
    ]


def _draw_initial_events(rng: Rng, song: Any) -> tuple[TimedEvent, ...]:
    events: list[bytes] = []
    if rng.randrange(10):
        major_tonic = (int(song.tonic) + 3 * int(song.minor)) % 12
        events.append(bytes((0xFF, 0x59, 2, KEY_SHARPS[major_tonic] & 0xFF, int(song.minor))))
    if rng.randrange(25) == 0:
        events.append(bytes((0xFF, 0x54, 5, 0x20 | rng.randrange(2), 0, 0, 0, 0)))
    reset = rng.randrange(8)
    if reset < len(_RESETS):
        events.append(_RESETS[reset])
    return tuple(TimedEvent(0, data) for data in events)
