"""Tests of resets: XG, GS, GM and GM2 decide what banks and part modes mean."""

import pytest

import midiprism
from midiprism import SplitTrack
from support.midi_writer import (
    TimedMessage,
    control_change,
    escape,
    note,
    program_change,
    song,
    sysex,
    track,
)

GM_ON = b"\x7e\x7f\x09\x01\xf7"
GM_OFF = b"\x7e\x7f\x09\x02\xf7"
GM2_ON = b"\x7e\x7f\x09\x03\xf7"
GS_RESET = b"\x41\x10\x42\x12\x40\x00\x7f\x00\x41\xf7"
SC88_MODE_1 = b"\x41\x10\x42\x12\x00\x00\x7f\x00\x01\xf7"
SC88_MODE_2 = b"\x41\x10\x42\x12\x00\x00\x7f\x01\x00\xf7"
XG_ON = b"\x43\x10\x4c\x00\x00\x7e\x00\xf7"
XG_DRUMS_ON_2 = b"\x43\x10\x4c\x08\x01\x07\x02\xf7"
XG_MELODIC_ON_10 = b"\x43\x10\x4c\x08\x09\x07\x00\xf7"
GS_DRUMS_ON_2 = b"\x41\x10\x42\x12\x40\x12\x15\x01\x18\xf7"


def split_of(*messages: bytes, channel: int = 1) -> SplitTrack:
    """Return the split of a lone track with these messages before a note."""
    before: list[TimedMessage] = [(0, message) for message in messages]
    (split,) = midiprism.split(song(track([*before, *note(channel, 40, 0, 96)]), midi_format=0)).tracks
    return split


def bank(channel: int, number: int) -> bytes:
    """Return a bank select."""
    return control_change(channel, 0, number)


@pytest.mark.parametrize(
    ("messages", "channel", "instrument"),
    [
        ([sysex(XG_ON), bank(9, 0), program_change(9, 33)], 9, "Electric Bass (finger)"),
        ([sysex(XG_ON), bank(9, 64), program_change(9, 33)], 9, "Electric Bass (finger)"),
        ([sysex(XG_ON), program_change(9, 32)], 9, "Jazz Kit"),
        ([sysex(XG_ON), bank(9, 127), program_change(9, 32)], 9, "Jazz Kit"),
        ([sysex(XG_ON), bank(1, 127)], 1, "Standard Kit"),
        ([sysex(XG_ON), bank(1, 126)], 1, "Sound Effects Kit"),
        ([sysex(XG_ON), bank(1, 120)], 1, "Acoustic Grand Piano"),
        ([bank(9, 0), program_change(9, 32)], 9, "Jazz Kit"),
        ([bank(9, 0), sysex(XG_ON), program_change(9, 32)], 9, "Jazz Kit"),
        ([sysex(GM_ON), bank(9, 0), program_change(9, 32)], 9, "Jazz Kit"),
        ([sysex(GM_ON), bank(1, 127), program_change(1, 40)], 1, "Violin"),
        ([sysex(GM2_ON), bank(1, 120)], 1, "Standard Kit"),
        ([sysex(GM2_ON), bank(9, 121)], 9, "Acoustic Grand Piano"),
        ([sysex(GM2_ON), bank(1, 127)], 1, "Acoustic Grand Piano"),
        ([sysex(GS_RESET), bank(1, 127)], 1, "Acoustic Grand Piano"),
        ([sysex(GS_RESET), bank(9, 121)], 9, "Standard Kit"),
        ([sysex(SC88_MODE_1), bank(1, 127)], 1, "Acoustic Grand Piano"),
        ([sysex(SC88_MODE_2), bank(1, 126)], 1, "Acoustic Grand Piano"),
        ([sysex(XG_ON), sysex(XG_DRUMS_ON_2)], 1, "Standard Kit"),
        ([sysex(XG_ON), sysex(XG_MELODIC_ON_10), program_change(9, 33)], 9, "Electric Bass (finger)"),
        ([sysex(XG_DRUMS_ON_2), sysex(GM_ON)], 1, "Acoustic Grand Piano"),
        ([sysex(XG_MELODIC_ON_10), sysex(GM_ON)], 9, "Standard Kit"),
        ([sysex(XG_DRUMS_ON_2), sysex(GS_RESET)], 1, "Acoustic Grand Piano"),
        ([sysex(GS_DRUMS_ON_2), sysex(XG_ON)], 1, "Acoustic Grand Piano"),
        ([sysex(XG_ON), sysex(GS_DRUMS_ON_2)], 1, "Acoustic Grand Piano"),
        ([sysex(GS_RESET), sysex(XG_DRUMS_ON_2)], 1, "Acoustic Grand Piano"),
        ([sysex(GS_RESET), sysex(GS_DRUMS_ON_2)], 1, "Standard Kit"),
        ([sysex(GS_RESET), sysex(XG_ON), bank(1, 127)], 1, "Standard Kit"),
        ([sysex(XG_ON), sysex(GM_OFF), bank(9, 0)], 9, "Standard Kit"),
        ([sysex(b"\x43\x10\x4c\x00\x00\x7e\x01\xf7"), bank(9, 0)], 9, "Standard Kit"),
        ([sysex(b"\x43\x10\x4c\x00\x00\x04\x00\xf7"), bank(9, 0)], 9, "Standard Kit"),
        ([sysex(b"\x7e\x7f\x06\x01\xf7"), bank(1, 127)], 1, "Standard Kit"),
        ([sysex(b"\x41\x10\x42\x12\x00\x00\x7f\x02\x7f\xf7"), bank(1, 127)], 1, "Standard Kit"),
    ],
)
def test_the_last_reset_says_what_banks_and_part_modes_mean(
    messages: list[bytes], channel: int, instrument: str
) -> None:
    split = split_of(*messages, channel=channel)
    assert (split.instrument, split.own_instrument) == (instrument, instrument)


@pytest.mark.parametrize("message", [XG_ON, GM_ON, GS_RESET, SC88_MODE_1])
@pytest.mark.parametrize("at", range(1, 6))
def test_a_reset_may_be_sent_in_packets(message: bytes, at: int) -> None:
    whole = split_of(sysex(XG_DRUMS_ON_2), sysex(message), bank(9, 0), program_change(9, 33), channel=9)
    at = min(at, len(message) - 1)
    packets = (sysex(message[:at]), escape(message[at:-1]), escape(b"\xf7"))
    divided = split_of(sysex(XG_DRUMS_ON_2), *packets, bank(9, 0), program_change(9, 33), channel=9)
    assert divided.instrument == whole.instrument
    assert (divided.instrument == "Electric Bass (finger)") == (message == XG_ON)
    ended = split_of(sysex(XG_DRUMS_ON_2), *packets, channel=1)
    assert ended.instrument == "Acoustic Grand Piano"


@pytest.mark.parametrize(
    "messages",
    [
        [escape(XG_ON)],
        [escape(b"\xf0" + XG_ON)],
        [sysex(b"\x7e\xf7"), escape(XG_ON)],
        [sysex(XG_ON[:4])],
        [sysex(XG_ON[:4]), sysex(b"\x01\xf7"), escape(XG_ON[4:])],
    ],
)
def test_an_escape_or_half_a_message_is_no_reset(messages: list[bytes]) -> None:
    split = split_of(*messages, bank(9, 0), program_change(9, 33), channel=9)
    assert split.family == "Drums"


def test_a_reset_of_another_track_counts_in_the_song_from_its_tick_on() -> None:
    setup = track([(0, sysex(XG_DRUMS_ON_2)), (480, sysex(GM_ON))])
    before, after = (track(note(1, 40, tick, 96)) for tick in (0, 960))
    splits = midiprism.split(song(setup, before, after)).tracks
    assert [split.family for split in splits] == ["Drums", "Piano"]
    assert [split.own_family for split in splits] == ["Piano", "Piano"]


def test_a_bank_counts_in_the_song_if_it_follows_the_reset() -> None:
    part = track([(0, program_change(9, 33)), *note(9, 40, 0, 96)])
    banks = track([(0, bank(9, 0))])
    resets = track([(0, sysex(XG_ON))])
    (reset_first,) = midiprism.split(song(resets, banks, part)).tracks
    (bank_first,) = midiprism.split(song(banks, resets, part)).tracks
    assert (reset_first.family, bank_first.family) == ("Bass", "Drums")
