"""Tests of where a track and a song end: early ends of track, stale tracks, a second song in the file."""

import pytest

import midiprism
from midiprism.smf import SplitSong
from support.broken_files import BASS, CONDUCTOR, MELODY
from support.exact_timing import pair_notes
from support.invariants import read_outputs
from support.midi_writer import (
    END_OF_TRACK,
    LONGEST_DELTA,
    chunk,
    encode_events,
    header,
    meta,
    note,
    note_off,
    note_on,
    program_change,
    raw_track,
    song,
    tempo,
    track,
    track_name,
    vlq,
)

EARLY_END = bytes.fromhex(
    "4d546864000000060000000100604d54726b0000003f00ff5103061a8000c00500ff2f0000ff03064d656c6f647900"
    "c00500903c4060803c0000903d4060803d0000903e4060803e0000903f4060803f0000ff2f00"
)
STALE_TRACK = bytes.fromhex(
    "4d546864000000060001000200604d54726b0000001400ff5103061a8000ff5804040218088740ff2f004d54726b00"
    "00002900ff03064d656c6f647900c00500903c4060803c0000903d4060803d0000903e4060803e0000ff2f00400090"
    "4d54726b0000000c00ff510316e3608740ff2f00"
)

END = b"\0" + END_OF_TRACK
OPENING = encode_events(note(0, 60, 0, 96))
LATER_NOTE = b"\0" + note_on(0, 62) + b"\x60" + note_off(0, 62)
TEMPO_OF_2 = track([(0, tempo(2_000_000))])


def codes(result: SplitSong) -> list[str]:
    return [problem.code for problem in result.problems]


def notes_of(result: SplitSong) -> list[tuple[int, int, int]]:
    """Return pitch, tick and end of all notes of a result with one track that plays."""
    (out,) = read_outputs(result)
    return [
        (note.pitch, note.tick, note.end_tick) for note in pair_notes(out.track.events, out.track.end_tick)
    ]


def test_music_behind_an_early_end_of_track_belongs_to_the_track() -> None:
    result = midiprism.split(EARLY_END)
    assert (result.outcome, codes(result)) == ("repaired", ["early_end_of_track"])
    assert notes_of(result) == [(60, 0, 96), (61, 96, 192), (62, 192, 288), (63, 288, 384)]
    (only,) = result.tracks
    assert only.name == "Melody"
    assert only.duration_seconds == pytest.approx(1.6)
    early = EARLY_END.index(END)
    assert only.data[22:] == EARLY_END[22:early] + EARLY_END[early + len(END) :]
    assert result.problems[0].offset == early


def test_the_delta_time_of_an_early_end_of_track_still_passes() -> None:
    for delta in (48, 300, LONGEST_DELTA):
        later = vlq(delta) + END_OF_TRACK + b"\x10" + LATER_NOTE[1:]
        result = midiprism.split(song(raw_track(OPENING + later + END)))
        assert notes_of(result)[1] == (62, 96 + delta + 16, 96 + delta + 16 + 96)


def test_several_early_ends_of_track_are_dropped_up_to_the_last_note() -> None:
    body = OPENING + END + END + LATER_NOTE + b"\x30" + END_OF_TRACK + LATER_NOTE + END
    result = midiprism.split(song(raw_track(body)))
    assert notes_of(result) == [(60, 0, 96), (62, 96, 192), (62, 240, 336)]
    assert codes(result) == ["early_end_of_track"]
    assert "3" in result.problems[0].message


def test_the_last_end_of_track_behind_the_last_note_counts() -> None:
    result = midiprism.split(song(raw_track(OPENING + END + LATER_NOTE + END + b"\x60" + END_OF_TRACK)))
    assert result.duration_ticks == 192
    assert codes(result) == ["early_end_of_track", "bytes_after_end_of_track"]


def test_an_early_end_of_track_does_not_hide_a_tempo_map() -> None:
    conductor = raw_track(
        b"\0" + tempo(400_000) + END + b"\0" + note_on(9, 36) + b"\x60" + tempo(800_000) + END
    )
    result = midiprism.split(song(conductor, track(note(0, 60, 0, 192)), division=96))
    assert result.tracks[1].duration_seconds == pytest.approx(1.2)


@pytest.mark.parametrize(
    "behind",
    [
        b"\0",
        bytes(40),
        END,
        b"\x87\x40" + END_OF_TRACK,
        b"\0" + meta(1, b"text") + END,
        b"\0" + program_change(0, 5) + END,
        b"\0\x3e\x40\x60\x3e\0" + END,
        LATER_NOTE,
        LATER_NOTE + END + b"\0",
        LATER_NOTE + b"\0\xf4" + END,
        LATER_NOTE + b"\0\x90\x3e\xc0" + END,
        END_OF_TRACK + LATER_NOTE + END,
    ],
    ids=[
        "a zero",
        "zeros",
        "a doubled end",
        "a doubled end with a delta time",
        "a text",
        "a program",
        "running status",
        "no last end",
        "bytes behind the last end",
        "a system message",
        "a data byte above 127",
        "no delta time",
    ],
)
def test_what_is_no_music_behind_the_end_of_track_changes_nothing(behind: bytes) -> None:
    result = midiprism.split(song(raw_track(OPENING + END + behind), BASS))
    may_hold_notes = b"\x90" in behind
    assert (result.outcome, set(codes(result))) == (
        ("repaired", {"bytes_after_end_of_track", "music_lost"})
        if may_hold_notes
        else ("split", {"bytes_after_end_of_track"})
    )
    assert result.lost_bytes == (len(behind) if may_hold_notes else None)
    assert result.tracks[0].data[22:] == OPENING + END


def test_stale_tracks_behind_the_last_one_are_trailing_bytes() -> None:
    result = midiprism.split(STALE_TRACK)
    assert (result.outcome, codes(result), result.num_tracks) == (
        "split",
        ["stale_tracks", "trailing_bytes"],
        2,
    )
    assert [problem.offset for problem in result.problems] == [STALE_TRACK.index(b"\x40\0\x90MTrk")] * 2
    (only,) = result.tracks
    assert (only.note_count, only.tempo_count) == (3, 1)
    assert only.duration_seconds == pytest.approx(1.2)


def test_tracks_apart_from_the_counted_ones_are_not_used_even_if_they_play() -> None:
    for count, gap in ((2, b"\0\0"), (2, b"MTr" * 9)):
        data = song(CONDUCTOR, track(MELODY), gap, BASS, TEMPO_OF_2, count=count)
        result = midiprism.split(data)
        assert [out.track_number for out in result.tracks] == [1]
        assert result.tracks == midiprism.split(song(CONDUCTOR, track(MELODY))).tracks
        assert "2 tracks" in result.problems[0].message
        assert str(len(gap + BASS + TEMPO_OF_2)) in result.problems[1].message


@pytest.mark.parametrize(
    "between",
    [b"", b"\0", chunk(b"XFIH", b"MTrk not"), chunk(b"XFIH", b"odd") + b"\0", b"\0" + chunk(b"XFKM", b"??")],
    ids=["nothing", "one pad byte", "a chunk", "a chunk and a pad byte", "a pad byte and a chunk"],
)
def test_adjacent_tracks_beyond_the_count_stay(between: bytes) -> None:
    result = midiprism.split(song(CONDUCTOR, track(MELODY), between, BASS, count=2))
    assert [out.track_number for out in result.tracks] == [1, 2]
    assert "stale_tracks" not in codes(result)


@pytest.mark.parametrize(
    "data",
    [
        song(CONDUCTOR, b"\0\0\0", track(MELODY), count=1),
        song(CONDUCTOR, b"\0\0\0", track(MELODY), count=2),
        song(BASS, b"\0\0\0", track(MELODY), count=0),
        song(raw_track(OPENING + END, 3), b"\0\0\0", track(MELODY), count=1),
        song(raw_track(OPENING + END, 700), b"\0\0\0", track(MELODY), count=1),
    ],
    ids=[
        "the counted tracks hold no notes",
        "the track is counted",
        "no track is counted",
        "a length is too small",
        "a length is too large",
    ],
)
def test_a_count_that_proves_nothing_ends_no_song(data: bytes) -> None:
    result = midiprism.split(data)
    assert 60 in {out.lowest_pitch for out in result.tracks}
    assert result.num_tracks == 2
    assert "stale_tracks" not in codes(result)


def test_a_second_song_in_a_file_is_reported_and_shares_nothing_with_the_first() -> None:
    first = song(CONDUCTOR, track(MELODY), division=96)
    second = song(track([(0, tempo(100_000)), *note(3, 90, 48, 7)]), midi_format=0, division=480)
    for between in (b"", b"\0", b"\0\r\n\0", chunk(b"XFIH", b"odd")):
        result = midiprism.split(first + between + second)
        assert result.tracks == midiprism.split(first).tracks
        assert (result.num_tracks, result.outcome) == (2, "split")
        (found,) = (problem for problem in result.problems if problem.code == "second_song")
        assert (found.track, found.offset) == (None, len(first + between))
        assert str(len(second)) in found.message


def test_a_second_song_behind_a_track_with_a_wrong_length_is_found() -> None:
    first = song(CONDUCTOR, track(MELODY, length=200))
    result = midiprism.split(first + song(BASS, BASS, TEMPO_OF_2))
    assert [out.data for out in result.tracks] == [
        out.data for out in midiprism.split(song(CONDUCTOR, track(MELODY))).tracks
    ]
    assert codes(result) == ["track_truncated", "second_song"]


@pytest.mark.parametrize(
    "data",
    [
        header(1, 2, 480) + song(CONDUCTOR, track(MELODY)),
        song(CONDUCTOR, track(MELODY)) + header(1, 1, 480),
        song(CONDUCTOR, chunk(b"SONG", song(BASS)), track(MELODY)),
        song(CONDUCTOR, track([(0, track_name(b"MThd\0\0\0\6")), *MELODY])),
    ],
    ids=["two headers", "a last header", "a song in a private chunk", "a name"],
)
def test_a_second_header_without_a_song_of_its_own_ends_no_song(data: bytes) -> None:
    result = midiprism.split(data)
    assert "second_song" not in codes(result)
    assert notes_of(result) == [(60, 0, 96), (62, 96, 192)]
