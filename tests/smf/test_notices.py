"""Tests of notices about songs that are right, and that other readers misread or nobody expects."""

import pytest

import midiprism
from midiprism.smf import SplitSong
from support.broken_files import BASS, CONDUCTOR, GOOD_SONG, MELODY
from support.midi_writer import (
    END_OF_TRACK,
    TimedMessage,
    escape,
    meta,
    note,
    program_change,
    song,
    sysex,
    tempo,
    track,
)
from support.wrapped_files import riff

BANK = b"RIFF\x0a\0\0\0DLS colh\0\0"
SOUND_FONT = b"RIFF\x04\0\0\0sfbk"
STRAY_TEMPO = b"\0" + tempo(250_000)


def codes(result: SplitSong) -> list[str]:
    return [problem.code for problem in result.problems]


@pytest.mark.parametrize(
    "message",
    [escape(b"\xf3\1"), escape(b"\x43\x7f\xf7")],
    ids=["an escape", "a packet of a divided message"],
)
def test_a_track_that_other_readers_misread_carries_a_notice(message: bytes) -> None:
    data = song(CONDUCTOR, track([(0, sysex(b"\x43\x12")), (0, message), (0, message), *MELODY]), BASS)
    result = midiprism.split(data)
    assert (result.outcome, codes(result)) == ("split", ["f7_event"])
    assert (result.problems[0].track, "2" in result.problems[0].message) == (1, True)
    assert message in result.tracks[0].data


def test_a_whole_message_is_misread_by_no_reader() -> None:
    assert codes(midiprism.split(song(track([(0, sysex(b"\x43\x12\xf7")), *MELODY])))) == []


@pytest.mark.parametrize("division", [0xE728, 0xE250, 0xE804])
def test_a_division_in_frames_carries_a_notice(division: int) -> None:
    result = midiprism.split(song(CONDUCTOR, track(MELODY), division=division))
    assert (result.outcome, codes(result)) == ("split", ["smpte_time"])
    assert "frames a second" in result.problems[0].message


@pytest.mark.parametrize(
    "data",
    [
        riff((b"data", GOOD_SONG)) + BANK,
        riff((b"data", GOOD_SONG), (b"RIFF", BANK[8:])),
        riff((b"LIST", b"INFO"), (b"RIFF", SOUND_FONT[8:]), (b"data", GOOD_SONG)),
    ],
    ids=["behind the container", "within the container", "before the song"],
)
def test_a_sound_bank_that_is_not_carried_is_named(data: bytes) -> None:
    result = midiprism.split(data)
    assert (result.outcome, sorted(codes(result))) == ("split", ["rmid", "sound_bank"])
    bank = next(problem for problem in result.problems if problem.code == "sound_bank")
    assert bank.offset == data.index(b"RIFF", 4)
    assert result.tracks == midiprism.split(GOOD_SONG).tracks


@pytest.mark.parametrize(
    "data",
    [
        riff((b"data", GOOD_SONG), (b"LIST", b"INFOINAM\4\0\0\0DLS ")),
        riff((b"data", song(CONDUCTOR, track([(0, meta(1, SOUND_FONT)), *MELODY])))),
    ],
    ids=["a title", "a text of the song"],
)
def test_what_looks_like_a_sound_bank_is_none(data: bytes) -> None:
    assert codes(midiprism.split(data)) == ["rmid"]


def test_tempo_events_between_chunks_are_reported_and_set_no_tempo() -> None:
    data = song(CONDUCTOR, STRAY_TEMPO, BASS, count=2)
    result = midiprism.split(data)
    assert (result.outcome, codes(result)) == (
        "split",
        ["tempo_between_chunks", "junk_between_chunks"],
    )
    assert result.problems[0].offset == data.index(STRAY_TEMPO)
    assert result.tracks == midiprism.split(song(CONDUCTOR, BASS)).tracks


@pytest.mark.parametrize(
    "between",
    [
        b"\0\0\0",
        STRAY_TEMPO[:-1],
        STRAY_TEMPO + b"\0",
        b"\0" + meta(1, b"text"),
        b"x" + STRAY_TEMPO[1:] + b"\xff",
    ],
)
def test_other_bytes_between_chunks_are_no_tempo(between: bytes) -> None:
    assert codes(midiprism.split(song(CONDUCTOR, between, BASS, count=2))) == ["junk_between_chunks"]


def doubled(
    drums: list[TimedMessage], base_drums: list[TimedMessage], melody_channel: int = 12, shift: int = 0
) -> bytes:
    """Return a song that plays its music on channels 1 and 10, and again on others."""
    tunes = [[it for at in range(20) for it in note(channel, 60 + at, at * 48 + shift * (channel > 0), 40)]
             for channel in (0, melody_channel)]  # fmt: skip
    return song(CONDUCTOR, *(track(part) for part in (*tunes, drums, base_drums)))


def beats(channel: int, pitches: tuple[int, ...] = (36, 42, 38, 42)) -> list[TimedMessage]:
    return [it for at in range(20) for it in note(channel, pitches[at % len(pitches)], at * 48, 24)]


def test_a_song_for_both_synthesizers_of_windows_has_drums_on_channel_16() -> None:
    result = midiprism.split(doubled(beats(9), [(0, program_change(15, 0)), *beats(15)]))
    assert (result.outcome, codes(result)) == ("split", ["dual_mode"])
    assert [(out.channel, out.instrument) for out in result.tracks] == [
        (0, "Acoustic Grand Piano"),
        (12, "Acoustic Grand Piano"),
        (9, "Standard Kit"),
        (15, "Standard Kit"),
    ]
    assert (result.tracks[3].family, result.tracks[3].own_family) == ("Drums", "Piano")
    assert midiprism.inspect(doubled(beats(9), beats(15))).tracks[4].instrument == "Standard Kit"


@pytest.mark.parametrize(
    "data",
    [
        doubled(beats(9), beats(15, (60, 64, 67))),
        doubled(beats(9), [(tick + 24, message) for tick, message in beats(15)]),
        doubled(beats(9), beats(15), melody_channel=10),
        doubled(beats(9), beats(15), shift=5),
        doubled(beats(9), beats(15)[:10]),
        doubled(beats(9), beats(14)),
        doubled(beats(9), [(0, program_change(15, 47)), *beats(15)]),
    ],
    ids=[
        "other notes",
        "other times",
        "channel 11",
        "another melody",
        "few notes",
        "no channel 16",
        "timpani",
    ],
)
def test_a_song_with_a_part_on_channel_16_plays_it_as_it_is(data: bytes) -> None:
    result = midiprism.split(data)
    assert codes(result) == []
    assert [out.instrument for out in result.tracks].count("Standard Kit") == 1


def test_an_end_of_track_alone_between_chunks_is_no_tempo() -> None:
    assert codes(midiprism.split(song(CONDUCTOR, b"\0" + END_OF_TRACK, BASS, count=2))) == [
        "junk_between_chunks"
    ]
