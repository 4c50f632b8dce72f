"""The walk over the events of a track that finds its line: the highest note of those that begin together.

Tracks are valid splits; where one is damaged, the walk stops.
"""

from typing import Any

from midiprism.similarity.kernel.hashing import mix
from midiprism.similarity.kernel.tables import GROUP_UNITS, MAX_GROUPS, UNITS_PER_QUARTER
from midiprism.smf.kernel.conductor import SMPTE_FLAG
from midiprism.smf.kernel.jit import borrowing_helper
from midiprism.smf.kernel.row_types import OUTPUT_HEADER_SIZE
from midiprism.smf.kernel.varlen import read_be16, read_vlq

_DIVISION_AT = 12
_END_OF_TRACK = 0x2F


@borrowing_helper
def _quarter(division: int) -> int:
    """Return the ticks of a quarter note; with an SMPTE division those of half a second."""
    if division & SMPTE_FLAG != 0:
        return max(1, (256 - (division >> 8)) * (division & 0xFF) // 2)
    return max(1, division)


@borrowing_helper
def _add_note(line: Any, onset: int, pitch: int) -> None:
    """Add a note to the last group, or to a new one: its pitch, or the piece of a drum kit."""
    value = mix(pitch + 1) >> 8 & 0xFF if line.drums != 0 else pitch
    last = line.groups - 1
    if last >= 0 and onset - line.onsets[last] <= GROUP_UNITS:
        if line.drums != 0:
            line.pitches[last] = line.pitches[last] + value & 0xFF
        elif value > line.pitches[last]:
            line.pitches[last] = value
        return
    line.onsets[last + 1] = onset
    line.pitches[last + 1] = value
    line.groups += 1


@borrowing_helper
def _skip_system_event(data: Any, status: int, at: int, stop: int) -> int:
    """Return the position after a meta event or a system exclusive message; -1 at the end of the track."""
    if status == 0xFF:
        if at >= stop or data[at] & 0x7F == _END_OF_TRACK:
            return -1
        at += 1
    elif status not in (0xF0, 0xF7):
        return -1
    size, at = read_vlq(data, at, stop)
    return -1 if at < 0 or at + size > stop else at + size


@borrowing_helper
def read_line(line: Any, data: Any, start: int, stop: int, drums: int) -> None:
    """Read the line of a track, which is a file from ``start`` to ``stop``."""
    line.drums = drums
    line.groups = 0
    if stop - start < OUTPUT_HEADER_SIZE:
        return
    quarter = _quarter(read_be16(data, start + _DIVISION_AT))
    at = start + OUTPUT_HEADER_SIZE
    tick = running = 0
    while at < stop and line.groups < MAX_GROUPS:
        delta, at = read_vlq(data, at, stop)
        if at < 0 or at >= stop:
            break
        tick += delta
        status = data[at] & 0xFF
        if status >= 0x80:
            at += 1
        else:
            status = running
        if status >= 0xF0:
            at = _skip_system_event(data, status, at, stop)
            if at < 0:
                break
            continue
        running = status
        size = 1 if status & 0xE0 == 0xC0 else 2
        if status < 0x80 or at + size > stop:
            break
        if status & 0xF0 == 0x90 and data[at + 1] & 0x7F > 0:
            onset = (tick * 2 * UNITS_PER_QUARTER + quarter) // (2 * quarter)
            _add_note(line, onset, data[at] & 0x7F)
        at += size
