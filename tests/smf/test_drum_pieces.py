"""Tests of ``by="drum"``: channels that play drums are divided by the pieces of their kits."""

from collections import Counter

import pytest
from hypothesis import given, settings

import midiprism
from midiprism.smf import Context, SplitSong, SplitTrack
from midiprism.smf.kernel.drum_pieces import KIT_MAPS
from support.addresses import Ports
from support.exact_timing import exact_notes
from support.invariants import check_facts, read_outputs
from support.midi_parser import Event, is_note_on, parse_song
from support.midi_strategies import example_count, songs
from support.midi_writer import (
    TimedMessage,
    control_change,
    meta,
    note,
    note_off,
    pitch_bend,
    program_change,
    song,
    sysex,
    tempo,
    track,
    track_name,
)

GS_RESET = sysex(bytes.fromhex("41104212 40007f0041f7"))
GS_DRUMS_ON_CHANNEL_3 = sysex(bytes.fromhex("41104212 4013 1501 00f7"))
DRUMS, PIANO = 9, 0


def in_order(*phrases: list[TimedMessage]) -> list[TimedMessage]:
    return sorted((message for phrase in phrases for message in phrase), key=lambda message: message[0])


def hits(*pitches: int, channel: int = DRUMS) -> list[TimedMessage]:
    """Return a note of each pitch, one after the other."""
    return in_order(*(note(channel, pitch, 10 * at, 5) for at, pitch in enumerate(pitches)))


def pieces_of(result: SplitSong) -> list[tuple[int | None, str]]:
    return [(split.drum_piece, split.instrument) for split in result.tracks]


def events_of(split: SplitTrack) -> list[Event]:
    return parse_song(split.data).tracks[0].events


def pitches_of(split: SplitTrack) -> list[int]:
    return [event.body[0] for event in events_of(split) if is_note_on(event)]


def test_a_drum_track_is_divided_by_the_pieces_of_its_kit() -> None:
    data = song(track(hits(36, 42, 38, 46, 35, 44, 37, 41, 50, 49)), track(note(PIANO, 60, 0, 9)))

    drums = midiprism.split(data, by="drum").tracks[:-1]

    assert [(split.drum_piece, split.instrument, pitches_of(split)) for split in drums] == [
        (36, "Kick", [36, 35]),
        (38, "Snare", [38, 37]),
        (42, "Hi-Hat", [42, 46, 44]),
        (45, "Toms", [41, 50]),
        (49, "Crash Cymbal", [49]),
    ]
    assert {(split.track_number, split.channel, split.family) for split in drums} == {(0, DRUMS, "Drums")}
    assert {split.own_instrument for split in drums} == {"Standard Kit"}


def test_a_note_that_no_kit_has_is_a_piece_of_its_own() -> None:
    assert pieces_of(midiprism.split(song(track(hits(1, 99, 2))), by="drum")) == [
        (1, "Drum 1"),
        (2, "Drum 2"),
        (99, "Drum 99"),
    ]


def test_tracks_that_play_no_drums_are_divided_as_by_auto() -> None:
    melodic = track(in_order(note(PIANO, 36, 0, 9), note(1, 38, 2, 9), note(PIANO, 38, 4, 9)))
    for data in (
        song(melodic),
        song(track([(0, tempo(400_000))]), melodic),
        song(melodic, track(note(3, 60, 0, 9))),
        song(melodic, track(note(3, 60, 0, 9)), midi_format=2),
    ):
        assert midiprism.split(data, by="drum") == midiprism.split(data, by="auto")


def test_other_channels_of_a_drum_track_stay_together_as_by_auto() -> None:
    mixed = in_order(hits(36, 38), note(PIANO, 60, 1, 3), note(1, 64, 2, 3), [(3, control_change(5, 7, 1))])
    data = song(track(mixed), track(note(3, 60, 0, 9)))

    common, kick, snare, other = midiprism.split(data, by="drum").tracks

    assert (common.channel, common.drum_piece, common.instrument) == (None, None, "Acoustic Grand Piano")
    assert pitches_of(common) == [60, 64]
    assert control_change(5, 7, 1) in [bytes([event.status]) + event.body for event in events_of(common)]
    assert [(kick.drum_piece, snare.drum_piece, other.drum_piece)] == [(36, 38, None)]


def test_a_song_of_one_track_is_divided_by_channel_and_its_drums_by_piece() -> None:
    data = song(track(in_order(hits(36, 38), note(PIANO, 60, 1, 3), note(12, 64, 2, 3))), midi_format=0)
    found = [(it.channel, it.drum_piece) for it in midiprism.split(data, by="drum").tracks]
    assert found == [(PIANO, None), (DRUMS, 36), (DRUMS, 38), (12, None)]


def test_a_lone_other_channel_of_a_drum_track_is_named_by_its_own_sound() -> None:
    mixed = in_order([(0, program_change(2, 40))], hits(36, 36, 38, 38), note(2, 60, 1, 3))
    violin = midiprism.split(song(track(mixed), track(note(3, 60, 0, 9))), by="drum").tracks[0]
    assert (violin.channel, violin.program, violin.instrument) == (2, 40, "Violin")
    assert violin.own_instrument == "Violin"


def test_each_part_has_the_tempo_map_and_the_events_of_its_channel() -> None:
    everywhere = [
        (0, track_name(b"Drums")),
        (0, control_change(DRUMS, 7, 100)),
        (1, pitch_bend(DRUMS, 9_000)),
        (2, bytes([0xD0 | DRUMS, 5])),
        (3, meta(6, b"A")),
        (4, GS_RESET),
        (5, program_change(DRUMS, 8)),
    ]
    data = song(track([(0, tempo(400_000)), (7, tempo(300_000))]), track(in_order(everywhere, hits(36, 42))))

    for split in midiprism.split(data, by="drum").tracks:
        messages = [bytes([event.status]) + event.body for event in events_of(split)]
        assert {message for _, message in everywhere if message[0] < 0xF0} <= set(messages)
        assert (split.tempo_count, split.name) == (2, "Drums")
        assert sum(event.status == 0xF0 for event in events_of(split)) == 1


def test_aftertouch_and_note_offs_go_with_the_piece_of_their_note() -> None:
    data = song(
        track(
            in_order(
                hits(42, 36),
                [(1, bytes([0xA0 | DRUMS, 42, 9])), (2, bytes([0xA0 | DRUMS, 44, 9]))],
                [(30, note_off(DRUMS, 36)), (31, note_off(DRUMS, 46)), (32, note_off(DRUMS, 80))],
            )
        )
    )
    kick, hats = midiprism.split(data, by="drum").tracks
    of_notes = [
        [event.body[0] for event in events_of(split) if event.status < 0xB0] for split in (kick, hats)
    ]
    assert of_notes == [[36, 36, 36, 80], [42, 42, 44, 42, 46, 80]]


@pytest.mark.parametrize(
    ("setup", "pitch", "expected"),
    [
        ([], 27, (27, "High Q")),
        ([], 39, (39, "Hand Clap")),
        ([program_change(DRUMS, 25)], 39, (39, "Hand Clap")),
        ([program_change(DRUMS, 40)], 39, (38, "Snare")),
        ([program_change(DRUMS, 48)], 27, (42, "Hi-Hat")),
        ([program_change(DRUMS, 48)], 47, (41, "Timpani")),
        ([program_change(DRUMS, 56)], 75, (75, "Explosion")),
        ([control_change(DRUMS, 0, 127)], 27, (38, "Snare")),
        ([control_change(DRUMS, 0, 127)], 13, (86, "Surdo")),
        ([control_change(DRUMS, 0, 127), GS_RESET], 13, (13, "Drum 13")),
        ([control_change(DRUMS, 0, 126)], 36, (36, "Drum 36")),
    ],
)
def test_the_kit_decides_which_notes_a_piece_has(
    setup: list[bytes], pitch: int, expected: tuple[int, str]
) -> None:
    own = [(0, message) for message in setup]
    assert pieces_of(midiprism.split(song(track([*own, *hits(pitch)])), by="drum")) == [expected]
    elsewhere = song(track(own), track([(0, b"\xff\1\0"), *hits(pitch)]))
    assert pieces_of(midiprism.split(elsewhere, by="drum")) == [expected]


def test_drum_parts_set_by_another_track_are_divided_too() -> None:
    data = song(track([(0, GS_DRUMS_ON_CHANNEL_3)]), track(hits(36, 38, channel=2)), track(hits(36, 38)))
    found = [(it.channel, it.drum_piece) for it in midiprism.split(data, by="drum").tracks]
    assert found == [(2, 36), (2, 38), (DRUMS, 36), (DRUMS, 38)]


def test_channel_10_as_a_melodic_part_is_not_divided() -> None:
    data = song(track([(0, control_change(DRUMS, 0, 121)), *hits(36, 38)]))
    assert [split.drum_piece for split in midiprism.split(data, by="drum").tracks] == [None]


def test_a_piece_states_the_one_kit_that_its_own_notes_play() -> None:
    messages = in_order(
        [(0, program_change(DRUMS, 8))],
        hits(36, 38),
        [(25, program_change(DRUMS, 16))],
        note(DRUMS, 38, 30, 4),
    )
    kick, snare = midiprism.split(song(track(messages)), by="drum").tracks
    assert (kick.program, kick.own_instrument) == (8, "Room Kit")
    assert (snare.program, snare.own_instrument) == (None, "Room Kit")


def test_every_note_number_is_in_one_piece_and_every_piece_has_one_name() -> None:
    for pieces in KIT_MAPS:
        notes = Counter(note for _, notes in pieces.values() for note in notes)
        assert all(count == 1 for count in notes.values())
        names = [name for name, _ in pieces.values()]
        assert len(set(names)) == len(names)


@pytest.mark.parametrize("context", ["conductor", "full"])
def test_every_note_of_a_generated_song_is_in_one_part_at_its_time(context: Context) -> None:
    @settings(max_examples=example_count(60), deadline=None)
    @given(song=songs)
    def check(song: bytes) -> None:
        result = midiprism.split(song, by="drum", context=context)
        outputs = read_outputs(result)
        check_facts(outputs)
        parsed = parse_song(song)
        ports = Ports(parsed)
        expected = Counter(
            (number, *each)
            for number in range(len(parsed.tracks))
            for each in exact_notes(parsed, number, ports.numbers[number])
        )
        found = Counter(
            (out.split_track.track_number, *each)
            for out in outputs
            for each in exact_notes(out.song, 0, Ports(out.song, has_devices=ports.has_devices).numbers[0])
        )
        assert found == expected
        identities = [
            (it.track_number, it.port, it.channel, it.program, it.drum_piece) for it in result.tracks
        ]
        assert len(set(identities)) == len(identities)
        undivided = [
            split for split in result.tracks if split.drum_piece is None and split.channel is not None
        ]
        whole = {split.data for split in midiprism.split(song, by="channel", context=context).tracks}
        whole |= {split.data for split in midiprism.split(song, by="track", context=context).tracks}
        assert {split.data for split in undivided if len(parsed.tracks) == 1} <= whole

    check()
