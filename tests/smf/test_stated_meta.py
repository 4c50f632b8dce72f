"""Tests of the tempo, meter and key that a split states in its own bytes."""

from contextlib import suppress
from random import Random

from hypothesis import given, settings

import midiprism
from midiprism import SplitTrack
from support.broken_files import BROKEN_FILES
from support.midi_strategies import example_count, example_songs, songs
from support.midi_writer import (
    END_OF_TRACK,
    TimedMessage,
    control_change,
    key_signature,
    meta,
    note,
    raw_track,
    song,
    sysex,
    tempo,
    time_signature,
    track,
    vlq,
)
from support.mutations import mutated_file
from support.split_process import SPLIT_OPTIONS

StatedMeta = tuple[int | None, float | None, int, str | None, str | None]
"""Ticks per quarter note, tempo, number of tempi, time signature, key signature."""


def stated_meta(split: SplitTrack) -> StatedMeta:
    """Return the fields of a split that its own bytes state."""
    return (
        split.ticks_per_quarter,
        split.tempo,
        split.tempo_count,
        split.time_signature,
        split.key_signature,
    )


def stated_by(*messages: TimedMessage, division: int = 480) -> StatedMeta:
    """Return the stated fields of the split of a lone track with these messages."""
    events = sorted([*note(0, 60, 0, 96), *messages], key=lambda message: message[0])
    (split,) = midiprism.split(song(track(events), division=division)).tracks
    return stated_meta(split)


def test_a_split_states_its_tempo_meter_and_key() -> None:
    assert stated_by(
        (0, tempo(500_000)), (0, time_signature(6, 3)), (0, key_signature(-2, 1)), division=96
    ) == (96, 120.0, 1, "6/8", "G minor")


def test_a_split_without_tempo_meter_and_key_states_none() -> None:
    assert stated_by() == (480, None, 0, None, None)


def test_every_tempo_counts_and_the_first_is_stated() -> None:
    stated = stated_by((0, tempo(500_000)), (480, tempo(400_000)), (960, tempo(500_000)))
    assert stated == (480, 120.0, 3, None, None)


def test_the_last_of_several_events_at_one_tick_counts() -> None:
    at_once = (
        (0, tempo(500_000)),
        (0, tempo(250_000)),
        (0, time_signature(3, 2)),
        (0, time_signature(2, 1)),
        (0, key_signature(1)),
    )
    stated = stated_by(
        *at_once, (0, key_signature(2)), (10, tempo(1)), (10, time_signature(4, 2)), (10, key_signature(3))
    )
    assert stated == (480, 240.0, 3, "2/2", "D major")


def test_events_after_notes_controllers_and_sysex_are_stated() -> None:
    late = ((0, control_change(0, 7, 100)), (5, sysex(b"\xff\x51\x03\1\2\3\xf7")), (5, tempo(500_000)))
    stated = stated_by(*late, (5, meta(1, b"\xff\x51\x03\1\2\3")), (7, key_signature(0)))
    assert stated == (480, 120.0, 1, None, "C major")


def test_a_tempo_of_0_is_counted_but_not_stated() -> None:
    assert stated_by((0, tempo(0))) == (480, None, 1, None, None)


def test_impossible_meters_and_keys_are_left_out() -> None:
    assert (
        stated_by(
            (0, time_signature(0, 2)),
            (0, time_signature(4, 8)),
            (0, key_signature(8)),
            (0, key_signature(0, 2)),
        )
        == stated_by()
    )
    assert stated_by(
        (0, time_signature(0, 2)), (9, time_signature(3, 3)), (0, key_signature(-8)), (9, key_signature(-7))
    ) == (480, None, 0, "3/8", "Cb major")


def test_events_of_a_wrong_length_state_nothing() -> None:
    assert (
        stated_by((0, meta(0x51, b"\1\2")), (0, meta(0x58, bytes(3))), (0, meta(0x59, bytes(3))))
        == stated_by()
    )


def test_a_length_of_several_bytes_is_read() -> None:
    assert stated_by((0, meta(0x51, b"\x07\xa1\x20", width=3))) == (480, 120.0, 1, None, None)


def test_an_smpte_division_has_no_ticks_per_quarter_note() -> None:
    assert stated_by((0, tempo(500_000)), division=0xE728) == (None, 120.0, 1, None, None)


def test_a_delta_time_that_looks_like_a_tempo_is_none() -> None:
    # FF 51 is a delta time of 16,337 ticks; 03 64 a note under running status.
    body = vlq(0) + bytes([0x90, 60, 64]) + b"\xff\x51" + b"\x03\x64" + vlq(0) + END_OF_TRACK
    (split,) = midiprism.split(song(raw_track(body))).tracks
    assert stated_meta(split) == (480, None, 0, None, None)


def test_events_after_the_end_of_track_state_nothing() -> None:
    body = vlq(0) + bytes([0x90, 60, 64]) + vlq(0) + END_OF_TRACK + vlq(0) + tempo(500_000)
    (split,) = midiprism.split(song(raw_track(body))).tracks
    assert stated_meta(split) == (480, None, 0, None, None)


@settings(max_examples=150, deadline=None)
@given(song=songs)
def test_stated_fields_agree_with_an_inspection_of_the_split(song: bytes) -> None:
    for split in midiprism.split(song).tracks:
        inspection = midiprism.inspect(split.data)
        meters = [f"{meter.numerator}/{meter.denominator}" for meter in inspection.time_signatures]
        assert split.ticks_per_quarter == (None if inspection.division & 0x8000 else inspection.division)
        assert split.tempo == next((change.bpm for change in inspection.tempo_map), None)
        assert split.tempo_count >= len(inspection.tempo_map)
        assert split.time_signature == next(iter(meters), None)
        assert split.key_signature == next((key.name for key in inspection.key_signatures), None)


def check_splits_state_the_same_when_split_again(song: bytes) -> int:
    """Check that each split states the same in its song and alone; return the number of splits."""
    compared = 0
    for by, context in SPLIT_OPTIONS:
        for split in midiprism.split(song, by=by, context=context).tracks:
            if not split.note_count:  # a track of text, which is none by itself
                continue
            (alone,) = midiprism.split(split.data, by="track").tracks
            assert stated_meta(split) == stated_meta(alone)
            compared += 1
    return compared


@settings(max_examples=example_count(100), deadline=None)
@given(song=songs)
def test_a_split_states_in_its_song_what_its_bytes_state(song: bytes) -> None:
    check_splits_state_the_same_when_split_again(song)


def test_events_of_several_tracks_at_one_tick_are_stated_in_their_order() -> None:
    first = [
        (0, tempo(500_000)),
        (0, time_signature(4, 2)),
        (0, key_signature(1)),
        (9, tempo(1)),
        (300, tempo(3)),
    ]
    second = [(0, tempo(400_000)), (0, time_signature(0, 2)), (0, key_signature(2)), *note(0, 60, 0, 96)]
    third = [
        (0, tempo(300_000)),
        (0, time_signature(3, 2)),
        (0, key_signature(9)),
        *note(1, 60, 0, 96),
        *note(2, 60, 0, 96),
    ]
    tracks = (track(sorted(events, key=lambda event: event[0])) for events in (first, second, third))
    data = song(*tracks)
    assert check_splits_state_the_same_when_split_again(data) > len(SPLIT_OPTIONS)
    assert {(split.track_number, stated_meta(split)) for split in midiprism.split(data).tracks} == {
        (1, (480, 200.0, 3, "3/4", "D major")),
        (2, (480, 200.0, 2, "3/4", "G major")),
    }


def test_splits_of_damaged_files_state_what_their_bytes_state() -> None:
    rng = Random(3)
    seeds = [*(case.data for case in BROKEN_FILES), *example_songs(40)]
    compared = 0
    for data in [*seeds, *(mutated_file(rng, seeds) for _ in range(example_count(200, nightly=400)))]:
        with suppress(midiprism.CorruptMidiError):
            compared += check_splits_state_the_same_when_split_again(data)
    assert compared > 1_000
