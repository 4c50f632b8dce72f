"""A slow and simple implementation of the split contract: the expected splits of a well-formed file.

It works on lists of events with absolute ticks, not on bytes. The engine's outputs are compared with it
after the test parser has parsed them.
"""

from collections.abc import Iterator
from typing import Literal, NamedTuple

from support.addresses import DEVICE_NAME, PORT_NUMBER, Address, Ports, Sounds, Statement, TrackUse
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
    port: int | None
    channel: int | None
    program: int | None
    events: list[Event]


class BorrowedEvent(NamedTuple):
    """An event of ``source_track`` that splits of other tracks may take."""

    event: Event
    source_track: int
    position: int
    port: int


class PlacedEvent(NamedTuple):
    """An event of a split: its port, and what it states of the port where it is an own one."""

    event: Event
    port: int
    is_own: bool
    statement: Statement | None


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
        self.ports = Ports(song)
        self.uses = [
            TrackUse(track.events, numbers)
            for track, numbers in zip(song.tracks, self.ports.numbers, strict=True)
        ]
        last: dict[tuple[int, int], BorrowedEvent] = {}
        self.context_events: list[BorrowedEvent] = []
        """Events for the context ``full``: channel events without notes, sysex of the first track, texts."""
        for source_track, track in enumerate(song.tracks):
            sounds = Sounds()
            for position, event in enumerate(track.events):
                status = event.status
                if status < 0xA0:
                    continue
                if status < SYSEX:
                    address = Address(self.ports.numbers[source_track][position], status & 15)
                    sounds.apply(event, address)
                    if sounds.configures_zone(event, address):
                        continue
                kind = conductor_kind(event, source_track)
                port = self.ports.numbers[source_track][position]
                if kind is not None:
                    last[event.tick, kind] = BorrowedEvent(event, source_track, position, port)
                elif (
                    status < SYSEX
                    or (status in (SYSEX, ESCAPE) and source_track == 0)
                    or is_meta(event, COPYRIGHT, MARKER, CUE_POINT)
                ):
                    self.context_events.append(BorrowedEvent(event, source_track, position, port))
        self.conductor_events = list(last.values())
        """The last conductor event of the file for each tick and kind."""

    def resolve_auto(self, by: By) -> By:
        """Return the way of dividing this song that ``auto`` selects."""
        if by != "auto":
            return by
        playing = [use for use in self.uses if use.addresses]
        if len(playing) != 1 or len(playing[0].instruments()) == 1 or playing[0].is_one_instrument:
            return "track"
        return "channel"

    def borrowed_events(self, track: int, context: Context) -> list[BorrowedEvent]:
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
                if each.event.status >= SYSEX
                or self.uses[track].concerns(Address(each.port, each.event.status & 15))
            ]
        return sorted(
            (each for each in borrowed if each.source_track != track and each.event.tick <= own.end_tick),
            key=lambda each: (each.event.tick, each.source_track, each.position),
        )

    def merged_events(self, track: int, context: Context) -> list[PlacedEvent]:
        """Return own and borrowed events. At one tick, lower tracks come first, higher ones last."""
        borrowed = self.borrowed_events(track, context)
        own = zip(
            self.song.tracks[track].events,
            self.ports.numbers[track],
            self.ports.statements[track],
            strict=True,
        )
        lower = [
            PlacedEvent(each.event, each.port, False, None) for each in borrowed if each.source_track < track
        ]
        higher = [
            PlacedEvent(each.event, each.port, False, None) for each in borrowed if each.source_track > track
        ]
        placed = [*lower, *(PlacedEvent(event, port, True, stated) for event, port, stated in own), *higher]
        return sorted(placed, key=lambda each: each.event.tick)

    def state_ports(
        self, track: int, placed: list[PlacedEvent], context: Context, *, is_whole: bool
    ) -> list[Event]:
        """Return the events of a split, with statements of the ports of borrowed ones.

        In a whole track the port of its own events is stated again after those. Borrowed ones are left out
        where a device would be stated after a number, by the track itself or by what is inserted.
        """
        if context == "conductor" or not self.ports.are_several:
            return [each.event for each in placed]
        events = []
        in_force = own_port = 0
        kinds = {each.kind for each in self.ports.statements[track] if each}
        has_number = False
        for event, port, is_own, statement in placed:
            if statement is not None:
                in_force = own_port = port
                has_number |= statement.kind == PORT_NUMBER
            elif in_force != port and (event.status < SYSEX or (is_own and is_whole)):
                inserted = [self.ports.statement_event(each, event.tick) for each in (port, own_port)]
                needs_device = any(each.body[0] == DEVICE_NAME for each in inserted)
                needs_number = any(each.body[0] == PORT_NUMBER for each in inserted)
                device_follows = DEVICE_NAME in kinds and not has_number
                if not is_own and ((needs_device and has_number) or (needs_number and device_follows)):
                    continue
                events.append(inserted[0])
                in_force = port
            events.append(event)
        return events

    def port_of(self, track: int, ports: set[int]) -> int | None:
        """Return the port of a split that plays on some ports; None where none is stated, or on several."""
        if len(ports) != 1:
            return None
        (port,) = ports
        stated = [each for each in self.ports.statements[track] if each and each.kind == PORT_NUMBER]
        return port if port or any(each.value == b"\0" for each in stated) else None

    def expected_tracks(
        self, by: By, context: Context, *, keeps_zones: bool = False
    ) -> Iterator[ExpectedTrack]:
        """Yield every split, in order; with ``keeps_zones`` the channels of an MPE zone have one."""
        keeps_zones |= by == "auto"
        by = self.resolve_auto(by)
        assert by != "drum", "the oracle knows no kits"
        for track, use in enumerate(self.uses):
            end = self.song.tracks[track].end_of_track
            if not use.addresses:
                continue
            placed = self.merged_events(track, context)
            if by == "track":
                events = self.state_ports(track, placed, context, is_whole=True)
                channels = {address.channel for address in use.addresses}
                channel = channels.pop() if len(channels) == 1 else None
                port = self.port_of(track, {address.port for address in use.addresses})
                yield ExpectedTrack(track, port, channel, use.program_of(use.addresses), [*events, end])
                continue
            groups = use.instruments() if keeps_zones else [[address] for address in use.addresses]
            joins = any(len(group) > 1 for group in groups)
            for group in groups:
                port = self.port_of(track, {group[0].port})
                channel = group[0].channel if len(group) == 1 else None
                part = [each for each in placed if goes_to(each, group, use, with_silent_members=joins)]
                if by == "channel":
                    events = self.state_ports(track, part, context, is_whole=False)
                    yield ExpectedTrack(track, port, channel, use.program_of(group), [*events, end])
                else:
                    for program, some in divide_by_program(part, group[0], placed, use):
                        events = self.state_ports(track, some, context, is_whole=False)
                        yield ExpectedTrack(track, port, channel, program, [*events, end])


def goes_to(
    placed: PlacedEvent, group: list[Address], use: TrackUse, *, with_silent_members: bool = False
) -> bool:
    """Return whether an event goes to the part of some addresses.

    ``with_silent_members``: also what those addresses of their MPE zone send that play no note.
    """
    event = placed.event
    if event.status >= SYSEX:
        return True
    address = Address(placed.port, event.status & 15)
    if with_silent_members and address not in use.zones and address.port == group[0].port:
        manager = use.manager_of_silent(address)
        if manager is not None and manager == use.zones[group[0]]:
            return True
    return address in group or (event.status >= 0xA0 and any(use.manages(address, each) for each in group))


def expected_splits(data: bytes, by: By, context: Context) -> list[ExpectedTrack]:
    """Return every split of a well-formed file, in order."""
    return list(Oracle(parse_song(data)).expected_tracks(by, context))


def divide_by_program(
    part: list[PlacedEvent], address: Address, placed: list[PlacedEvent], use: TrackUse
) -> list[tuple[int | None, list[PlacedEvent]]]:
    """Divide the events of one address, and all meta events, by their programs, in order of first onset.

    ``placed`` are the events of all addresses: the manager of an MPE zone selects the programs of its
    members, and its program changes go to every part.
    """
    programs = programs_in_force(placed, address)
    order: list[int | None] = []
    sounding: dict[int, list[int | None]] = {}
    owners: dict[int, int | None] = {}
    pending_change: int | None = None
    own = [
        at
        for at, (event, port, _, _) in enumerate(part)
        if event.status < SYSEX and Address(port, event.status & 15) == address
    ]
    divides_changes = not use.manages_any(address)
    for at in own:
        event = part[at].event
        if event.status & 0xF0 == PROGRAM:
            pending_change = at if divides_changes else None
        elif is_note_on(event):
            current = next(programs)
            owners[at] = current
            sounding.setdefault(event.body[0], []).append(current)
            if current not in order:
                order.append(current)
            if pending_change is not None:
                owners[pending_change], pending_change = current, None
        elif is_note_off(event) and sounding.get(event.body[0]):
            owners[at] = sounding[event.body[0]].pop(0)
    for at in own:
        if divides_changes and part[at].event.status & 0xF0 == PROGRAM:
            owners.setdefault(at, order[-1])
    return [
        (program, [each for at, each in enumerate(part) if owners.get(at, program) == program])
        for program in order
    ]


def programs_in_force(placed: list[PlacedEvent], address: Address) -> Iterator[int | None]:
    """Yield the program of each note of an address."""
    sounds = Sounds()
    for event, port, _, _ in placed:
        if event.status < SYSEX:
            sounds.apply(event, Address(port, event.status & 15))
            if is_note_on(event) and Address(port, event.status & 15) == address:
                yield sounds.of(address).program
