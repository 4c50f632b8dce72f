"""Builds Standard MIDI Files byte by byte, well formed by default and damaged where a test asks for it."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from support.midi_parser import (
    END,
    ESCAPE,
    KEY_SIGNATURE,
    META,
    SMPTE_OFFSET,
    SYSEX,
    TEMPO,
    TIME_SIGNATURE,
    TRACK_NAME,
)

TimedMessage = tuple[int, bytes]
"""A message, status first, at an absolute tick."""


LONGEST_DELTA = 0x0FFF_FFFF
"""Largest variable-length quantity that the specification allows."""


def vlq(value: int, width: int = 1) -> bytes:
    """A variable-length quantity, padded to ``width`` bytes: legal up to 4, if not the shortest."""
    if value > LONGEST_DELTA:
        raise ValueError(f"{value} does not fit the four bytes of a variable-length quantity")
    groups = [value & 127]
    while value > 127 or len(groups) < width:
        value >>= 7
        groups.append(value & 127 | 128)
    return bytes(reversed(groups))


def note_on(channel: int, pitch: int, velocity: int = 64) -> bytes:
    """A note-on."""
    return bytes([0x90 | channel, pitch, velocity])


def note_off(channel: int, pitch: int, velocity: int = 0) -> bytes:
    """A note-off proper."""
    return bytes([0x80 | channel, pitch, velocity])


def control_change(channel: int, number: int, value: int) -> bytes:
    """A controller."""
    return bytes([0xB0 | channel, number, value])


def program_change(channel: int, number: int) -> bytes:
    """A program change."""
    return bytes([0xC0 | channel, number])


def pitch_bend(channel: int, value: int) -> bytes:
    """A pitch bend, 0 to 16383 with 8192 in the middle."""
    return bytes([0xE0 | channel, value & 127, value >> 7])


def meta(kind: int, data: bytes = b"", width: int = 1) -> bytes:
    """A meta event; ``width`` bytes at least for its length."""
    return bytes([META, kind]) + vlq(len(data), width) + data


def sysex(data: bytes, width: int = 1) -> bytes:
    """A system exclusive event, or the first packet of one; ``data`` carries its own F7, if any."""
    return bytes([SYSEX]) + vlq(len(data), width) + data


def escape(data: bytes, width: int = 1) -> bytes:
    """An F7 event: a further packet of a system exclusive message, or any bytes to transmit."""
    return bytes([ESCAPE]) + vlq(len(data), width) + data


def tempo(microseconds: int) -> bytes:
    """A tempo in microseconds per quarter note."""
    return meta(TEMPO, microseconds.to_bytes(3, "big"))


def time_signature(
    numerator: int, denominator_power: int, clocks: int = 24, thirty_seconds: int = 8
) -> bytes:
    """A time signature: ``numerator`` over two to the ``power``."""
    return meta(TIME_SIGNATURE, bytes([numerator, denominator_power, clocks, thirty_seconds]))


def key_signature(sharps: int, minor: int = 0) -> bytes:
    """A key signature; flats are negative."""
    return meta(KEY_SIGNATURE, bytes([sharps & 0xFF, minor]))


def smpte_offset(hour: int, minute: int = 0, second: int = 0, frame: int = 0, hundredths: int = 0) -> bytes:
    """An SMPTE offset."""
    return meta(SMPTE_OFFSET, bytes([hour, minute, second, frame, hundredths]))


def track_name(text: bytes) -> bytes:
    """A track name."""
    return meta(TRACK_NAME, text)


END_OF_TRACK = meta(END)


def note(channel: int, pitch: int, tick: int, length: int, velocity: int = 64) -> list[TimedMessage]:
    """A note: its onset and its end."""
    return [(tick, note_on(channel, pitch, velocity)), (tick + length, note_off(channel, pitch))]


@dataclass(frozen=True, slots=True)
class EncodingStyle:
    """Which of the legal spellings a track is written in.

    ``running`` says of the n-th channel event whether running status may spare its status; ``delta_width`` is
    the least number of bytes of the n-th delta time.
    """

    running_status: Callable[[int], bool] = lambda _: False
    delta_width: Callable[[int], int] = lambda _: 1


DEFAULT_STYLE = EncodingStyle()
RUNNING_STATUS_STYLE = EncodingStyle(running_status=lambda _: True)


def encode_events(messages: Iterable[TimedMessage], style: EncodingStyle = DEFAULT_STYLE) -> bytes:
    """The inside of a track without its end: messages in order of their ticks."""
    out = bytearray()
    now = status = 0
    for count, (tick, message) in enumerate(messages):
        if tick < now:
            raise ValueError(f"message {count} at tick {tick} comes after tick {now}")
        out += vlq(tick - now, style.delta_width(count))
        now = tick
        if message[0] == status and style.running_status(count):
            out += message[1:]
        else:
            out += message
        status = message[0] if message[0] < SYSEX else 0
    return bytes(out)


def chunk(kind: bytes, body: bytes, length: int | None = None) -> bytes:
    """A chunk, with any ``length`` written into it."""
    return kind + (len(body) if length is None else length).to_bytes(4, "big") + body


def track(
    messages: Iterable[TimedMessage] = (),
    *,
    end: int | None = None,
    style: EncodingStyle = DEFAULT_STYLE,
    length: int | None = None,
) -> bytes:
    """An ``MTrk`` chunk whose end of track stands at tick ``end``, or at its last message's."""
    messages = list(messages)
    last = messages[-1][0] if messages else 0
    body = encode_events([*messages, (last if end is None else end, END_OF_TRACK)], style)
    return chunk(b"MTrk", body, length)


def raw_track(body: bytes, length: int | None = None) -> bytes:
    """An ``MTrk`` chunk of any bytes."""
    return chunk(b"MTrk", body, length)


def header(midi_format: int, count: int, division: int, extra: bytes = b"") -> bytes:
    """A header chunk; ``extra`` bytes lengthen it as later versions of the specification may."""
    return chunk(
        b"MThd", b"".join(value.to_bytes(2, "big") for value in (midi_format, count, division)) + extra
    )


def song(
    *chunks: bytes, midi_format: int = 1, division: int = 480, count: int | None = None, extra: bytes = b""
) -> bytes:
    """A whole file; the header counts the ``MTrk`` chunks unless told otherwise."""
    found = sum(part[:4] == b"MTrk" for part in chunks)
    return header(midi_format, found if count is None else count, division, extra) + b"".join(chunks)
