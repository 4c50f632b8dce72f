"""Tests of tracks whose channels are one instrument: MPE zones, guitar synthesizers, mono mode."""

from collections.abc import Sequence

import pytest

import midiprism
from midiprism import SplitSong
from midiprism.smf import By
from support.midi_parser import parse_song
from support.midi_writer import (
    TimedMessage,
    control_change,
    note,
    pitch_bend,
    program_change,
    song,
    sysex,
    track,
)

GUITAR, BASS, CHOIR = 25, 33, 52
PEDAL = control_change(0, 64, 127)


def zone(manager: int, members: int, tick: int = 0) -> list[TimedMessage]:
    """Return registered parameter 6, which gives a manager channel the members of its zone."""
    numbers = ((101, 0), (100, 6), (6, members))
    return [(tick, control_change(manager, number, value)) for number, value in numbers]


def play(channels: Sequence[int], tick: int = 0) -> list[TimedMessage]:
    """Return a note on each channel, one after the other, each with its own bend."""
    notes: list[TimedMessage] = []
    for step, channel in enumerate(channels):
        start = tick + step * 96
        notes += [(start, pitch_bend(channel, 9000)), *note(channel, 60 + channel, start, 96)]
    return notes


def lone(*messages: TimedMessage) -> bytes:
    """Return a file of one track."""
    return song(track(messages), midi_format=0)


def codes(result: SplitSong) -> list[str]:
    """Return the codes of the problems."""
    return [problem.code for problem in result.problems]


def channels_of(result: SplitSong) -> list[int | None]:
    """Return the channel of every split."""
    return [split.channel for split in result.tracks]


def test_an_mpe_zone_stays_whole() -> None:
    data = lone(*zone(0, 6), (0, PEDAL), *play(range(1, 7)))
    result = midiprism.split(data)
    assert channels_of(result) == [None]
    assert codes(result) == ["mpe_zone"]
    assert "6 channels" in result.problems[0].message
    assert result.outcome == "split"
    assert result.tracks[0].data == midiprism.split(data, by="track").tracks[0].data


def test_the_upper_zone_has_its_members_below_channel_16() -> None:
    assert channels_of(midiprism.split(lone(*zone(15, 3), *play((12, 13, 14))))) == [None]
    assert channels_of(midiprism.split(lone(*zone(15, 2), *play((11, 12))))) == [11, 12]


def test_each_zone_is_an_instrument_and_other_channels_are_divided() -> None:
    data = lone(*zone(0, 3), *zone(15, 3), *play((1, 2, 3, 5, 6, 13, 14)))
    result = midiprism.split(data)
    assert channels_of(result) == [None, 5, 6, None]
    assert [split.note_count for split in result.tracks] == [3, 1, 1, 2]
    assert codes(result) == ["mpe_zone"]
    for split in result.tracks:
        (again,) = midiprism.split(split.data).tracks
        assert again.data == split.data


def test_the_manager_and_silent_members_send_to_the_part_of_their_zone() -> None:
    data = lone(*zone(0, 4), (0, PEDAL), (0, pitch_bend(4, 1)), *play((1, 2, 9)))
    result = midiprism.split(data)
    zone_part, drums = (parse_song(split.data).tracks[0].events for split in result.tracks)
    assert {event.status for event in zone_part if event.status < 0xF0} >= {0xB0, 0xE4, 0x91, 0x92}
    assert {event.status & 15 for event in drums if event.status < 0xF0} == {9}
    assert "silent_channel" not in codes(result)


@pytest.mark.parametrize(
    "messages",
    [
        zone(0, 0),
        [*zone(0, 6), *zone(0, 0)],
        zone(3, 6),
        [(0, control_change(0, 101, 0)), (0, control_change(0, 100, 5)), (0, control_change(0, 6, 6))],
        [(0, control_change(0, 99, 0)), (0, control_change(0, 98, 6)), (0, control_change(0, 6, 6))],
        [*zone(0, 6)[:2], (0, control_change(0, 98, 6)), *zone(0, 6)[2:]],
        [(0, control_change(0, 101, 1)), (0, control_change(0, 100, 6)), (0, control_change(0, 6, 6))],
    ],
)
def test_without_a_zone_the_channels_are_divided(messages: list[TimedMessage]) -> None:
    result = midiprism.split(lone(*messages, *play((1, 2, 4))))
    assert channels_of(result) == [1, 2, 4]
    assert set(codes(result)) <= {"silent_channel"}


def test_a_zone_ends_with_no_members() -> None:
    data = lone(*zone(0, 6), *play((1, 2)), *zone(0, 0, 192), *play((3, 4), 192))
    assert channels_of(midiprism.split(data)) == [None, 3, 4]


def test_a_channel_that_plays_another_program_after_its_zone_is_an_instrument_of_its_own() -> None:
    after = [(288, program_change(2, CHOIR)), *play((2,), 288)]
    data = lone(*zone(0, 6), *play((1, 2, 3)), *zone(0, 0, 288), *after)
    assert channels_of(midiprism.split(data)) == [None, 2]


def test_a_later_zone_takes_channels_from_the_other() -> None:
    data = lone(*zone(0, 10), *zone(15, 8), *play((6, 7, 8, 14)))
    assert [split.note_count for split in midiprism.split(data).tracks] == [1, 3]


def test_a_zone_of_another_port_is_another_zone() -> None:
    other = [(0, b"\xff\x21\x01\x01"), *play((1, 2))]
    assert channels_of(midiprism.split(lone(*zone(0, 6), *other))) == [1, 2]


@pytest.mark.parametrize("by", ["channel", "program"])
def test_a_division_by_channel_carries_the_managers_events_to_each_part(by: By) -> None:
    data = lone(*zone(0, 6), (0, program_change(0, GUITAR)), (0, PEDAL), *play((1, 2, 9)))
    result = midiprism.split(data, by=by)
    assert channels_of(result) == [1, 2, 9]
    assert codes(result) == []
    for split in result.tracks:
        events = parse_song(split.data).tracks[0].events
        sent = {event.status for event in events if event.status < 0xF0}
        assert (0xB0 in sent) == (0xC0 in sent) == (split.channel != 9)
        assert split.program == (None if split.channel == 9 else GUITAR)
        (again,) = midiprism.split(split.data, by=by).tracks
        assert (again.data, again.instrument) == (split.data, split.instrument)


def test_notes_of_the_manager_stay_in_its_own_part() -> None:
    data = lone(*zone(0, 6), (0, PEDAL), *play((0, 1)))
    manager, member = midiprism.split(data, by="channel").tracks
    assert (manager.note_count, member.note_count) == (1, 1)
    assert PEDAL in member.data
    assert midiprism.split(data).tracks[0].note_count == 2


def test_the_managers_program_names_its_zone_also_if_it_was_selected_before() -> None:
    data = lone((0, program_change(0, GUITAR)), *zone(0, 6), *play((1, 2)))
    (split,) = midiprism.split(data).tracks
    assert (split.instrument, split.program) == ("Acoustic Guitar (steel)", GUITAR)


def test_the_full_context_has_the_managers_events_of_other_tracks() -> None:
    setup = track([(0, PEDAL)])
    data = song(setup, track([*zone(0, 6), *play((1, 2))]), track(play((3,))))
    zone_track, other = midiprism.split(data, context="full").tracks
    assert PEDAL in zone_track.data
    assert PEDAL not in other.data


def strings(program: int, channels: Sequence[int]) -> list[TimedMessage]:
    """Return the same program on several channels, then a note on each."""
    return [*((0, program_change(channel, program)) for channel in channels), *play(channels)]


@pytest.mark.parametrize("program", [24, GUITAR, BASS, 39])
def test_a_guitar_with_a_channel_for_each_string_stays_whole(program: int) -> None:
    data = lone(*strings(program, (10, 11, 12, 13, 14, 15)))
    result = midiprism.split(data)
    assert channels_of(result) == [None]
    assert codes(result) == ["one_instrument"]
    assert result.tracks[0].data == midiprism.split(data, by="track").tracks[0].data
    assert len(midiprism.split(data, by="channel").tracks) == 6


@pytest.mark.parametrize(
    ("messages", "channels"),
    [
        (strings(CHOIR, (0, 1, 2, 3)), [0, 1, 2, 3]),
        (strings(23, (0, 1, 2)), [0, 1, 2]),
        (strings(40, (0, 1, 2)), [0, 1, 2]),
        (strings(GUITAR, (0, 1)), [0, 1]),
        (strings(GUITAR, (0, 1, 9)), [0, 1, 9]),
        ([*strings(GUITAR, (0, 1)), *play((2,), 192)], [0, 1, 2]),
        (play((0, 1, 2)), [0, 1, 2]),
        ([*strings(GUITAR, (0, 1, 2)), (480, program_change(2, BASS)), *play((2,), 480)], [0, 1, 2]),
        ([(0, control_change(1, 0, 8)), *strings(GUITAR, (0, 1, 2))], [0, 1, 2]),
        ([(0, control_change(1, 32, 1)), *strings(GUITAR, (0, 1, 2))], [0, 1, 2]),
        ([(0, sysex(b"\x43\x10\x4c\x08\x01\x07\x02\xf7")), *strings(GUITAR, (0, 1, 2))], [0, 1, 2]),
    ],
)
def test_other_channels_are_instruments_of_their_own(
    messages: list[TimedMessage], channels: list[int]
) -> None:
    result = midiprism.split(lone(*messages))
    assert channels_of(result) == channels
    assert codes(result) == []


def test_channels_that_all_play_in_mono_mode_are_one_instrument() -> None:
    mono = [(0, control_change(channel, 126, 1)) for channel in (0, 1)]
    result = midiprism.split(lone(*mono, *play((0, 1))))
    assert (channels_of(result), codes(result)) == ([None], ["one_instrument"])


def test_one_channel_in_poly_mode_makes_several_instruments() -> None:
    mono = [(0, control_change(channel, 126, 1)) for channel in (0, 1)]
    for messages in (mono[:1], [*mono, (0, control_change(1, 127, 0))]):
        result = midiprism.split(lone(*messages, *play((0, 1))))
        assert (channels_of(result), codes(result)) == ([0, 1], [])


def test_several_playing_tracks_are_divided_by_track_as_ever() -> None:
    first, second = track(strings(GUITAR, (0, 1, 2))), track(strings(CHOIR, (3, 4)))
    result = midiprism.split(song(first, second))
    assert [split.track_number for split in result.tracks] == [0, 1]
    assert codes(result) == []
