"""The contract's invariants, as checks of any result against its parent that raise AssertionError.

They use the test reader only, never the engine's own idea of a file.
"""

from collections import Counter
from dataclasses import dataclass
from itertools import groupby
from operator import itemgetter

from blake3 import blake3

import midiprism
from midiprism.smf import By, Context, Split, SplitTrack
from midiprism.smf.problems import CODES
from support.child import WAYS
from support.oracle import CONDUCTOR_LENGTH, Oracle
from support.reader import (
    COPYRIGHT,
    CUE,
    MARKER,
    META,
    NOTE_OFF,
    NOTE_ON,
    PROGRAM,
    SYSEX,
    Event,
    Song,
    Track,
    is_meta,
    is_note_on,
    payload,
    read,
)
from support.timing import pair_notes, tempo_map, timed_notes

HEAD = b"MThd\0\0\0\6\0\0\0\1"
"""A header of format 0 with one track, up to its division."""

_tick = itemgetter(0)


@dataclass(frozen=True, slots=True)
class Output:
    """A split with its bytes as the test reader has them."""

    split: SplitTrack
    song: Song

    @property
    def track(self) -> Track:
        """Its only track."""
        return self.song.tracks[0]


@dataclass(frozen=True, slots=True)
class Case:
    """A parent, how it was split, and what came of it, all as the test reader has it."""

    parent: bytes
    oracle: Oracle
    by: By
    context: Context
    result: Split
    outputs: list[Output]

    @property
    def song(self) -> Song:
        """The parent, read."""
        return self.oracle.song


def examine(parent: bytes, by: By, context: Context, oracle: Oracle | None = None) -> Case:
    """Split and read; every split must be a well-formed file of one track, with the digest of its bytes."""
    result = midiprism.split(parent, by=by, context=context)
    found = read_outputs(result)
    oracle = oracle or Oracle(read(parent))
    return Case(parent, oracle, oracle.resolve(by), context, result, found)


def read_outputs(result: Split) -> list[Output]:
    """Every split, read; each must be a well-formed file of one track, with the digest of its bytes."""
    found = []
    for split in result.tracks:
        song = read(split.data)
        assert split.data[:14] == HEAD + result.division.to_bytes(2, "big")
        assert len(song.tracks) == 1, split
        # An end of track may carry data, which is its parent's.
        assert set(song.problems) <= {"end_of_track_length"}, (song.problems, split)
        assert split.digest == blake3(split.data).digest()
        found.append(Output(split, song))
    return found


def check_facts(outputs: list[Output]) -> None:
    """What is said of each split is what its bytes hold."""
    for out in outputs:
        split, track = out.split, out.track
        onsets = [event for event in track.events if is_note_on(event)]
        channels = {event[1] & 15 for event in onsets}
        assert split.note_count == len(onsets) > 0
        assert split.duration_ticks == track.end_tick
        assert split.lowest_pitch == min(event[2][0] for event in onsets)
        assert split.highest_pitch == max(event[2][0] for event in onsets)
        assert split.channel == (channels.pop() if len(channels) == 1 else None)


def check_against_oracle(case: Case) -> None:
    """The splits are the expected ones, event for event."""
    expected = list(case.oracle.parts(case.by, case.context))
    found = [(out.split.track_number, out.split.channel) for out in case.outputs]
    assert found == [part[:2] for part in expected]
    for part, out in zip(expected, case.outputs, strict=True):
        assert [*out.track.events, out.track.end] == part.events
        if case.context == "conductor" or case.by == "program":
            assert out.split.program == part.program


def check_own_events(case: Case) -> None:
    """I1: own events stand as they were; parts hold subsequences, and together all of a playing channel."""
    together: dict[tuple[int, int | None], Counter[Event]] = {}
    for out in case.outputs:
        source = case.song.tracks[out.split.track_number]
        assert out.track.end == source.end
        if case.by == "track":
            _check_blocks(source, out, case.parent, case.context)
            continue
        channel = out.split.channel
        _check_order(source.events, out.track.events, channel, case.context)
        everywhere, divided = _own_of_part(source.events, channel, case.by)
        _check_subsequence(everywhere, out.track.events)
        rest = Counter(out.track.events) - Counter(everywhere)
        one_of_several = Counter({event: rest[event] for event in divided if rest[event]})
        assert all(_insertable(event, case.context) for event in rest - one_of_several), rest
        together.setdefault((out.split.track_number, channel), Counter()).update(one_of_several)
    for (track, channel), held in together.items():
        _, divided = _own_of_part(case.song.tracks[track].events, channel, case.by)
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


def _check_blocks(source: Track, out: Output, parent: bytes, context: Context) -> None:
    """Per tick the own events stand in one block, spelled as in the parent but behind what was inserted."""
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
        place = next((place for place in places if _legal(events, place, len(own), context)), None)
        assert place is not None, (own, events)
        for step, (index, _) in enumerate(block):
            if step > 0 or (place == 0 and untouched):
                spelled = _spelling(out.split.data, out.track, at + place + step)
                assert len(places) > 1 or spelled == _spelling(parent, source, index), (index, spelled)
        untouched = len(events) == len(own) + place if own else False
        at += len(events)
    assert not grouped, grouped


def _legal(events: list[Event], place: int, length: int, context: Context) -> bool:
    return all(_insertable(event, context) for event in (*events[:place], *events[place + length :]))


def _spelling(data: bytes, track: Track, index: int) -> bytes:
    """An event as the file has it, delta time and all."""
    start = track.starts[index]
    return data[start : track.starts[index + 1]]


def _insertable(event: Event, context: Context) -> bool:
    """Whether another track may have given this event."""
    if event[1] == META and event[2][0] in CONDUCTOR_LENGTH:
        return CONDUCTOR_LENGTH[event[2][0]] == len(payload(event))
    if context == "conductor":
        return False
    return is_meta(event, COPYRIGHT, MARKER, CUE) or (event[1] != META and event[1] >= 0xA0)


def _own_of_part(events: list[Event], channel: int | None, by: By) -> tuple[list[Event], list[Event]]:
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


def check_times(case: Case) -> None:
    """I2: every note starts and ends at its parent's time, to the last fraction."""
    timed = [Counter(timed_notes(case.song, track)) for track in range(len(case.song.tracks))]
    for out in case.outputs:
        moved = Counter(timed_notes(out.song, 0)) - timed[out.split.track_number]
        assert not moved, (out.split, moved)


def check_clock(case: Case) -> None:
    """I2 in a cheaper form: a split's ticks pass as its parent's do, up to its end."""
    for out in case.outputs:
        clock = tempo_map(case.song, out.split.track_number)
        own = tempo_map(out.song, 0)
        assert own.division == clock.division
        assert own.steps(out.track.end_tick) == clock.steps(out.track.end_tick), out.split


def check_notes(case: Case) -> None:
    """I3: the notes of all splits are those of the parent, each once."""
    parent = Counter(
        (index, *note)
        for index, track in enumerate(case.song.tracks)
        for note in pair_notes(track.events, track.end_tick)
    )
    splits = Counter(
        (out.split.track_number, *note)
        for out in case.outputs
        for note in pair_notes(out.track.events, out.track.end_tick)
    )
    assert splits == parent
    assert sum(split.note_count for split in case.result.tracks) == parent.total()


def check_again(case: Case) -> None:
    """I4: a split of a split is the split."""
    for split in case.result.tracks:
        again = midiprism.split(split.data, by=case.by, context=case.context)
        assert [track.data for track in again.tracks] == [split.data], split
        assert again.outcome == "split"


def divided_by(data: bytes, by: By, context: Context, result: Split) -> By:
    """How a file was divided, where that was left open."""
    if by != "auto":
        return by
    by_channel = midiprism.split(data, by="channel", context=context)
    return "channel" if by_channel.tracks == result.tracks else "track"


def check_anything(data: bytes) -> str:
    """What must hold of any bytes at all; returns the outcome, or the code they are refused with.

    Only the documented exception is raised, all splits are well formed and stay what they are when split
    again, and however a file is divided, the same notes sound at the same times.
    """
    outcomes = set()
    heard = []
    for by, context in WAYS:
        try:
            result = midiprism.split(data, by=by, context=context)
        except midiprism.CorruptMidiError as error:
            outcomes.add(error.code)
            continue
        outcomes.add(result.outcome)
        assert {problem.code for problem in result.problems} <= set(CODES)
        assert len(result.tracks) > 0 or result.outcome == "no_notes"
        found = read_outputs(result)
        check_facts(found)
        heard.append(
            Counter((out.split.track_number, *note) for out in found for note in timed_notes(out.song, 0))
        )
        way = divided_by(data, by, context, result)
        for split in result.tracks:
            again = midiprism.split(split.data, by=way, context=context)
            assert [track.data for track in again.tracks] == [split.data], (by, context, split)
    assert outcomes <= {"split", "repaired", "no_notes", *REFUSALS}, outcomes
    assert len(outcomes - {"limit"}) <= 1, outcomes
    assert all(notes == heard[0] for notes in heard), "the notes differ by how the file is divided"
    return min(outcomes)


REFUSALS = ("empty", "apple_double", "not_midi", "header", "division", "limit")
"""Why a file may be refused."""
