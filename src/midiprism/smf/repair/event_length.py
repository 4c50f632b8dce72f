"""A meta event or sysex whose length is wrong, so that the rest of its track is lost."""

from collections import Counter
from collections.abc import Iterator
from typing import NamedTuple

from midiprism.smf import problems
from midiprism.smf.repair.chunks import is_chunk_or_end
from midiprism.smf.repair.diagnosis import Diagnosis, TrackReading
from midiprism.smf.repair.edits import Edit, Repair, RepairStep, encode_number, resize_chunk
from midiprism.smf.repair.events import (
    END_OF_TRACK,
    META,
    SYSEX,
    Effort,
    TrackEvent,
    is_end_of_track,
    is_note_on,
    read_clean_events,
    read_event,
    read_number,
)

FIXED_SIZES = {0x00: 2, 0x20: 1, 0x21: 1, END_OF_TRACK: 0, 0x51: 3, 0x54: 5, 0x58: 4, 0x59: 2}
"""Sizes of the meta events that have but one."""

IMPOSSIBLE_EVENTS = {problems.DATA_BYTE, problems.SYSTEM_MESSAGE}
TEXT_TYPES = range(0x01, 0x10)
TEXT_CONTROLS = b"\0\t\n\r"
SEQUENCER_SPECIFIC = 0x7F
MAX_CANDIDATES = 20_000
"""A track with more meta events and sysex is not repaired here."""

LONGEST_EXCESS = 16
"""Most bytes by which a restart may be behind the stated end of a meta event."""


def correct_event_length(song: Diagnosis, track: TrackReading, effort: Effort) -> RepairStep | None:
    """Correct the length of one meta event or sysex, if the rest of the track is then clean up to its chunk's
    end.

    Only in a track of which the reading as stated reaches no end of track, or only through impossible events.
    The first restart that leaves no note-on and no note-off without a counterpart is taken. If there is none
    and the end of track is lost, the restart that leaves fewest is.
    """
    data, limit, kinds = song.data, track.declared_end, track.problem_kinds
    is_lost = problems.MISSING_END_OF_TRACK in kinds
    if not is_lost and not kinds & IMPOSSIBLE_EVENTS:
        return None
    may_be_longer = is_lost or problems.RUNNING_STATUS in kinds
    if not is_chunk_or_end(data, limit):
        return None
    proof = _Proof(data, limit, effort)
    best: tuple[int, TrackEvent, int] | None = None
    for candidate, restart in _restarts(data, track.body, limit, may_be_longer, effort):
        unmatched = proof.unmatched_notes(candidate, restart)
        if unmatched is None or (unmatched and not is_lost):
            continue
        if best is None or unmatched < best[0]:
            best = unmatched, candidate.event, restart
            if not unmatched:
                break
    if best is None or effort.is_exhausted:
        return None
    _, event, restart = best
    number_at = event.position + (2 if event.status == META else 1)
    edits = [Edit(number_at, event.body, encode_number(restart - event.body))]
    repair = Repair(problems.EVENT_LENGTH, 1, track.number, event.start)
    return RepairStep(resize_chunk(data, track.body, edits), [repair])


class _Sounding:
    """The notes that sound at a position of a track, and how many note-offs before it have ended none."""

    def __init__(self, notes: Counter[tuple[int, int]] | None = None, unmatched: int = 0) -> None:
        self._notes = Counter() if notes is None else notes
        self._unmatched = unmatched

    def copy(self) -> "_Sounding":
        """Return a copy that another reading may change."""
        return _Sounding(+self._notes, self._unmatched)

    def read(self, data: bytes, event: TrackEvent) -> None:
        """Begin or end the note of an event, if it has one."""
        if event.status >> 4 in (8, 9):
            note = event.status & 15, data[event.body]
            if is_note_on(data, event):
                self._notes[note] += 1
            elif self._notes[note]:
                self._notes[note] -= 1
            else:
                self._unmatched += 1

    @property
    def unmatched(self) -> int:
        """The number of note-ons and note-offs without a counterpart, if the track ends here."""
        return self._unmatched + self._notes.total()


class _Candidate(NamedTuple):
    """An event whose length may be wrong, and the notes that sound before it."""

    event: TrackEvent
    sounding: _Sounding


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


def _restarts(
    data: bytes, body: int, limit: int, may_be_longer: bool, effort: Effort
) -> Iterator[tuple[_Candidate, int]]:
    """Yield the events whose length may be wrong, each with a position where the next may begin.

    First the likely ends of all of them, in the order of the track; then ends of the last that was read which
    are behind its stated end.
    """
    candidates: list[_Candidate] = []
    sounding = _Sounding()
    at = body
    for event in read_clean_events(data, body, limit, effort):
        at = event.stop
        sounding.read(data, event)
        if event.status in (META, SYSEX):
            if len(candidates) == MAX_CANDIDATES:
                return
            candidates.append(_Candidate(event, sounding.copy()))
    last = candidates[-1] if candidates and candidates[-1].event.stop == at else None
    broken = _read_broken_event(data, at, limit)
    if broken is not None:
        candidates.append(_Candidate(broken, sounding))
    for candidate in candidates:
        for restart in _likely_ends(data, candidate.event, limit):
            yield candidate, restart
    if may_be_longer and last is not None and not _states_status(data, at, limit):
        for restart in _later_ends(data, last.event, limit):
            yield last, restart


def _states_status(data: bytes, at: int, limit: int) -> bool:
    """Return whether an event at a position would begin with a status."""
    delta = read_number(data, at, limit)
    return delta is not None and delta[1] < limit and data[delta[1]] >= 0x80


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


def _may_be_text(kind: int, byte: int) -> bool:
    return kind in TEXT_TYPES and (byte >= 0x20 or byte in TEXT_CONTROLS)


def _sysex_end(data: bytes, body: int, limit: int) -> int | None:
    """Return the position after the F7 that ends a sysex, or None."""
    at = body
    while at < limit and data[at] < 0x80:
        at += 1
    return at + 1 if at < limit and data[at] == 0xF7 else None
