"""Decode single messages: conductor events, drum parts set by sysex, system messages, text."""

from typing import Any

from midiprism.smf import problems
from midiprism.smf.kernel.jit import helper, inlined
from midiprism.smf.kernel.problem_counts import count_problem
from midiprism.smf.kernel.row_types import KEY_SIGNATURE, SMPTE_OFFSET, TEMPO, TIME_SIGNATURE

GS_RESET = -2
NOT_RECOGNIZED = -1


@inlined
def system_message_size(status: int) -> int:
    """Return how many data bytes follow the status of a system common or realtime message
    (F1 to F6, F8 to FE)."""
    if status == 0xF2:
        return 2
    return 1 if status in (0xF1, 0xF3) else 0


@helper
def parse_part_mode(data: Any, start: int, stop: int) -> int:
    """Return what a sysex body does to drum parts: channel * 2 + 1 for drums, channel * 2 for melodic.

    GS_RESET for a Roland GS reset, NOT_RECOGNIZED for any other. GS: "use for rhythm part" (40 1x 15);
    XG: part mode (08 nn 07).
    """
    size = stop - start
    if size >= 9 and data[start] == 0x41 and data[start + 2] == 0x42 and data[start + 3] == 0x12:
        if data[start + 4] != 0x40:
            return NOT_RECOGNIZED
        block, parameter, value = data[start + 5] & 0xFF, data[start + 6] & 0xFF, data[start + 7] & 0xFF
        if block == 0 and parameter == 0x7F and value == 0:
            return GS_RESET
        if block & 0xF0 == 0x10 and parameter == 0x15:
            part = block & 15
            channel = 9 if part == 0 else part - 1 if part < 10 else part
            return channel * 2 + (1 if value > 0 else 0)
    elif size >= 7 and data[start] == 0x43 and data[start + 1] & 0xF0 == 0x10 and data[start + 2] == 0x4C:
        part = data[start + 4] & 0xFF
        if data[start + 3] == 0x08 and data[start + 5] == 0x07 and part < 16:
            return part * 2 + (1 if data[start + 6] > 0 else 0)
    return NOT_RECOGNIZED


@helper
def classify_conductor_event(
    data: Any, state: Any, meta_type: int, start: int, body: int, length: int
) -> int:
    """Return the kind of a conductor event and count its problems; NOT_RECOGNIZED for other meta events."""
    if meta_type == 0x51:
        if length != 3:
            count_problem(state, problems.TEMPO_LENGTH, start)
            return NOT_RECOGNIZED
        if data[body] == 0 and data[body + 1] == 0 and data[body + 2] == 0:
            count_problem(state, problems.TEMPO_ZERO, start)
        return TEMPO
    if meta_type == 0x58:
        if length != 4:
            count_problem(state, problems.TIME_SIGNATURE_LENGTH, start)
            return NOT_RECOGNIZED
        if data[body] == 0 or data[body + 1] > 7:
            count_problem(state, problems.TIME_SIGNATURE_VALUE, start)
        return TIME_SIGNATURE
    if meta_type == 0x59:
        if length != 2:
            count_problem(state, problems.KEY_SIGNATURE_LENGTH, start)
            return NOT_RECOGNIZED
        if 7 < data[body] < 249 or data[body + 1] > 1:
            count_problem(state, problems.KEY_SIGNATURE_VALUE, start)
        return KEY_SIGNATURE
    if meta_type == 0x54:
        if length != 5:
            count_problem(state, problems.SMPTE_OFFSET_LENGTH, start)
            return NOT_RECOGNIZED
        return SMPTE_OFFSET
    return NOT_RECOGNIZED


@inlined
def has_text(data: Any, start: int, stop: int) -> bool:
    """Return whether a text holds more than blanks and control characters."""
    for at in range(start, stop):  # noqa: SIM110 - Numba compiles no generators
        if data[at] > 0x20:
            return True
    return False


@inlined
def is_beyond_ascii(data: Any, start: int, stop: int) -> bool:
    """Return whether a text has bytes whose meaning depends on its encoding."""
    for at in range(start, stop):  # noqa: SIM110 - Numba compiles no generators
        if data[at] > 0x7F:
            return True
    return False
