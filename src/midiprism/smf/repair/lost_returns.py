"""Putting back the CRs that a translation of CRLF to LF has taken out of a song.

A track is read byte by byte, at each LF both with and without a CR before it. All readings that are free of
damage are followed at once; two that lead to the track's end mean that nothing is certain.
"""

from typing import NamedTuple

from midiprism.smf.repair.chunks import HEADER_SIZE, MTRK, is_track_header, read_size
from midiprism.smf.repair.edits import Edit
from midiprism.smf.repair.events import (
    END_OF_TRACK,
    ESCAPE,
    LONGEST_NUMBER,
    META,
    SYSEX,
    Effort,
    channel_data_size,
    reads_cleanly,
)

CR, LF = 0x0D, 0x0A
MAX_BYTES_READ = 1_000_000
"""Most bytes that all readings of a song's tracks together read; beyond them nothing is restored."""

DELTA, MESSAGE, DATA, META_TYPE, SIZE, PAYLOAD, ENDED = range(7)
NO_TYPE = -1


class _Reader(NamedTuple):
    """A state of the reading: the expected kind of byte, and what has been read of the event.

    Attributes:
        expects: DELTA and so on.
        running_status: in force; 0 where none.
        meta_type: of the current meta event, or NO_TYPE.
        left: bytes left of the data or payload; bytes read of a number.
        value: of a number so far.
    """

    expects: int = DELTA
    running_status: int = 0
    meta_type: int = NO_TYPE
    left: int = 0
    value: int = 0


class _Way(NamedTuple):
    """A way to one state of the reading: the last LF with a CR put before it, and the way to that."""

    last_return: int
    before: "_Way | None"
    is_only: bool


def restore_returns(data: bytes, effort: Effort) -> tuple[list[Edit], bool]:
    """Return the edits that put CRs back so that every track has its length and is free of damage.

    No edits where there is no solution, or more than one; then the second value is True.
    """
    edits: list[Edit] = []
    readings = Effort(MAX_BYTES_READ)
    at = HEADER_SIZE
    while at < len(data):
        if not is_track_header(data, at):
            return [], False
        following = data.find(MTRK, at + 8)
        stop = len(data) if following < 0 else following
        missing = read_size(data, at + 4) - (stop - at - 8)
        if missing:
            if reads_cleanly(data, at + 8, stop, effort):
                return [], False  # its length alone is wrong
            way = _find_way(data, at + 8, stop, missing, readings)
            if way is None or not way.is_only:
                return [], way is not None
            edits += [Edit(position, position, b"\r") for position in _returns(way)]
        at = stop
    return edits, False


def _returns(way: _Way | None) -> list[int]:
    positions = []
    while way is not None and way.last_return >= 0:
        positions.append(way.last_return)
        way = way.before
    return positions[::-1]


def _find_way(data: bytes, body: int, stop: int, missing: int, readings: Effort) -> _Way | None:
    """Return a way to put ``missing`` CRs into ``data[body:stop]``, or None."""
    if not 0 < missing <= data.count(b"\n", body, stop):
        return None
    ways: dict[tuple[_Reader, int], _Way] = {(_Reader(), 0): _Way(-1, None, True)}
    for at in range(body, stop):
        byte = data[at]
        following: dict[tuple[_Reader, int], _Way] = {}
        for (reader, restored), way in ways.items():
            _follow(following, _read_byte(reader, byte), restored, way)
            if byte == LF and restored < missing:
                after_return = _read_byte(reader, CR)
                if after_return is not None:
                    _follow(
                        following, _read_byte(after_return, byte), restored + 1, _Way(at, way, way.is_only)
                    )
        if not following or not readings.spend(len(following)):
            return None
        ways = following
    return ways.get((_Reader(ENDED), missing))


def _follow(ways: dict[tuple[_Reader, int], _Way], reader: _Reader | None, restored: int, way: _Way) -> None:
    if reader is not None:
        key = (reader, restored)
        ways[key] = way._replace(is_only=False) if key in ways else way


def _read_byte(reader: _Reader, byte: int) -> _Reader | None:
    """Return the state after one more byte, or None where the byte would be damage."""
    expects, running, meta_type, left, value = reader
    if expects == DELTA:
        if byte < 0x80:
            return _Reader(MESSAGE, running)
        return _Reader(DELTA, running, left=left + 1) if left + 1 < LONGEST_NUMBER else None
    if expects == MESSAGE:
        return _read_status(running, byte)
    if expects == DATA:
        if byte >= 0x80:
            return None
        return _Reader(DATA, running, left=left - 1) if left > 1 else _Reader(DELTA, running)
    if expects == META_TYPE:
        return _Reader(SIZE, meta_type=byte) if byte < 0x80 else None
    if expects == SIZE:
        value = value << 7 | byte & 0x7F
        if byte >= 0x80:
            is_whole = left + 1 < LONGEST_NUMBER
            return _Reader(SIZE, meta_type=meta_type, left=left + 1, value=value) if is_whole else None
        if meta_type == END_OF_TRACK:
            return None if value else _Reader(ENDED)
        return _Reader(PAYLOAD, meta_type=meta_type, left=value) if value else _Reader()
    if expects == PAYLOAD:
        return _Reader(PAYLOAD, meta_type=meta_type, left=left - 1) if left > 1 else _Reader()
    return None


def _read_status(running: int, byte: int) -> _Reader | None:
    if byte < 0x80:
        if not running:
            return None
        left = channel_data_size(running) - 1
        return _Reader(DATA, running, left=left) if left else _Reader(DELTA, running)
    if byte < 0xF0:
        return _Reader(DATA, byte, left=channel_data_size(byte))
    if byte == META:
        return _Reader(META_TYPE)
    return _Reader(SIZE) if byte in (SYSEX, ESCAPE) else None
