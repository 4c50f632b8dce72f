"""Wrappings around a MIDI file, taken off one by one: gzip, RIFF RMID, MacBinary, junk before the header."""

import zlib
from dataclasses import dataclass, field

from midiprism.errors import CorruptMidiError
from midiprism.smf import problems

HEADER = b"MThd"
GZIP = b"\x1f\x8b"
APPLE_DOUBLE = b"\0\5\x16\7"

MOST_WRAPPINGS = 8
"""A file may be made to hold itself without end."""

MACBINARY_HEADER = 128
FED_AT_ONCE = 16 << 10


@dataclass(slots=True)
class Unwrapped:
    """The bytes of a parent from ``MThd`` on.

    Attributes:
        data: those bytes.
        base: offset of ``MThd`` in the file, or in what was decompressed last.
        found: kind, number for the message and offset of every wrapping.
    """

    data: bytes | memoryview
    base: int = 0
    found: list[tuple[int, int, int]] = field(default_factory=list)

    def cut(self, kind: int, start: int, stop: int | None, *, number: int = 0) -> None:
        """Go on with a part of the data."""
        self.found.append((kind, number, self.base))
        self.data = memoryview(self.data)[start:stop]
        self.base += start


def unwrap(data: bytes, limit: int) -> Unwrapped:
    """Take off all wrappings.

    Raises:
        CorruptMidiError: where no MIDI header is found, or more than ``limit`` bytes would be.
    """
    _check_size(len(data), limit)
    state = Unwrapped(data)
    for _ in range(MOST_WRAPPINGS):
        if bytes(state.data[:4]) == HEADER:
            return state
        _unwrap_one(state, limit)
    if bytes(state.data[:4]) == HEADER:
        return state
    raise CorruptMidiError("not_midi", f"The file is wrapped more than {MOST_WRAPPINGS} times.", state.base)


def _unwrap_one(state: Unwrapped, limit: int) -> None:
    data = state.data
    head = bytes(data[:12])
    if not head:
        raise CorruptMidiError("empty", "The file is empty.", state.base)
    if head.startswith(GZIP):
        unpacked, whole = gunzip(data, limit)
        state.found.append((problems.GZIP, 0, state.base))
        if not whole:
            state.found.append((problems.GZIP_TRUNCATED, 0, state.base))
        state.data, state.base = unpacked, 0
        return
    if head.startswith(APPLE_DOUBLE):
        raise CorruptMidiError(
            "apple_double",
            "The file is an AppleDouble companion that holds no music; its song is the file without ._",
            state.base,
        )
    if head.startswith(b"RIFF") and head[8:] == b"RMID":
        span = riff_data(data)
        if span is not None:
            state.cut(problems.RMID, *span)
            return
    if bytes(data[MACBINARY_HEADER : MACBINARY_HEADER + 4]) == HEADER and head[0] == 0 and 0 < head[1] < 64:
        size = int.from_bytes(data[83:87], "big")
        state.cut(problems.MACBINARY, MACBINARY_HEADER, MACBINARY_HEADER + size if size else None)
        return
    start = bytes(data).find(HEADER)
    if start < 0:
        raise CorruptMidiError("not_midi", "The file is no MIDI file: it has no MThd header.", state.base)
    state.cut(problems.JUNK_BEFORE_HEADER, start, None, number=start)


def _check_size(size: int, limit: int) -> None:
    if size > limit:
        raise CorruptMidiError("limit", f"The file has more than {limit} bytes (limit: input_bytes).", limit)


def riff_data(data: bytes | memoryview) -> tuple[int, int] | None:
    """Begin and end of the first ``data`` chunk of a RIFF file, or None."""
    at = 12
    while at + 8 <= len(data):
        size = int.from_bytes(data[at + 4 : at + 8], "little")
        if bytes(data[at : at + 4]) == b"data":
            return at + 8, min(at + 8 + size, len(data))
        at += 8 + size + size % 2
    return None


def gunzip(data: bytes | memoryview, limit: int) -> tuple[bytes, bool]:
    """Decompress all members of gzip data; returns what came out, and whether it was whole.

    Raises:
        CorruptMidiError: with code ``limit``, as soon as more than ``limit`` bytes come out.
    """
    unpacked = bytearray()
    data = memoryview(data)
    at = 0
    whole = True
    while whole and data[at : at + 2] == GZIP:
        at, whole = _gunzip_member(data, at, unpacked, limit)
    return bytes(unpacked), whole


def _gunzip_member(data: memoryview, at: int, unpacked: bytearray, limit: int) -> tuple[int, bool]:
    """Decompress the member at a position onto ``unpacked``; returns its end, and whether it was whole."""
    packer = zlib.decompressobj(wbits=31)
    step = FED_AT_ONCE
    while at < len(data) and not packer.eof:
        before = packer.copy()
        piece: bytes | memoryview = data[at : at + step]
        try:
            while piece and not packer.eof:
                unpacked += packer.decompress(piece, limit + 1 - len(unpacked))
                _check_size(len(unpacked), limit)
                piece = packer.unconsumed_tail
        except zlib.error:
            if step == 1:
                return at, False
            # What comes out before the damage is worth having: go on byte by byte.
            packer, step = before, 1
            continue
        at += step
    if not packer.eof:
        return at, False
    return min(at, len(data)) - len(packer.unused_data), True
