"""A plain reader of Standard MIDI Files, independent of the engine under test.

It follows the specification to the letter and reports everything that the specification forbids: a file is
well formed if ``ParsedSong.problems`` is empty. After a problem it reads on if the next step is beyond doubt.
"""

from dataclasses import dataclass, field
from typing import NamedTuple

NOTE_OFF, NOTE_ON, POLY_PRESSURE, CONTROL = 0x80, 0x90, 0xA0, 0xB0
PROGRAM, CHANNEL_PRESSURE, PITCH_BEND = 0xC0, 0xD0, 0xE0
SYSEX, ESCAPE, META = 0xF0, 0xF7, 0xFF
COPYRIGHT, TRACK_NAME, MARKER, CUE_POINT = 0x02, 0x03, 0x06, 0x07
END, TEMPO, SMPTE_OFFSET, TIME_SIGNATURE, KEY_SIGNATURE = 0x2F, 0x51, 0x54, 0x58, 0x59

SYSTEM_DATA_BYTES = {0xF1: 1, 0xF2: 2, 0xF3: 1}
"""Number of data bytes of the system messages that have any. System messages do not belong into a file."""


class Event(NamedTuple):
    """An event of a track.

    Attributes:
        tick: absolute tick.
        status: status byte, also where running status omits it.
        body: all bytes after the status, as in the file.
    """

    tick: int
    status: int
    body: bytes


EMPTY_END_OF_TRACK = Event(0, META, b"\x2f\x00")


@dataclass(slots=True)
class ParsedTrack:
    """One ``MTrk`` chunk: its events, and apart from them its end of track."""

    events: list[Event] = field(default_factory=list)
    event_offsets: list[int] = field(default_factory=list)
    """Offsets of the delta times of all events, then of the end of track, in the file."""
    end_of_track: Event = EMPTY_END_OF_TRACK
    end_offset: int = 0
    """Offset after the end of track."""
    problems: list[str] = field(default_factory=list)

    @property
    def end_tick(self) -> int:
        """Return the length of the track in ticks."""
        return self.end_of_track.tick


@dataclass(slots=True)
class ParsedSong:
    """A whole file. ``problems`` holds those of the file, then those of its tracks."""

    format: int
    num_tracks: int
    division: int
    tracks: list[ParsedTrack]
    problems: list[str]


class NotMidiError(Exception):
    """The file has no header."""


class _TrackEndsError(Exception):
    """The rest of a track cannot be read."""


def parse_song(data: bytes) -> ParsedSong:
    """Parse a file that starts with its header chunk."""
    if data[:4] != b"MThd" or len(data) < 14:
        raise NotMidiError
    length = int.from_bytes(data[4:8], "big")
    form, count, division = (int.from_bytes(data[at : at + 2], "big") for at in (8, 10, 12))
    problems: list[str] = []
    if length < 6:
        problems.append("header_length")
    if form > 2:
        problems.append("format_unknown")
    tracks = []
    at = 8 + max(length, 6)
    while at + 8 <= len(data):
        kind, size = data[at : at + 4], int.from_bytes(data[at + 4 : at + 8], "big")
        at += 8
        if at + size > len(data):
            problems.append("chunk_truncated")
        stop = min(at + size, len(data))
        if kind == b"MTrk":
            tracks.append(parse_track(data, at, stop))
        else:
            problems.append("unknown_chunk")
        at = stop
    if at != len(data):
        problems.append("trailing_bytes")
    if len(tracks) != count:
        problems.append("track_count")
    if form == 0 and len(tracks) > 1:
        problems.append("format_0_tracks")
    for track in tracks:
        problems += track.problems
    return ParsedSong(form, count, division, tracks, problems)


def parse_track(data: bytes, at: int, stop: int) -> ParsedTrack:
    """Parse the events in ``data[at:stop]``, the body of an ``MTrk`` chunk."""
    track = ParsedTrack()
    try:
        _parse_events(data, at, stop, track)
    except _TrackEndsError as cut:
        track.problems.append(str(cut))
        last = track.events[-1].tick if track.events else 0
        track.end_of_track = EMPTY_END_OF_TRACK._replace(tick=last)
        track.end_offset = track.event_offsets[-1] if track.event_offsets else at
    else:
        if track.end_offset != stop:
            track.problems.append("bytes_after_end_of_track")
    return track


def _parse_events(data: bytes, at: int, stop: int, track: ParsedTrack) -> None:
    """Add events to ``track`` up to its end of track; raise ``_TrackEndsError`` if there is none."""
    events, starts = track.events, track.event_offsets
    tick = status = 0
    valid = False
    while at < stop:
        start = at
        delta = data[at]
        at += 1
        if delta > 127:
            delta, at = _vlq(data, start, stop)
        tick += delta
        if at >= stop:
            raise _TrackEndsError("event_truncated")
        byte = data[at]
        if byte < 0x80:
            if not status:
                raise _TrackEndsError("no_status")
            if not valid:
                track.problems.append("running_status")
                valid = True
        elif byte < 0xF0:
            status, valid = byte, True
            at += 1
        elif byte in (SYSEX, ESCAPE, META):
            valid = False
            body = at + 1
            size, at = _vlq(data, body + (byte == META), stop)
            at += size
            if at > stop:
                raise _TrackEndsError("event_truncated")
            starts.append(start)
            if byte == META and data[body] == END:
                if size:
                    track.problems.append("end_of_track_length")
                track.end_of_track, track.end_offset = Event(tick, META, data[body:at]), at
                return
            events.append(Event(tick, byte, data[body:at]))
            continue
        else:
            track.problems.append("system_message")
            at += 1 + SYSTEM_DATA_BYTES.get(byte, 0)
            continue
        body = at
        at += 1 if 0xC0 <= status < 0xE0 else 2
        if at > stop:
            raise _TrackEndsError("event_truncated")
        if data[body] > 127 or data[at - 1] > 127:
            track.problems.append("data_byte")
        events.append(Event(tick, status, data[body:at]))
        starts.append(start)
    raise _TrackEndsError("missing_end_of_track")


def _vlq(data: bytes, at: int, stop: int) -> tuple[int, int]:
    """Return the variable-length quantity at ``at``, and the offset after it."""
    value = 0
    for position in range(at, at + 4):
        if position >= stop:
            raise _TrackEndsError("event_truncated")
        value = value << 7 | data[position] & 127
        if data[position] < 128:
            return value, position + 1
    raise _TrackEndsError("vlq")


def payload(event: Event) -> bytes:
    """Return the bytes of a meta or system exclusive event after its length."""
    body = event.body
    at = 1 if event.status == META else 0
    while body[at] > 127:
        at += 1
    return body[at + 1 :]


def is_note_on(event: Event) -> bool:
    """Return whether a note starts: a note-on with a velocity above 0."""
    return event.status & 0xF0 == NOTE_ON and event.body[1] > 0


def is_note_off(event: Event) -> bool:
    """Return whether a note ends: a note-off, or a note-on with velocity 0."""
    kind = event.status & 0xF0
    return kind == NOTE_OFF or (kind == NOTE_ON and event.body[1] == 0)


def is_meta(event: Event, *kinds: int) -> bool:
    """Return whether the event is a meta event of one of these types."""
    return event.status == META and event.body[0] in kinds


def tempo_of(event: Event) -> int | None:
    """Return the microseconds per quarter note of a tempo event; None for another event or a wrong length."""
    if event.status != META or event.body[0] != TEMPO:
        return None
    value = payload(event)
    return int.from_bytes(value, "big") if len(value) == 3 else None
