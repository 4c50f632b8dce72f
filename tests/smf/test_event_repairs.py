"""Tests of damaged events that can be read with proof, and of those that no repair may give a meaning."""

import pytest

import midiprism
from midiprism.smf import SplitSong
from support.broken_files import BASS, CONDUCTOR
from support.exact_timing import pair_notes
from support.invariants import read_outputs
from support.midi_writer import (
    END_OF_TRACK,
    control_change,
    encode_events,
    meta,
    note,
    note_off,
    note_on,
    raw_track,
    song,
    sysex,
    tempo,
    track_name,
    vlq,
)

SHORT_NAME = bytes.fromhex(
    "4d546864000000060001000300604d54726b0000001400ff5103061a8000ff5804040218088740ff2f004d54726b00"
    "00003000ff030c416c746f2054726f6d626f6e6500c03900903c4060803c0000903e4060803e00009040406080400000"
    "ff2f004d54726b0000003100ff03064d656c6f647900c10500913c4060813c0000913d4060813d0000913e4060813e00"
    "00913f4060813f0000ff2f00"
)
LONG_SYSEX = bytes.fromhex(
    "4d546864000000060001000200604d54726b0000001800f00c4110421240007f0041f700ff510303d09060ff2f004d"
    "54726b0000003100ff03064d656c6f647900c00500903c4060803c0000903d4060803d0000903e4060803e0000903f40"
    "60803f0000ff2f00"
)
IMPOSSIBLE_BANK = bytes.fromhex(
    "4d546864000000060001000200604d54726b0000001400ff5103061a8000ff5804040218088740ff2f004d54726b00"
    "00002400ff030d547265626c6520436c6566204100b100ff00c10100913c4060813c0000ff2f00"
)

END = b"\0" + END_OF_TRACK
MELODY = encode_events([*note(0, 60, 0, 96), *note(0, 62, 96, 96)])
MELODY_NOTES = [(60, 0, 96), (62, 96, 192)]


def codes(result: SplitSong) -> list[str]:
    return [problem.code for problem in result.problems]


def notes_of(result: SplitSong, track_number: int = 1) -> list[tuple[int, int, int]]:
    """Return pitch, tick and end of the notes of a source track."""
    return [
        (note.pitch, note.tick, note.end_tick)
        for out in read_outputs(result)
        if out.split_track.track_number == track_number
        for note in pair_notes(out.track.events, out.track.end_tick)
    ]


def damaged(body: bytes) -> bytes:
    """Return a file of a conductor, a track of these bytes, and a bass."""
    return song(CONDUCTOR, raw_track(body), BASS)


def test_a_name_with_a_length_too_small_costs_no_note() -> None:
    result = midiprism.split(SHORT_NAME)
    assert (result.outcome, codes(result)) == ("repaired", ["event_length"])
    assert [(out.name, out.note_count) for out in result.tracks] == [("Alto Trombone", 3), ("Melody", 4)]
    assert result.tracks[0].instrument == "Trombone"
    assert (result.problems[0].track, result.problems[0].offset) == (1, SHORT_NAME.index(b"\0\xff\3\x0cAlto"))


def test_a_sysex_with_a_length_too_large_stops_at_its_end_and_costs_no_tempo() -> None:
    result = midiprism.split(LONG_SYSEX)
    assert (result.outcome, codes(result)) == ("repaired", ["event_length"])
    (only,) = result.tracks
    assert only.duration_seconds == pytest.approx(1.0)
    assert only.tempo == pytest.approx(240)


@pytest.mark.parametrize(
    "event",
    [
        b"\xff\3\7Trombone",
        b"\xff\3\2Trombone",
        b"\xff\3\x09Trombone",
        b"\xff\3\x1cTrombone",
        b"\xff\3\x7fTrombone",
        b"\xff\1\x04Trombone",
        b"\xff\x7f\x03\0\0\x41\x7f",
        b"\xff\x51\x02\x07\xa1\x20",
        b"\xff\x51\x04\x07\xa1\x20",
        b"\xff\x51\x40\x07\xa1\x20",
        b"\xff\x58\x05\x04\x02\x18\x08",
        b"\xff\x59\x03\0\0",
        b"\xf0\x03\x7e\x7f\x09\x01\xf7",
        b"\xf0\x08\x7e\x7f\x09\x01\xf7",
        b"\xf0\x00\x7e\x7f\x09\x01\xf7",
    ],
    ids=lambda event: event.hex(" "),
)
def test_a_wrong_length_of_one_event_costs_no_note(event: bytes) -> None:
    result = midiprism.split(damaged(b"\0" + event + MELODY + END))
    assert (result.outcome, codes(result)) == ("repaired", ["event_length"])
    assert notes_of(result) == MELODY_NOTES
    assert notes_of(result, 2) == [(36, 0, 192)]


def test_the_events_that_a_length_too_large_has_swallowed_are_read() -> None:
    body = b"\0\xff\3\x30Name\0" + tempo(250_000) + b"\0\xff\1\2la" + MELODY + END
    result = midiprism.split(damaged(body))
    assert notes_of(result) == MELODY_NOTES
    assert [out.tempo_count for out in result.tracks] == [1, 1]
    assert result.tracks[0].name == "Name"
    assert result.tracks[0].tempo == pytest.approx(240)


@pytest.mark.parametrize(
    ("event", "delta"),
    [
        (b"\xff\1\3\x83\x73\x83\x41\x83\x6d", 0),
        (b"\xff\3\4Piano", 258),
        (b"\xff\1\2Caf\xe9", 0),
        (b"\xff\1\x0cPiano", 0),
    ],
    ids=["a note-off in a text", "a status in a delta time", "a bend in a text", "a note in a text"],
)
@pytest.mark.parametrize("before", [b"", note_on(0, 60)], ids=["first", "after a note-on"])
def test_a_track_that_is_misread_is_read_again(event: bytes, delta: int, before: bytes) -> None:
    rest = vlq(delta) + (note_off(0, 60) + MELODY if before else MELODY[1:])
    result = midiprism.split(damaged(b"\0" * bool(before) + before + b"\0" + event + rest + END))
    assert (result.outcome, set(codes(result)) - {"text_encoding"}) == ("repaired", {"event_length"})
    first = [(60, 0, delta)] if before else []
    assert notes_of(result) == first + [
        (pitch, tick + delta, end + delta) for pitch, tick, end in MELODY_NOTES
    ]


@pytest.mark.parametrize(
    ("text", "delta"),
    [
        (b"Caf\xe9", b"\0"),
        (b"Caf\xc3\xa9", b"\0"),
        ("ポップム".encode("cp932"), b"\0"),
        (b"Caf\xe9", b"\x81\x02"),
        (b"love", b"\x8f\0"),
    ],
)
def test_a_byte_above_127_belongs_to_the_text_if_the_delta_time_would_be_long(
    text: bytes, delta: bytes
) -> None:
    body = b"\0\xff\1" + bytes([len(text) + 30]) + text + delta + MELODY[1:] + END
    result = midiprism.split(damaged(body))
    assert text + delta + MELODY[1:5] in result.tracks[0].data


@pytest.mark.parametrize(
    "body",
    [
        b"\0\xff\1\4Name\0\x90\x3c\x40\0\xff\1\0\x60\x3c\0" + MELODY[:4] + END,
        b"\0\xff\1\4Name" + MELODY + b"\0\xff\1\0\0\x3e\x40" + END,
        b"\0\xff\1\4Name\0\xb0\0\xff" + MELODY + END,
        b"\0\xff\1\4Name\0\x90\x3c\xff\x60\x80\x3c\0" + MELODY + END,
        b"\0\xff\1\4Name\0\xc0\5\0\xff\1\0" + MELODY[:8] + b"\0\x40\x40" + END,
    ],
    ids=["a hanging note", "a hanging end", "a bank behind a text", "a loud note", "a note behind a text"],
)
def test_other_faults_behind_a_text_do_not_change_its_length(body: bytes) -> None:
    result = midiprism.split(damaged(body))
    assert "event_length" not in codes(result)
    assert b"\xff\1\4Name" in result.tracks[0].data


def test_an_event_with_the_right_length_is_not_skipped_for_one_that_is_wrong_behind_it() -> None:
    body = b"\0" + track_name(b"Name") + b"\0\xff\1\x7fla\0" + tempo(250_000) + MELODY + END
    result = midiprism.split(damaged(body))
    assert notes_of(result) == MELODY_NOTES
    assert b"\xff\3\4Name\0\xff\1\2la" in result.tracks[0].data


@pytest.mark.parametrize(
    "body",
    [
        b"\0" + b"\xf7\x7f\x43\x12\xf7" + MELODY + END,
        b"\0\xff\3\7Trombone" + MELODY,
        b"\0\xff\3\7Trombone" + MELODY + END + b"\0",
        b"\0\xff\3\7Trombone" + MELODY[1:] + b"\0\xf4" + END,
        b"\0\xff\3\4Name" + MELODY + b"\0\x90\x3e" + END,
        b"\0" + track_name(b"Name") + MELODY[:8] + b"\x60\xff" + MELODY[8:] + END,
    ],
    ids=[
        "an F7 packet",
        "no end of track",
        "an early end",
        "a system message",
        "a note cut short",
        "a byte too much",
    ],
)
def test_without_proof_the_length_of_an_event_stays(body: bytes) -> None:
    assert "event_length" not in codes(midiprism.split(damaged(body)))


@pytest.mark.parametrize(
    "event",
    [track_name(b"Fl\x90gel\0\x90"), sysex(b"\x7e\x7f\x09\x01"), meta(0x7F, b"\0\x90\x3c\x40\0\x90")],
    ids=["a name with high bytes", "a sysex without F7", "notes in sequencer data"],
)
def test_a_track_that_reaches_its_end_as_it_is_stays_as_it_is(event: bytes) -> None:
    result = midiprism.split(damaged(b"\0" + event + MELODY + END))
    assert (result.outcome, codes(result)) in (("split", []), ("split", ["text_encoding"]))
    assert b"\0" + event in result.tracks[0].data


def test_a_sysex_that_is_too_short_but_read_to_the_end_stays_as_it_is() -> None:
    # The F7 becomes a delta time.
    result = midiprism.split(damaged(b"\0\xf0\4\x7e\x7f\x09\x01\xf7" + MELODY + END))
    assert (result.outcome, codes(result)) == ("split", [])


@pytest.mark.parametrize("value", [b"\x80\x80\x80\x80\x60", b"\x80\x80\x80\x81\x10", b"\x80\xff\xff\xff\x7f"])
def test_a_delta_time_of_five_bytes_with_a_legal_value_is_read(value: bytes) -> None:
    ticks = 0
    for byte in value:
        ticks = ticks << 7 | byte & 127
    result = midiprism.split(damaged(MELODY + value + note_on(0, 64) + b"\1" + note_off(0, 64) + END))
    assert (result.outcome, codes(result)) == ("repaired", ["vlq_overlong"])
    assert notes_of(result) == [*MELODY_NOTES, (64, 192 + ticks, 193 + ticks)]


def test_overlong_lengths_are_read_and_counted() -> None:
    body = b"\0\xff\3\x80\x80\x80\x80\4Name" + b"\0\xf0\x80\x80\x80\x80\1\xf7" + b"\x80\x80\x80\x80" + MELODY
    result = midiprism.split(damaged(body + END))
    assert notes_of(result) == MELODY_NOTES
    assert codes(result) == ["vlq_overlong"]
    assert "3" in result.problems[0].message
    assert result.tracks[0].name == "Name"


@pytest.mark.parametrize(
    "value", [b"\x81\x80\x80\x80\x00", b"\xff\xff\xff\xff\x7f", b"\x80\x80\x80\x80\x80\x60"]
)
def test_a_number_whose_value_is_too_large_or_that_is_longer_still_cuts_the_track(value: bytes) -> None:
    result = midiprism.split(damaged(MELODY[:8] + value + MELODY[9:] + END))
    assert set(codes(result)) == {"vlq", "missing_end_of_track", "music_lost"}
    assert notes_of(result) == MELODY_NOTES[:1]


def test_an_impossible_bank_does_not_become_drums() -> None:
    result = midiprism.split(IMPOSSIBLE_BANK)
    assert (result.outcome, codes(result)) == ("repaired", ["data_byte_dropped"])
    (only,) = result.tracks
    assert (only.instrument, only.note_count) == ("Bright Acoustic Piano", 1)
    assert b"\xb1" not in only.data
    assert result.problems[0].offset == IMPOSSIBLE_BANK.index(b"\xb1\0\xff") + 1


@pytest.mark.parametrize(
    "event",
    [
        b"\xc0\xff",
        b"\x90\xbc\x40",
        b"\x80\xbc\x40",
        b"\xa0\xbc\x40",
        b"\xb0\xff\x40",
        *(bytes([0xB0, number, 0x80]) for number in (0, 32, 6, 38, *range(96, 102), *range(120, 128))),
        b"\xb0\x40\xff",
    ],
    ids=lambda event: event.hex(" "),
)
def test_an_impossible_choice_is_dropped_and_its_time_still_passes(
    event: bytes,
) -> None:
    result = midiprism.split(damaged(MELODY[:8] + b"\x30" + event + MELODY[8:] + END))
    is_note = event[:1] == b"\x90"
    assert (result.outcome, codes(result)) == (
        "repaired",
        ["data_byte_dropped", *(["music_lost"] if is_note else [])],
    )
    assert result.lost_bytes == (2 if is_note else None)
    assert notes_of(result) == [(60, 0, 96), (62, 96 + 48, 192 + 48)]
    assert [out.instrument for out in result.tracks] == ["Acoustic Grand Piano"] * 2
    assert event[:1] not in (b"\xb0", b"\xc0", b"\xa0") or event[:1] not in result.tracks[0].data


@pytest.mark.parametrize(
    ("event", "clamped"),
    [
        (b"\x90\x45\x80", b"\x90\x45\x7f"),
        (b"\x80\x45\xff", b"\x80\x45\x7f"),
        (b"\xa0\x45\x80", b"\xa0\x45\x7f"),
        (b"\xd0\x80", b"\xd0\x7f"),
        (b"\xe0\x80\x90", b"\xe0\x7f\x7f"),
        *(
            (bytes([0xB0, number, 0x90]), bytes([0xB0, number, 0x7F]))
            for number in (1, 2, 4, 7, 8, 10, 11, *range(91, 96))
        ),
    ],
    ids=lambda event: event.hex(" "),
)
def test_a_magnitude_above_127_is_clamped(event: bytes, clamped: bytes) -> None:
    result = midiprism.split(damaged(b"\0" + event + MELODY + END))
    assert result.outcome == "repaired"
    assert "data_byte" in codes(result)
    assert "data_byte_dropped" not in codes(result)
    assert b"\0" + clamped in result.tracks[0].data


def test_an_event_after_a_dropped_one_states_the_status_that_it_relied_on() -> None:
    body = b"\0\xb0\0\xff\x10\7\x50\x10\0\x90\x10\x0a\x40" + MELODY + END
    result = midiprism.split(damaged(body))
    expected = b"\x10" + control_change(0, 7, 0x50) + b"\x20\x0a\x40" + MELODY + END
    assert result.tracks[0].data.endswith(expected)
    assert "2" in result.problems[0].message


def test_running_status_across_a_meta_event_survives_a_dropped_event() -> None:
    body = b"\0" + meta(1, b"la") + b"\0\x90\xbc\x40\0" + meta(1, b"le") + b"\0\x3c\x40\x60\x3c\0" + END
    result = midiprism.split(damaged(body))
    assert notes_of(result) == [(60, 0, 96)]


def test_sysex_and_texts_may_hold_any_byte() -> None:
    good = b"\0" + sysex(b"\x43\xff\x90\xf7") + b"\0" + meta(1, b"\xff\xc0\xff") + MELODY + END
    result = midiprism.split(damaged(good))
    assert (result.outcome, codes(result)) == ("split", [])
    assert good[4:] in result.tracks[0].data
