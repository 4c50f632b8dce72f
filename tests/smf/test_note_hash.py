"""Tests of the hash of a track's notes. ``check_facts`` compares it with the notes of every split."""

import pytest

import midiprism
from midiprism.smf import By
from support.midi_writer import TimedMessage, meta, note, program_change, song, tempo, track

TUNE = [(0, 60, 96), (0, 64, 96), (96, 67, 48), (144, 60, 240), (7, 61, 5)]
"""Onset, pitch and length of each note, at 96 ticks a quarter note."""


def tune_hash(
    notes: list[tuple[int, int, int]] = TUNE,
    *messages: TimedMessage,
    channel: int = 0,
    velocity: int = 64,
    division: int = 96,
    by: By = "track",
) -> int:
    """Return the hash of a lone track with these notes."""
    events = list(messages)
    for onset, pitch, length in notes:
        events += note(channel, pitch, onset, length, velocity=velocity)
    (split,) = midiprism.split(
        song(track(sorted(events, key=lambda event: event[0])), division=division), by=by
    ).tracks
    return split.note_hash


def scaled(factor: int) -> list[tuple[int, int, int]]:
    return [(onset * factor, pitch, length * factor) for onset, pitch, length in TUNE]


def test_the_hash_of_some_notes_never_changes() -> None:
    assert tune_hash() == 7688821134530676


@pytest.mark.parametrize("by", ["track", "channel", "program"])
def test_the_hash_does_not_depend_on_how_notes_sound(by: By) -> None:
    messages = [(0, tempo(300_000)), (0, meta(3, b"Piano")), (0, program_change(3, 5)), (100, meta(1, b"la"))]
    assert tune_hash(TUNE, *messages, channel=3, velocity=11, by=by) == tune_hash()


def test_the_hash_does_not_depend_on_lengths_and_on_the_order_in_a_chord() -> None:
    assert tune_hash([(onset, pitch, 1) for onset, pitch, _ in reversed(TUNE)]) == tune_hash()


@pytest.mark.parametrize("factor", [2, 5, 10, 7])
def test_the_hash_does_not_depend_on_the_resolution(factor: int) -> None:
    assert tune_hash(scaled(factor), division=96 * factor) == tune_hash()
    assert tune_hash(scaled(factor)) != tune_hash()


@pytest.mark.parametrize(
    "other",
    [TUNE[1:], [*TUNE, TUNE[0]], [(1, 60, 96), *TUNE[1:]], [(0, 61, 96), *TUNE[1:]], [(0, 72, 9), *TUNE[1:]]],
)
def test_another_note_gives_another_hash(other: list[tuple[int, int, int]]) -> None:
    assert tune_hash(other) != tune_hash()


def test_ticks_of_frames_are_not_scaled() -> None:
    frames = 0xE728  # 25 frames a second of 40 ticks
    assert tune_hash(division=frames) not in (tune_hash(), tune_hash(scaled(2), division=frames))
