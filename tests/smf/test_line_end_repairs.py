"""Tests of songs whose line ends were translated, as if they were texts."""

from random import Random

import pytest

import midiprism
from midiprism.smf import SplitSong
from support.broken_files import CONDUCTOR, GOOD_SONG
from support.exact_timing import pair_notes
from support.invariants import read_outputs
from support.midi_writer import (
    RUNNING_STATUS_STYLE,
    TimedMessage,
    control_change,
    meta,
    note,
    raw_track,
    song,
    sysex,
    tempo,
    track,
    track_name,
)


def codes(result: SplitSong) -> set[str]:
    return {problem.code for problem in result.problems}


def notes(result: SplitSong, track_number: int) -> list[tuple[int, int, int]]:
    """Return pitch, tick and end of the notes of a source track."""
    return [
        (note.pitch, note.tick, note.end_tick)
        for out in read_outputs(result)
        if out.split_track.track_number == track_number
        for note in pair_notes(out.track.events, out.track.end_tick)
    ]


def lf_to_crlf(data: bytes) -> bytes:
    return data.replace(b"\n", b"\r\n")


def cr_to_crlf(data: bytes) -> bytes:
    return data.replace(b"\r", b"\r\n")


def crlf_to_lf(data: bytes) -> bytes:
    return data.replace(b"\r\n", b"\n")


def melody(*extra: TimedMessage) -> bytes:
    """Return a track with notes whose data bytes and delta times are CR, LF and others."""
    messages = list(extra)
    for step in range(40):
        length, velocity = 10 if step % 3 else 100, 13 if step % 5 == 1 else 64
        messages += note(0, 60 + step % 12, 480 + 130 * step, length, velocity)
    return track(sorted(messages, key=lambda message: message[0]))


SONGS = {
    "LF and CR": song(CONDUCTOR, melody((0, control_change(0, 10, 64)), (0, control_change(0, 13, 64)))),
    "ten tracks": song(CONDUCTOR, *[melody()] * 9),
    "a length with LF": song(CONDUCTOR, track([(0, meta(1, bytes(2560 - 9)))], end=3), melody()),
    "a division with LF": song(CONDUCTOR, melody(), division=0x0A0A),
}


@pytest.mark.parametrize("data", SONGS.values(), ids=SONGS.keys())
@pytest.mark.parametrize("translate", [lf_to_crlf, cr_to_crlf])
def test_a_translation_to_crlf_is_undone(translate: object, data: bytes) -> None:
    damaged = translate(data)  # type: ignore[operator]
    assert damaged != data
    result = midiprism.split(damaged)
    assert result.outcome == "repaired"
    assert codes(result) == {"line_ends"}
    assert result.tracks == midiprism.split(data).tracks
    expected = "LF to CRLF" if translate is lf_to_crlf else "CR to CRLF"
    assert expected in result.problems[0].message
    assert result.problems[0].offset == damaged.index(b"\r\n") + (translate is cr_to_crlf)


@pytest.mark.parametrize("other", [b"\r", b"\n"])
def test_a_bare_cr_or_lf_proves_which_one_was_translated(other: bytes) -> None:
    # Both ways give chunks that fit.
    data = song(CONDUCTOR, track([(0, track_name(b"a" + other + b"b\r\n\r\nc")), *note(0, 60, 0, 10)]))
    translate = lf_to_crlf if other == b"\r" else cr_to_crlf
    result = midiprism.split(translate(data))
    assert codes(result) == {"line_ends"}
    assert result.tracks == midiprism.split(data).tracks


def test_if_both_ways_fit_the_one_without_damage_is_right() -> None:
    # As CR the size of the text would reach over the end of its track.
    data = song(CONDUCTOR, raw_track(b"\0\xff\1\x0atext text.\0\x90\x3c\x40\0\xff\x2f\0"))
    assert lf_to_crlf(data) == cr_to_crlf(data.replace(b"\n", b"\r"))
    result = midiprism.split(lf_to_crlf(data))
    assert codes(result) == {"line_ends", "hanging_notes"}
    assert result.tracks == midiprism.split(data).tracks


def test_if_both_ways_are_free_of_damage_nothing_is_undone() -> None:
    data = song(CONDUCTOR, track([(0, track_name(b"Bass\nguitar")), *note(0, 60, 0, 96)]))
    problems = {problem.code for problem in midiprism.inspect(lf_to_crlf(data)).problems}
    assert "line_ends_ambiguous" in problems
    assert "line_ends" not in problems


def test_a_cr_that_was_lost_is_put_back_where_there_is_only_one_place() -> None:
    for name in (b"Bass\r\nguitar", b"\r\n\r\n"):
        data = song(CONDUCTOR, track([(0, track_name(name)), *note(0, 60, 0, 96)]), melody_without_lf())
        result = midiprism.split(crlf_to_lf(data))
        assert (result.outcome, codes(result)) == ("repaired", {"line_ends"})
        assert result.tracks == midiprism.split(data).tracks
        assert "CRLF to LF" in result.problems[0].message


def melody_without_lf() -> bytes:
    return track(note(1, 40, 0, 96))


def test_only_the_place_without_damage_gets_its_cr_back() -> None:
    # A CR before the LF in the notes would shift every byte behind it.
    events = [(0, sysex(b"\x7e\r\n\xf7")), *note(0, 60, 0, 10), *note(0, 62, 10, 96)]
    data = song(CONDUCTOR, track(events))
    result = midiprism.split(crlf_to_lf(data))
    assert codes(result) == {"line_ends"}
    assert result.tracks == midiprism.split(data).tracks


def test_places_of_a_lost_cr_within_one_text_make_no_difference_to_the_notes() -> None:
    data = song(
        CONDUCTOR, track([(0, track_name(b"Bass\r\ngui\ntar")), *note(0, 60, 0, 96)]), melody_without_lf()
    )
    result = midiprism.split(crlf_to_lf(data))
    assert codes(result) == {"line_ends"}
    assert notes(result, 1) == notes(midiprism.split(data), 1) == [(60, 0, 96)]
    assert result.tracks[-1].data == midiprism.split(data).tracks[-1].data


def with_line_ends_in_controllers(*end: bytes) -> list[TimedMessage]:
    """Return notes with controllers between them, of which some numbers, values and delta times are LF."""
    controllers = [control_change(0, 13, 10), control_change(0, 10, 10), control_change(0, 10, 64)]
    changes = [(96 + 10 * number, message) for number, message in enumerate(controllers)]
    return [*note(0, 60, 0, 86), *changes, *note(0, 62, 200, 40)]


def test_of_several_ways_only_what_they_have_in_common_is_kept() -> None:
    # The lost CR may be the number of a controller, its value, or a delta time that delays all that follows.
    data = song(
        CONDUCTOR, track(with_line_ends_in_controllers(), style=RUNNING_STATUS_STYLE), melody_without_lf()
    )
    result = midiprism.split(crlf_to_lf(data))
    assert result.outcome == "repaired"
    assert codes(result) == {"line_ends_ambiguous", "missing_end_of_track", "music_lost"}
    assert result.lost_bytes
    assert notes(result, 1) == [(60, 0, 86)]
    assert result.tracks[-1].data == midiprism.split(data).tracks[-1].data


def test_a_long_text_that_has_lost_hundreds_of_crs_gets_them_back() -> None:
    text = meta(1, b"a line of a text\r\n" * 600)
    data = song(CONDUCTOR, track([(0, text), *note(0, 60, 10, 13, 10)]), melody_without_lf())
    result = midiprism.split(crlf_to_lf(data))
    assert codes(result) == {"line_ends"}
    assert result.tracks == midiprism.split(data).tracks


def test_the_way_that_ends_every_note_is_the_right_one() -> None:
    # With the CR as velocity, the pitch would be another than that of the note-off.
    data = song(CONDUCTOR, track([*note(0, 13, 0, 10, 10), *note(0, 62, 20, 96)]), melody_without_lf())
    assert b"\x90\x0d\x0a\x0a\x80\x0d" in data
    result = midiprism.split(crlf_to_lf(data))
    assert codes(result) == {"line_ends"}
    assert result.tracks == midiprism.split(data).tracks


def test_offsets_of_problems_are_those_in_the_file() -> None:
    data = song(CONDUCTOR, melody(), track([(0, tempo(0)), *note(1, 40, 0, 96)]))
    damaged = b"junk" + lf_to_crlf(data)
    found = {problem.code: problem.offset for problem in midiprism.split(damaged).problems}
    assert found == {
        "junk_before_header": 0,
        "line_ends": damaged.index(b"\r\n"),
        "tempo_zero": damaged.index(b"\0" + tempo(0)),
    }


@pytest.mark.parametrize(
    "data",
    [
        song(CONDUCTOR, track([(0, track_name(b"one\r\ntwo\r\n")), *note(0, 60, 0, 96)])),
        song(CONDUCTOR, track([(0, control_change(0, 13, 10)), *note(0, 60, 10, 13, 10)])),
        GOOD_SONG + b"\r\n",
        song(CONDUCTOR, track(note(0, 60, 0, 96), length=9000), melody()),
        song(CONDUCTOR, raw_track(b"\0\x90\x3c\x0d\x0a\x3c\0"), melody(), count=7),
    ],
    ids=["a text", "notes", "a last line", "a wrong length", "no end of track"],
)
def test_bytes_that_only_look_like_line_ends_stay(data: bytes) -> None:
    result = midiprism.split(data)
    assert codes(result).isdisjoint({"line_ends", "line_ends_ambiguous"})


def test_a_file_whose_translation_went_both_ways_stays() -> None:
    rng = Random(3)
    body = bytes(rng.choice(b"\r\n") for _ in range(200))
    data = song(CONDUCTOR, track([(0, meta(1, body)), *note(0, 60, 0, 96)]))
    damaged = lf_to_crlf(data)[:-40] + b"\n" + lf_to_crlf(data)[-40:]
    assert "line_ends" not in {problem.code for problem in midiprism.inspect(damaged).problems}
