"""The split contract once more, slowly and simply: what every split of a well-formed file must hold.

It works on lists of events with absolute ticks and knows nothing of bytes, so the engine's outputs are
compared with it after the test reader has read them.
"""

from collections.abc import Iterator
from operator import itemgetter
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

By = Literal["auto", "track", "channel", "program"]
Context = Literal["conductor", "full"]
BY_VALUES: tuple[By, ...] = ("auto", "track", "channel", "program")
CONTEXT_VALUES: tuple[Context, ...] = ("conductor", "full")

CONDUCTOR_LENGTHS = {TEMPO: 3, TIME_SIGNATURE: 4, KEY_SIGNATURE: 2, SMPTE_OFFSET: 5}
"""Bytes that a conductor event of each kind has; one of another length stays in its own track."""

FROM_EVERY_TRACK = (TEMPO, TIME_SIGNATURE)
"""Kinds that count from every track; the others only from the first."""

_tick = itemgetter(0)


class ExpectedTrack(NamedTuple):
    """An expected split. ``events`` end with the end of track."""

    track_number: int
    channel: int | None
    program: int | None
    events: list[Event]


class BorrowedEvent(NamedTuple):
    """An event that splits of other tracks than its ``origin`` may take."""

    event: Event
    source_track: int
    position: int


def conductor_kind(event: Event, track: int) -> int | None:
    """Which kind of conductor event this is for the other tracks of its song; None if it is none."""
    if event[1] != META:
        return None
    kind = event[2][0]
    if kind not in CONDUCTOR_LENGTHS or CONDUCTOR_LENGTHS[kind] != len(payload(event)):
        return None
    return kind if kind in FROM_EVERY_TRACK or track == 0 else None


class Oracle:
    """What the contract says of one well-formed song."""

    def __init__(self, song: ParsedSong) -> None:
        self.song = song
        self.playing_channels = [
            {event[1] & 15 for event in track.events if is_note_on(event)} for track in song.tracks
        ]
        last: dict[tuple[int, int], BorrowedEvent] = {}
        self.context_events: list[BorrowedEvent] = []
        """What ``full`` takes: non-note channel events, sysex of the first track, text of the song."""
        for origin, track in enumerate(song.tracks):
            for position, event in enumerate(track.events):
                status = event[1]
                if status < 0xA0:
                    continue
                kind = conductor_kind(event, origin)
                if kind is not None:
                    last[event[0], kind] = BorrowedEvent(event, origin, position)
                elif (
                    status < SYSEX
                    or (status in (SYSEX, ESCAPE) and origin == 0)
                    or is_meta(event, COPYRIGHT, MARKER, CUE_POINT)
                ):
                    self.context_events.append(BorrowedEvent(event, origin, position))
        self.conductor_events = list(last.values())
        """Per tick and kind the file's last conductor event."""

    def resolve_auto(self, by: By) -> By:
        """What ``auto`` means for this song."""
        if by != "auto":
            return by
        playing = [channels for channels in self.playing_channels if channels]
        return "channel" if len(playing) == 1 and len(playing[0]) > 1 else "track"

    def borrowed_events(self, track: int, context: Context, channels: set[int]) -> list[BorrowedEvent]:
        """Events of other tracks that belong into a split of ``track``, by tick, track and position."""
        if self.song.format == 2:
            return []
        own = self.song.tracks[track]
        own_last = {
            (event[0], event[2][0]): payload(event)
            for event in own.events
            if conductor_kind(event, 0) is not None
        }
        found = [
            guest
            for guest in self.conductor_events
            if own_last.get((guest.event[0], guest.event[2][0])) != payload(guest.event)
        ]
        if context == "full":
            found += [
                guest
                for guest in self.context_events
                if guest.event[1] >= SYSEX or guest.event[1] & 15 in channels
            ]
        found = [guest for guest in found if guest.source_track != track and guest.event[0] <= own.end_tick]
        return sorted(found, key=lambda guest: (guest.event[0], guest.source_track, guest.position))

    def merged_events(self, track: int, context: Context, channels: set[int]) -> list[Event]:
        """Own events and guests: those of lower tracks before their tick's, of higher ones after them."""
        guests = self.borrowed_events(track, context, channels)
        lower = [guest.event for guest in guests if guest.source_track < track]
        higher = [guest.event for guest in guests if guest.source_track > track]
        return sorted([*lower, *self.song.tracks[track].events, *higher], key=_tick)

    def expected_tracks(self, by: By, context: Context) -> Iterator[ExpectedTrack]:
        """Every split, in order."""
        by = self.resolve_auto(by)
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
                    if event[1] >= SYSEX or event[1] & 15 == channel
                ]
                if by == "channel":
                    yield ExpectedTrack(
                        track, channel, only_program(self.song, track, {channel}), [*events, end]
                    )
                else:
                    for program, some in divide_by_program(events):
                        yield ExpectedTrack(track, channel, program, [*some, end])


def expected_splits(data: bytes, by: By, context: Context) -> list[ExpectedTrack]:
    """Every split of a well-formed file, in order."""
    return list(Oracle(parse_song(data)).expected_tracks(by, context))


def only_program(song: ParsedSong, track: int, channels: set[int]) -> int | None:
    """The one program that the track's own events select for all its notes on these channels."""
    current: dict[int, int] = {}
    heard: set[int | None] = set()
    for event in song.tracks[track].events:
        channel = event[1] & 15
        if event[1] & 0xF0 == PROGRAM:
            current[channel] = event[2][0]
        elif is_note_on(event) and channel in channels:
            heard.add(current.get(channel))
    return heard.pop() if len(heard) == 1 else None


def divide_by_program(events: list[Event]) -> list[tuple[int | None, list[Event]]]:
    """Divide one channel's events (and all metas) by the program in force, in order of first onset."""
    current: int | None = None
    order: list[int | None] = []
    sounding: dict[int, list[int | None]] = {}
    owners: dict[int, int | None] = {}
    unheard: int | None = None
    for at, event in enumerate(events):
        if event[1] & 0xF0 == PROGRAM:
            current, unheard = event[2][0], at
        elif is_note_on(event):
            owners[at] = current
            sounding.setdefault(event[2][0], []).append(current)
            if current not in order:
                order.append(current)
            if unheard is not None:
                owners[unheard], unheard = current, None
        elif is_note_off(event) and sounding.get(event[2][0]):
            owners[at] = sounding[event[2][0]].pop(0)
    for at, event in enumerate(events):
        if event[1] & 0xF0 == PROGRAM:
            owners.setdefault(at, order[-1])
    return [
        (part, [event for at, event in enumerate(events) if owners.get(at, part) == part]) for part in order
    ]
