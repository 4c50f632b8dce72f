"""Tests of where the last note ends, and of notes that a controller ends."""

import pytest

import midiprism
from midiprism.smf import By
from support.midi_writer import control_change, note, note_off, note_on, program_change, song, tempo, track

CONDUCTOR = track([(0, tempo(400_000)), (200, tempo(800_000))], end=2000)


def last_notes(messages: list[tuple[int, bytes]], by: By = "track", end: int = 960) -> list[int]:
    """Return the ticks at which the last notes of the tracks of a song end."""
    result = midiprism.split(song(CONDUCTOR, track(messages, end=end), division=96), by=by)
    return [out.last_note_ticks for out in result.tracks]


def hanging(messages: list[tuple[int, bytes]]) -> bool:
    problems = midiprism.split(song(track(messages, end=960))).problems
    return "hanging_notes" in [problem.code for problem in problems]


@pytest.mark.parametrize("by", ["track", "channel", "program"])
def test_the_end_of_the_last_note_is_not_the_end_of_the_track(by: By) -> None:
    messages = [*note(0, 60, 0, 96), *note(0, 62, 96, 200)]
    (out,) = midiprism.split(song(CONDUCTOR, track(messages, end=960), division=96), by=by).tracks
    assert (out.duration_ticks, out.last_note_ticks) == (960, 296)
    assert out.last_note_seconds == pytest.approx((200 * 0.4 + 96 * 0.8) / 96)
    assert out.duration_seconds == pytest.approx((200 * 0.4 + 760 * 0.8) / 96)
    source = midiprism.inspect(song(CONDUCTOR, track(messages, end=960), division=96)).tracks[1]
    assert (source.last_note_ticks, source.last_note_seconds) == (296, out.last_note_seconds)


def test_each_part_has_its_own_last_note() -> None:
    messages = [
        (0, program_change(0, 5)),
        (0, note_on(1, 64)),
        *note(0, 60, 0, 96),
        (100, program_change(0, 6)),
        *note(0, 62, 100, 100),
        (400, note_off(1, 64)),
    ]
    assert last_notes(messages) == [400]
    assert last_notes(messages, "channel") == [200, 400]
    assert last_notes(messages, "program") == [96, 200, 400]


def test_a_long_note_that_began_early_may_be_the_last() -> None:
    assert last_notes([(0, note_on(0, 60)), *note(0, 62, 96, 96), (500, note_off(0, 60))]) == [500]


@pytest.mark.parametrize("by", ["track", "channel", "program"])
def test_a_note_that_nothing_ends_lasts_to_the_end_of_its_track(by: By) -> None:
    assert last_notes([(0, note_on(0, 60)), *note(0, 62, 96, 96)], by) == [960]


@pytest.mark.parametrize("by", ["track", "channel", "program"])
def test_a_note_off_without_a_note_is_no_end(by: By) -> None:
    assert last_notes([*note(0, 60, 0, 96), (200, note_off(0, 60)), (300, note_on(0, 61, 0))], by) == [96]


def test_in_format_2_the_tempo_is_that_of_the_track() -> None:
    parts = [track([(0, tempo(1_000_000)), *note(0, 60, 0, 96)], end=192), track(note(0, 60, 0, 96))]
    result = midiprism.split(song(*parts, midi_format=2, division=96))
    assert [out.last_note_seconds for out in result.tracks] == [1.0, 0.5]


def test_without_a_time_of_its_ticks_a_song_has_no_seconds() -> None:
    (out,) = midiprism.split(song(track(note(0, 60, 0, 96)), division=0xE700)).tracks
    assert (out.last_note_ticks, out.last_note_seconds) == (96, None)


@pytest.mark.parametrize("controller", [120, *range(123, 128)])
@pytest.mark.parametrize("by", ["track", "channel", "program"])
def test_a_note_that_a_mode_message_ends_does_not_hang(controller: int, by: By) -> None:
    messages = [(0, note_on(0, 60)), (0, note_on(0, 64)), (300, control_change(0, controller, 0))]
    assert not hanging(messages)
    assert last_notes(messages, by) == [300]


@pytest.mark.parametrize(
    "message",
    [
        control_change(0, 121, 0),
        control_change(0, 122, 0),
        control_change(0, 119, 0),
        control_change(1, 123, 0),
    ],
    ids=["reset of controllers", "local control", "another controller", "another channel"],
)
def test_other_controllers_end_no_note(message: bytes) -> None:
    messages = [(0, note_on(0, 60)), (300, message)]
    assert hanging(messages)
    assert last_notes(messages) == [960]


@pytest.mark.parametrize("by", ["track", "channel", "program"])
def test_a_note_after_all_notes_off_counts_again(by: By) -> None:
    messages = [(0, note_on(0, 60)), (300, control_change(0, 123, 0)), *note(0, 60, 400, 50)]
    assert last_notes(messages, by) == [450]
    assert hanging([*messages, (500, note_on(0, 62))])


def test_all_notes_off_moves_no_event_to_another_part() -> None:
    messages = [
        (0, program_change(0, 5)),
        (0, note_on(0, 60)),
        (100, control_change(0, 123, 0)),
        (100, program_change(0, 6)),
        (100, note_on(0, 60)),
        (150, note_off(0, 60)),
        (200, note_off(0, 60)),
    ]
    result = midiprism.split(song(track(messages, end=960)), by="program")
    assert [(out.program, out.last_note_ticks) for out in result.tracks] == [(5, 100), (6, 200)]
