"""Tests of the instrument of a track: channel, bank and system exclusive messages select drums."""

import pytest

import midiprism
from midiprism import SplitTrack
from support.midi_writer import TimedMessage, control_change, note, program_change, song, sysex, track

GS_RESET = sysex(b"\x41\x10\x42\x12\x40\x00\x7f\x00\x41\xf7")
XG_PART_2_DRUMS = sysex(b"\x43\x10\x4c\x08\x01\x07\x02\xf7")
XG_PART_10_MELODIC = sysex(b"\x43\x10\x4c\x08\x09\x07\x00\xf7")


def gs_part(part: int, kit: int) -> bytes:
    """Return a GS message that uses a part (0 to 15, 0 being channel 10) for rhythm, or not."""
    return sysex(bytes([0x41, 0x10, 0x42, 0x12, 0x40, 0x10 | part, 0x15, kit, 0, 0xF7]))


def split_of(*messages: TimedMessage, channel: int = 1) -> SplitTrack:
    """Return the split of a lone track with these messages before a note."""
    (split,) = midiprism.split(song(track([*messages, *note(channel, 40, 0, 96)]), midi_format=0)).tracks
    return split


@pytest.mark.parametrize(
    ("messages", "channel", "instrument"),
    [
        ([], 9, "Standard Kit"),
        ([(0, program_change(9, 25))], 9, "Analog Kit"),
        ([(0, program_change(9, 99))], 9, "Drum Kit"),
        ([(0, gs_part(2, 1)), (0, program_change(1, 32))], 1, "Jazz Kit"),
        ([(0, gs_part(0, 0)), (0, program_change(9, 32))], 9, "Acoustic Bass"),
        ([(0, gs_part(11, 1))], 11, "Standard Kit"),
        ([(0, gs_part(3, 1))], 1, "Acoustic Grand Piano"),
        ([(0, XG_PART_2_DRUMS)], 1, "Standard Kit"),
        ([(0, XG_PART_10_MELODIC)], 9, "Acoustic Grand Piano"),
        ([(0, control_change(1, 0, 127)), (0, program_change(1, 40))], 1, "Brush Kit"),
        ([(0, control_change(1, 0, 126))], 1, "Sound Effects Kit"),
        ([(0, control_change(1, 0, 120)), (0, program_change(1, 8))], 1, "Room Kit"),
        ([(0, control_change(9, 0, 121)), (0, program_change(9, 8))], 9, "Celesta"),
        ([(0, GS_RESET), (0, control_change(1, 0, 127)), (0, program_change(1, 40))], 1, "Violin"),
        ([(0, sysex(b"\x41\x10\x42\x12\x41\x00\x00\x00\x00\xf7"))], 1, "Acoustic Grand Piano"),
        ([(0, sysex(b"\x41\x10\x42\x12\x40\x12\x16\x01\x00\xf7"))], 1, "Acoustic Grand Piano"),
        ([(0, sysex(b"\x43\x10\x4c\x08\x01\x08\x01\xf7"))], 1, "Acoustic Grand Piano"),
    ],
)
def test_drums_are_selected_as_synthesizers_do(
    messages: list[TimedMessage], channel: int, instrument: str
) -> None:
    split = split_of(*messages, channel=channel)
    assert (split.instrument, split.own_instrument) == (instrument, instrument)
    assert (split.family == "Drums") == ("Kit" in instrument)


def test_drum_parts_set_by_another_track_count_in_the_song_only() -> None:
    data = song(track([(0, gs_part(2, 1))]), track(note(1, 40, 0, 96)))
    (split,) = midiprism.split(data).tracks
    assert (split.family, split.own_family) == ("Drums", "Piano")
    (full,) = midiprism.split(data, context="full").tracks
    assert (full.family, full.own_family) == ("Drums", "Drums")


def test_the_program_with_most_notes_names_a_track_that_plays_several() -> None:
    messages = [
        (0, program_change(0, 0)),
        *note(0, 60, 0, 10),
        (20, program_change(0, 40)),
        *note(0, 62, 20, 10),
        *note(0, 64, 40, 10),
    ]
    (split,) = midiprism.split(song(track(messages), midi_format=0)).tracks
    assert (split.instrument, split.program) == ("Violin", None)


def test_a_program_selected_after_the_first_note_by_another_track_does_not_name_it() -> None:
    data = song(track([(96, program_change(0, 40))]), track(note(0, 60, 48, 96)))
    (split,) = midiprism.split(data).tracks
    assert split.instrument == "Acoustic Grand Piano"


def test_splitting_a_split_gives_its_own_instrument() -> None:
    data = song(
        track([(0, program_change(0, 33)), (0, gs_part(2, 1))]),
        track([(0, program_change(1, 8)), *note(0, 60, 0, 96), *note(1, 36, 96, 96)]),
    )
    for by in ("track", "channel", "program"):
        for split in midiprism.split(data, by=by, context="full").tracks:
            (split_again,) = midiprism.split(split.data, by=by).tracks
            assert split_again.own_instrument == split.own_instrument
            assert split_again.instrument == split.own_instrument


@pytest.mark.parametrize("late", [program_change(0, 40), control_change(0, 0, 127)])
def test_a_program_or_bank_after_the_last_note_does_not_name_a_lone_track(late: bytes) -> None:
    (split,) = midiprism.split(song(track([*note(0, 60, 0, 0)[:1], (0, late)], end=96), midi_format=0)).tracks
    assert split.instrument == split.own_instrument == "Acoustic Grand Piano"
