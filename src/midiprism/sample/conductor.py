"""What belongs to the whole song: tempo map, meters, key, markers, resets."""

from dataclasses import dataclass

from midiprism.sample import sheet
from midiprism.sample.dice import Dice, Ints
from midiprism.sample.names import encoded, meta
from midiprism.sample.styles import SHARPS
from midiprism.sample.words import Language

Event = tuple[int, bytes]
"""Absolute tick, and the bytes of a meta event or system exclusive message."""

_RESETS = (
    bytes.fromhex("F0 05 7E 7F 09 01 F7"),  # General MIDI
    bytes.fromhex("F0 0A 41 10 42 12 40 00 7F 00 41 F7"),  # Roland GS
    bytes.fromhex("F0 08 43 10 4C 00 00 7E 00 F7"),  # Yamaha XG
)


@dataclass(frozen=True, slots=True)
class Conductor:
    """A family's events that concern all tracks, in order.

    Attributes:
        opening: key, resets and the like, at tick 0.
        timing: tempo and time signature.
        markers: names of the sections, or nothing.
        rights: the copyright notice, or nothing.
    """

    opening: tuple[Event, ...]
    timing: tuple[Event, ...]
    markers: tuple[Event, ...]
    rights: tuple[Event, ...]

    def events(self) -> list[Event]:
        """All of them, by tick."""
        return sorted((*self.rights, *self.opening, *self.timing, *self.markers), key=_tick)

    def apart(self) -> tuple[list[Event], list[Event]]:
        """What stands at the beginning, and what comes later."""
        events = self.events()
        return [event for event in events if event[0] == 0], [event for event in events if event[0] > 0]


def _tick(event: Event) -> int:
    return event[0]


def track(events: list[Event], end: int) -> bytes:
    """A track chunk of events, with its end at tick ``end`` or after the last."""
    body = bytearray()
    now = 0
    for tick, data in [*events, (max(end, events[-1][0] if events else 0), b"\xff\x2f\x00")]:
        body += _length(tick - now) + data
        now = tick
    return b"MTrk" + len(body).to_bytes(4, "big") + body


def _length(value: int) -> bytes:
    """Variable-length quantity."""
    out = bytes((value & 0x7F,))
    while value := value >> 7:
        out = bytes((0x80 | value & 0x7F,)) + out
    return out


def _tempo(tick: int, microseconds: int) -> Event:
    return tick, b"\xff\x51\x03" + microseconds.to_bytes(3, "big")


def _meter(tick: int, numerator: int, denominator: int) -> Event:
    clocks = 36 if (numerator, denominator) == (6, 8) else 24
    return tick, bytes((0xFF, 0x58, 4, numerator, denominator.bit_length() - 1, clocks, 8))


def conduct(
    dice: Dice,
    song: Ints,
    sections: list[tuple[int, int, int, int]],
    quarter: int,
    restrained: bool,
    language: Language,
    encoding: str,
) -> Conductor:
    """A conductor for sections (kind, bars, numerator, denominator), at ``quarter`` microseconds per beat.

    Args:
        restrained: keeps the tempo, as machines do.
    """
    division = int(song[sheet.DIVISION])
    manner = 0 if restrained and dice.roll(4) else dice.roll(100)
    timing: list[Event] = []
    markers: list[Event] = []
    named = dice.roll(4) == 0
    tick = 0
    meter = (0, 0)
    for kind, bars, numerator, denominator in sections:
        length = numerator * 4 * division // denominator
        if (numerator, denominator) != meter:
            meter = (numerator, denominator)
            timing.append(_meter(tick, *meter))
        if named:
            markers.append((tick, meta(0x06, encoded(language.sections[kind], encoding))))
        if tick == 0:
            timing.append(_tempo(0, quarter))
        elif 45 <= manner < 80:
            faster = {sheet.CHORUS: 3, sheet.BRIDGE: -4, sheet.SOLO: 2, sheet.OUTRO: -2}.get(kind, 0)
            timing.append(_tempo(tick, quarter * 100 // (100 + faster)))
        elif manner >= 90:
            timing += [
                _tempo(tick + bar * length, quarter * (990 + dice.roll(21)) // 1000) for bar in range(bars)
            ]
        tick += bars * length
    if manner >= 30:
        last = sections[-1][2] * 4 * division // sections[-1][3]
        start = max(tick - 2 * last, 0)
        beats = 2 * last // division
        timing += [
            _tempo(start + beat * division, quarter * (100 + 60 * beat // beats) // 100)
            for beat in range(1, beats)
        ]
        timing.sort(key=_tick)
    return Conductor(
        opening=_opening(dice, song),
        timing=tuple(timing),
        markers=tuple(markers),
        rights=((0, meta(0x02, b"(C) %d" % (1986 + dice.roll(38)))),) if dice.roll(5) == 0 else (),
    )


def _opening(dice: Dice, song: Ints) -> tuple[Event, ...]:
    events: list[Event] = []
    if dice.roll(10):
        relative = (int(song[sheet.TONIC]) + 3 * int(song[sheet.MINOR])) % 12
        events.append((0, bytes((0xFF, 0x59, 2, SHARPS[relative] & 0xFF, int(song[sheet.MINOR])))))
    if dice.roll(25) == 0:
        events.append((0, bytes((0xFF, 0x54, 5, 0x20 | dice.roll(2), 0, 0, 0, 0))))
    reset = dice.roll(8)
    if reset < len(_RESETS):
        events.append((0, _RESETS[reset]))
    return tuple(events)
