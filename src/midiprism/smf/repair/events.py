"""Reading the events of a track in plain Python: as the kernel does, or strictly as a proof."""

from collections.abc import Iterator
from typing import NamedTuple

META = 0xFF
SYSEX = 0xF0
ESCAPE = 0xF7
END_OF_TRACK = 0x2F
LONGEST_NUMBER = 4
OVERLONG_NUMBER = 5

FIXED_SIZES = {0x00: 2, 0x20: 1, 0x21: 1, END_OF_TRACK: 0, 0x51: 3, 0x54: 5, 0x58: 4, 0x59: 2}
"""Sizes of the meta events that have but one."""

TEXT_TYPES = range(0x01, 0x10)
"""Types of the meta events that are texts."""

MAX_EVENTS_READ = 250_000
"""Most events of one song that are read in search of repairs; beyond them its damage stays as it is."""

_SYSTEM_DATA_BYTES = {0xF1: 1, 0xF2: 2, 0xF3: 1}


class TrackEvent(NamedTuple):
    """An event of a track.

    Attributes:
        start: position of its delta time.
        position: position of its status, or with running status of its first data byte.
        delta: its delta time.
        status: its status, stated or running.
        body: position of the data bytes of a channel event, of the payload of a meta event or sysex.
        stop: position after it.
    """

    start: int
    position: int
    delta: int
    status: int
    body: int
    stop: int

    @property
    def states_status(self) -> bool:
        """True if its status is not a running one."""
        return self.status >= 0xF0 or self.body > self.position


class Effort:
    """Counts the events that repairs read, so that no file can take long."""

    def __init__(self, limit: int = MAX_EVENTS_READ) -> None:
        self._left = limit

    def spend(self, count: int = 1) -> bool:
        """Count an event, or several readings of a byte; return whether they are within the limit."""
        self._left -= count
        return self._left >= 0

    @property
    def is_exhausted(self) -> bool:
        """True once an event could not be read."""
        return self._left < 0


def read_number(data: bytes, at: int, limit: int, longest: int = LONGEST_NUMBER) -> tuple[int, int] | None:
    """Return a number of variable length and the position after it; None where there is none."""
    value = 0
    for position in range(at, min(at + longest, limit)):
        byte = data[position]
        value = value << 7 | byte & 0x7F
        if byte < 0x80:
            return (value, position + 1) if value <= 0x0FFFFFFF else None
    return None


def channel_data_size(status: int) -> int:
    """Return the number of data bytes of a channel event."""
    return 1 if status >> 4 in (0xC, 0xD) else 2


def read_event(
    data: bytes,
    at: int,
    limit: int,
    running_status: int,
    longest: int = LONGEST_NUMBER,
    *,
    may_overrun: bool = False,
) -> TrackEvent | None:
    """Return the event at a position; None where none is whole before ``limit``.

    Args:
        may_overrun: return also a meta event or sysex that states an end behind ``limit``.
    """
    number = read_number(data, at, limit, longest)
    if number is None or number[1] >= limit:
        return None
    delta, position = number
    status = data[position]
    if status < 0xF0:
        body = position + (status >> 7)
        status = running_status if status < 0x80 else status
        stop = body + channel_data_size(status)
        return TrackEvent(at, position, delta, status, body, stop) if status and stop <= limit else None
    if status in (SYSEX, ESCAPE, META):
        number = read_number(data, position + (2 if status == META else 1), limit, longest)
        if number is None or (number[1] + number[0] > limit and not may_overrun):
            return None
        return TrackEvent(at, position, delta, status, number[1], number[1] + number[0])
    stop = position + 1 + _SYSTEM_DATA_BYTES.get(status, 0)
    return TrackEvent(at, position, delta, status, position + 1, stop) if stop <= limit else None


def is_end_of_track(data: bytes, event: TrackEvent) -> bool:
    """Return whether an event is an end of track."""
    return event.status == META and data[event.position + 1] == END_OF_TRACK


def is_note_on(data: bytes, event: TrackEvent) -> bool:
    """Return whether an event begins a note."""
    return event.status >> 4 == 9 and data[event.body + 1] > 0


def read_events(
    data: bytes, at: int, limit: int, effort: Effort, longest: int = LONGEST_NUMBER
) -> Iterator[TrackEvent]:
    """Yield the events that the kernel reads: up to the end of track, or to what cannot be read."""
    running = 0
    while at < limit and effort.spend():
        event = read_event(data, at, limit, running, longest)
        if event is None:
            return
        yield event
        if is_end_of_track(data, event):
            return
        running = event.status if event.status < 0xF0 else running
        at = event.stop


def read_clean_events(data: bytes, at: int, limit: int, effort: Effort) -> Iterator[TrackEvent]:
    """Yield events up to ``limit``, ends of track too, or up to the first that breaks a rule.

    The first must state its status, as after a meta event or sysex.
    """
    running = 0
    while at < limit and effort.spend():
        event = read_event(data, at, limit, running)
        if event is None or not is_clean(data, event):
            return
        yield event
        running = event.status if event.status < 0xF0 else 0
        at = event.stop


def is_clean(data: bytes, event: TrackEvent) -> bool:
    """Return whether an event is one that the specification allows."""
    if event.status < 0xF0:
        return all(byte < 0x80 for byte in data[event.body : event.stop])
    if event.status == META:
        kind = data[event.position + 1]
        return kind < 0x80 and (kind != END_OF_TRACK or event.stop == event.body)
    return event.status in (SYSEX, ESCAPE)


def reads_cleanly(data: bytes, at: int, limit: int, effort: Effort) -> bool:
    """Return whether ``data[at:limit]`` are clean events with one end of track, the last of them."""
    for event in read_clean_events(data, at, limit, effort):
        if is_end_of_track(data, event):
            return event.stop == limit
    return False
