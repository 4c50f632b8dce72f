"""Joins tracks that were split from one song into one MIDI file again."""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

_HEADER_BYTES = 14
_FIRST_EVENT = 22
_DIVISION_AT = 12
_END_OF_TRACK = b"\xff\x2f\x00"
_CONDUCTOR_KINDS = frozenset((0x51, 0x54, 0x58, 0x59))  # tempo, SMPTE offset, meter, key


class _Event(NamedTuple):
    """An event: its tick, all of its bytes, and whether it holds for the whole song."""

    tick: int
    data: bytes
    is_conductor: bool


def join_tracks(tracks: Sequence[bytes]) -> bytes:
    """Return a format 1 file: a track with the tempi, meters and keys, then the tracks without them.

    >>> from midiprism.smf.join_tracks import join_tracks
    >>> one = bytes.fromhex("4d546864 00000006 0000 0001 0060 4d54726b 00000004 00ff2f00")
    >>> join_tracks([one, one])[8:14].hex(" ", 2)
    '0001 0003 0060'

    Args:
        tracks: files with one track each, as midiprism writes them, all with the same division; one at least.
    """
    conductor: dict[tuple[int, bytes], None] = {}
    chunks = []
    for data in tracks:
        events, end = _read_events(data)
        conductor |= dict.fromkeys((event.tick, event.data) for event in events if event.is_conductor)
        chunks.append(_chunk([(event.tick, event.data) for event in events if not event.is_conductor], end))
    first = _chunk(sorted(conductor, key=lambda event: event[0]), 0)
    header = b"MThd\0\0\0\6\0\1" + (len(chunks) + 1).to_bytes(2, "big")
    return b"".join((header, tracks[0][_DIVISION_AT:_HEADER_BYTES], first, *chunks))


def _chunk(events: Iterable[tuple[int, bytes]], end: int) -> bytes:
    """Return a track chunk of events, which ends at a tick or after the last of them."""
    body = bytearray()
    now = 0
    for tick, data in events:
        body += _varlen(tick - now) + data
        now = tick
    body += _varlen(max(0, end - now)) + _END_OF_TRACK
    return b"MTrk" + len(body).to_bytes(4, "big") + bytes(body)


def _varlen(number: int) -> bytes:
    digits = [number & 0x7F]
    while number := number >> 7:
        digits.append(number & 0x7F | 0x80)
    return bytes(reversed(digits))


def _read_events(data: bytes) -> tuple[list[_Event], int]:
    """Return the events of a track, each with a status of its own, and the tick of its end."""
    events: list[_Event] = []
    at, tick, running = _FIRST_EVENT, 0, 0
    try:
        while at < len(data):
            delta, at = _read_number(data, at)
            tick += delta
            status = data[at]
            if status < 0x80:
                status = running
            else:
                at += 1
            if status < 0x80:
                break
            if status < 0xF0:
                running = status
                size = 1 if status & 0xE0 == 0xC0 else 2
                body = data[at : at + size]
                if len(body) < size:
                    break
                events.append(_Event(tick, bytes((status,)) + body, False))
                at += size
                continue
            kind = data[at] if status == 0xFF else -1
            if kind == 0x2F:
                break
            size, body_at = _read_number(data, at + (status == 0xFF))
            if body_at + size > len(data):
                break
            events.append(
                _Event(tick, bytes((status,)) + data[at : body_at + size], kind in _CONDUCTOR_KINDS)
            )
            at = body_at + size
    except IndexError:  # the file ends within an event
        pass
    return events, tick


def _read_number(data: bytes, at: int) -> tuple[int, int]:
    number = 0
    while True:
        byte = data[at]
        at += 1
        number = number << 7 | byte & 0x7F
        if byte < 0x80:
            return number, at
