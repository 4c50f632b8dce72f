"""Edits that drop events from a track and keep all others at their ticks."""

from collections.abc import Callable, Iterable

from midiprism.smf.repair.edits import MAX_DELTA, Edit, encode_number
from midiprism.smf.repair.events import TrackEvent

_BRIDGE = encode_number(MAX_DELTA) + b"\xff\1\0"
"""The longest delta time and an empty text event."""


def drop_events(events: Iterable[TrackEvent], is_dropped: Callable[[TrackEvent], bool]) -> list[Edit]:
    """Return edits that drop some events.

    Their delta times are added to that of the next event. A running status that one of them stated is stated
    by the next event that relies on it.
    """
    edits = []
    start, delta, stop = -1, 0, 0
    loses_status = False
    for event in events:
        stop = event.stop
        if is_dropped(event):
            start = event.start if start < 0 else start
            delta += event.delta
            loses_status = loses_status or event.states_status
            continue
        replacement = b"" if start < 0 else encode_delta_time(delta + event.delta)
        loses_status = loses_status or len(replacement) > len(_BRIDGE)
        if event.status < 0xF0:
            if loses_status and not event.states_status:
                replacement += bytes([event.status])
            loses_status = False
        if replacement:
            edits.append(Edit(event.position if start < 0 else start, event.position, replacement))
        start, delta = -1, 0
    if start >= 0:
        edits.append(Edit(start, stop, b""))
    return edits


def encode_delta_time(ticks: int) -> bytes:
    """Return a delta time, after empty text events where it is longer than one can be."""
    bridges = max(ticks - 1, 0) // MAX_DELTA
    return _BRIDGE * bridges + encode_number(ticks - bridges * MAX_DELTA)
