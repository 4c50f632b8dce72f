"""Reading and writing the bytes of a file: numbers of fixed and of variable length, spans.

``data`` and ``out`` are one-dimensional arrays of bytes. Positions are checked here or by the compiler's
bounds check. A byte that is kept is masked, which makes it a signed number: Numba turns a mix of signed and
unsigned numbers into floats.
"""

from typing import Any

from midiprism.smf.kernel.jit import borrowing_helper, bounds_checked_by_hand, inlined, unsigned_index

VLQ_TOO_LONG = -1
VLQ_TRUNCATED = -2


@bounds_checked_by_hand
def read_vlq(data: Any, at: int, limit: int) -> tuple[int, int]:
    """Return a variable-length number and the position after it, or VLQ_TOO_LONG or VLQ_TRUNCATED instead of
    that position."""
    if at >= 0 and at + 1 < limit:
        first, second = data[unsigned_index(at)] & 0xFF, data[unsigned_index(at + 1)] & 0xFF
        # One byte or two, without a branch, which a processor could not predict.
        if first & second < 0x80:
            goes_on = first >> 7
            return (first & 0x7F) << 7 * goes_on | (second & 0x7F) * goes_on, at + 1 + goes_on
    value = 0
    for step in range(4):
        if at < 0 or at + step >= limit:
            return 0, VLQ_TRUNCATED
        byte = data[unsigned_index(at + step)] & 0xFF
        value = value << 7 | byte & 0x7F
        if byte < 0x80:
            return value, at + step + 1
    return 0, VLQ_TOO_LONG


@inlined
def vlq_size(value: int) -> int:
    """Return how many bytes a number of 0 to MAX_DELTA takes."""
    return 1 + (value >= 0x80) + (value >= 0x4000) + (value >= 0x200000)


@borrowing_helper
def write_vlq(out: Any, at: int, value: int) -> int:
    """Write a number of 0 to MAX_DELTA; return the position after it."""
    if value >= 0x80:
        if value >= 0x4000:
            if value >= 0x200000:
                out[at] = 0x80 | value >> 21
                at += 1
            out[at] = 0x80 | value >> 14 & 0x7F
            at += 1
        out[at] = 0x80 | value >> 7 & 0x7F
        at += 1
    out[at] = value & 0x7F
    return at + 1


@inlined
def read_be16(data: Any, at: int) -> int:
    """Return the 16-bit number at a position."""
    return (data[at] & 0xFF) << 8 | (data[at + 1] & 0xFF)


@inlined
def read_be32(data: Any, at: int) -> int:
    """Return the 32-bit number at a position."""
    return (
        (data[at] & 0xFF) << 24
        | (data[at + 1] & 0xFF) << 16
        | (data[at + 2] & 0xFF) << 8
        | (data[at + 3] & 0xFF)
    )


@inlined
def write_be32(out: Any, at: int, value: int) -> int:
    """Write a 32-bit number; return the position after it."""
    out[at] = value >> 24 & 0xFF
    out[at + 1] = value >> 16 & 0xFF
    out[at + 2] = value >> 8 & 0xFF
    out[at + 3] = value & 0xFF
    return at + 4


@bounds_checked_by_hand
def copy_bytes(out: Any, at: int, data: Any, start: int, stop: int) -> int:
    """Copy ``data[start:stop]``; return the position after it."""
    size = stop - start
    if start < 0 or size < 0 or stop > data.shape[0] or at < 0 or at + size > out.shape[0]:
        raise IndexError("a span outside of its array")
    # Compiled to a block copy; assigning slices would go byte by byte.
    for step in range(size):
        out[unsigned_index(at + step)] = data[unsigned_index(start + step)]
    return at + size


@borrowing_helper
def same_bytes(data: Any, first: int, second: int, size: int) -> bool:
    """Return whether two spans of ``data`` are equal."""
    for step in range(size):  # noqa: SIM110 - Numba compiles no generators
        if data[first + step] != data[second + step]:
            return False
    return True
