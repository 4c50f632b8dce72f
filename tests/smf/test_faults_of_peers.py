"""Tests that this splitter has none of the known faults of other splitters."""

import pytest

import midiprism
from midiprism.smf import By
from midiprism.smf.types import CONTEXTS
from support.exact_timing import pair_notes, tempo_map
from support.invariants import OutputTrack, read_outputs
from support.midi_parser import ESCAPE, SYSEX, TEMPO, TIME_SIGNATURE, TRACK_NAME, Event, is_meta, payload
from support.midi_writer import (
    RUNNING_STATUS_STYLE,
    control_change,
    escape,
    key_signature,
    meta,
    note,
    note_off,
    note_on,
    program_change,
    smpte_offset,
    song,
    sysex,
    tempo,
    time_signature,
    track,
)

MELODY = [*note(0, 60, 480, 480), *note(0, 62, 1920, 480)]


def split(data: bytes, by: By = "track") -> list[OutputTrack]:
    """Split a file and read its splits."""
    return read_outputs(midiprism.split(data, by=by))


def only_split(data: bytes) -> OutputTrack:
    """Return the one split of a file."""
    (out,) = split(data)
    return out


def meta_events(out: OutputTrack, kind: int) -> list[tuple[int, bytes]]:
    """Return ticks and bytes of a split's meta events of one kind."""
    return [(event[0], payload(event)) for event in out.track.events if is_meta(event, kind)]


def test_tempo_changes_do_not_delay_the_notes() -> None:
    conductor = track([(0, tempo(500_000)), (960, tempo(250_000)), (1920, tempo(1_000_000))], end=3840)
    out = only_split(song(conductor, track(MELODY)))
    assert [note.tick for note in pair_notes(out.track.events, out.track.end_tick)] == [480, 1920]
    assert [tick for tick, _ in meta_events(out, TEMPO)] == [0, 960, 1920]


def test_tempo_changes_of_every_track_count() -> None:
    data = song(
        track([(0, tempo(500_000))], end=1920),
        track(MELODY),
        track([(960, tempo(250_000)), (960, time_signature(3, 2)), *note(1, 36, 960, 480)]),
    )
    melody, bass = split(data)
    assert [tick for tick, _ in meta_events(melody, TEMPO)] == [0, 960]
    assert [tick for tick, _ in meta_events(melody, TIME_SIGNATURE)] == [960]
    assert tempo_map(melody.song, 0).seconds(1920) == tempo_map(bass.song, 0).seconds(1920) == 1.5


def test_a_tempo_map_on_every_track_is_not_multiplied() -> None:
    tempi = [(0, tempo(500_000)), (480, tempo(400_000))]
    data = song(track(tempi), track([*tempi, *MELODY]), track([*tempi, *note(1, 36, 480, 96)]))
    assert [len(meta_events(out, TEMPO)) for out in split(data)] == [2, 2]


def test_the_last_of_several_tempi_at_a_tick_wins_in_every_split() -> None:
    data = song(
        track([(0, tempo(500_000)), (0, tempo(400_000))]),
        track([(0, tempo(300_000)), *MELODY]),
        track([(0, tempo(200_000)), *note(1, 36, 0, 96)]),
        track([(0, tempo(100_000)), (480, tempo(50_000))], end=960),
        track(note(2, 72, 0, 96)),
    )
    for out in split(data):
        assert meta_events(out, TEMPO)[-1 if out.track.end_tick < 480 else -2][1] == (100_000).to_bytes(
            3, "big"
        )
    assert [len(meta_events(out, TEMPO)) for out in split(data)] == [3, 2, 1]


def test_key_and_smpte_offset_come_from_the_first_track_only() -> None:
    first, second = (
        [(0, smpte_offset(1)), (0, key_signature(2))],
        [(0, smpte_offset(2)), (0, key_signature(3)), *MELODY],
    )
    own, other = split(song(track(first), track(second), track(note(1, 36, 0, 96))))
    assert [data for _, data in meta_events(own, 0x59)] == [b"\2\0", b"\3\0"]
    assert [data for _, data in meta_events(other, 0x59)] == [b"\2\0"]
    assert [data for _, data in meta_events(other, 0x54)] == [b"\1\0\0\0\0"]


def test_a_conductor_event_after_the_end_of_the_track_is_left_out() -> None:
    data = song(track([(96, tempo(1)), (97, tempo(2))]), track(note(0, 60, 0, 96)))
    assert meta_events(only_split(data), TEMPO) == [(96, b"\0\0\1")]


def test_merged_events_are_never_between_two_own_events_of_a_tick() -> None:
    own = [(0, meta(0x20, b"\3")), (0, meta(4, b"Piano")), *note(0, 60, 0, 96)]
    data = song(track([(0, tempo(1))]), track(own), track([(0, time_signature(3, 2))]))
    out = only_split(data)
    kinds = [event[2][0] if event[1] == 0xFF else event[1] for event in out.track.events]
    assert kinds == [TEMPO, 0x20, 4, 0x90, TIME_SIGNATURE, 0x80]


def test_a_conductor_event_cancels_running_status() -> None:
    notes = [(0, note_on(0, 60)), (96, note_on(0, 60, 0)), (96, note_on(0, 62)), (192, note_on(0, 62, 0))]
    out = only_split(song(track([(96, tempo(1))], end=192), track(notes, style=RUNNING_STATUS_STYLE)))
    body = out.split_track.data[22:]
    assert body == (
        b"\0\x90\x3c\x40\x60" + tempo(1) + b"\0\x90\x3c\0" + b"\0\x3e\x40" + b"\x60\x3e\0" + b"\0\xff\x2f\0"
    )


@pytest.mark.parametrize("by", ["track", "channel", "program"])
def test_escapes_and_divided_sysex_are_kept(by: By) -> None:
    packets = [
        (0, sysex(b"\x43\x12\0")),
        (48, escape(b"\x43\x12\0")),
        (96, escape(b"\x43\x12\0\xf7")),
        (96, escape(b"\xf3\1")),
        (96, sysex(b"\x7e\x7f\x09\1\xf7")),
    ]
    (out,) = split(song(track([(50, tempo(1))]), track([*packets, *note(0, 60, 96, 96)])), by)
    found = [
        (tick, bytes([status]) + body) for tick, status, body in out.track.events if status in (SYSEX, ESCAPE)
    ]
    assert found == packets


@pytest.mark.parametrize("by", ["track", "channel", "program"])
def test_unknown_meta_events_are_kept(by: By) -> None:
    unknown = [(tick, meta(kind, b"\xff?")) for tick, kind in ((0, 0x60), (1, 0x10), (2, 0x7E), (3, 0x7F))]
    (out,) = split(song(track([*unknown, *MELODY])), by)
    assert [(tick, bytes([status]) + body) for tick, status, body in out.track.events[:4]] == unknown


@pytest.mark.parametrize("by", ["track", "channel", "program"])
def test_a_note_that_never_ends_is_kept(by: By) -> None:
    (out,) = split(
        song(track([(0, program_change(0, 5)), (0, note_on(0, 60)), (96, note_off(0, 61))], end=480)), by
    )
    assert out.split_track.note_count == 1
    assert out.track.events[-1] == (96, 0x80, bytes([61, 0]))
    assert out.track.end_tick == 480


@pytest.mark.parametrize(
    ("text", "encoding"), [("Flügel", "cp1252"), ("ピアノ", "cp932"), ("Flügel", "utf-8"), ("Bass", "ascii")]
)
def test_a_track_name_in_any_encoding_is_read_and_its_bytes_kept(text: str, encoding: str) -> None:
    raw = text.encode(encoding)
    out = only_split(song(track([(0, meta(TRACK_NAME, raw)), *MELODY])))
    assert meta_events(out, TRACK_NAME) == [(0, raw)]
    assert out.split_track.name == text
    assert out.split_track.name_encoding is not None
    assert raw.decode(out.split_track.name_encoding) == text


def test_two_identical_tracks_of_one_song_are_two_splits() -> None:
    first, second = midiprism.split(song(track(MELODY), track(MELODY))).tracks
    assert first.data == second.data
    assert first.digest == second.digest
    assert (first.track_number, second.track_number) == (0, 1)


def test_silence_before_the_first_note_is_kept() -> None:
    out = only_split(song(track([]), track(note(0, 60, 1920, 96), end=3840)))
    assert out.track.events[0][0] == 1920
    assert out.split_track.duration_ticks == 3840


def test_a_lone_track_is_copied_byte_for_byte() -> None:
    data = song(
        track(
            [(0, tempo(1)), (0, control_change(0, 7, 100)), (0, control_change(0, 10, 64)), *MELODY],
            style=RUNNING_STATUS_STYLE,
        ),
        midi_format=0,
    )
    (lone,) = midiprism.split(data).tracks
    assert lone.data == data


def test_in_format_2_nothing_is_merged() -> None:
    out = only_split(song(track([(0, tempo(1)), (0, time_signature(3, 2))]), track(MELODY), midi_format=2))
    assert len(out.track.events) == len(MELODY)


def test_a_format_0_file_with_several_channels_is_divided_by_channel_by_default() -> None:
    data = song(track([*note(3, 60, 0, 96), *note(9, 36, 96, 96)]), midi_format=0)
    assert [split.channel for split in midiprism.split(data).tracks] == [3, 9]
    assert [split.channel for split in midiprism.split(data, by="track").tracks] == [None]


def test_two_playing_tracks_are_not_divided_further_by_default() -> None:
    data = song(track([*note(3, 60, 0, 96), *note(9, 36, 96, 96)]), track(note(1, 36, 0, 96)))
    assert [(split.track_number, split.channel) for split in midiprism.split(data).tracks] == [
        (0, None),
        (1, 1),
    ]


def test_notes_and_their_ends_go_to_the_program_in_force_at_the_onset() -> None:
    messages = [
        (0, note_on(0, 60)),
        (48, program_change(0, 0)),
        (48, note_on(0, 60)),
        (96, note_off(0, 60)),
        (144, note_off(0, 60)),
        (192, program_change(0, 7)),
    ]
    unstated, piano = split(song(track(messages)), "program")
    assert (unstated.split_track.program, piano.split_track.program) == (None, 0)
    assert [event[:2] for event in unstated.track.events] == [(0, 0x90), (96, 0x80)]
    assert [event[:2] for event in piano.track.events] == [(48, 0xC0), (48, 0x90), (144, 0x80), (192, 0xC0)]


def context_events(out: OutputTrack) -> list[Event]:
    """Return the events of a split besides notes and tempo."""
    return [event for event in out.track.events if not 0x80 <= event[1] < 0xA0 and not is_meta(event, TEMPO)]


def test_full_context_merges_the_channel_and_song_events_of_other_tracks() -> None:
    reset, text, marker = sysex(b"\x7e\x7f\x09\1\xf7"), meta(1, b"text"), meta(6, b"Verse")
    first = track(
        [(0, reset), (0, text), (0, marker), (0, program_change(0, 33)), (0, program_change(1, 40))], end=96
    )
    other = track([(48, control_change(0, 7, 100)), (48, reset), *note(1, 36, 48, 96)])
    (melody, _) = read_outputs(midiprism.split(song(first, track(MELODY), other), by="track", context="full"))
    found = [(tick, bytes([status]) + body) for tick, status, body in context_events(melody)]
    assert found == [(0, reset), (0, marker), (0, program_change(0, 33)), (48, control_change(0, 7, 100))]
    (melody, _) = split(song(first, track(MELODY), other))
    assert context_events(melody) == []


def test_the_instrument_counts_programs_of_other_tracks_and_the_own_instrument_does_not() -> None:
    data = song(track([(0, program_change(0, 33))]), track(MELODY))
    for context in CONTEXTS:
        (melody,) = midiprism.split(data, context=context).tracks
        assert (melody.instrument, melody.family) == ("Electric Bass (finger)", "Bass")
    (melody,) = midiprism.split(data).tracks
    assert (melody.own_instrument, melody.own_family) == ("Acoustic Grand Piano", "Piano")
    (drums,) = midiprism.split(song(track(note(9, 36, 0, 96)))).tracks
    assert (drums.instrument, drums.family) == ("Standard Kit", "Drums")
