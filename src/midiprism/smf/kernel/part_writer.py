"""Write single events to a part, or count their bytes."""

from typing import Any, NamedTuple

from midiprism.smf import problems
from midiprism.smf.kernel.file_writer import write_end_of_track
from midiprism.smf.kernel.jit import borrowing_helper, inlined
from midiprism.smf.kernel.ports import row_of_port, write_port_statement
from midiprism.smf.kernel.problem_counts import count_problem
from midiprism.smf.kernel.row_types import CHAIN_BROKEN, MAX_DELTA
from midiprism.smf.kernel.varlen import copy_bytes, vlq_size, write_vlq

BRIDGE_SIZE = 7
"""Bytes of the longest delta time and an empty text event."""


class TrackEvent(NamedTuple):
    """An event to be written: its tick, its status, and the span of its bytes after a channel's status.

    An own event has a number, and its delta time is ``data[delta_start:message]``; ``delta_start`` is -1
    where it cannot be copied. A merged event has the number CHAIN_BROKEN and always states its status.
    """

    tick: Any
    status: Any
    start: Any
    stop: Any
    delta_start: Any
    message: Any
    number: Any


@inlined
def write_bridge(out: Any, at: int) -> int:
    """Write the longest delta time and an empty text event; return the position after them."""
    at = write_vlq(out, at, MAX_DELTA)
    out[at] = 0xFF
    out[at + 1] = 1
    out[at + 2] = 0
    return at + 3


@inlined
def bridge_long_gap(
    out: Any, part: Any, tick: int, offset: int, state: Any, writing: bool
) -> tuple[int, int]:
    """Bridge a gap that no delta time can hold; return the delta time that is left, and the bytes taken."""
    gap = tick - part.tick
    size = 0
    while gap > MAX_DELTA:
        if writing:
            write_bridge(out, part.position + size)
            count_problem(state, problems.DELTA_BRIDGED, offset)
        gap -= MAX_DELTA
        size += BRIDGE_SIZE
        part.running_status = 0
    return gap, size


@inlined
def write_channel_data(data: Any, out: Any, at: int, start: int, stop: int) -> None:
    """Copy the data bytes of a channel event, clamped to 127."""
    for source in range(start, stop):
        out[at] = min(data[source] & 0xFF, 127)
        at += 1


@borrowing_helper
def write_event(data: Any, out: Any, part: Any, event: Any, offset: int, state: Any, writing: bool) -> int:
    """Write an event to a part, or only count its bytes; return how many it takes.

    An own event's delta time is copied unchanged if the event before it in its track also precedes it here.
    ``offset`` is the position reached in the track, for a problem.
    """
    at = part.position
    status, start, stop = event.status, event.start, event.stop
    gap, size = bridge_long_gap(out, part, event.tick, offset, state, writing)
    keeps_delta = size == 0 and event.delta_start >= 0 and part.last_event == event.number - 1
    size += event.message - event.delta_start if keeps_delta else vlq_size(gap)
    states_status = status < 0xF0 and (event.message < start or part.running_status != status)
    size += stop - start + (1 if states_status else 0)
    if writing:
        cursor = at + size - (stop - start) - (1 if states_status else 0)
        if keeps_delta:
            copy_bytes(
                out, cursor - (event.message - event.delta_start), data, event.delta_start, event.message
            )
        else:
            write_vlq(out, cursor - vlq_size(gap), gap)
        if states_status:
            out[cursor] = status
            cursor += 1
        if status < 0xF0:
            write_channel_data(data, out, cursor, start, stop)
        else:
            copy_bytes(out, cursor, data, start, stop)
    part.position = at + size
    part.tick = event.tick
    part.running_status = status if status < 0xF0 else 0
    part.last_event = event.number
    return int(size)


@inlined
def write_missing_end_of_track(out: Any, part: Any, tick: int, offset: int, state: Any, writing: bool) -> int:
    """Append an end of track to a part, or only count its bytes; return how many it takes."""
    gap, size = bridge_long_gap(out, part, tick, offset, state, writing)
    if writing:
        write_end_of_track(out, part.position + size, gap)
    size += vlq_size(gap) + 3
    part.position += size
    return int(size)


@inlined
def can_state_port(ports: Any, port: int, source: Any, home: Any) -> bool:
    """Return whether the statement of a port may be inserted into a track.

    Once a track has stated the number of a port, no device counts any more. So no device is inserted behind a
    number, and no number into a track that states devices.
    """
    is_device = ports[row_of_port(ports, port)].name_size > 0
    return bool(
        home.port_is_numbered == 0 if is_device else home.port_is_numbered or not source.states_device
    )


@borrowing_helper
def write_port_of_event(
    song: Any, out: Any, part: Any, event: Any, port: int, home: Any, writing: bool
) -> int:
    """Write the statement of the port of an event before it; return how many bytes it takes."""
    data, ports = song.data, song.tables.ports
    gap, size = bridge_long_gap(out, part, event.tick, event.message, home, writing)
    statement = ports[row_of_port(ports, port)]
    size += write_port_statement(data, out, part.position + size, statement, gap, writing)
    part.position += size
    part.tick = event.tick
    part.running_status = 0
    part.last_event = CHAIN_BROKEN
    part.port_in_force = port
    return int(size)
