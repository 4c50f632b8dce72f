"""A slow and simple implementation of the split contract: the expected splits of a well-formed file.

It works on lists of events with absolute ticks, not on bytes. The engine's outputs are compared with it
after the test parser has parsed them.
"""

from collections.abc import Iterator
from operator import attrgetter
from typing import Literal, NamedTuple

from support.midi_parser import (
    COPYRIGHT,
    CUE_POINT,
    ESCAPE,
    KEY_SIGNATURE,
    MARKER,
    META,
    PROGRAM,
    SMPTE_OFFSET,
    SYSEX,
    TEMPO,
    TIME_SIGNATURE,
    Event,
    ParsedSong,
    is_meta,
    is_note_off,
    is_note_on,
    parse_song,
    payload,
)

By = Literal["auto", "track", "channel", "program", "drum"]
Context = Literal["conductor", "full"]
BY_VALUES: tuple[By, ...] = ("auto", "track", "channel", "program")
CONTEXT_VALUES: tuple[Context, ...] = ("conductor", "full")

CONDUCTOR_LENGTHS = {TEMPO: 3, TIME_SIGNATURE: 4, KEY_SIGNATURE: 2, SMPTE_OFFSET: 5}
"""Length of a conductor event by its kind. One of another length stays in its own track."""

FROM_EVERY_TRACK = (TEMPO, TIME_SIGNATURE)
"""Kinds that count in every track. The others count only in the first."""


class ExpectedTrack(NamedTuple):
    """An expected split. The last of its events is the end of track."""

    track_number: int
    channel: int | None
    program: int | None
    events: list[Event]


class BorrowedEvent(NamedTuple):
    """An event of ``source_track`` that splits of other tracks may take."""

    event: Event
    source_track: int
    position: int


def conductor_kind(event: Event, track: int) -> int | None:
    """Return the kind of conductor event that this is for the other tracks of its song, if any."""
    if event.status != META:
        return None
    kind = event.body[0]
    if kind not in CONDUCTOR_LENGTHS or CONDUCTOR_LENGTHS[kind] != len(payload(event)):
        return None
    return kind if kind in FROM_EVERY_TRACK or track == 0 else None


class Oracle:
    """The rules of the contract, applied to one well-formed song."""

    def __init__(self, song: ParsedSong) -> None:
        self.song = song
        self.playing_channels = [
            {event.status & 15 for event in track.events if is_note_on(event)} for track in song.tracks
        ]
        last: dict[tuple[int, int], BorrowedEvent] = {}
        self.context_events: list[BorrowedEvent] = []
        """Events for the context ``full``: channel events without notes, sysex of the first track, texts."""
        for source_track, track in enumerate(song.tracks):
            for position, event in enumerate(track.events):
                status = event.status
                if status < 0xA0:
                    continue
                kind = conductor_kind(event, source_track)
                if kind is not None:
                    last[event.tick, kind] = BorrowedEvent(event, source_track, position)
                elif (
                    status < SYSEX
                    or (status in (SYSEX, ESCAPE) and source_track == 0)
                    or is_meta(event, COPYRIGHT, MARKER, CUE_POINT)
                ):
                    self.context_events.append(BorrowedEvent(event, source_track, position))
        self.conductor_events = list(last.values())
        """The last conductor event of the file for each tick and kind."""

    def resolve_auto(self, by: By) -> By:
        """Return the way of dividing this song that ``auto`` selects."""
        if by != "auto":
            return by
        playing = [channels for channels in self.playing_channels if channels]
        return "channel" if len(playing) == 1 and len(playing[0]) > 1 else "track"

    def borrowed_events(self, track: int, context: Context, channels: set[int]) -> list[BorrowedEvent]:
        """Return the events that a split of ``track`` borrows from others, by tick, track and position."""
        if self.song.format == 2:
            return []
        own = self.song.tracks[track]
        own_last = {
            (event.tick, event.body[0]): payload(event)
            for event in own.events
            if conductor_kind(event, 0) is not None
        }
        borrowed = [
            each
            for each in self.conductor_events
            if own_last.get((each.event.tick, each.event.body[0])) != payload(each.event)
        ]
        if context == "full":
            borrowed += [
                each
                for each in self.context_events
                if each.event.status >= SYSEX or each.event.status & 15 in channels
            ]
        return sorted(
            (each for each in borrowed if each.source_track != track and each.event.tick <= own.end_tick),
            key=lambda each: (each.event.tick, each.source_track, each.position),
        )

    def merged_events(self, track: int, context: Context, channels: set[int]) -> list[Event]:
        """Return own and borrowed events. At one tick, lower tracks come first, higher ones last."""
        borrowed = self.borrowed_events(track, context, channels)
        lower = [each.event for each in borrowed if each.source_track < track]
        higher = [each.event for each in borrowed if each.source_track > track]
        return sorted([*lower, *self.song.tracks[track].events, *higher], key=attrgetter("tick"))

    def expected_tracks(self, by: By, context: Context) -> Iterator[ExpectedTrack]:
        """Yield every split, in order."""
        by = self.resolve_auto(by)
        assert by != "drum", "the oracle knows no kits"
        for track, playing in enumerate(self.playing_channels):
            end = self.song.tracks[track].end_of_track
            if playing and by == "track":
                events = self.merged_events(track, context, playing)
                channel = next(iter(playing)) if len(playing) == 1 else None
                yield ExpectedTrack(track, channel, only_program(self.song, track, playing), [*events, end])
                continue
            for channel in sorted(playing):
                events = [
                    event
                    for event in self.merged_events(track, context, {channel})
                    if event.status >= SYSEX or event.status & 15 == channel
                ]
                if by == "channel":
                    yield ExpectedTrack(
                        track, channel, only_program(self.song, track, {channel}), [*events, end]
                    )
                else:
                    for program, some in divide_by_program(events):
                        yield ExpectedTrack(track, channel, program, [*some, end])


def expected_splits(data: bytes, by: By, context: Context) -> list[ExpectedTrack]:
    """Return every split of a well-formed file, in order."""
    return list(Oracle(parse_song(data)).expected_tracks(by, context))


def only_program(song: ParsedSong, track: int, channels: set[int]) -> int | None:
    """Return the program of all notes of a track on these channels; None if there is not exactly one."""
    current: dict[int, int] = {}
    programs: set[int | None] = set()
    for event in song.tracks[track].events:
        channel = event.status & 15
        if event.status & 0xF0 == PROGRAM:
            current[channel] = event.body[0]
        elif is_note_on(event) and channel in channels:
            programs.add(current.get(channel))
    return programs.pop() if len(programs) == 1 else None


def divide_by_program(events: list[Event]) -> list[tuple[int | None, list[Event]]]:
    """Divide the events of one channel, and all meta events, by their programs, in order of first onset."""
    current: int | None = None
    order: list[int | None] = []
    sounding: dict[int, list[int | None]] = {}
    owners: dict[int, int | None] = {}
    pending_change: int | None = None
    for at, event in enumerate(events):
        if event.status & 0xF0 == PROGRAM:
            current, pending_change = event.body[0], at
        elif is_note_on(event):
            owners[at] = current
            sounding.setdefault(event.body[0], []).append(current)
            if current not in order:
                order.append(current)
            if pending_change is not None:
                owners[pending_change], pending_change = current, None
        elif is_note_off(event) and sounding.get(event.body[0]):
            owners[at] = sounding[event.body[0]].pop(0)
    for at, event in enumerate(events):
        if event.status & 0xF0 == PROGRAM:
            owners.setdefault(at, order[-1])
    return [
        (part, [event for at, event in enumerate(events) if owners.get(at, part) == part]) for part in order
    ]
