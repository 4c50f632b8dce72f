"""Checks of the contract's invariants, on any result and its song. They raise AssertionError.

They use the parser of the tests only, never that of the engine.
"""

from collections import Counter
from dataclasses import dataclass
from itertools import groupby
from operator import attrgetter

from blake3 import blake3
from hypothesis import assume

import midiprism
from midiprism.smf import By, Context, SplitSong, SplitTrack
from support.addresses import DEVICE_NAME, PORT_NUMBER, Address
from support.exact_timing import exact_notes, pair_notes, tempo_map
from support.midi_parser import (
    COPYRIGHT,
    CUE_POINT,
    MARKER,
    META,
    NOTE_OFF,
    NOTE_ON,
    PROGRAM,
    SYSEX,
    Event,
    ParsedSong,
    ParsedTrack,
    is_meta,
    is_note_on,
    parse_song,
    payload,
)
from support.note_hash import expected_note_hash
from support.oracle import CONDUCTOR_LENGTHS, Oracle

HEADER_PREFIX = b"MThd\0\0\0\6\0\0\0\1"
"""Header of format 0 with one track, up to its division."""


@dataclass(frozen=True, slots=True)
class OutputTrack:
    """A split and its parsed bytes."""

    split_track: SplitTrack
    song: ParsedSong

    @property
    def track(self) -> ParsedTrack:
        """Return the only track of the split."""
        return self.song.tracks[0]


@dataclass(frozen=True, slots=True)
class SplitCase:
    """A song, the options of its split, and the parsed result."""

    song_data: bytes
    oracle: Oracle
    by: By
    context: Context
    result: SplitSong
    outputs: list[OutputTrack]
    keeps_zones: bool

    @property
    def parsed_song(self) -> ParsedSong:
        """Return the parsed song."""
        return self.oracle.song


def split_and_read(data: bytes, by: By, context: Context, oracle: Oracle | None = None) -> SplitCase:
    """Split a song and parse the splits, which must be well-formed files (see ``read_outputs``).

    The checks are of tracks that play. Generated songs whose lyrics were merged by chance are left out.
    """
    result = midiprism.split(data, by=by, context=context)
    if any(problem.code == "lyrics" for problem in result.problems):
        assume(False)
    result = result._replace(tracks=tuple(it for it in result.tracks if it.note_count))
    outputs = read_outputs(result)
    oracle = oracle or Oracle(parse_song(data))
    return SplitCase(data, oracle, oracle.resolve_auto(by), context, result, outputs, by == "auto")


def read_outputs(result: SplitSong) -> list[OutputTrack]:
    """Parse every split that plays. Each must be a well-formed file of one track, and have the digest of its
    bytes, as those of text must."""
    outputs = []
    for split in result.tracks:
        song = parse_song(split.data)
        assert split.data[:14] == HEADER_PREFIX + result.division.to_bytes(2, "big")
        assert len(song.tracks) == 1, split
        # An end of track may carry data, which comes from the song.
        assert set(song.problems) <= {"end_of_track_length"}, (song.problems, split)
        assert split.digest == blake3(split.data).digest()
        if split.note_count:
            outputs.append(OutputTrack(split, song))
    return outputs


def check_facts(outputs: list[OutputTrack]) -> None:
    """Check that the facts of each split are those of its bytes."""
    for out in outputs:
        split, track = out.split_track, out.track
        onsets = [event for event in track.events if is_note_on(event)]
        channels = {event.status & 15 for event in onsets}
        assert split.note_count == len(onsets) > 0
        assert split.duration_ticks == track.end_tick
        assert split.lowest_pitch == min(event.body[0] for event in onsets)
        assert split.highest_pitch == max(event.body[0] for event in onsets)
        assert split.note_hash == expected_note_hash(onsets, out.song.division)
        assert split.channel == (channels.pop() if len(channels) == 1 else None)


def check_against_oracle(case: SplitCase) -> None:
    """Check that the splits are the expected ones, event for event."""
    tracks = case.oracle.expected_tracks(case.by, case.context, keeps_zones=case.keeps_zones)
    expected = list(tracks)
    found = [
        (out.split_track.track_number, out.split_track.port, out.split_track.channel) for out in case.outputs
    ]
    assert found == [part[:3] for part in expected]
    for part, out in zip(expected, case.outputs, strict=True):
        assert [*out.track.events, out.track.end_of_track] == part.events
        if case.context == "conductor" or case.by == "program":
            assert out.split_track.program == part.program


def check_own_events_kept(case: SplitCase) -> None:
    """Check I1: own events are unchanged. Parts hold subsequences, and together all of a playing channel."""
    together: dict[tuple[int, int | None, int | None], Counter[Event]] = {}
    own_events: dict[tuple[int, int | None, int | None], list[tuple[Event, bool]]] = {}
    for out in case.outputs:
        source = case.parsed_song.tracks[out.split_track.track_number]
        assert out.track.end_of_track == source.end_of_track
        if case.by == "track":
            _check_blocks(source, out, case.song_data, case.context)
            continue
        part = (out.split_track.track_number, out.split_track.port, out.split_track.channel)
        if part[2] is None:  # an MPE zone
            continue
        own = addressed_events(case.oracle, out.split_track)
        _check_order(own, out.track.events, case.context)
        everywhere, divided = _own_events(own, case.by)
        _check_subsequence(everywhere, out.track.events)
        rest = Counter(out.track.events) - Counter(everywhere)
        one_of_several = Counter({event: rest[event] for event in divided if rest[event]})
        assert all(_insertable(event, case.context) for event in rest - one_of_several), rest
        own_events[part] = own
        together.setdefault(part, Counter()).update(one_of_several)
    for part, present in together.items():
        _, divided = _own_events(own_events[part], case.by)
        assert not Counter(divided) - present
        extra = present - Counter(divided)
        assert all(case.context == "full" and event.status & 0xF0 == PROGRAM for event in extra), extra


def addressed_events(oracle: Oracle, split: SplitTrack) -> list[tuple[Event, bool]]:
    """Return the own events that a part may hold, and for each whether it is one of its own address."""
    use, ports = oracle.uses[split.track_number], oracle.ports.numbers[split.track_number]
    assert split.channel is not None
    address = Address(split.port or 0, split.channel)
    events = []
    for event, port in zip(oracle.song.tracks[split.track_number].events, ports, strict=True):
        sender = Address(port, event.status & 15)
        if event.status >= SYSEX or sender == address:
            divides = event.status & 0xF0 != PROGRAM or not use.manages_any(address)
            events.append((event, event.status < SYSEX and divides))
        elif event.status >= 0xA0 and use.manages(sender, address):
            events.append((event, False))
    return events


def _check_order(own: list[tuple[Event, bool]], found: list[Event], context: Context) -> None:
    """Check the order of a part's channel events. In ``full``, only notes keep to that of their track."""
    kinds = range(0x80, 0xF0) if context == "conductor" else range(0x80, 0xA0)
    _check_subsequence(
        [event for event in found if event.status in kinds],
        [event for event, _ in own if event.status in kinds],
    )


def _check_blocks(source: ParsedTrack, out: OutputTrack, song_data: bytes, context: Context) -> None:
    """Check that own events form one block per tick, encoded as in the song except after inserted events."""
    grouped = {
        tick: list(events) for tick, events in groupby(enumerate(source.events), lambda item: item[1].tick)
    }
    at = 0
    untouched = True
    for tick, group in groupby(out.track.events, attrgetter("tick")):
        events = list(group)
        block = grouped.pop(tick, [])
        own = [event for _, event in block]
        starts = [
            start for start in range(len(events) - len(own) + 1) if events[start : start + len(own)] == own
        ]
        assert starts, (own, events)
        start = next((start for start in starts if _all_insertable(events, start, len(own), context)), None)
        assert start is not None, (own, events)
        for step, (index, _) in enumerate(block):
            if step > 0 or (start == 0 and untouched):
                encoded = _encoded_event(out.split_track.data, out.track, at + start + step)
                assert len(starts) > 1 or encoded == _encoded_event(song_data, source, index), (
                    index,
                    encoded,
                )
        untouched = len(events) == len(own) + start if own else False
        at += len(events)
    assert not grouped, grouped


def _all_insertable(events: list[Event], start: int, length: int, context: Context) -> bool:
    return all(_insertable(event, context) for event in (*events[:start], *events[start + length :]))


def _encoded_event(data: bytes, track: ParsedTrack, index: int) -> bytes:
    """Return the bytes of an event in the file, with its delta time."""
    start = track.event_offsets[index]
    return data[start : track.event_offsets[index + 1]]


def _insertable(event: Event, context: Context) -> bool:
    """Return whether an event may have been borrowed from another track."""
    if event.status == META and event.body[0] in CONDUCTOR_LENGTHS:
        return CONDUCTOR_LENGTHS[event.body[0]] == len(payload(event))
    if context == "conductor":
        return False
    return is_meta(event, COPYRIGHT, MARKER, CUE_POINT, DEVICE_NAME, PORT_NUMBER) or (
        event.status != META and event.status >= 0xA0
    )


def _own_events(own: list[tuple[Event, bool]], by: By) -> tuple[list[Event], list[Event]]:
    """Return the events of a track that every part of an address holds, and those that one part holds."""
    everywhere: list[Event] = []
    divided: list[Event] = []
    unpaired = _unpaired_offs([event for event, _ in own])
    for at, (event, is_addressed) in enumerate(own):
        divides = (
            is_addressed
            and by == "program"
            and event.status & 0xF0 in (NOTE_OFF, NOTE_ON, PROGRAM)
            and at not in unpaired
        )
        (divided if divides else everywhere).append(event)
    return everywhere, divided


def _unpaired_offs(events: list[Event]) -> set[int]:
    """Return the positions of the note-offs that end no note."""
    sounding: Counter[tuple[int, int]] = Counter()
    unpaired = set()
    for at, event in enumerate(events):
        if not 0x80 <= event.status < 0xA0:
            continue
        key = (event.status & 15, event.body[0])
        if is_note_on(event):
            sounding[key] += 1
        elif sounding[key]:
            sounding[key] -= 1
        else:
            unpaired.add(at)
    return unpaired


def _check_subsequence(some: list[Event], events: list[Event]) -> None:
    remaining = iter(events)
    for event in some:
        assert event in remaining, event


def check_note_times(case: SplitCase) -> None:
    """Check I2: every note starts and ends at exactly the same time as in the song."""
    timed = [
        Counter(exact_notes(case.parsed_song, track, ports))
        for track, ports in enumerate(_pairing_ports(case))
    ]
    for out in case.outputs:
        moved = Counter(exact_notes(out.song, 0)) - timed[out.split_track.track_number]
        assert not moved, (out.split_track, moved)


def _pairing_ports(case: SplitCase) -> list[list[int] | None]:
    """Return the ports by which notes end. A whole track keeps a note-off on another port; no part has it."""
    return [None if case.by == "track" else numbers for numbers in case.oracle.ports.numbers]


def check_tempo(case: SplitCase) -> None:
    """Check a cheaper form of I2: up to its end, the tempo of a split is that of the song."""
    for out in case.outputs:
        clock = tempo_map(case.parsed_song, out.split_track.track_number)
        own = tempo_map(out.song, 0)
        assert own.division == clock.division
        assert own.changes_before(out.track.end_tick) == clock.changes_before(out.track.end_tick), (
            out.split_track
        )


def check_notes(case: SplitCase) -> None:
    """Check I3: the notes of all splits are those of the song, each once."""
    song = Counter(
        (index, *note)
        for index, (track, ports) in enumerate(
            zip(case.parsed_song.tracks, _pairing_ports(case), strict=True)
        )
        for note in pair_notes(track.events, track.end_tick, ports)
    )
    splits = Counter(
        (out.split_track.track_number, *note)
        for out in case.outputs
        for note in pair_notes(out.track.events, out.track.end_tick)
    )
    assert splits == song
    assert sum(split.note_count for split in case.result.tracks) == song.total()


def check_idempotent(case: SplitCase) -> None:
    """Check I4: a split of a split is the split."""
    for split in case.result.tracks:
        is_zone = case.keeps_zones and case.by != "track" and split.channel is None
        by: By = "auto" if is_zone else case.by
        again = midiprism.split(split.data, by=by, context=case.context)
        assert [track.data for track in again.tracks] == [split.data], split
        assert again.outcome == "split"


def resolve_by(data: bytes, by: By, context: Context, result: SplitSong) -> By:
    """Return how a file was divided that was split by ``by``, which may be ``auto``."""
    if by != "auto" or "mpe_zone" in {problem.code for problem in result.problems}:
        return by
    by_channel = midiprism.split(data, by="channel", context=context)
    return "channel" if by_channel.tracks == result.tracks else "track"
