"""Tests that timed notes of a split agree with an independent reader and exact arithmetic."""

from fractions import Fraction

import pytest

import midiprism
from midiprism.adopt.note_timing import TimedNotes, extract_timed_notes, max_time_shift, same_timing
from support.corpus import corpus_share, needs_corpus, read_member
from support.exact_timing import pair_notes, tempo_map
from support.midi_parser import parse_song
from support.midi_writer import (
    control_change,
    note,
    note_off,
    note_on,
    pitch_bend,
    program_change,
    song,
    tempo,
    track,
)
from support.nightly import NIGHTLY
from support.sample_songs import FEW, sample_songs


def timed_notes_of(data: bytes) -> TimedNotes:
    return extract_timed_notes(midiprism.split(data, by="track").tracks)


def expected_notes(data: bytes) -> list[tuple[int, int, int, Fraction, Fraction, bool]]:
    """Return the notes of a track by the parser of the tests."""
    read_song = parse_song(data)
    clock, source = tempo_map(read_song, 0), read_song.tracks[0]
    time = Fraction if clock.has_zero_division else clock.seconds
    return sorted(
        (n.channel, n.pitch, n.velocity, time(n.tick), time(n.end_tick), bool(n.release))
        for n in pair_notes(source.events, source.end_tick)
    )


def assert_same_notes(data: bytes) -> int:
    count = 0
    for split in midiprism.split(data, by="track").tracks:
        ours, theirs = extract_timed_notes([split]).notes, expected_notes(split.data)
        assert [one[:3] for one in ours] == [one[:3] for one in theirs]
        for mine, wanted in zip(ours, theirs, strict=True):
            assert mine.onset == pytest.approx(float(wanted[3]), rel=1e-9, abs=1e-6)
            assert mine.end == pytest.approx(float(wanted[4]), rel=1e-9, abs=1e-6)
            assert mine.released == wanted[5]
        count += len(ours)
    return count


def test_notes_of_sample_songs_agree_with_an_independent_parser() -> None:
    songs = sample_songs(FEW)[: 40 if NIGHTLY else 10]
    assert sum(assert_same_notes(one.data) for one in songs) > 250 * len(songs)


@needs_corpus
def test_notes_of_real_files_agree_with_an_independent_parser() -> None:
    heard_notes = 0
    for member in corpus_share(0, 1, step=60):
        try:
            heard_notes += assert_same_notes(read_member(member))
        except midiprism.CorruptMidiError:
            continue
    assert heard_notes > 10_000


@pytest.mark.parametrize("division", [96, 480, 0xE728, 0xE350, 0x8100])
def test_times_follow_the_division_and_the_tempi(division: int) -> None:
    chords = [(0, tempo(300_000)), *note(3, 60, 0, 96), (100, tempo(0)), (100, tempo(900_000))]
    data = song(track([*chords, *note(3, 62, 200, 5_000)]), midi_format=0, division=division)
    assert assert_same_notes(data) == 2


def test_note_offs_end_the_oldest_note_and_the_track_ends_the_rest() -> None:
    messages = [(0, note_on(0, 60, 1)), (10, note_on(0, 60, 2)), (30, note_off(0, 60)), (40, note_off(5, 60))]
    data = song(track(messages, end=480), midi_format=0)
    assert assert_same_notes(data) == 2
    first, second = timed_notes_of(data).notes
    assert (first.velocity, first.released, second.released) == (1, True, False)
    assert second.end == pytest.approx(0.5)


def test_other_channel_events_are_counted() -> None:
    messages = [
        (0, program_change(0, 5)),
        (0, control_change(0, 7, 100)),
        (1, control_change(0, 7, 100)),
        *note(0, 60, 2, 5),
    ]
    found = timed_notes_of(song(track([*messages, (9, pitch_bend(0, 9000))]), midi_format=0)).other_events
    assert found == {program_change(0, 5): 1, control_change(0, 7, 100): 2, pitch_bend(0, 9000): 1}


def test_a_millisecond_is_the_same_time() -> None:
    def at(tick: int, length: int = 1_000) -> TimedNotes:
        return timed_notes_of(
            song(track(note(0, 60, tick, length)), midi_format=0, division=5_000)
        )  # 0.1 ms a tick

    assert same_timing(at(100), at(109))
    assert not same_timing(at(100), at(112))
    assert not same_timing(at(100), at(100, 1_012))
    assert max_time_shift(at(100), at(150)) == pytest.approx((0.005, 0.005))
    assert max_time_shift(at(100), at(100, 900)) == pytest.approx((0.0, -0.01))


def test_the_end_of_an_unreleased_note_does_not_count() -> None:
    def until(end: int) -> TimedNotes:
        return timed_notes_of(song(track([(0, note_on(0, 60))], end=end), midi_format=0))

    released = timed_notes_of(song(track(note(0, 60, 0, 480)), midi_format=0))
    assert same_timing(until(480), until(9_600))
    assert same_timing(until(480), released)
    assert not same_timing(until(9_600), released)
