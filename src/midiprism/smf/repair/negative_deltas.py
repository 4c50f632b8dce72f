"""Negative delta times, which sequencers wrote as unsigned numbers of five bytes."""

from collections.abc import Iterator
from typing import NamedTuple

from midiprism.smf import problems
from midiprism.smf.repair.diagnosis import Diagnosis, TrackReading
from midiprism.smf.repair.drop_events import encode_delta_time
from midiprism.smf.repair.edits import Edit, Repair, RepairStep, resize_chunk
from midiprism.smf.repair.events import (
    ESCAPE,
    OVERLONG_NUMBER,
    Effort,
    TrackEvent,
    is_clean,
    is_end_of_track,
    read_event,
)

MIN_NEGATIVE = 0x80000000
MODULUS = 0x100000000


class _TimedEvent(NamedTuple):
    """An event at its absolute tick."""

    tick: int
    event: TrackEvent


def sort_negative_deltas(song: Diagnosis, track: TrackReading, effort: Effort) -> RepairStep | None:
    """Bring the events of a track with negative delta times into the order of their ticks.

    Only if every event is clean, the last one is the end of track, at the end of the chunk, no tick is below
    0, and no message is divided into packets.
    """
    if problems.VLQ not in track.problem_kinds or track.declared_end > len(song.data):
        return None
    events = []
    tick = 0
    for event in _read_signed_events(song.data, track.body, track.declared_end, effort):
        tick += event.delta
        if tick < 0 or event.status == ESCAPE or not is_clean(song.data, event):
            return None
        events.append(_TimedEvent(tick, event))
    negative = [timed.event.start for timed in events if timed.event.delta < 0]
    if not negative or not is_end_of_track(song.data, events[-1].event) or effort.is_exhausted:
        return None
    if events[-1].event.stop != track.declared_end:
        return None
    ordered = sorted(events[:-1], key=lambda timed: timed.tick)
    last_tick = max(tick, ordered[-1].tick)
    ordered.append(_TimedEvent(last_tick, events[-1].event))
    edit = _rewrite(song.data, events, ordered)
    repair = Repair(problems.VLQ_NEGATIVE, len(negative), track.number, negative[0])
    return RepairStep(resize_chunk(song.data, track.body, [edit]), [repair])


def _read_signed_events(data: bytes, at: int, limit: int, effort: Effort) -> Iterator[TrackEvent]:
    """Yield the events up to the first end of track or to what cannot be read, delta times of five bytes with
    a value from 80000000 on as negative ones."""
    running = 0
    while at < limit and effort.spend():
        number = _read_negative(data, at, limit)
        # The last byte of a number is a number by itself.
        start = at if number is None else at + OVERLONG_NUMBER - 1
        event = read_event(data, start, limit, running, OVERLONG_NUMBER)
        if event is None:
            return
        if number is not None:
            event = event._replace(start=at, delta=number)
        yield event
        if is_end_of_track(data, event):
            return
        running = event.status if event.status < 0xF0 else 0
        at = event.stop


def _read_negative(data: bytes, at: int, limit: int) -> int | None:
    """Return the negative number of five bytes at a position, or None."""
    digits = data[at : min(at + OVERLONG_NUMBER, limit)]
    if len(digits) < OVERLONG_NUMBER or digits[-1] >= 0x80 or any(byte < 0x80 for byte in digits[:-1]):
        return None
    value = 0
    for byte in digits:
        value = value << 7 | byte & 0x7F
    return value - MODULUS if MIN_NEGATIVE <= value < MODULUS else None


def _rewrite(data: bytes, events: list[_TimedEvent], ordered: list[_TimedEvent]) -> Edit:
    """Return the edit that writes the events in their order, from the first on that has another place or a
    negative delta time."""
    first = next(
        index
        for index, (before, after) in enumerate(zip(events, ordered, strict=True))
        if before is not after or before.event.delta < 0
    )
    tick = ordered[first - 1].tick if first else 0
    pieces = []
    for timed in ordered[first:]:
        event = timed.event
        pieces.append(encode_delta_time(timed.tick - tick))
        if event.status < 0xF0:
            pieces.append(bytes([event.status]))
        pieces.append(data[event.body if event.status < 0xF0 else event.position : event.stop])
        tick = timed.tick
    return Edit(events[first].event.start, events[-1].event.stop, b"".join(pieces))
