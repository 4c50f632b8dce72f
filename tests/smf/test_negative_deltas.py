"""Tests of negative delta times, which take five bytes."""

import pytest

import midiprism
from midiprism.smf import SplitSong
from support.broken_files import BASS, CONDUCTOR
from support.exact_timing import pair_notes
from support.invariants import read_outputs
from support.midi_writer import END_OF_TRACK, encode_events, note, raw_track, song

END = b"\0" + END_OF_TRACK


def five_bytes(value: int) -> bytes:
    """Return a number of variable length, of five bytes."""
    return bytes([value >> shift & 0x7F | 0x80 for shift in (28, 21, 14, 7)] + [value & 0x7F])


def negative(ticks: int) -> bytes:
    """Return a negative delta time as an unsigned number of 32 bits."""
    return five_bytes(0x100000000 - ticks)


def codes(result: SplitSong) -> list[str]:
    return [problem.code for problem in result.problems]


def damaged(body: bytes) -> bytes:
    return song(CONDUCTOR, raw_track(body), BASS)


def notes_of(result: SplitSong) -> list[tuple[int, int, int]]:
    """Return pitch, tick and end of the notes of the second source track, by onset."""
    (out,) = [out for out in read_outputs(result) if out.split_track.track_number == 1]
    return [
        (note.pitch, note.tick, note.end_tick) for note in pair_notes(out.track.events, out.track.end_tick)
    ]


def test_events_with_negative_delta_times_play_at_their_ticks() -> None:
    body = (
        b"\x60\x90\x3c\x40\x60\x80\x3c\x40"
        + negative(0x60)
        + b"\x90\x3e\x40\x30\x80\x3e\x40\x60"
        + END_OF_TRACK
    )
    result = midiprism.split(damaged(body))
    assert (result.outcome, codes(result), result.lost_bytes) == ("repaired", ["vlq_negative"], None)
    assert notes_of(result) == [(60, 96, 192), (62, 96, 144)]
    assert result.tracks[0].duration_ticks == 240
    assert result.problems[0].offset == damaged(body).index(negative(0x60))


def test_the_end_of_track_stays_last() -> None:
    body = encode_events([*note(0, 60, 0, 96)]) + negative(50) + END_OF_TRACK
    result = midiprism.split(damaged(body))
    assert notes_of(result) == [(60, 0, 96)]
    assert result.tracks[0].duration_ticks == 96


def test_running_status_before_a_negative_delta_time_is_stated_where_it_holds() -> None:
    body = (
        b"\0\x90\x3c\x40\x60\x3c\0"
        + negative(48)
        + b"\x3e\x40\x10\x3e\0\0\xb0\x07\x50"
        + b"\x50"
        + END_OF_TRACK
    )
    assert notes_of(midiprism.split(damaged(body))) == [(60, 0, 96), (62, 48, 64)]


@pytest.mark.parametrize(
    "body",
    [
        negative(1) + b"\x90\x3c\x40" + END,
        b"\0\x90\x3c\x40\x10\x80\x3c\x40" + negative(17) + b"\x90\x3e\x40" + END,
        b"\x60\x90\x3c\x40" + negative(9) + b"\x90\x3e\xc0" + END,
        b"\x60\x90\x3c\x40" + negative(9) + b"\x80\x3c\x40",
        b"\x60\x90\x3c\x40" + negative(9) + b"\x80\x3c\x40" + END + b"\0",
        b"\x60\x90\x3c\x40" + negative(9) + b"\xf7\1\x43" + END,
        b"\x60\x90\x3c\x40" + five_bytes(0x7FFFFFFF) + b"\x80\x3c\x40" + END,
        b"\x60\x90\x3c\x40" + five_bytes(0x100000000) + b"\x80\x3c\x40" + END,
    ],
    ids=[
        "before the start",
        "before the start, later",
        "a data byte above 127",
        "no end of track",
        "an early end of track",
        "a packet",
        "no negative number",
        "more than 32 bits",
    ],
)
def test_without_proof_the_track_is_cut(body: bytes) -> None:
    found = [problem.code for problem in midiprism.inspect(damaged(body)).problems]
    assert "vlq" in found
    assert "vlq_negative" not in found


def test_the_longest_legal_delta_time_is_no_negative_one() -> None:
    body = encode_events(note(0, 60, 0, 96)) + b"\xff\xff\xff\x7f" + END_OF_TRACK
    result = midiprism.split(damaged(body))
    assert (result.outcome, codes(result)) == ("split", [])
    assert result.tracks[0].data.endswith(b"\xff\xff\xff\x7f" + END_OF_TRACK)
