"""Tests of ports: port and channel together are the address of what a track sends."""

import pytest

import midiprism
from midiprism import SplitTrack
from midiprism.smf import By, Context
from support.midi_parser import parse_song
from support.midi_writer import (
    TimedMessage,
    control_change,
    meta,
    note,
    note_off,
    note_on,
    program_change,
    song,
    sysex,
    track,
)

PIANO, BASS, VIOLIN = 0, 33, 40


def port(number: int) -> bytes:
    """Return the statement of a port."""
    return meta(0x21, bytes([number]))


def device(name: bytes) -> bytes:
    """Return the statement of a device."""
    return meta(0x09, name)


def part(statement: bytes | None, *messages: bytes, pitch: int = 60) -> bytes:
    """Return a track that states a port, sends some messages, and plays a note on channel 1."""
    stated = [] if statement is None else [statement]
    return track([*((0, message) for message in (*stated, *messages)), *note(0, pitch, 0, 96)])


def split_tracks(data: bytes, by: By = "auto", context: Context = "conductor") -> list[SplitTrack]:
    """Return the splits of a file that has no problem."""
    result = midiprism.split(data, by=by, context=context)
    assert result.problems == ()
    return list(result.tracks)


def messages_of(split: SplitTrack) -> list[tuple[int, str]]:
    """Return the events of a split: ticks, and bytes as text."""
    return [
        (event.tick, (bytes([event.status]) + event.body).hex())
        for event in parse_song(split.data).tracks[0].events
    ]


TWO_PORTS = song(
    part(port(0)),
    part(port(0), program_change(0, PIANO)),
    part(port(1), program_change(0, VIOLIN), control_change(0, 7, 20)),
)


def test_a_program_on_another_port_is_not_that_of_a_track() -> None:
    assert [(it.port, it.channel, it.instrument) for it in split_tracks(TWO_PORTS)] == [
        (0, 0, "Acoustic Grand Piano"),
        (0, 0, "Acoustic Grand Piano"),
        (1, 0, "Violin"),
    ]


def test_the_full_context_goes_by_ports() -> None:
    first, second, third = split_tracks(TWO_PORTS, context="full")
    assert (0, program_change(0, PIANO).hex()) in messages_of(first)
    assert (0, program_change(0, VIOLIN).hex()) not in messages_of(first)
    assert (0, control_change(0, 7, 20).hex()) not in messages_of(second)
    assert messages_of(third) == [
        (0, port(1).hex()),
        (0, program_change(0, VIOLIN).hex()),
        (0, control_change(0, 7, 20).hex()),
        *((tick, message.hex()) for tick, message in note(0, 60, 0, 96)),
    ]


def test_what_stands_before_any_statement_goes_to_port_0() -> None:
    setup = track([(0, program_change(0, BASS))])
    bass, violin = split_tracks(song(setup, part(port(0)), part(port(2))))
    assert (bass.instrument, violin.instrument) == ("Electric Bass (finger)", "Acoustic Grand Piano")
    (unstated,) = split_tracks(song(setup, part(None)))
    assert (unstated.port, unstated.instrument) == (None, "Electric Bass (finger)")


def test_a_port_is_in_force_from_where_it_stands() -> None:
    setup = [(0, program_change(0, BASS)), (0, port(1)), (0, program_change(0, VIOLIN))]
    low, high = split_tracks(song(track(setup), part(None), part(port(1))))
    assert (low.port, low.instrument) == (None, "Electric Bass (finger)")
    assert (high.port, high.instrument) == (1, "Violin")


def lone_track_on_two_ports() -> bytes:
    messages: list[TimedMessage] = [
        (0, port(0)),
        (0, program_change(0, BASS)),
        *note(0, 40, 0, 96),
        (96, port(1)),
        (96, program_change(0, VIOLIN)),
        *note(0, 70, 96, 96),
    ]
    return song(track(messages), midi_format=0)


@pytest.mark.parametrize("by", ["auto", "channel", "program"])
def test_a_track_is_divided_by_port_and_channel(by: By) -> None:
    splits = split_tracks(lone_track_on_two_ports(), by)
    assert [(it.port, it.channel, it.program, it.instrument) for it in splits] == [
        (0, 0, BASS, "Electric Bass (finger)"),
        (1, 0, VIOLIN, "Violin"),
    ]
    assert (96, program_change(0, VIOLIN).hex()) not in messages_of(splits[0])
    for split in splits:
        (again,) = split_tracks(split.data, by)
        assert (again.data, again.port, again.own_instrument) == (
            split.data,
            split.port,
            split.own_instrument,
        )


def test_a_track_that_stays_whole_has_no_port_if_it_plays_on_several() -> None:
    (whole,) = split_tracks(lone_track_on_two_ports(), "track")
    assert (whole.port, whole.channel, whole.program) == (None, 0, None)


def test_devices_are_told_apart_by_their_names_and_count_from_128() -> None:
    first = part(device(b"SC-88"), program_change(0, BASS))
    second = part(device(b"MU80"), program_change(0, VIOLIN))
    splits = split_tracks(song(first, second, part(device(b"SC-88"))))
    assert [(it.port, it.instrument) for it in splits] == [
        (128, "Electric Bass (finger)"),
        (129, "Violin"),
        (128, "Electric Bass (finger)"),
    ]


def test_a_device_that_is_the_only_one_in_the_file_separates_nothing() -> None:
    setup = track([(0, program_change(0, BASS))])
    (split,) = split_tracks(song(setup, part(device(b"SC-88"))))
    assert (split.port, split.instrument) == (None, "Electric Bass (finger)")


def test_a_number_beats_the_name_of_a_device() -> None:
    setup = track([(0, device(b"SC-88")), (0, port(0)), (0, program_change(0, BASS))])
    splits = split_tracks(song(setup, part(port(0), device(b"MU80")), part(port(1), device(b"SC-88"))))
    assert [(it.port, it.instrument) for it in splits] == [
        (0, "Electric Bass (finger)"),
        (1, "Acoustic Grand Piano"),
    ]


@pytest.mark.parametrize(
    "statement", [meta(0x21, b""), meta(0x21, b"\1\0"), meta(0x21, b"\x80"), device(b" \0")]
)
def test_what_states_no_port_separates_nothing(statement: bytes) -> None:
    setup = track([(0, program_change(0, BASS))])
    other = part(device(b"MU80"))
    (split, _) = split_tracks(song(setup, part(statement), other))
    assert (split.port, split.instrument) == (None, "Electric Bass (finger)")


def test_sysex_of_the_first_track_goes_to_every_port() -> None:
    drums = sysex(b"\x41\x10\x42\x12\x40\x11\x15\x01\x19\xf7")
    first = track([(0, drums)])
    own = track([(0, port(1)), (0, sysex(b"\x41\x10\x42\x12\x40\x12\x15\x01\x18\xf7"))])
    on_channel_2 = track([(0, port(2)), *note(1, 40, 0, 96)])
    splits = split_tracks(song(first, own, part(port(1)), part(port(2)), on_channel_2))
    assert [it.family for it in splits] == ["Drums", "Drums", "Piano"]
    assert all(
        (0, drums.hex()) in messages_of(it) for it in split_tracks(song(first, part(port(1))), context="full")
    )


def test_the_port_is_stated_before_events_of_lower_tracks_that_stand_before_its_statement() -> None:
    setup = track([(0, port(1)), (0, program_change(0, VIOLIN)), (0, port(0)), (48, control_change(0, 7, 9))])
    data = song(setup, part(port(1)), part(port(0), program_change(0, BASS)))
    high, low = split_tracks(data, context="full")
    assert messages_of(high)[:2] == [(0, port(1).hex()), (0, program_change(0, VIOLIN).hex())]
    assert (48, control_change(0, 7, 9).hex()) in messages_of(low)
    for split in (high, low):
        (again,) = split_tracks(split.data, context="full")
        assert (again.data, again.own_instrument) == (split.data, split.instrument)


@pytest.mark.parametrize("statements", [(b"", b""), (port(0), port(0)), (device(b"A"), device(b"A"))])
def test_tracks_of_one_port_share_what_they_send(statements: tuple[bytes, bytes]) -> None:
    messages = [[(0, statement)] if statement else [] for statement in statements]
    setup = track([*messages[0], (0, program_change(0, VIOLIN))])
    (split,) = split_tracks(song(setup, track([*messages[1], *note(0, 60, 0, 96)])), context="full")
    assert split.instrument == split.own_instrument == "Violin"
    assert [at for at in messages_of(split) if at[1].startswith("ff21")] == [
        (0, statement.hex()) for statement in statements[1:] if statement.startswith(b"\xff\x21")
    ]


def test_a_note_off_on_another_port_ends_no_note() -> None:
    messages = [(0, note_on(0, 60)), (48, port(1)), (96, note_off(0, 60)), *note(1, 40, 96, 0)]
    result = midiprism.split(song(track(messages, end=480), midi_format=0))
    assert [(it.port, it.channel) for it in result.tracks] == [(None, 0), (1, 1)]
    assert {problem.code for problem in result.problems} == {"hanging_notes", "silent_channel"}


def test_more_ports_than_can_be_told_apart_are_port_0() -> None:
    data = song(*(part(port(number), program_change(0, number)) for number in range(40)))
    splits = split_tracks(data)
    assert [it.port for it in splits] == [*range(32), *[0] * 8]
    assert [it.program for it in splits] == [*range(40)]
