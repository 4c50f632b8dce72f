"""Write the bytes that every split has in addition to its events: its header and its end of track."""

from typing import Any

from midiprism.smf.kernel.jit import inlined
from midiprism.smf.kernel.varlen import write_be32, write_vlq

MTHD = 0x4D546864
MTRK = 0x4D54726B


@inlined
def write_header(out: Any, at: int, division: int, size: int) -> int:
    """Write the headers of a format 0 file and of its track of ``size`` bytes; return the position after
    them."""
    at = write_be32(out, at, MTHD)
    at = write_be32(out, at, 6)
    at = write_be32(out, at, 1)
    out[at] = division >> 8
    out[at + 1] = division & 0xFF
    at = write_be32(out, at + 2, MTRK)
    return write_be32(out, at, size)


@inlined
def write_end_of_track(out: Any, at: int, delta: int) -> int:
    """Write an end of track; return the position after it."""
    at = write_vlq(out, at, delta)
    out[at] = 0xFF
    out[at + 1] = 0x2F
    out[at + 2] = 0
    return at + 3
