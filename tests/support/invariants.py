"""The contract's invariants, as checks of any result against its song that raise AssertionError.

They use the test reader only, never the engine's own idea of a file.
"""

from collections import Counter
from dataclasses import dataclass
from itertools import groupby
from operator import itemgetter

from blake3 import blake3

import midiprism
from midiprism.smf import By, Context, SplitSong, SplitTrack
from midiprism.smf.problems import PROBLEM_CODES
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
from support.oracle import CONDUCTOR_LENGTHS, Oracle
from support.split_process import SPLIT_OPTIONS

HEADER_PREFIX = b"MThd\0\0\0\6\0\0\0\1"
"""A header of format 0 with one track, up to its division."""

_tick = itemgetter(0)


@dataclass(frozen=True, slots=True)
class OutputTrack:
    """A split with its bytes as the test reader has them."""

    split_track: SplitTrack
    song: ParsedSong

    @property
    def track(self) -> ParsedTrack:
        """Its only track."""
        return self.song.tracks[0]


@dataclass(frozen=True, slots=True)
class SplitCase:
    """A song, how it was split, and what came of it, all as the test reader has it."""

    song_data: bytes
    oracle: Oracle
    by: By
    context: Context
    result: SplitSong
    outputs: list[OutputTrack]

    @property
    def parsed_song(self) -> ParsedSong:
        """The song, read."""
        return self.oracle.song


def split_and_read(data: bytes, by: By, context: Context, oracle: Oracle | None = None) -> SplitCase:
    """Split and read; every split must be a well-formed file of one track, with the digest of its bytes."""
    result = midiprism.split(data, by=by, context=context)
    found = read_outputs(result)
    oracle = oracle or Oracle(parse_song(data))
    return SplitCase(data, oracle, oracle.resolve_auto(by), context, result, found)


def read_outputs(result: SplitSong) -> list[OutputTrack]:
    """Every split, read; each must be a well-formed file of one track, with the digest of its bytes."""
    found = []
    for split in result.tracks:
        song = parse_song(split.data)
        assert split.data[:14] == HEADER_PREFIX + result.division.to_bytes(2, "big")
        assert len(song.tracks) == 1, split
        # An end of track may carry data, which is its song's.
        assert set(song.problems) <= {"end_of_track_length"}, (song.problems, split)
        assert split.digest == blake3(split.data).digest()
        found.append(OutputTrack(split, song))
    return found


def check_facts(outputs: list[OutputTrack]) -> None:
    """What is said of each split is what its bytes hold."""
    for out in outputs:
        split, track = out.split_track, out.track
        onsets = [event for event in track.events if is_note_on(event)]
        channels = {event[1] & 15 for event in onsets}
        assert split.note_count == len(onsets) > 0
        assert split.duration_ticks == track.end_tick
        assert split.lowest_pitch == min(event[2][0] for event in onsets)
        assert split.highest_pitch == max(event[2][0] for event in onsets)
        assert split.channel == (channels.pop() if len(channels) == 1 else None)


def check_against_oracle(case: SplitCase) -> None:
    """The splits are the expected ones, event for event."""
    expected = list(case.oracle.expected_tracks(case.by, case.context))
    found = [(out.split_track.track_number, out.split_track.channel) for out in case.outputs]
    assert found == [part[:2] for part in expected]
    for part, out in zip(expected, case.outputs, strict=True):
        assert [*out.track.events, out.track.end_of_track] == part.events
        if case.context == "conductor" or case.by == "program":
            assert out.split_track.program == part.program


def check_own_events_kept(case: SplitCase) -> None:
    """I1: own events stand as they were; parts hold subsequences, and together all of a playing channel."""
    together: dict[tuple[int, int | None], Counter[Event]] = {}
    for out in case.outputs:
        source = case.parsed_song.tracks[out.split_track.track_number]
        assert out.track.end_of_track == source.end_of_track
        if case.by == "track":
            _check_blocks(source, out, case.song_data, case.context)
            continue
        channel = out.split_track.channel
        _check_order(source.events, out.track.events, channel, case.context)
        everywhere, divided = _own_events(source.events, channel, case.by)
        _check_subsequence(everywhere, out.track.events)
        rest = Counter(out.track.events) - Counter(everywhere)
        one_of_several = Counter({event: rest[event] for event in divided if rest[event]})
        assert all(_insertable(event, case.context) for event in rest - one_of_several), rest
        together.setdefault((out.split_track.track_number, channel), Counter()).update(one_of_several)
    for (track, channel), held in together.items():
        _, divided = _own_events(case.parsed_song.tracks[track].events, channel, case.by)
        assert not Counter(divided) - held
        extra = held - Counter(divided)
        assert all(case.context == "full" and event[1] & 0xF0 == PROGRAM for event in extra), extra


def _check_order(source: list[Event], found: list[Event], channel: int | None, context: Context) -> None:
    """A part's channel events follow each other as in its track; ``full`` mixes others with all but notes."""
    kinds = range(0x80, 0xF0) if context == "conductor" else range(0x80, 0xA0)
    _check_subsequence(
        [event for event in found if event[1] in kinds],
        [event for event in source if event[1] in kinds and event[1] & 15 == channel],
    )


def _check_blocks(source: ParsedTrack, out: OutputTrack, song_data: bytes, context: Context) -> None:
    """Per tick the own events stand in one block, spelled as in the song but behind what was inserted."""
    grouped = {tick: list(events) for tick, events in groupby(enumerate(source.events), lambda at: at[1][0])}
    at = 0
    untouched = True
    for tick, group in groupby(out.track.events, _tick):
        events = list(group)
        block = grouped.pop(tick, [])
        own = [event for _, event in block]
        places = [
            place for place in range(len(events) - len(own) + 1) if events[place : place + len(own)] == own
        ]
        assert places, (own, events)
        place = next((place for place in places if _all_insertable(events, place, len(own), context)), None)
        assert place is not None, (own, events)
        for step, (index, _) in enumerate(block):
            if step > 0 or (place == 0 and untouched):
                spelled = _encoded_event(out.split_track.data, out.track, at + place + step)
                assert len(places) > 1 or spelled == _encoded_event(song_data, source, index), (
                    index,
                    spelled,
                )
        untouched = len(events) == len(own) + place if own else False
        at += len(events)
    assert not grouped, grouped


def _all_insertable(events: list[Event], place: int, length: int, context: Context) -> bool:
    return all(_insertable(event, context) for event in (*events[:place], *events[place + length :]))


def _encoded_event(data: bytes, track: ParsedTrack, index: int) -> bytes:
    """An event as the file has it, delta time and all."""
    start = track.event_offsets[index]
    return data[start : track.event_offsets[index + 1]]


def _insertable(event: Event, context: Context) -> bool:
    """Whether another track may have given this event."""
    if event[1] == META and event[2][0] in CONDUCTOR_LENGTHS:
        return CONDUCTOR_LENGTHS[event[2][0]] == len(payload(event))
    if context == "conductor":
        return False
    return is_meta(event, COPYRIGHT, MARKER, CUE_POINT) or (event[1] != META and event[1] >= 0xA0)


def _own_events(events: list[Event], channel: int | None, by: By) -> tuple[list[Event], list[Event]]:
    """Of a track's events those that every part of the channel holds, and those that one of them holds."""
    everywhere: list[Event] = []
    divided: list[Event] = []
    unpaired = _unpaired_offs(events)
    for at, event in enumerate(events):
        if event[1] >= SYSEX:
            everywhere.append(event)
        elif event[1] & 15 == channel:
            one = by == "program" and event[1] & 0xF0 in (NOTE_OFF, NOTE_ON, PROGRAM) and at not in unpaired
            (divided if one else everywhere).append(event)
    return everywhere, divided


def _unpaired_offs(events: list[Event]) -> set[int]:
    """Positions of the note-offs that end no note."""
    sounding: Counter[tuple[int, int]] = Counter()
    unpaired = set()
    for at, event in enumerate(events):
        if not 0x80 <= event[1] < 0xA0:
            continue
        key = (event[1] & 15, event[2][0])
        if is_note_on(event):
            sounding[key] += 1
        elif sounding[key]:
            sounding[key] -= 1
        else:
            unpaired.add(at)
    return unpaired


def _check_subsequence(some: list[Event], events: list[Event]) -> None:
    walk = iter(events)
    for event in some:
        assert event in walk, event


def check_note_times(case: SplitCase) -> None:
    """I2: every note starts and ends at its song's time, to the last fraction."""
    timed = [Counter(exact_notes(case.parsed_song, track)) for track in range(len(case.parsed_song.tracks))]
    for out in case.outputs:
        moved = Counter(exact_notes(out.song, 0)) - timed[out.split_track.track_number]
        assert not moved, (out.split_track, moved)


def check_tempo(case: SplitCase) -> None:
    """I2 in a cheaper form: a split's ticks pass as its song's do, up to its end."""
    for out in case.outputs:
        clock = tempo_map(case.parsed_song, out.split_track.track_number)
        own = tempo_map(out.song, 0)
        assert own.division == clock.division
        assert own.changes_before(out.track.end_tick) == clock.changes_before(out.track.end_tick), (
            out.split_track
        )


def check_notes(case: SplitCase) -> None:
    """I3: the notes of all splits are those of the song, each once."""
    song = Counter(
        (index, *note)
        for index, track in enumerate(case.parsed_song.tracks)
        for note in pair_notes(track.events, track.end_tick)
    )
    splits = Counter(
        (out.split_track.track_number, *note)
        for out in case.outputs
        for note in pair_notes(out.track.events, out.track.end_tick)
    )
    assert splits == song
    assert sum(split.note_count for split in case.result.tracks) == song.total()


def check_idempotent(case: SplitCase) -> None:
    """I4: a split of a split is the split."""
    for split in case.result.tracks:
        again = midiprism.split(split.data, by=case.by, context=case.context)
        assert [track.data for track in again.tracks] == [split.data], split
        assert again.outcome == "split"


def resolve_by(data: bytes, by: By, context: Context, result: SplitSong) -> By:
    """How a file was divided, where that was left open."""
    if by != "auto":
        return by
    by_channel = midiprism.split(data, by="channel", context=context)
    return "channel" if by_channel.tracks == result.tracks else "track"


def check_any_bytes(data: bytes) -> str:
    """What must hold of any bytes at all; returns the outcome, or the code they are refused with.

    Only the documented exception is raised, all splits are well formed and stay what they are when split
    again, and however a file is divided, the same notes sound at the same times.
    """
    outcomes = set()
    heard = []
    for by, context in SPLIT_OPTIONS:
        try:
            result = midiprism.split(data, by=by, context=context)
        except midiprism.CorruptMidiError as error:
            outcomes.add(error.code)
            continue
        outcomes.add(result.outcome)
        assert {problem.code for problem in result.problems} <= set(PROBLEM_CODES)
        assert len(result.tracks) > 0 or result.outcome == "no_notes"
        found = read_outputs(result)
        check_facts(found)
        heard.append(
            Counter(
                (out.split_track.track_number, *note) for out in found for note in exact_notes(out.song, 0)
            )
        )
        way = resolve_by(data, by, context, result)
        for split in result.tracks:
            again = midiprism.split(split.data, by=way, context=context)
            assert [track.data for track in again.tracks] == [split.data], (by, context, split)
    assert outcomes <= {"split", "repaired", "no_notes", *REFUSAL_CODES}, outcomes
    assert len(outcomes - {"limit"}) <= 1, outcomes
    assert all(notes == heard[0] for notes in heard), "the notes differ by how the file is divided"
    return min(outcomes)


REFUSAL_CODES = ("empty", "apple_double", "not_midi", "header", "division", "limit")
"""Why a file may be refused."""
