"""A meta event or sysex whose length is wrong, so that the rest of its track is lost."""

from collections import Counter
from collections.abc import Iterator
from typing import NamedTuple

from midiprism.smf import problems
from midiprism.smf.repair.chunks import is_chunk_or_end, read_size
from midiprism.smf.repair.diagnosis import Diagnosis, TrackReading
from midiprism.smf.repair.edits import Edit, Repair, RepairStep, encode_number, resize_chunk
from midiprism.smf.repair.events import (
    FIXED_SIZES,
    META,
    SYSEX,
    TEXT_TYPES,
    Effort,
    TrackEvent,
    is_end_of_track,
    read_clean_events,
    read_event,
    read_events,
    read_number,
)
from midiprism.smf.repair.note_pairs import SoundingNotes

IMPOSSIBLE_EVENTS = {problems.DATA_BYTE, problems.SYSTEM_MESSAGE}
MISREAD = {problems.RUNNING_STATUS, problems.HANGING_NOTES}
TEXT_CONTROLS = b"\0\t\n\r"
SEQUENCER_SPECIFIC = 0x7F
MAX_CANDIDATES = 20_000
"""A track with more meta events and sysex is not repaired here."""

LONGEST_GAP = 16
"""Quarter notes; a longer delta time after a text is rather a letter of the text."""

LONGEST_EXCESS = 16
"""Most bytes by which a restart may be behind the stated end of a meta event."""


def correct_event_length(song: Diagnosis, track: TrackReading, effort: Effort) -> RepairStep | None:
    """Correct the length of one meta event or sysex, if the rest of the track is then clean up to its chunk's
    end.

    Only in a track of which the reading as stated reaches no end of track, or only through impossible events,
    or through a running status that is not in force and with a note that is never ended. The first restart
    that leaves no note-on and no note-off without a counterpart is taken. If there is none and the end of
    track is lost, the restart that leaves fewest is.
    """
    data, limit, kinds = song.data, track.declared_end, track.problem_kinds
    is_lost = problems.MISSING_END_OF_TRACK in kinds
    is_impossible = not kinds.isdisjoint(IMPOSSIBLE_EVENTS)
    if not (is_lost or is_impossible or kinds >= MISREAD) or not is_chunk_or_end(data, limit):
        return None
    stated = _read_as_stated(data, track, effort)
    proof = _Proof(data, limit, effort)
    candidates = _candidates(data, track.body, limit, effort)
    best = _best_restart(proof, _restarts(data, candidates, limit), is_lost)
    if (is_lost or stated.is_misread) and (best is None or best.unmatched):
        later = _best_restart(proof, _later_restarts(data, candidates, limit, stated), is_lost)
        if best is None or (later is not None and later.unmatched < best.unmatched):
            best = later
    if best is None or effort.is_exhausted:
        return None
    event = best.event
    number_at = event.position + (2 if event.status == META else 1)
    size = _end_of_text(data, event, best.position) - event.body
    edits = [Edit(number_at, event.body, encode_number(size))]
    repair = Repair(problems.EVENT_LENGTH, 1, track.number, event.start)
    return RepairStep(resize_chunk(data, track.body, edits), [repair])


class _StatedReading(NamedTuple):
    """Signs that a track is misread as it is stated.

    Attributes:
        is_misread: whether a note-on or note-off has no counterpart, or an event of a rare channel has a data
            byte above 127.
        rare_channels: those that are stated only once.
    """

    is_misread: bool
    rare_channels: frozenset[int]


def _read_as_stated(data: bytes, track: TrackReading, effort: Effort) -> _StatedReading:
    sounding = SoundingNotes()
    times_stated: Counter[int] = Counter()
    impossible = set()
    for event in read_events(data, track.body, track.stop, effort):
        sounding.read(data, event)
        if event.status < SYSEX:
            channel = event.status & 15
            times_stated[channel] += event.states_status
            if max(data[event.body : event.stop]) > 127:
                impossible.add(channel)
    rare = frozenset(channel for channel, times in times_stated.items() if times == 1)
    return _StatedReading(sounding.unmatched > 0 or not rare.isdisjoint(impossible), rare)


class _Restart(NamedTuple):
    """An event with a wrong length, where the next begins, and how many notes then lack a counterpart."""

    event: TrackEvent
    position: int
    unmatched: int


def _best_restart(
    proof: "_Proof", restarts: Iterator[tuple["_Candidate", int]], may_be_unmatched: bool
) -> _Restart | None:
    """Return the first restart that leaves no notes unmatched, or else the first that leaves fewest."""
    best: _Restart | None = None
    for candidate, position in restarts:
        unmatched = proof.unmatched_notes(candidate, position)
        if unmatched is None or (unmatched and not may_be_unmatched):
            continue
        if best is None or unmatched < best.unmatched:
            best = _Restart(candidate.event, position, unmatched)
            if not unmatched:
                break
    return best


class _Candidate(NamedTuple):
    """An event whose length may be wrong, and the notes that sound before it."""

    event: TrackEvent
    sounding: SoundingNotes


class _Proof:
    """Finds out whether the rest of a track is clean from a position on; remembers where it is not.

    A delta time that begins with FF is taken for a meta event that is read at the wrong place.
    """

    def __init__(self, data: bytes, limit: int, effort: Effort) -> None:
        self._data = data
        self._limit = limit
        self._effort = effort
        self._failed: set[int] = set()

    def unmatched_notes(self, candidate: _Candidate, restart: int) -> int | None:
        """Return how many note-ons and note-offs would have no counterpart; None if the rest is not clean."""
        sounding = candidate.sounding.copy()
        if restart == self._limit:
            return sounding.unmatched if is_end_of_track(self._data, candidate.event) else None
        passed = []
        for event in read_clean_events(self._data, restart, self._limit, self._effort):
            if is_end_of_track(self._data, event):
                if event.stop == self._limit:
                    return sounding.unmatched
                break
            if self._data[event.start] == META or (event.states_status and event.start in self._failed):
                break
            if event.states_status:
                passed.append(event.start)
            sounding.read(self._data, event)
        self._failed.update(passed)
        return None


def _candidates(data: bytes, body: int, limit: int, effort: Effort) -> list[_Candidate]:
    """Return the meta events and sysex of a track up to the first event that is not clean, and that one."""
    candidates: list[_Candidate] = []
    sounding = SoundingNotes()
    at = body
    for event in read_clean_events(data, body, limit, effort):
        at = event.stop
        sounding.read(data, event)
        if event.status in (META, SYSEX):
            if len(candidates) == MAX_CANDIDATES:
                return []
            candidates.append(_Candidate(event, sounding.copy()))
    broken = _read_broken_event(data, at, limit)
    if broken is not None:
        candidates.append(_Candidate(broken, sounding))
    return candidates


def _restarts(data: bytes, candidates: list[_Candidate], limit: int) -> Iterator[tuple[_Candidate, int]]:
    """Yield the events whose length may be wrong, each with the positions where it is likely to end."""
    for candidate in candidates:
        for restart in _likely_ends(data, candidate.event, limit):
            yield candidate, restart


def _later_restarts(
    data: bytes, candidates: list[_Candidate], limit: int, stated: _StatedReading
) -> Iterator[tuple[_Candidate, int]]:
    """Yield the events behind which no plausible event is, each with the later positions where it may end."""
    for candidate in candidates:
        if not _is_followed_plausibly(data, candidate, limit, stated):
            for restart in _later_ends(data, candidate.event, limit):
                yield candidate, restart


def _is_followed_plausibly(data: bytes, candidate: _Candidate, limit: int, stated: _StatedReading) -> bool:
    """Return whether the event behind one is clean and is neither alone on its channel nor ends no note."""
    following = next(read_clean_events(data, candidate.event.stop, limit, Effort()), None)
    if following is None:
        return False
    if following.status >= SYSEX:
        return True
    return following.status & 15 not in stated.rare_channels and candidate.sounding.may_precede(
        data, following
    )


def _read_broken_event(data: bytes, at: int, limit: int) -> TrackEvent | None:
    """Return the meta event or sysex at a position where no clean event is, or None. It may end anywhere."""
    event = read_event(data, at, limit, 0, may_overrun=True)
    return event if event is not None and event.status in (META, SYSEX) else None


def _likely_ends(data: bytes, event: TrackEvent, limit: int) -> Iterator[int]:
    """Yield where an event may really end.

    A sysex ends after its F7, and a meta event of a fixed size after that size: both may be behind the stated
    end. Other meta events end before it.
    """
    if event.status == SYSEX:
        stop = _sysex_end(data, event.body, limit)
        if stop is not None and stop != event.stop:
            yield stop
        return
    size = FIXED_SIZES.get(data[event.position + 1])
    if size is not None:
        if event.stop != event.body + size <= limit:
            yield event.body + size
    elif event.body < event.stop:
        yield event.body
        yield from _payload_ends(data, event, event.body, min(event.stop, limit) - 1)


def _later_ends(data: bytes, event: TrackEvent, limit: int) -> Iterator[int]:
    """Yield where a meta event of any size may end behind its stated end."""
    if event.status == META and data[event.position + 1] not in FIXED_SIZES:
        yield from _payload_ends(data, event, event.stop, min(event.stop + LONGEST_EXCESS, limit - 1))


def _payload_ends(data: bytes, event: TrackEvent, start: int, stop: int) -> Iterator[int]:
    """Yield the positions after each byte of ``data[start:stop]`` that the payload of an event may hold."""
    kind = data[event.position + 1]
    for at in range(start, stop):
        if kind != SEQUENCER_SPECIFIC and not _may_be_text(kind, data[at]):
            return
        yield at + 1


def _end_of_text(data: bytes, event: TrackEvent, end: int) -> int:
    """Return where a text ends, if that may be ``end`` or after the bytes above 127 that follow.

    They begin a delta time, unless it would be long, or the text would end within a character.
    """
    if event.status != META or data[event.position + 1] not in TEXT_TYPES:
        return end
    division = read_size(data, 10) & 0xFFFF
    longest = LONGEST_GAP * (division if division < 0x8000 else 0x80)
    following = read_number(data, end, len(data))
    while following is not None and data[end] >= 0x80:
        if following[0] < longest and not _ends_within_character(data[event.body : end + 1]):
            break
        end += 1
        following = read_number(data, end, len(data))
    return end


def _ends_within_character(text: bytes) -> bool:
    """Return whether a text in UTF-8, or one in Shift-JIS, would lose half a character with its last byte."""
    encodings = ["utf-8"] if text[:-2].isascii() else ["utf-8", "cp932"]
    return any(_decodes(text, encoding) and not _decodes(text[:-1], encoding) for encoding in encodings)


def _decodes(text: bytes, encoding: str) -> bool:
    try:
        text.decode(encoding)
    except UnicodeDecodeError:
        return False
    return True


def _may_be_text(kind: int, byte: int) -> bool:
    return kind in TEXT_TYPES and (byte >= 0x20 or byte in TEXT_CONTROLS)


def _sysex_end(data: bytes, body: int, limit: int) -> int | None:
    """Return the position after the F7 that ends a sysex, or None."""
    at = body
    while at < limit and data[at] < 0x80:
        at += 1
    return at + 1 if at < limit and data[at] == 0xF7 else None
