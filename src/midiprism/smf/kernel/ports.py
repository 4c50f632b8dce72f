"""The ports of a song: what a track sends goes to the port that it stated last.

A port has a number (FF 21) or is a device with a name (FF 09). Before any statement the port is 0.
"""

from typing import Any

import numpy as np

from midiprism.smf.kernel.jit import borrowing_helper, helper, inlined
from midiprism.smf.kernel.messages import has_text
from midiprism.smf.kernel.row_types import MAX_PORTS, PORT, TRACK_STATE
from midiprism.smf.kernel.varlen import copy_bytes, same_bytes, vlq_size, write_vlq

DEVICE_NAME = 0x09
PORT_NUMBER = 0x21
FIRST_DEVICE = 128
NO_PORT = -1


@helper
def new_ports() -> Any:
    """Return a table of ports, in which row 0 is port 0."""
    return np.zeros(MAX_PORTS, PORT)


@helper
def new_states(port_count: int, scale: int) -> Any:
    """Return the empty state of a walk, a row for each port. ``scale`` is the song's ``onset_scale``."""
    states = np.zeros(port_count, TRACK_STATE)
    for port in range(port_count):
        states[port].port = port
        states[port].onset_scale = scale
    return states


@inlined
def states_port(meta_type: int) -> bool:
    """Return whether a meta event of that type may state a port."""
    return meta_type in (PORT_NUMBER, DEVICE_NAME)


@borrowing_helper
def find_port(data: Any, ports: Any, count: int, meta_type: int, start: int, stop: int) -> int:
    """Return the row of the port that a meta event states: ``count`` for a new one, NO_PORT for none."""
    if meta_type == PORT_NUMBER:
        if stop - start != 1 or data[start] > 127:
            return NO_PORT
        for row in range(count):
            if ports[row].number == data[start]:
                return row
        return count
    if not has_text(data, start, stop):
        return NO_PORT
    for row in range(count):
        port = ports[row]
        if port.name_size == stop - start and same_bytes(data, port.name_start, start, stop - start):
            return row
    return count


@borrowing_helper
def add_port(data: Any, ports: Any, row: int, meta_type: int, start: int, stop: int) -> None:
    """Fill the row of a new port."""
    port = ports[row]
    port.index = 0
    port.number = data[start]
    port.name_size = 0
    if meta_type == DEVICE_NAME:
        port.number = FIRST_DEVICE
        for other in range(row):
            port.number += 1 if ports[other].name_size > 0 else 0
        port.name_start = start
        port.name_size = stop - start


@borrowing_helper
def state_port(
    data: Any, ports: Any, states: Any, counters: Any, meta_type: int, start: int, stop: int
) -> int:
    """Return the index of the port that a meta event of a track states, NO_PORT where it states none.

    A number that the track has stated beats its devices. Ports for which there is no room are port 0.
    """
    home = states[0]
    if meta_type == DEVICE_NAME and home.port_is_numbered:
        return NO_PORT
    row = find_port(data, ports, counters.ports, meta_type, start, stop)
    if row < 0:
        return NO_PORT
    if meta_type == PORT_NUMBER:
        home.port_is_numbered = 1
    if row == counters.ports:
        if row == ports.shape[0]:
            return 0
        add_port(data, ports, row, meta_type, start, stop)
        counters.ports += 1
    return int(ports[row].index) if ports[row].index < states.shape[0] else 0


@borrowing_helper
def index_ports(ports: Any, count: int) -> int:
    """Number the ports that are told apart by their index; return how many there are.

    The only device of a song is port 0.
    """
    devices = 0
    for row in range(count):
        devices += 1 if ports[row].name_size > 0 else 0
    port_count = 0
    for row in range(count):
        port = ports[row]
        port.index = 0
        if devices != 1 or port.name_size == 0:
            port_count += 1
            for other in range(count):
                if ports[other].number < port.number:
                    port.index += 1
    return port_count


@borrowing_helper
def row_of_port(ports: Any, index: int) -> int:
    """Return the row of the port with an index."""
    row = 0
    while ports[row].index != index:
        row += 1
    return row


@inlined
def write_port_statement(data: Any, out: Any, at: int, port: Any, delta: int, writing: bool) -> int:
    """Write a meta event that states a port, or only count its bytes; return how many it takes."""
    size = port.name_size if port.name_size > 0 else 1
    if writing:
        at = write_vlq(out, at, delta)
        out[at] = 0xFF
        out[at + 1] = DEVICE_NAME if port.name_size > 0 else PORT_NUMBER
        at = write_vlq(out, at + 2, size)
        if port.name_size > 0:
            copy_bytes(out, at, data, port.name_start, port.name_start + size)
        else:
            out[at] = port.number
    return int(vlq_size(delta) + 2 + vlq_size(size) + size)
