"""Decode single messages: conductor events, sysex that sets drum parts or resets, system messages, text."""

from typing import Any

from midiprism.smf import problems
from midiprism.smf.kernel.jit import borrowing_helper, inlined
from midiprism.smf.kernel.problem_counts import count_problem
from midiprism.smf.kernel.row_types import (
    KEY_SIGNATURE,
    MAX_SYSEX_SIZE,
    MODULE_GM,
    MODULE_GM2,
    MODULE_GS,
    MODULE_UNKNOWN,
    MODULE_XG,
    SMPTE_OFFSET,
    TEMPO,
    TIME_SIGNATURE,
)

NOT_RECOGNIZED = -1

GS_PART_MODE = 0
XG_PART_MODE = 32
MODULE_RESET = 64
"""Ranges of what ``parse_sound_message`` returns."""


@inlined
def system_message_size(status: int) -> int:
    """Return how many data bytes follow the status of a system common or realtime message
    (F1 to F6, F8 to FE)."""
    if status == 0xF2:
        return 2
    return 1 if status in (0xF1, 0xF3) else 0


@borrowing_helper
def collect_sysex(data: Any, home: Any, status: int, start: int, stop: int) -> bool:
    """Add a packet (F0 or F7) to the system exclusive message that is being sent.

    Returns whether it may be complete: ``home.sysex`` holds its beginning.
    """
    if status == 0xF0:
        home.sysex_size = 0
        home.sysex_is_open = 1
    elif home.sysex_is_open == 0:
        return False
    for at in range(start, min(stop, start + MAX_SYSEX_SIZE - home.sysex_size)):
        home.sysex[home.sysex_size] = data[at] & 0xFF
        home.sysex_size += 1
    if stop > start and data[stop - 1] == 0xF7:
        home.sysex_is_open = 0
        return True
    return bool(status == 0xF0)


@inlined
def parse_gs_message(sysex: Any) -> int:
    """Return what a Roland message does: "use for rhythm part" (40 1x 15), the GS reset (40 00 7F 00), or the
    mode set of an SC-88 (00 00 7F 0x)."""
    block, parameter, value = sysex[5], sysex[6], sysex[7]
    if block == 0 and parameter == 0x7F and value <= (0 if sysex[4] == 0x40 else 1):
        return MODULE_RESET + MODULE_GS
    if sysex[4] == 0x40 and block & 0xF0 == 0x10 and parameter == 0x15:
        part = block & 15
        channel = 9 if part == 0 else part - 1 if part < 10 else part
        return int(GS_PART_MODE + channel * 2 + (1 if value > 0 else 0))
    return NOT_RECOGNIZED


@borrowing_helper
def parse_sound_message(home: Any) -> int:
    """Return what the message that was collected does to the sounds of channels.

    GS_PART_MODE or XG_PART_MODE + channel * 2 + 1 for drums, + channel * 2 for melodic; MODULE_RESET + the
    mode of the module that it leaves; NOT_RECOGNIZED for any other.
    """
    sysex, size = home.sysex, home.sysex_size
    if size >= 4 and sysex[0] == 0x7E and sysex[2] == 0x09:
        if sysex[3] == 1:
            return MODULE_RESET + MODULE_GM
        if sysex[3] == 2:
            return MODULE_RESET + MODULE_UNKNOWN
        if sysex[3] == 3:
            return MODULE_RESET + MODULE_GM2
    elif size >= 9 and sysex[0] == 0x41 and sysex[2] == 0x42 and sysex[3] == 0x12:
        if sysex[4] == 0x40 or sysex[4] == 0:
            return parse_gs_message(sysex)
    elif size >= 7 and sysex[0] == 0x43 and sysex[1] & 0xF0 == 0x10 and sysex[2] == 0x4C:
        if sysex[3] == 0 and sysex[4] == 0 and sysex[5] == 0x7E and sysex[6] == 0:
            return MODULE_RESET + MODULE_XG
        if sysex[3] == 0x08 and sysex[4] < 16 and sysex[5] == 0x07:
            return int(XG_PART_MODE + sysex[4] * 2 + (1 if sysex[6] > 0 else 0))
    return NOT_RECOGNIZED


@borrowing_helper
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
