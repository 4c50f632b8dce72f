"""Tests of chunks and containers whose sizes are wrong."""

import pytest

import midiprism
from midiprism.smf import SplitSong
from support.broken_files import BASS, CONDUCTOR, GOOD_SONG, MELODY
from support.midi_writer import chunk, header, song, track, track_name
from support.wrapped_files import riff

RIFF_WITHOUT_SIZES = bytes.fromhex("5249464600000000524d49446461746100000000")
MELODY_TRACK = track(MELODY)
INFO = b"LIST\4\0\0\0INFO"


def codes(result: SplitSong) -> list[str]:
    return [problem.code for problem in result.problems]


def rmid(data: bytes, size: int, rest: bytes = b"") -> bytes:
    """Return an RMID file that states any size of its data."""
    return RIFF_WITHOUT_SIZES[:-4] + size.to_bytes(4, "little") + data + rest


@pytest.mark.parametrize("excess", [3, 11, len(MELODY_TRACK) + 5])
def test_an_unknown_chunk_does_not_swallow_a_track(excess: int) -> None:
    private = chunk(b"XFIH", b"private", 7 + excess)
    result = midiprism.split(song(CONDUCTOR, private, MELODY_TRACK, BASS))
    assert (result.outcome, codes(result)) == ("repaired", ["chunk_length", "unknown_chunk"])
    assert result.tracks == midiprism.split(song(CONDUCTOR, MELODY_TRACK, BASS)).tracks
    assert [problem.offset for problem in result.problems] == [14 + len(CONDUCTOR)] * 2


@pytest.mark.parametrize(
    "private",
    [
        chunk(b"SONG", GOOD_SONG),
        chunk(b"SONG", MELODY_TRACK + BASS),
        chunk(b"SONG", MELODY_TRACK + b"!") + b"\0",
        chunk(b"XFIH", b"MTrk\0\0\0\4\0\x90\x3c\x40"),
    ],
    ids=["a song", "tracks", "a track, and a pad byte", "half a track"],
)
def test_a_private_chunk_that_embeds_a_song_stays_skipped(private: bytes) -> None:
    result = midiprism.split(song(CONDUCTOR, private, BASS))
    assert [out.data for out in result.tracks] == [
        out.data for out in midiprism.split(song(CONDUCTOR, BASS)).tracks
    ]
    assert "chunk_length" not in codes(result)
    assert result.outcome == "split"


def test_a_wrong_length_lets_no_embedded_song_out_of_its_chunk() -> None:
    private = chunk(b"SONG", b"??" + GOOD_SONG, 9 + len(GOOD_SONG))
    with pytest.raises(midiprism.CorruptMidiError) as caught:
        midiprism.split(song(CONDUCTOR, private, BASS))
    assert caught.value.code == "unreadable_music"
    assert "chunk_length" not in str(caught.value)


def test_a_private_chunk_up_to_the_end_of_the_file_stays_skipped() -> None:
    result = midiprism.split(song(CONDUCTOR, BASS, chunk(b"SONG", MELODY_TRACK), count=2))
    assert codes(result) == ["unknown_chunk"]


def test_a_container_without_sizes_is_read() -> None:
    result = midiprism.split(RIFF_WITHOUT_SIZES + GOOD_SONG)
    assert (result.outcome, codes(result)) == ("repaired", ["rmid", "rmid_size"])
    assert result.tracks == midiprism.split(GOOD_SONG).tracks
    assert [problem.offset for problem in result.problems] == [0, 16]


@pytest.mark.parametrize("rest", [b"", INFO, b"DISP\2\0\0\0la", b"RIFF\4\0\0\0DLS ", b"\0" + INFO])
@pytest.mark.parametrize(
    "size", [0, 5, 14, len(GOOD_SONG) - 1, len(GOOD_SONG) - 20, len(GOOD_SONG) - len(MELODY_TRACK)]
)
def test_a_container_with_a_size_that_cuts_a_track_is_read_up_to_its_next_chunk(
    size: int, rest: bytes
) -> None:
    result = midiprism.split(rmid(GOOD_SONG, size, rest))
    assert result.tracks == midiprism.split(GOOD_SONG).tracks
    optional = {"trailing_bytes", "sound_bank"}
    assert {"rmid", "rmid_size"} <= set(codes(result)) <= {"rmid", "rmid_size", *optional}
    assert ("trailing_bytes" in codes(result)) == rest.startswith(b"\0")


def test_a_track_may_hold_the_name_of_a_chunk() -> None:
    data = song(CONDUCTOR, track([(0, track_name(b"LIST of DISP")), *MELODY]))
    result = midiprism.split(rmid(data, 0, INFO))
    assert [out.note_count for out in result.tracks] == [2]
    assert codes(result) == ["rmid", "rmid_size"]


@pytest.mark.parametrize(
    "data",
    [
        riff((b"data", GOOD_SONG), (b"LIST", b"INFO")),
        riff((b"data", GOOD_SONG[:-4]), (b"LIST", b"INFO")),
        riff((b"data", GOOD_SONG + b"\0\0\0")),
        riff((b"data", song(CONDUCTOR, track(MELODY, length=9000))), (b"DISP", b"la")),
        riff((b"data", header(1, 2, 480)), (b"DISP", b"la")),
        riff((b"data", GOOD_SONG))[:-3],
    ],
    ids=["whole", "cut short", "padded", "a long last track", "no track", "the end of the file"],
)
def test_a_container_whose_size_leads_to_its_next_chunk_is_believed(data: bytes) -> None:
    assert "rmid_size" not in codes(midiprism.split(data))
