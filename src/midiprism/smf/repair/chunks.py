"""Reading the chunks of a song in plain Python, by the rules that the kernel has for them."""

from typing import NamedTuple

from midiprism.smf.repair.events import read_number

MTHD = b"MThd"
MTRK = b"MTrk"
HEADER_SIZE = 14
STANDARD_HEADER = MTHD + b"\0\0\0\6"


class Chunk(NamedTuple):
    """A chunk: its type, and the span of its body by its stated length."""

    kind: bytes
    body: int
    stop: int


def read_size(data: bytes, at: int) -> int:
    """Return the 32-bit number at a position."""
    return int.from_bytes(data[at : at + 4], "big")


def read_chunk(data: bytes, at: int) -> Chunk | None:
    """Return the chunk whose header is at a position and whose length fits into the file, or None."""
    kind = bytes(data[at : at + 4])
    if at + 8 > len(data) or not all(0x20 <= byte < 0x7F for byte in kind):
        return None
    stop = at + 8 + read_size(data, at + 4)
    return Chunk(kind, at + 8, stop) if stop <= len(data) else None


def is_track_header(data: bytes, at: int) -> bool:
    """Return whether the header of an MTrk chunk is at a position."""
    return at + 8 <= len(data) and data[at : at + 4] == MTRK


def is_chunk_or_end(data: bytes, at: int) -> bool:
    """Return whether a chunk, or the end of the file, is at a position."""
    return at == len(data) or is_track_header(data, at) or read_chunk(data, at) is not None


def find_track(data: bytes, start: int, stop: int) -> int | None:
    """Return the position of the first MTrk that begins in ``data[start:stop]`` with an event that states its
    status, or None."""
    at = data.find(MTRK, start, stop + len(MTRK) - 1)
    while at >= 0 and at + 8 <= len(data):
        delta = read_number(data, at + 8, len(data))
        begins = delta is not None and (delta[1] >= len(data) or data[delta[1]] >= 0x80)
        if begins or read_size(data, at + 4) == 0 or at + 8 == len(data):
            return at
        at = data.find(MTRK, at + 1, stop + len(MTRK) - 1)
    return None
