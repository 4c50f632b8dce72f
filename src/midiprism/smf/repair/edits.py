"""Edits of a song's bytes, and the way back from positions in the edited bytes to those in the file."""

from bisect import bisect_right
from collections.abc import Iterable
from typing import NamedTuple

MAX_DELTA = 0x0FFFFFFF
MAX_CHUNK_SIZE = 0xFFFFFFFF


class Edit(NamedTuple):
    """A replacement of ``data[start:stop]``."""

    start: int
    stop: int
    replacement: bytes

    @property
    def growth(self) -> int:
        """The number of bytes by which the data becomes longer."""
        return len(self.replacement) - (self.stop - self.start)


class Repair(NamedTuple):
    """A problem that was undone or decided: its kind, the number for the message, its track and position, and
    the bytes of music that it has cost."""

    problem_kind: int
    number: int | str
    track: int | None
    position: int
    lost_bytes: int = 0


class RepairStep(NamedTuple):
    """Edits that leave the song nearer to the specification, and the problems to report for them."""

    edits: list[Edit]
    repairs: list[Repair]


class OffsetMap:
    """Maps positions in edited bytes to positions before the edits.

    Args:
        edits: in the order of the file, none within another.
    """

    def __init__(self, edits: Iterable[Edit]) -> None:
        self._starts = [0]
        self._shifts = [0]
        self._limits = [-1]
        growth = 0
        for edit in edits:
            begin = edit.start + growth
            growth += edit.growth
            self._starts += [begin, begin + len(edit.replacement)]
            self._shifts += [edit.start - begin, -growth]
            self._limits += [edit.start, -1]

    def before(self, position: int) -> int:
        """Return the position before the edits; for a byte that was put in, that of its edit."""
        at = bisect_right(self._starts, position) - 1
        limit = self._limits[at]
        return position + self._shifts[at] if limit < 0 else limit


def apply_edits(data: bytes, edits: Iterable[Edit]) -> bytes:
    """Return the edited bytes. The edits are in the order of the file, none within another."""
    pieces = []
    at = 0
    for edit in edits:
        pieces += [data[at : edit.start], edit.replacement]
        at = edit.stop
    pieces.append(data[at:])
    return b"".join(pieces)


def resize_chunk(data: bytes, body: int, edits: list[Edit]) -> list[Edit]:
    """Return edits of a track with one before them, by which the length of its chunk leads where it did."""
    size = int.from_bytes(data[body - 4 : body], "big")
    size += sum(edit.growth for edit in edits if edit.start < body + size)
    return [Edit(body - 4, body, min(max(size, 0), MAX_CHUNK_SIZE).to_bytes(4, "big")), *edits]


def encode_number(value: int) -> bytes:
    """Return a number of 0 to MAX_DELTA with variable length."""
    groups = [value & 127]
    while value > 127:
        value >>= 7
        groups.append(value & 127 | 128)
    return bytes(reversed(groups))
