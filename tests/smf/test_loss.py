"""Tests of what damage costs: the bytes that may hold music and were not understood."""

import gzip

import pytest

import midiprism
from midiprism.smf import SplitSong
from support.broken_files import BASS, CONDUCTOR, GOOD_SONG, MELODY
from support.midi_writer import END_OF_TRACK, chunk, encode_events, header, note, raw_track, song, track

END = b"\0" + END_OF_TRACK
NOTES = encode_events(MELODY)
UNREADABLE = b"\x81\x80\x80\x80\0\x90\x40\x40"
"""A delta time that no track may have, and a note."""


def codes(result: SplitSong) -> list[str]:
    return [problem.code for problem in result.problems]


@pytest.mark.parametrize(
    ("data", "lost"),
    [
        (song(CONDUCTOR, raw_track(NOTES + UNREADABLE + END)), len(UNREADABLE + END)),
        (song(CONDUCTOR, raw_track(NOTES + b"\0\xff\1\x7fla"), BASS), 6),
        (song(CONDUCTOR, raw_track(NOTES + END + b"\0" + NOTES), BASS), 1 + len(NOTES)),
        (song(CONDUCTOR, raw_track(b"\0\x3c\x40" + NOTES + END), BASS), 3 + len(NOTES + END)),
        (song(CONDUCTOR, chunk(b"MTrj", NOTES + END), BASS, count=3), 8 + len(NOTES + END)),
        (song(CONDUCTOR, BASS, b"MTr\0" + track(MELODY)[4:], count=3), len(track(MELODY))),
        (song(CONDUCTOR, track(MELODY))[:-5], 3),
        (song(CONDUCTOR, track(MELODY))[:-9], 3),
    ],
    ids=[
        "an impossible delta time",
        "an event that ends behind its track",
        "notes behind an end of track",
        "no status",
        "a track whose type is damaged",
        "a track whose type is no text",
        "a file cut within an event",
        "a file cut within another",
    ],
)
def test_bytes_that_may_hold_music_are_counted(data: bytes, lost: int) -> None:
    result = midiprism.split(data)
    assert (result.outcome, result.lost_bytes) == ("repaired", lost)
    (problem,) = [problem for problem in result.problems if problem.code == "music_lost"]
    assert f" {lost} bytes" in problem.message
    assert problem in midiprism.inspect(data).problems


@pytest.mark.parametrize(
    "data",
    [
        song(CONDUCTOR, track(MELODY, length=9000))[: -len(END) - 4],
        song(CONDUCTOR, track(MELODY), count=3),
        gzip.compress(GOOD_SONG, compresslevel=0, mtime=0)[: -len(END) - 12],
        header(1, 2, 480),
    ],
    ids=["a cut file", "fewer tracks than counted", "cut gzip", "no track"],
)
def test_music_that_is_not_in_the_file_is_lost_without_bytes(data: bytes) -> None:
    result = midiprism.split(data)
    assert (result.lost_bytes, "music_lost" in codes(result)) == (0, True)


@pytest.mark.parametrize(
    "data",
    [
        GOOD_SONG,
        song(CONDUCTOR, track(MELODY, length=len(NOTES) + 9000)),
        song(CONDUCTOR, raw_track(NOTES), BASS),
        song(CONDUCTOR, raw_track(NOTES + b"\0\xff\x2f"), BASS),
        song(CONDUCTOR, track(MELODY))[:-4],
        song(CONDUCTOR, track(MELODY))[:-1],
        song(CONDUCTOR, raw_track(NOTES + END + b"\0" * 100), BASS),
        song(CONDUCTOR, raw_track(NOTES + END + b"\x87\x40" + END_OF_TRACK), BASS),
        song(CONDUCTOR, track(MELODY)) + b"\0" * 99,
        song(CONDUCTOR, track(MELODY)) + b"TAG\x90\x3c\x40" + bytes(122),
        song(CONDUCTOR, chunk(b"XFIH", NOTES), track(MELODY), count=2),
        song(CONDUCTOR, track(MELODY), count=1),
        song(CONDUCTOR, raw_track(NOTES + b"\0\xf4" + END)),
        song(CONDUCTOR, raw_track(NOTES[:8] + b"\0\xc0\xff" + NOTES[8:] + END)),
        GOOD_SONG + song(CONDUCTOR, BASS),
        song(CONDUCTOR, track([])),
    ],
    ids=[
        "no damage",
        "a length too large, and an end of track",
        "no end of track",
        "half an end of track",
        "cut before the end of track",
        "cut within the end of track",
        "padding behind the end of track",
        "another end of track",
        "padding behind the last chunk",
        "a tag behind the last chunk",
        "a chunk that is no track",
        "more tracks than counted",
        "a system message",
        "an impossible program",
        "another song",
        "no notes",
    ],
)
def test_what_costs_no_music_is_no_loss(data: bytes) -> None:
    result = midiprism.split(data)
    assert (result.lost_bytes, "music_lost" in codes(result)) == (None, False)


def test_a_file_of_which_nothing_could_be_read_is_not_said_to_have_no_notes() -> None:
    behind = b"\0\x90\x3c\x40\x60\x3c\0" * 4_000
    data = song(raw_track(END + behind))
    with pytest.raises(
        midiprism.CorruptMidiError, match=r"28,000 bytes .* bytes_after_end_of_track"
    ) as caught:
        midiprism.split(data)
    assert (caught.value.code, caught.value.offset) == ("unreadable_music", 26)
    codes_found = [problem.code for problem in midiprism.inspect(data).problems]
    assert sorted(codes_found) == ["bytes_after_end_of_track", "music_lost"]


def test_a_second_song_is_the_only_one_that_plays() -> None:
    data = song(CONDUCTOR) + song(CONDUCTOR, BASS)
    with pytest.raises(midiprism.CorruptMidiError, match="second_song"):
        midiprism.split(data)


@pytest.mark.parametrize("behind", [b"\0" * 30_000, END * 2_000, b"\0\x3c\x40" * 100])
def test_a_file_without_notes_and_with_padding_has_no_notes(behind: bytes) -> None:
    result = midiprism.split(song(raw_track(END + behind)))
    assert (result.outcome, result.lost_bytes) == ("no_notes", None)


def test_a_loss_does_not_depend_on_how_a_song_is_divided() -> None:
    data = song(CONDUCTOR, raw_track(encode_events([*MELODY, *note(1, 40, 200, 9)]) + UNREADABLE))
    lost = {midiprism.split(data, by=by).lost_bytes for by in ("track", "channel", "program", "auto")}
    assert lost == {len(UNREADABLE)}
