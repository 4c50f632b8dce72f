"""Builders of Standard MIDI Files, byte by byte: well formed by default, damaged where a test asks for it."""

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
    """Return a variable-length quantity of at least ``width`` bytes; up to 4 are legal."""
    if value > LONGEST_DELTA:
        raise ValueError(f"{value} does not fit the four bytes of a variable-length quantity")
    groups = [value & 127]
    while value > 127 or len(groups) < width:
        value >>= 7
        groups.append(value & 127 | 128)
    return bytes(reversed(groups))


def note_on(channel: int, pitch: int, velocity: int = 64) -> bytes:
    """Return a note-on."""
    return bytes([0x90 | channel, pitch, velocity])


def note_off(channel: int, pitch: int, velocity: int = 0) -> bytes:
    """Return a note-off with the status of one."""
    return bytes([0x80 | channel, pitch, velocity])


def control_change(channel: int, number: int, value: int) -> bytes:
    """Return a control change."""
    return bytes([0xB0 | channel, number, value])


def program_change(channel: int, number: int) -> bytes:
    """Return a program change."""
    return bytes([0xC0 | channel, number])


def pitch_bend(channel: int, value: int) -> bytes:
    """Return a pitch bend from 0 to 16383, where 8192 is none."""
    return bytes([0xE0 | channel, value & 127, value >> 7])


def meta(kind: int, data: bytes = b"", width: int = 1) -> bytes:
    """Return a meta event whose length takes at least ``width`` bytes."""
    return bytes([META, kind]) + vlq(len(data), width) + data


def sysex(data: bytes, width: int = 1) -> bytes:
    """Return a system exclusive event, or its first packet. ``data`` includes the closing F7, if any."""
    return bytes([SYSEX]) + vlq(len(data), width) + data


def escape(data: bytes, width: int = 1) -> bytes:
    """Return an F7 event: a further packet of a system exclusive message, or any bytes to send."""
    return bytes([ESCAPE]) + vlq(len(data), width) + data


def tempo(microseconds: int) -> bytes:
    """Return a tempo in microseconds per quarter note."""
    return meta(TEMPO, microseconds.to_bytes(3, "big"))


def time_signature(
    numerator: int, denominator_power: int, clocks: int = 24, thirty_seconds: int = 8
) -> bytes:
    """Return a time signature: ``numerator`` over two to the power of ``denominator_power``."""
    return meta(TIME_SIGNATURE, bytes([numerator, denominator_power, clocks, thirty_seconds]))


def key_signature(sharps: int, minor: int = 0) -> bytes:
    """Return a key signature; flats are negative."""
    return meta(KEY_SIGNATURE, bytes([sharps & 0xFF, minor]))


def smpte_offset(hour: int, minute: int = 0, second: int = 0, frame: int = 0, hundredths: int = 0) -> bytes:
    """Return an SMPTE offset."""
    return meta(SMPTE_OFFSET, bytes([hour, minute, second, frame, hundredths]))


def track_name(text: bytes) -> bytes:
    """Return a track name."""
    return meta(TRACK_NAME, text)


END_OF_TRACK = meta(END)


def note(channel: int, pitch: int, tick: int, length: int, velocity: int = 64) -> list[TimedMessage]:
    """Return the two messages of a note."""
    return [(tick, note_on(channel, pitch, velocity)), (tick + length, note_off(channel, pitch))]


@dataclass(frozen=True, slots=True)
class EncodingStyle:
    """A choice among the legal encodings of a track.

    Attributes:
        running_status: returns whether the n-th channel event may omit its status.
        delta_width: returns the least number of bytes of the n-th delta time.
    """

    running_status: Callable[[int], bool] = lambda _: False
    delta_width: Callable[[int], int] = lambda _: 1


DEFAULT_STYLE = EncodingStyle()
RUNNING_STATUS_STYLE = EncodingStyle(running_status=lambda _: True)


def encode_events(messages: Iterable[TimedMessage], style: EncodingStyle = DEFAULT_STYLE) -> bytes:
    """Return the body of a track without its end of track. The messages must be in order of their ticks."""
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
    """Return a chunk, with any ``length`` written into it."""
    return kind + (len(body) if length is None else length).to_bytes(4, "big") + body


def track(
    messages: Iterable[TimedMessage] = (),
    *,
    end: int | None = None,
    style: EncodingStyle = DEFAULT_STYLE,
    length: int | None = None,
) -> bytes:
    """Return an ``MTrk`` chunk with its end of track at tick ``end``, by default that of the last message."""
    messages = list(messages)
    last = messages[-1][0] if messages else 0
    body = encode_events([*messages, (last if end is None else end, END_OF_TRACK)], style)
    return chunk(b"MTrk", body, length)


def raw_track(body: bytes, length: int | None = None) -> bytes:
    """Return an ``MTrk`` chunk of any bytes."""
    return chunk(b"MTrk", body, length)


def header(midi_format: int, count: int, division: int, extra: bytes = b"") -> bytes:
    """Return a header chunk. ``extra`` bytes lengthen it, as a later specification may."""
    return chunk(
        b"MThd", b"".join(value.to_bytes(2, "big") for value in (midi_format, count, division)) + extra
    )


def song(
    *chunks: bytes, midi_format: int = 1, division: int = 480, count: int | None = None, extra: bytes = b""
) -> bytes:
    """Return a whole file. By default the header has the number of ``MTrk`` chunks."""
    track_chunks = sum(part[:4] == b"MTrk" for part in chunks)
    return header(midi_format, track_chunks if count is None else count, division, extra) + b"".join(chunks)
