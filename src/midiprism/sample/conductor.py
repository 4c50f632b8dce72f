"""What belongs to the whole song: tempo map, meters, key, markers, resets."""

from dataclasses import dataclass

from midiprism.sample import columns as sheet
from midiprism.sample.names import encode_text, meta_event
from midiprism.sample.rng import IntArray, Rng
from midiprism.sample.styles import KEY_SHARPS
from midiprism.sample.words import Language

TimedEvent = tuple[int, bytes]
"""Absolute tick, and the bytes of a meta event or system exclusive message."""

_RESETS = (
    bytes.fromhex("F0 05 7E 7F 09 01 F7"),  # General MIDI
    bytes.fromhex("F0 0A 41 10 42 12 40 00 7F 00 41 F7"),  # Roland GS
    bytes.fromhex("F0 08 43 10 4C 00 00 7E 00 F7"),  # Yamaha XG
)


@dataclass(frozen=True, slots=True)
class ConductorEvents:
    """A family's events that concern all tracks, in order.

    Attributes:
        opening: key, resets and the like, at tick 0.
        timing: tempo and time signature.
        markers: names of the sections, or nothing.
        rights: the copyright notice, or nothing.
    """

    initial_events: tuple[TimedEvent, ...]
    tempo_and_meter: tuple[TimedEvent, ...]
    markers: tuple[TimedEvent, ...]
    copyright_notice: tuple[TimedEvent, ...]

    def all_by_tick(self) -> list[TimedEvent]:
        """All of them, by tick."""
        return sorted(
            (*self.copyright_notice, *self.initial_events, *self.tempo_and_meter, *self.markers),
            key=_event_tick,
        )

    def initial_and_later(self) -> tuple[list[TimedEvent], list[TimedEvent]]:
        """What stands at the beginning, and what comes later."""
        events = self.all_by_tick()
        return [event for event in events if event[0] == 0], [event for event in events if event[0] > 0]


def _event_tick(event: TimedEvent) -> int:
    return event[0]


def track_chunk(events: list[TimedEvent], end_tick: int) -> bytes:
    """A track chunk of events, with its end at tick ``end`` or after the last."""
    body = bytearray()
    now = 0
    for tick, data in [*events, (max(end_tick, events[-1][0] if events else 0), b"\xff\x2f\x00")]:
        body += _encode_vlq(tick - now) + data
        now = tick
    return b"MTrk" + len(body).to_bytes(4, "big") + body


def _encode_vlq(value: int) -> bytes:
    """Variable-length quantity."""
    out = bytes((value & 0x7F,))
    while value := value >> 7:
        out = bytes((0x80 | value & 0x7F,)) + out
    return out


def _tempo_event(tick: int, microseconds: int) -> TimedEvent:
    return tick, b"\xff\x51\x03" + microseconds.to_bytes(3, "big")


def _time_signature_event(tick: int, numerator: int, denominator: int) -> TimedEvent:
    clocks = 36 if (numerator, denominator) == (6, 8) else 24
    return tick, bytes((0xFF, 0x58, 4, numerator, denominator.bit_length() - 1, clocks, 8))


def draw_conductor_events(
    rng: Rng,
    song: IntArray,
    sections: list[tuple[int, int, int, int]],
    microseconds_per_quarter: int,
    steady_tempo: bool,
    language: Language,
    encoding: str,
) -> ConductorEvents:
    """A conductor for sections (kind, bars, numerator, denominator), at ``quarter`` microseconds per beat.

    Args:
        restrained: keeps the tempo, as machines do.
    """
    division = int(song[sheet.DIVISION])
    manner = 0 if steady_tempo and rng.randrange(4) else rng.randrange(100)
    timing: list[TimedEvent] = []
    markers: list[TimedEvent] = []
    named = rng.randrange(4) == 0
    tick = 0
    meter = (0, 0)
    for kind, bars, numerator, denominator in sections:
        length = numerator * 4 * division // denominator
        if (numerator, denominator) != meter:
            meter = (numerator, denominator)
            timing.append(_time_signature_event(tick, *meter))
        if named:
            markers.append((tick, meta_event(0x06, encode_text(language.section_names[kind], encoding))))
        if tick == 0:
            timing.append(_tempo_event(0, microseconds_per_quarter))
        elif 45 <= manner < 80:
            faster = {sheet.CHORUS: 3, sheet.BRIDGE: -4, sheet.SOLO: 2, sheet.OUTRO: -2}.get(kind, 0)
            timing.append(_tempo_event(tick, microseconds_per_quarter * 100 // (100 + faster)))
        elif manner >= 90:
            timing += [
                _tempo_event(
                    tick + bar * length, microseconds_per_quarter * (990 + rng.randrange(21)) // 1000
                )
                for bar in range(bars)
            ]
        tick += bars * length
    if manner >= 30:
        last = sections[-1][2] * 4 * division // sections[-1][3]
        start = max(tick - 2 * last, 0)
        beats = 2 * last // division
        timing += [
            _tempo_event(
                start + beat * division, microseconds_per_quarter * (100 + 60 * beat // beats) // 100
            )
            for beat in range(1, beats)
        ]
        timing.sort(key=_event_tick)
    return ConductorEvents(
        initial_events=_draw_initial_events(rng, song),
        tempo_and_meter=tuple(timing),
        markers=tuple(markers),
        copyright_notice=((0, meta_event(0x02, b"(C) %d" % (1986 + rng.randrange(38)))),)
        if rng.randrange(5) == 0
        else (),
    )


def _draw_initial_events(rng: Rng, song: IntArray) -> tuple[TimedEvent, ...]:
    events: list[TimedEvent] = []
    if rng.randrange(10):
        relative = (int(song[sheet.TONIC]) + 3 * int(song[sheet.MINOR])) % 12
        events.append((0, bytes((0xFF, 0x59, 2, KEY_SHARPS[relative] & 0xFF, int(song[sheet.MINOR])))))
    if rng.randrange(25) == 0:
        events.append((0, bytes((0xFF, 0x54, 5, 0x20 | rng.randrange(2), 0, 0, 0, 0))))
    reset = rng.randrange(8)
    if reset < len(_RESETS):
        events.append((0, _RESETS[reset]))
    return tuple(events)
