"""CRs that a translation of CRLF to LF has taken out of a song.

A track is read byte by byte, at each LF both with and without a CR before it. All readings that are free of
damage are followed at once. Where two lead to the track's end, only what they have in common is certain.
"""

from typing import NamedTuple

from midiprism.smf.repair.chunks import HEADER_SIZE, MTRK, is_track_header, read_size
from midiprism.smf.repair.edits import Edit, apply_edits
from midiprism.smf.repair.events import (
    END_OF_TRACK,
    ESCAPE,
    FIXED_SIZES,
    LONGEST_NUMBER,
    META,
    SYSEX,
    Effort,
    channel_data_size,
    read_clean_events,
)
from midiprism.smf.repair.note_pairs import unmatched_notes

CR, LF = 0x0D, 0x0A
MAX_BYTES_READ = 300_000
"""Most bytes that all readings of a song's tracks together read, plus one for each byte of it. Beyond them
nothing is restored."""

MAX_SOUNDING = 64
"""Most notes that sound at once in a reading in which every note has its end."""

DELTA, MESSAGE, DATA, META_TYPE, SIZE, PAYLOAD, ENDED = range(7)
NO_TYPE = -1
NEVER = 1 << 62

Sounding = tuple[int, ...] | None
"""The notes that sound, each as channel and pitch in one number; None where notes may lack their end."""


class RestoredReturns(NamedTuple):
    """Edits that put CRs back, none if that is impossible; whether ways to do it differ."""

    edits: list[Edit]
    is_ambiguous: bool


class _Reader(NamedTuple):
    """A state of the reading: the expected kind of byte, and what has been read of the event.

    Attributes:
        expects: DELTA and so on.
        running_status: in force; 0 where none.
        meta_type: of the current meta event, or NO_TYPE.
        left: bytes left of the data or payload; bytes read of a number.
        value: of a number so far; the first data byte of a channel event.
    """

    expects: int = DELTA
    running_status: int = 0
    meta_type: int = NO_TYPE
    left: int = 0
    value: int = 0


class _State(NamedTuple):
    """A state of the reading, the number of CRs put back so far, and the notes that sound."""

    reader: _Reader
    restored: int
    sounding: Sounding


class _Way(NamedTuple):
    """A way to one state of the reading.

    Attributes:
        last_return: the last LF with a CR put before it; -1 before any.
        before: the way to that.
        parted: the first LF at which other ways to the same state differ, or NEVER. Ways that differ only
            within one payload of no fixed size count as one.
    """

    last_return: int = -1
    before: "_Way | None" = None
    parted: int = NEVER


def restore_returns(data: bytes, effort: Effort) -> RestoredReturns:
    """Return the edits that put CRs back so that every track has its length and is free of damage.

    If there are ways in which every note has its end, only those count. Where ways still differ, the track is
    cut before the first event that is not the same in all of them.
    """
    edits: list[Edit] = []
    is_ambiguous = False
    readings = Effort(MAX_BYTES_READ + len(data))
    at = HEADER_SIZE
    while at < len(data):
        if not is_track_header(data, at):
            return RestoredReturns([], False)
        following = data.find(MTRK, at + 8)
        stop = len(data) if following < 0 else following
        missing = read_size(data, at + 4) - (stop - at - 8)
        if missing:
            unmatched = unmatched_notes(data, at + 8, stop, effort)
            if unmatched == 0:
                return RestoredReturns([], False)  # its length alone is wrong
            way = _find_way(data, at + 8, stop, missing, readings, must_match=unmatched is not None)
            if way is None:
                return RestoredReturns([], False)
            returns = [Edit(position, position, b"\r") for position in _returns(way)]
            if way.parted != NEVER:
                is_ambiguous = True
                returns = _cut_track(data, at + 8, stop, returns, way.parted)
            edits += returns
        at = stop
    return RestoredReturns(edits, is_ambiguous)


def _cut_track(data: bytes, body: int, stop: int, returns: list[Edit], parted: int) -> list[Edit]:
    """Return edits that put CRs back up to the event that holds the LF at ``parted``, and cut the rest."""
    returns = [edit for edit in returns if edit.start < parted]
    restored = apply_edits(data[:stop], returns)
    cut = body
    for event in read_clean_events(restored, body, len(restored), Effort(stop)):
        if event.stop > parted + len(returns):
            break
        cut = event.stop
    size = cut - body
    while returns and returns[-1].start + len(returns) > cut:
        returns.pop()
    start = cut - len(returns)
    return [Edit(body - 4, body, size.to_bytes(4, "big")), *returns, Edit(start, stop, b"")]


def _returns(way: _Way | None) -> list[int]:
    positions = []
    while way is not None and way.last_return >= 0:
        positions.append(way.last_return)
        way = way.before
    return positions[::-1]


def _find_way(
    data: bytes, body: int, stop: int, missing: int, readings: Effort, *, must_match: bool
) -> _Way | None:
    """Return a way to put ``missing`` CRs into ``data[body:stop]``; if possible, one that ends every note.

    Args:
        must_match: return no other.
    """
    if not 0 < missing <= data.count(b"\n", body, stop):
        return None
    way = _follow_ways(data, body, stop, missing, (), readings)
    if way is None and not must_match:
        way = _follow_ways(data, body, stop, missing, None, readings)
    return way


class _Ways:
    """The ways to all states at a position and behind it."""

    def __init__(self, readings: Effort) -> None:
        self._at: dict[int, dict[_State, _Way]] = {}
        self._readings = readings

    def add(self, at: int, state: _State | None, way: _Way) -> None:
        """Add a way to a state; of two, the first is kept."""
        if state is None:
            return
        ways = self._at.setdefault(at, {})
        kept = ways.setdefault(state, way)
        if kept is not way:
            parted = min(kept.parted, way.parted, _first_difference(kept, way, self._readings))
            ways[state] = kept._replace(parted=parted)

    def spend(self) -> bool:
        """Count one more reading; return whether it is within the limit."""
        return self._readings.spend()

    def pop(self, at: int) -> dict[_State, _Way]:
        """Remove and return the ways to all states at a position; none once the readings are too many."""
        ways = self._at.pop(at, {})
        return ways if self._readings.spend(len(ways)) else {}


def _follow_ways(
    data: bytes, body: int, stop: int, missing: int, silence: Sounding, readings: Effort
) -> _Way | None:
    """Return a way to put ``missing`` CRs into ``data[body:stop]``, or None."""
    ways = _Ways(readings)
    ways.add(body, _State(_Reader(), 0, silence), _Way())
    for at in range(body, stop):
        byte = data[at]
        for state, way in ways.pop(at).items():
            reader = state.reader
            if reader.expects == PAYLOAD and reader.meta_type not in FIXED_SIZES:
                _pass_payload(ways, data, at, stop, state, way, missing)
                continue
            ways.add(at + 1, _read(state, byte), way)
            if byte == LF and state.restored < missing:
                returned = _read(state, CR)
                if returned is not None:
                    returned = returned._replace(restored=state.restored + 1)
                    ways.add(at + 1, _read(returned, LF), _Way(at, way, way.parted))
    return ways.pop(stop).get(_State(_Reader(ENDED), missing, silence))


def _pass_payload(
    ways: _Ways, data: bytes, at: int, stop: int, state: _State, way: _Way, missing: int
) -> None:
    """Add the ways behind a payload that begins at a position, one for each number of CRs put into it.

    They are put before its first LFs. If there is none left, the last CR may end the payload, so that its LF
    belongs to the next event.
    """
    behind = state._replace(reader=_Reader())
    end = at + state.reader.left
    feed = at - 1
    while feed < end and ways.spend():
        if end <= stop:
            ways.add(end, behind, way)
        feed = data.find(b"\n", feed + 1, min(end, stop))
        if feed < 0 or behind.restored == missing:
            return
        end -= 1
        behind = behind._replace(restored=behind.restored + 1)
        if feed == end < stop:
            ways.add(end + 1, _read(behind, LF), _Way(end, way, way.parted))
        way = _Way(feed, way, way.parted)


def _first_difference(way: _Way, other: _Way, readings: Effort) -> int:
    """Return the first LF before which only one of two ways puts a CR."""
    first = NEVER
    one: _Way | None = way
    two: _Way | None = other
    while one is not two and one is not None and two is not None and readings.spend():
        if one.last_return == two.last_return:
            one, two = one.before, two.before
        elif one.last_return > two.last_return:
            first, one = one.last_return, one.before
        else:
            first, two = two.last_return, two.before
    return first


def _read(state: _State, byte: int) -> _State | None:
    """Return the state after one more byte, or None where the byte would be damage or its note unmatched."""
    reader, restored, sounding = state
    following = _read_byte(reader, byte)
    if following is None:
        return None
    is_note = reader.expects == DATA and reader.left == 1 and reader.running_status >> 4 in (8, 9)
    if is_note and sounding is not None:
        note = (reader.running_status & 15) << 7 | reader.value
        sounding = _play(sounding, note, reader.running_status >> 4 == 9 and byte > 0)
        if sounding is None:
            return None
    return _State(following, restored, sounding)


def _play(sounding: tuple[int, ...], note: int, begins: bool) -> Sounding:
    """Return the notes that sound after a note-on or note-off; None if it ends none, or if too many sound."""
    if begins:
        return tuple(sorted((*sounding, note))) if len(sounding) < MAX_SOUNDING else None
    if note not in sounding:
        return None
    at = sounding.index(note)
    return sounding[:at] + sounding[at + 1 :]


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
        return _Reader(DATA, running, left=left - 1, value=byte) if left > 1 else _Reader(DELTA, running)
    if expects == META_TYPE:
        return _Reader(SIZE, meta_type=byte) if byte < 0x80 else None
    if expects == SIZE:
        value = value << 7 | byte & 0x7F
        if byte >= 0x80:
            is_whole = left + 1 < LONGEST_NUMBER
            return _Reader(SIZE, meta_type=meta_type, left=left + 1, value=value) if is_whole else None
        if value != FIXED_SIZES.get(meta_type, value):
            return None
        if meta_type == END_OF_TRACK:
            return _Reader(ENDED)
        return _Reader(PAYLOAD, meta_type=meta_type, left=value) if value else _Reader()
    if expects == PAYLOAD:
        return _Reader(PAYLOAD, meta_type=meta_type, left=left - 1) if left > 1 else _Reader()
    return None


def _read_status(running: int, byte: int) -> _Reader | None:
    if byte < 0x80:
        if not running:
            return None
        left = channel_data_size(running) - 1
        return _Reader(DATA, running, left=left, value=byte) if left else _Reader(DELTA, running)
    if byte < 0xF0:
        return _Reader(DATA, byte, left=channel_data_size(byte))
    if byte == META:
        return _Reader(META_TYPE)
    return _Reader(SIZE) if byte in (SYSEX, ESCAPE) else None
